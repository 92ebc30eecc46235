"""Stage after stage: what is handed on, written down, skipped, refused."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from deployer.config.schema import Config
from deployer.errors import CommandFailed, DeployerError, Interrupted, UsageError
from deployer.events import Event
from pipelines.files import files_of
from pipelines.job import Job
from pipelines.parameters import Parameters
from pipelines.run import Pipeline, Result, Runner, opened
from pipelines.stage import Inputs, Made, Stage, Values

CONFIG = {"service": {"name": "shop", "image": "shop:1", "port": 8080}}


class Workshop:
    """A workspace and three stages whose behaviour a test chooses; each run is as a new process's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "source").write_text("1")
        self.done: list[str] = []
        self.events: list[Event] = []
        self.raises: dict[str, DeployerError] = {}
        self.gone = ""
        self.unchanged = ""

    def pipeline(self) -> Pipeline:
        def does(name: str, values: Values) -> Callable[[Job], Made]:
            def run(job: Job) -> Made:
                self.done.append(name)
                if name in self.raises:
                    raise self.raises[name]
                found = {key: value(job) if callable(value) else value for key, value in values.items()}
                return Made(found, f"{name} did", self.unchanged if name == "last" else "")

            return run

        def source(job: Job) -> str:
            return (self.folder / "source").read_text()

        return Pipeline(
            "backend",
            (
                Stage("first", "looking", does("first", {"seen": 1}), gives=("seen",)),
                Stage(
                    "middle",
                    "making",
                    does("middle", {"made": source}),
                    gives=("made",),
                    inputs=lambda _job: Inputs(self.folder, ["source"], gone=lambda _job, _values: self.gone),
                ),
                Stage(
                    "last",
                    "using",
                    does("last", {"used": lambda job: job.values["made"]}),
                    needs=("made",),
                    gives=("used",),
                    inputs=lambda _job: Inputs(),
                ),
            ),
        )

    def run(self, *names: str, **options: Any) -> Result:
        """Some stages, or all; what they did is in `done`."""
        self.done.clear()
        self.events.clear()
        with self._runner(**options) as runner:
            return runner.run([stage for stage in runner.pipeline.stages if not names or stage.name in names])

    def plan(self, **options: Any) -> list[tuple[str, bool, str]]:
        with self._runner(**options) as runner:
            planned = runner.plan(runner.pipeline.stages)
        return [(each.stage, each.runs, each.reason) for each in planned]

    def _runner(
        self, *, force: bool = False, environment: str | None = None, **environ: str
    ) -> AbstractContextManager[Runner]:
        config = Config.of(CONFIG).located(self.folder / "config.yaml", environment)
        files = files_of(config, "backend")
        return opened(
            self.pipeline(), Job(config, Parameters(force=force), environ, self.events.append, files)
        )

    def commit(self) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        for words in (("init", "-q"), ("add", "source"), (*who, "commit", "-q", "--allow-empty", "-m", "x")):
            subprocess.run(["git", *words], cwd=self.folder, check=True)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def told(workshop: Workshop) -> list[str]:
    return [event.sentence().partition(" (")[0] for event in workshop.events]


def test_all_run_once_and_then_only_what_has_to(workshop: Workshop) -> None:
    result = workshop.run()
    assert workshop.done == ["first", "middle", "last"]
    assert result.values == {"seen": 1, "made": "1", "used": "1"}
    assert told(workshop)[-2:] == ["[3/3] last: using", "[3/3] last: last did"]
    again = workshop.run()
    assert workshop.done == ["first"]
    assert again.values == result.values
    assert told(workshop)[2].startswith("[2/3] middle: skipped, nothing has changed since 20")
    assert [stage["outcome"] for stage in again.stages] == ["passed", "skipped", "skipped"]


def test_a_changed_file_is_found_and_what_it_leads_to_runs_too(workshop: Workshop) -> None:
    workshop.run()
    (workshop.folder / "source").write_text("2")
    assert workshop.plan() == [
        ("first", True, ""),
        ("middle", True, "files have changed"),
        ("last", True, "after middle"),
    ]
    assert workshop.run().values["used"] == "2"
    assert workshop.done == ["first", "middle", "last"]
    assert "[3/3] last: using (made is another)" in [event.sentence() for event in workshop.events]


def test_the_same_result_is_no_reason_for_the_next_stage(workshop: Workshop) -> None:
    workshop.run()
    workshop.gone = "the jar is missing"
    workshop.run()
    assert workshop.done == ["first", "middle"]


