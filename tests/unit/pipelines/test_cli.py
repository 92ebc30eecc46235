"""The command line: what it takes, refuses, prints, and ends with. Stages that need no engine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines import backend, frontend
from pipelines.cli import STAGES
from pipelines.parameters import Parameters
from tests.support.images import ROOT
from tests.support.pipelines import run
from tests.support.waiting import until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "source").write_text("1")
    configure(tmp_path)
    return tmp_path


def configure(folder: Path, **stages: Any) -> None:
    commands = {
        "build": {"commands": [["cp", "source", "made"]], "inputs": ["source"], "outputs": ["made"]},
        "test": {"commands": [["grep", "-q", "1", "made"]], "inputs": ["source"]},
        **stages,
    }
    config = {
        "service": {"name": "shop", "image": "shop:1", "port": 8080},
        "pipelines": {"backend": commands},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def test_a_stage_runs_its_commands_and_is_skipped_the_next_time(folder: Path) -> None:
    done = run(folder, "backend", "build")
    assert (done.status, done.stdout.partition(" (")[0]) == (0, "backend: passed")
    assert (folder / "made").read_text() == "1"
    assert "cp source made" in done.stderr
    assert "[2/6] build: skipped, nothing has changed since" in run(folder, "backend", "build").stderr
    (folder / "made").unlink()
    assert "[2/6] build: building (made is missing)" in run(folder, "backend", "build").stderr


def test_a_failing_command_ends_the_run_with_its_output_and_our_code(folder: Path) -> None:
    configure(folder, test={"commands": [["sh", "-c", "echo broken: 2 is not 3; exit 7"]]})
    run(folder, "backend", "build")
    done = run(folder, "backend", "test")
    assert done.status == 12
    assert "pipelines: sh -c 'echo broken: 2 is not 3; exit 7' failed (exit code 7)" in done.stderr
    assert "  broken: 2 is not 3" in done.stderr
    assert "[3/6] test: failed" in done.stderr
    paths = run(folder, "backend", "report").stdout.split()
    assert [Path(path).name for path in paths] == ["backend.xml", "backend.html"]
    assert "broken: 2 is not 3" in Path(paths[0]).read_text()


def test_a_command_that_does_not_make_its_outputs_has_failed(folder: Path) -> None:
    configure(folder, build={"commands": [["true"]], "inputs": ["source"], "outputs": ["made"]})
    done = run(folder, "backend", "build")
    assert done.status == 12
    assert "build ended well, but did not make made" in done.stderr


def test_json_is_events_and_then_the_result(folder: Path) -> None:
    done = run(folder, "backend", "build", "--json")
    *events, result = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "stage_started"
    assert (result["pipeline"], result["outcome"], result["stages"][0]["stage"]) == (
        "backend",
        "passed",
        "build",
    )
    assert result["stages"][0]["memory"] > 1_000_000
    configure(folder, build={"commands": [["false"]], "inputs": ["source"]})
    done = run(folder, "backend", "build", "--json")
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["error"], last["exit_status"], last["outcome"]) == ("CommandFailed", 12, "failed")


def test_a_plan_as_text_and_json(folder: Path) -> None:
    done = run(folder, "backend", "build", "--plan")
    assert done.stdout == "build  runs  never done here\n"
    assert json.loads(run(folder, "backend", "build", "--plan", "--json").stdout) == {
        "stages": [{"stage": "build", "runs": True, "reason": "never done here"}]
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["backend", "biuld"], "there is no stage 'biuld'; did you mean 'build'?"),
        (["backend", "--from", "tset"], "there is no --from 'tset'; did you mean 'test'?"),
        (["backend", "build", "--from", "test"], "give either one STAGE or --from"),
        (["backned"], "there is no command 'backned'; did you mean 'backend'?"),
        (["backend", "--strategy", "big-bang"], "there is no --strategy 'big-bang'"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(folder: Path, words: list[str], said: str) -> None:
    done = run(folder, *words)
    assert done.status == 2
    assert said in done.stderr


def test_variables_of_jenkins_are_checked(folder: Path) -> None:
    assert run(folder, "backend", "build", PIPELINE_FORCE="maybe").status == 2
    done = run(folder, "backend", "build", PIPELINE_ENVIRONMENT="production")
    assert (done.status, "no environment 'production'" in done.stderr) == (3, True)


def test_config_errors_name_the_key(folder: Path) -> None:
    configure(folder, build={"commands": [["true"]], "inputs": ["nothing/**"]})
    done = run(folder, "backend", "build")
    assert done.status == 3
    assert "pipelines.backend.build.inputs: nothing in" in done.stderr
    done = run(folder, "frontend", "--plan")
    assert (done.status, "the config has none" in done.stderr) == (3, True)
    configure(folder, build={"comands": [["true"]]})
    assert (
        "pipelines.backend.build.comands: unknown key; did you mean 'commands'?"
        in run(folder, "backend", "build").stderr
    )


def test_going_back_builds_nothing(folder: Path) -> None:
    for stage in ("build", "test", "containerize"):
        done = run(folder, "backend", stage, PIPELINE_ROLLBACK_TO="20260501")
        assert done.status == 0
        assert "skipped, going back to 20260501 builds nothing" in done.stderr
    assert not (folder / "made").exists()


def test_a_ready_image_needs_no_building(folder: Path) -> None:
    for stage in ("build", "test"):
        run(folder, "backend", stage)
    assert "skipped, service.image is a ready image" in run(folder, "backend", "containerize").stderr


def test_sigterm_ends_the_command_and_is_told(folder: Path) -> None:
    configure(folder, build={"commands": [["sh", "-c", "touch begun; sleep 600"]], "inputs": ["source"]})
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "backend", "build"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until((folder / "begun").exists, "the command runs")
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143
    assert "[2/6] build: aborted" in said
    state = json.loads((folder / ".pipeline" / "backend.json").read_text())
    assert state["records"]["build"]["outcome"] == "aborted"


def test_the_help_names_the_stages_that_there_are() -> None:
    from deployer.config.load import load

    config = load(
        ROOT / "config.yaml",
        sets=["site.origin=null", "site.bucket=shop-site", "site.dist=front/dist"],
        environ={},
    )
    for name, module in (("backend", backend), ("frontend", frontend)):
        pipeline = module.pipeline(config, Parameters())
        assert tuple(stage.name for stage in pipeline.stages) == STAGES[name]
        given: set[str] = set()
        for stage in pipeline.stages:
            assert set(stage.needs) <= given, f"{stage.name} needs what nobody before it gives"
            given |= set(stage.gives)
