"""What a run leaves for Jenkins, or a person, to keep: a JUnit report and a page.

build/reports/backend.xml     a test case for each stage; Jenkins' `junit` step reads it
build/reports/backend.html    one page without anything from elsewhere
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from deployer.config.units import humanize_size
from deployer.render import render
from pipelines import jsonfile
from pipelines.run import Pipeline
from pipelines.state import ABORTED, FAILED, PASSED, RUNNING, SKIPPED, Record, State

NOT_RUN = "not run"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What neither XML nor HTML may hold, however it is written: a test's output may."""


def write(pipeline: Pipeline, state: State, folder: Path) -> list[Path]:
    """Write both; where they are. :raises DeployerError: a file cannot be written."""
    junit, page = folder / f"{pipeline.name}.xml", folder / f"{pipeline.name}.html"
    jsonfile.put(junit, as_junit(pipeline, state))
    jsonfile.put(page, as_page(pipeline, state))
    return [junit, page]


def as_junit(pipeline: Pipeline, state: State) -> str:
    """A suite with a test case for each stage."""
    records = [state.records.get(stage.name) for stage in pipeline.stages]
    outcomes = [record.outcome if record else NOT_RUN for record in records]
    suite = ET.Element(
        "testsuite",
        name=f"pipelines.{pipeline.name}",
        tests=str(len(records)),
        failures=str(outcomes.count(FAILED)),
        errors=str(outcomes.count(ABORTED) + outcomes.count(RUNNING)),
        skipped=str(outcomes.count(SKIPPED) + outcomes.count(NOT_RUN)),
        time=f"{_seconds(state):.3f}",
    )
    if state.run:
        suite.set("timestamp", state.run.began)
    for stage, record in zip(pipeline.stages, records, strict=True):
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"pipelines.{pipeline.name}",
            name=stage.name,
            time=f"{record.seconds if record else 0:.3f}",
        )
        _tell(case, record)
    whole = ET.Element("testsuites", name=f"pipelines.{pipeline.name}")
    whole.append(suite)
    ET.indent(whole)
    text = ET.tostring(whole, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def as_page(pipeline: Pipeline, state: State) -> str:
    """The summary in HTML."""
    values = state.values()
    stages = [_row(stage.name, state.records.get(stage.name)) for stage in pipeline.stages]
    page = render(
        "pipelines/summary.html.j2",
        pipeline=pipeline.name,
        outcome=outcome_of(pipeline, state),
        run=state.run,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        stages=stages,
        seconds=_seconds(state),
        longest=max((row["seconds"] for row in stages), default=0.0),
        failures=list(failures(state)),
        facts=list(_facts(values)),
        phases=values.get("phases") or [],
        releases=values.get("releases") or [],
    )
    return _clean(page)


def outcome_of(pipeline: Pipeline, state: State) -> str:
    """Passed, failed, aborted, or unfinished where not all stages have run."""
    outcomes = [record.outcome for record in state.records.values()]
    for bad in (FAILED, ABORTED):
        if bad in outcomes:
            return bad
    whole = len(outcomes) == len(pipeline.stages) and RUNNING not in outcomes
    return PASSED if whole else "unfinished"


def _tell(case: ET.Element, record: Record | None) -> None:
    if record is None:
        ET.SubElement(case, "skipped", message=NOT_RUN)
    elif record.outcome == SKIPPED:
        ET.SubElement(case, "skipped", message=_clean(record.reason))
    elif record.outcome == FAILED:
        message, details = _error(record)
        failure = ET.SubElement(case, "failure", message=_clean(message), type="stage")
        failure.text = _clean("\n".join(details))
    elif record.outcome in (ABORTED, RUNNING):
        ET.SubElement(case, "error", message=_clean(record.text or record.outcome), type="aborted")
    elif record.text:
        ET.SubElement(case, "system-out").text = _clean(record.text)


def _error(record: Record) -> tuple[str, list[str]]:
    error = record.error or {}
    remedy = [f"-> {error['remedy']}"] if error.get("remedy") else []
    return str(error.get("message", record.outcome)), [*error.get("details", ()), *remedy]


def _row(name: str, record: Record | None) -> dict[str, Any]:
    if record is None:
        return {"name": name, "outcome": NOT_RUN, "seconds": 0.0, "text": "", "reason": "", "memory": ""}
    return {
        "name": name,
        "outcome": record.outcome,
        "seconds": record.seconds,
        "text": record.text,
        "reason": record.reason,
        "memory": humanize_size(record.memory) if record.memory else "",
    }


def failures(state: State) -> Iterator[dict[str, Any]]:
    """The stages that ended badly: `{stage, message, details}`."""
    for name, record in state.records.items():
        if record.outcome in (FAILED, ABORTED):
            message, details = _error(record)
            yield {"stage": name, "message": record.text or message, "details": details}


def _facts(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What was made, as pairs of a label and a text."""
    labels = {
        "commit": "Commit",
        "branch": "Branch",
        "subject": "Message",
        "image": "Image",
        "image_size": "Image size",
        "release": "Release",
        "previous": "Release before",
        "strategy": "Strategy",
        "site_release": "Site release",
        "site_files": "Files sent",
        "site_bytes": "Bytes sent",
        "bytes_freed": "Disk freed",
    }
    for name, label in labels.items():
        value = values.get(name)
        if value not in (None, ""):
            in_bytes = name in ("image_size", "site_bytes", "bytes_freed")
            yield label, humanize_size(value) if in_bytes else str(value)


def _seconds(state: State) -> float:
    return sum(record.seconds for record in state.records.values())


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
