"""What Jenkins refuses is refused, with its line; tests/jenkins/grammar.yaml has the files."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import yaml

from tests.support.jenkins_run import Jenkins

HERE = Path(__file__).parent
BAD: list[dict[str, Any]] = yaml.safe_load((HERE / "grammar.yaml").read_text())
GOOD: list[dict[str, Any]] = yaml.safe_load((HERE / "pipelines.yaml").read_text())


def whole(case: dict[str, Any]) -> str:
    """The file of a case, of which it may give the interesting part only."""
    if "file" in case:
        return str(case["file"])
    if "sections" in case:
        good = "stages { stage('A') { steps { echo 'a' } } }"
        return f"pipeline {{\nagent any\n{case['sections']}\n{good}\n}}\n"
    stage = case["stage"] if "stage" in case else f"steps {{\n{indent(case['steps'], '    ')}\n}}"
    return f"pipeline {{\nagent any\nstages {{\nstage('A') {{\n{stage}\n}} }}\n}}\n"


@pytest.mark.parametrize("case", BAD, ids=lambda case: case["name"])
def test_it_is_refused(jenkins: Jenkins, case: dict[str, Any]) -> None:
    found = jenkins.complaints(whole(case))
    assert len(found) == len(case["says"]), found
    for complaint, beginning in zip(found, case["says"], strict=True):
        assert complaint.startswith(beginning)


def test_what_is_run_is_not_refused(jenkins: Jenkins) -> None:
    wrong = {case["says"]: jenkins.complaints(case["pipeline"]) for case in GOOD}
    assert {says for says, found in wrong.items() if found} == {GOOD[-1]["says"]}


def test_the_empty_frames_of_the_cases_are_right(jenkins: Jenkins) -> None:
    for case in ({"sections": ""}, {"stage": "steps { echo 'a' }"}, {"steps": "echo 'a'"}):
        assert jenkins.complaints(whole(case)) == []
