"""`python -m pipelines` in this process, as a person would run it in a folder."""

from __future__ import annotations

import io
import os
from pathlib import Path
from xml.etree import ElementTree as ET

from deployer.cli.context import Context
from pipelines.__main__ import main
from tests.support.cli import Done


def run(folder: Path, *words: str, **environ: str) -> Done:
    """`run(folder, "backend", "--plan")`, with nothing but `environ` (and PATH) in the environment."""
    stdout, stderr = io.StringIO(), io.StringIO()
    variables = {"PATH": os.environ["PATH"], **environ}
    status = main(
        [*words, "--config", str(folder / "config.yaml")], Context(io.StringIO(), stdout, stderr, variables)
    )
    return Done(status, stdout.getvalue(), stderr.getvalue())


def suite(folder: Path, pipeline: str) -> ET.Element:
    """What Jenkins reads of a pipeline that ran in a folder: the suite of its JUnit report."""
    report = ET.parse(folder / f"build/reports/{pipeline}.xml")  # noqa: S314  (our own)
    return report.getroot()[0]
