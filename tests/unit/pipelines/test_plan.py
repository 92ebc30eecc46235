"""Whether a stage has to run."""

from __future__ import annotations

import pytest

from pipelines.plan import Facts, decide
from pipelines.stage import Decision, Made, Stage
from pipelines.state import Completion

NOW = {"files": "f1", "settings": "s1", "image": "i1"}
DONE = Completion("2026-05-01T10:00:00+00:00", NOW, {})


def stage(off: str = "") -> Stage:
    return Stage("test", "testing", lambda _job: Made(), off=off)


CASES = [
    ("without inputs it always runs", Facts(), Decision(runs=True, reason="")),
    ("the first time", Facts(NOW), Decision(runs=True, reason="never done here")),
    (
        "nothing changed",
        Facts(NOW, DONE),
        Decision(runs=False, reason="nothing has changed since 2026-05-01T10:00:00+00:00"),
    ),
    ("a file", Facts({**NOW, "files": "f2"}, DONE), Decision(runs=True, reason="files have changed")),
    (
        "a command",
        Facts({**NOW, "settings": "s2"}, DONE),
        Decision(runs=True, reason="its settings have changed"),
    ),
    (
        "two things",
        Facts({**NOW, "files": "f2", "image": "i2"}, DONE),
        Decision(runs=True, reason="files have changed and image is another"),
    ),
    (
        "it needed something else then",
        Facts({"files": "f1", "settings": "s1"}, DONE),
        Decision(runs=True, reason="image is another"),
    ),
    (
        "what it made is gone",
        Facts(NOW, DONE, gone="app.jar is missing"),
        Decision(runs=True, reason="app.jar is missing"),
    ),
    ("forced", Facts(NOW, DONE, force=True), Decision(runs=True, reason="forced")),
    (
        "an earlier one runs",
        Facts({}, DONE, awaited=["build", "containerize"]),
        Decision(runs=True, reason="after build and containerize"),
    ),
]


@pytest.mark.parametrize(("facts", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_decides(facts: Facts, expected: Decision) -> None:
    assert decide(stage(), facts) == expected


def test_a_stage_that_is_off_is_not_even_forced() -> None:
    assert decide(stage(off="no commands"), Facts(NOW, force=True)) == Decision(
        runs=False, reason="no commands"
    )
