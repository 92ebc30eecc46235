"""The JUnit report and the page."""

from __future__ import annotations

import html.parser
import itertools
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pipelines.reports import as_junit, as_page, outcome_of, write
from pipelines.run import Pipeline
from pipelines.stage import Made, Stage
from pipelines.state import Record, Run, State

WHEN = "2026-05-01T10:00:00+00:00"
NAMES = ("checkout", "build", "test", "containerize")
PIPELINE = Pipeline("backend", tuple(Stage(name, name, lambda _job: Made()) for name in NAMES))
ERROR = {"message": "make <check> failed", "details": ["line\x00 \x1b[31mred", "1 < 2"], "remedy": "mend it"}
FAILED = State(
    Run("jenkins-be-7", "c" * 40, WHEN, "production", "http://jenkins/job/be/7/"),
    {
        "checkout": Record("passed", "", WHEN, 0.2, "cccc on main", {"subject": "<b>bold</b> & proud"}),
        "build": Record("skipped", "nothing has changed", WHEN, 0.01),
        "test": Record("failed", "files have changed", WHEN, 2.5, error=ERROR, memory=50 * 1024**2),
    },
)
PASSED = State(
    FAILED.run,
    {
        name: Record(
            "passed",
            "",
            WHEN,
            1.0,
            "",
            {
                "image": "shop:abc",
                "image_size": 3 * 1024**2,
                "release": "r2",
                "previous": "r1",
                "phases": [{"name": "gate", "state": "done", "seconds": 0.51}],
                "releases": [
                    {
                        "release": "r2",
                        "at": WHEN,
                        "kind": "rollout",
                        "image": "shop:abc",
                        "outcome": "succeeded",
                    }
                ],
            },
        )
        for name in NAMES
    },
)


def test_junit_has_a_case_for_each_stage() -> None:
    (suite,) = ET.fromstring(as_junit(PIPELINE, FAILED))  # noqa: S314 -- our own
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "0", "skipped": "2"}
    assert [case.get("name") for case in suite] == list(NAMES)
    kinds = [[child.tag for child in case] for case in suite]
    assert kinds == [["system-out"], ["skipped"], ["failure"], ["skipped"]]
    failure = suite[2][0]
    assert failure.get("message") == "make <check> failed"
    assert failure.text == "line\ufffd \ufffd[31mred\n1 < 2\n-> mend it"
    assert suite[3][0].get("message") == "not run"


@pytest.mark.parametrize("outcome", ["aborted", "running"])
def test_who_was_stopped_is_an_error_not_a_failure(outcome: str) -> None:
    state = State(FAILED.run, {"checkout": Record(outcome, "", WHEN)})
    (suite,) = ET.fromstring(as_junit(PIPELINE, state))  # noqa: S314 -- our own
    assert (suite.get("errors"), suite.get("failures")) == ("1", "0")
    assert [child.tag for child in suite[0]] == ["error"]


class Page(html.parser.HTMLParser):
    """What a browser would make of it, as far as the tests ask."""

    VOID = ("meta", "link", "br", "img")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def test_the_page_tells_of_a_failure_and_escapes_what_it_shows() -> None:
    page = Page(as_page(PIPELINE, FAILED))
    assert "backend: failed" in page.text
    assert "<b>bold</b> & proud" in page.text
    assert "test: make <check> failed" in page.text
    assert "1 < 2" in page.text
    assert "not run" in page.text
    assert "production" in page.text


def test_the_page_tells_what_was_made() -> None:
    page = Page(as_page(PIPELINE, PASSED))
    for text in ("backend: passed", "shop:abc", "3 MB", "r2", "r1", "gate", "0.51 s", "succeeded"):
        assert text in page.text


@pytest.mark.parametrize("state", [FAILED, PASSED, State()])
def test_the_page_loads_nothing_and_can_be_heard(state: State) -> None:
    page = Page(as_page(PIPELINE, state))
    assert not [each for each in page.attributes if each[1] in ("src", "onclick", "onload")]
    links = [value for tag, name, value in page.attributes if name == "href"]
    assert links == (["http://jenkins/job/be/7/"] if state.run else [])
    assert ("html", "lang", "en") in page.attributes
    scopes = [value for tag, name, value in page.attributes if tag == "th" and name == "scope"]
    assert {"col", "row"} == set(scopes)
    labelled = {value for _, name, value in page.attributes if name == "aria-labelledby"}
    assert labelled <= {value for _, name, value in page.attributes if name == "id"}


RUNS = (
    None,
    Run("local-1", "c" * 40, WHEN, "", ""),
    Run("be <7>", "c" * 40, WHEN, "production", "http://jenkins/job/be/7/?a=1&b=<2>"),
)
SHOWN = PASSED.records["build"].values
PARTS: tuple[dict[str, Any], ...] = (
    {"subject": "<b>&amp;\x07", "image_size": 5},
    {"phases": SHOWN["phases"]},
    {"releases": SHOWN["releases"]},
)


@pytest.mark.parametrize("run", RUNS, ids=["no run", "local", "jenkins"])
@pytest.mark.parametrize("fails", [False, True], ids=["passed", "failed"])
def test_the_page_is_well_formed_with_every_option(run: Run | None, fails: bool) -> None:
    """Read by a parser that forgives nothing: no stray `&` or `<`, no tag left open, no attribute twice."""
    bad = {
        "build": Record("failed", "", WHEN, error=ERROR),
        "test": Record("aborted", "", WHEN, error={"message": "a & b"}),
    }
    for chosen in itertools.product(({}, PARTS[0]), ({}, PARTS[1]), ({}, PARTS[2])):
        values = {key: value for part in chosen for key, value in part.items()}
        records = {"checkout": Record("passed", "<r> & r", WHEN, 1.0, "a < b & c", values)}
        page = as_page(PIPELINE, State(run, records | (bad if fails else {})))
        assert page.startswith("<!DOCTYPE html>\n")
        # The only tags of the page that HTML has no end of.
        root = ET.fromstring(re.sub(r"(<meta [^>]*[^/])>", r"\1/>", page))  # noqa: S314 -- our own
        ids = [element.get("id") for element in root.iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        assert [element.get("href") for element in root.iter("a")] == ([run.url] if run and run.url else [])


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (["passed"] * 4, "passed"),
        (["passed", "skipped", "skipped", "skipped"], "passed"),
        (["passed"] * 3, "unfinished"),
        (["passed", "failed"], "failed"),
        (["passed", "aborted"], "aborted"),
        ([], "unfinished"),
    ],
)
def test_the_outcome_of_a_run(outcomes: list[str], expected: str) -> None:
    records = {name: Record(outcome, "", WHEN) for name, outcome in zip(NAMES, outcomes, strict=False)}
    assert outcome_of(PIPELINE, State(None, records)) == expected


def test_a_name_that_is_not_utf_8_is_in_both(tmp_path: Path) -> None:
    error = {"message": "src/caf\udce9 cannot be read"}
    state = State(FAILED.run, {"test": Record("failed", "", WHEN, error=error)})
    for path in write(PIPELINE, state, tmp_path):
        assert "src/caf" in path.read_text(encoding="utf-8")
