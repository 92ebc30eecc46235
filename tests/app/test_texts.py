"""Both languages say the same things: in the API's messages, the interviewer's phrases and the page."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

import pytest

from app.messages import MESSAGES
from tests.app.conftest import ROOT

APP = ROOT / "app"


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"(?<!\{)\{(\w+)\}", text))


@pytest.mark.parametrize("key", MESSAGES)
def test_a_message_is_in_both_languages_with_the_same_values(key: str) -> None:
    texts = MESSAGES[key]
    assert set(texts) == {"ko", "en"}
    assert placeholders(texts["ko"]) == placeholders(texts["en"])
    assert re.search("[가-힣]", texts["ko"])
    assert not re.search("[가-힣]", texts["en"])


def test_every_message_is_used_and_every_one_used_exists() -> None:
    strings = {
        node.value
        for module in APP.rglob("*.py")
        if module.name != "messages.py"
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    codes = {key.removesuffix(".detail") for key in MESSAGES}
    assert codes <= strings
    assert {text for text in strings if re.fullmatch(r"(field|remedy)\.[a-z-]+", text)} <= set(MESSAGES)


def shape(value: Any) -> Any:
    match value:
        case dict():
            return {key: shape(item) for key, item in value.items()}
        case [str(), *_]:
            return "list of text"
        case str():
            return placeholders(value)
    return value


def test_the_interviewer_has_the_same_phrases_in_both_languages() -> None:
    korean, english = (
        json.loads((APP / "interviewer" / f"offline.{language}.json").read_text("utf-8"))
        for language in ("ko", "en")
    )
    assert shape(korean) == shape(english)
    for name, templates in korean["ask"].items():
        if isinstance(templates, list):
            assert [placeholders(t) for t in templates] == [placeholders(t) for t in english["ask"][name]]


def test_the_page_says_everything_in_both_languages() -> None:
    html = (APP / "page.html").read_text("utf-8")
    english, korean = re.findall(r"^  (?:en|ko): \{\n(.*?)^  \},\n", html, re.DOTALL | re.MULTILINE)
    words = [set(re.findall(r"(\w+): [\"{]", text)) for text in (english, korean)]
    assert words[0] == words[1]
    used = set(re.findall(r'data-say="(\w+)"', html)) | set(re.findall(r"words\.(\w+)", html))
    assert used <= words[0]
