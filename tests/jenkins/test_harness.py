"""The harness does with small pipelines what Jenkins documents; tests/jenkins/pipelines.yaml has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.jenkins_run import Jenkins

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("pipelines.yaml").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["says"])
def test_pipeline(jenkins: Jenkins, tmp_path: Path, case: dict[str, Any]) -> None:
    given = dict(case.get("given", {}))
    abort = given.pop("abort", None)
    build = jenkins.run(case["pipeline"], tmp_path / "workspace", **{"job": tmp_path.name, **given})
    if abort:
        build.wait_for(abort).abort()
    outcome = build.wait()

    assert outcome.result == case["result"], outcome.log
    lines = outcome.log.splitlines()
    if "said" in case:
        assert [line[2:] for line in lines if line.startswith("> ")] == case["said"], outcome.log
    rest = iter(lines)
    for line in case.get("log", ()):
        assert line in rest, f"{line!r} is not there, or not in its place:\n{outcome.log}"
    for text in case.get("never", ()):
        assert text not in outcome.log
    for name, result in case.get("stages", {}).items():
        assert outcome.stage(name).result == result, name
    if "tests" in case:
        assert outcome.tests == case["tests"]
