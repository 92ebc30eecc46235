"""docs/api.md names what there is, and nothing that there is not."""

from __future__ import annotations

import json
import re

from flask import Flask

from app.messages import MESSAGES
from app.responses import STATUS
from app.settings import PREFIX, SETTINGS
from tests.app.conftest import ROOT

DOCS = (ROOT / "docs" / "api.md").read_text("utf-8")


def test_every_endpoint_is_documented(application: Flask) -> None:
    served = {
        f"{method} {re.sub('<.*?>', '<id>', rule.rule)}"
        for rule in application.url_map.iter_rules()
        for method in rule.methods or ()
        if method not in {"HEAD", "OPTIONS"}
    }
    assert set(re.findall(r"`((?:GET|POST|DELETE|PUT|PATCH) /[^`]*)`", DOCS)) == served


def test_every_setting_and_every_problem_is_documented() -> None:
    assert set(re.findall(r"`(INTERVIEW_[A-Z_]+)`", DOCS)) == {PREFIX + name for name in SETTINGS}
    problems = [key.removesuffix(".detail") for key in MESSAGES if key.endswith(".detail")]
    told = re.findall(r"^\| `([a-z-]+)` \| (\d(?:xx|\d\d))", DOCS, re.MULTILINE)
    assert sorted(code for code, _ in told) == sorted(problems)
    assert dict(told).items() >= {code: str(status) for code, status in STATUS.items()}.items()


def test_the_examples_are_json() -> None:
    examples = re.findall(r"```json\n(.*?)```", DOCS, re.DOTALL)
    assert len(examples) == 3
    assert all(json.loads(example) for example in examples)