def test_force_runs_all(workshop: Workshop) -> None:
    workshop.run()
    workshop.run(force=True)
    assert workshop.done == ["first", "middle", "last"]


def test_a_stage_may_find_that_there_was_nothing_to_do(workshop: Workshop) -> None:
    workshop.unchanged = "it is there already"
    result = workshop.run()
    assert result.stages[2]["outcome"] == "skipped"
    assert result.values["used"] == "1"
    assert told(workshop)[-1] == "[3/3] last: skipped, it is there already"


def test_each_stage_may_be_a_process_of_its_own(workshop: Workshop) -> None:
    for name in ("first", "middle"):
        workshop.run(name, BUILD_TAG="jenkins-be-7", BUILD_URL="http://jenkins/7")
    result = workshop.run("last", BUILD_TAG="jenkins-be-7", BUILD_URL="http://jenkins/7")
    assert result.values == {"seen": 1, "made": "1", "used": "1"}
    assert result.run == "jenkins-be-7"


def test_a_stage_without_what_it_needs_says_where_to_begin(workshop: Workshop) -> None:
    with pytest.raises(UsageError, match="last needs what middle gives") as raised:
        workshop.run("last")
    assert raised.value.remedy == "run from there on: python -m pipelines backend --from middle"
    assert raised.value.result is not None


def test_nothing_is_handed_on_from_another_commit(workshop: Workshop) -> None:
    workshop.commit()
    workshop.run("first")
    workshop.run("middle")
    workshop.commit()
    with pytest.raises(UsageError, match="last needs what middle gives"):
        workshop.run("last")


def test_nothing_is_handed_on_from_another_environment(workshop: Workshop) -> None:
    workshop.run("first")
    workshop.run("middle")
    with pytest.raises(UsageError, match="last needs what middle gives"):
        workshop.run("last", environment="production")


def test_a_restarted_build_takes_up_what_the_last_one_gave(workshop: Workshop) -> None:
    workshop.raises["last"] = CommandFailed("make failed")
    with pytest.raises(CommandFailed):
        workshop.run(BUILD_TAG="jenkins-be-7")
    workshop.raises.clear()
    result = workshop.run("last", BUILD_TAG="jenkins-be-8")
    assert (result.run, result.values["used"]) == ("jenkins-be-8", "1")


def test_what_follows_a_failure_does_not_run_and_the_failure_is_kept(workshop: Workshop) -> None:
    workshop.raises["middle"] = CommandFailed("make failed", details=["oops"])
    with pytest.raises(CommandFailed) as raised:
        workshop.run()
    assert workshop.done == ["first", "middle"]
    assert raised.value.result is not None
    assert raised.value.result["outcome"] == "failed"
    assert told(workshop)[-1] == "[2/3] middle: failed"
    workshop.raises.clear()
    workshop.run()  # what failed is no reason to skip
    assert workshop.done == ["first", "middle", "last"]


def test_what_a_rollout_came_to_is_a_part_of_the_result(workshop: Workshop) -> None:
    error = CommandFailed("bad release")
    error.result = {"release": "r1"}
    workshop.raises["last"] = error
    with pytest.raises(CommandFailed) as raised:
        workshop.run()
    assert raised.value.result is not None
    assert raised.value.result["rollout"] == {"release": "r1"}
    assert raised.value.result["pipeline"] == "backend"


def test_who_is_told_to_end_says_so(workshop: Workshop) -> None:
    workshop.raises["middle"] = Interrupted(15)
    with pytest.raises(Interrupted) as raised:
        workshop.run()
    assert raised.value.result is not None
    assert raised.value.result["outcome"] == "aborted"
    assert told(workshop)[-1] == "[2/3] middle: aborted"


def test_a_plan_changes_nothing(workshop: Workshop) -> None:
    assert workshop.plan() == [
        ("first", True, ""),
        ("middle", True, "never done here"),
        ("last", True, "after middle"),
    ]
    assert workshop.done == []
    assert not (workshop.folder / ".pipeline" / "backend.json").exists()
    workshop.run()
    assert [runs for _, runs, _ in workshop.plan()] == [True, False, False]


def test_running_a_stage_anew_forgets_what_came_after_it(workshop: Workshop) -> None:
    workshop.run()
    workshop.run("middle", force=True)
    with workshop._runner() as runner:
        assert list(runner.state.records) == ["first", "middle"]
