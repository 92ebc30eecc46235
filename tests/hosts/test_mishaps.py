"""What happens in the middle of a release on three hosts: one version everywhere in the end, nothing lost."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from docker import DockerClient

from benchmarks.load import Load, Mix
from tests.hosts.conftest import Fleet
from tests.support import images, nursery
from tests.support.line import Line
from tests.support.machines import Host
from tests.support.scale import SOAK, USUAL

GENTLE = Mix(keepalive=2, oneshot=1, post=1, pausing=1, slow=0, stream=0, upload=0, rate=20.0)
LOAD = USUAL if SOAK else GENTLE

MOST_EFFECTS = 250
"""More than a rollout on three hosts has: the strikes end when one comes to its end."""


@contextlib.contextmanager
def under_load(fleet: Fleet) -> Iterator[None]:
    """Load on each host; at the end nothing may have been lost."""
    with contextlib.ExitStack() as running:
        loads = [running.enter_context(Load(url, LOAD)) for url in fleet.urls()]
        for load in loads:
            load.wait_for_more(20)
        yield
        for load in loads:
            load.wait_for_more(20)
    for load in loads:
        report = load.report()
        assert report.clean, report.summary()


def struck(fleet: Fleet, how: str, strike: int, *words: str) -> tuple[bool, subprocess.CompletedProcess[str]]:
    """Whether an accident happened before the n-th effect of a command (`tests.support.crash`); its end."""
    done = nursery.run(
        "tests.support.crash",
        [how, str(strike), *words],
        cwd=fleet.folder,
        env=fleet.environment,
        timeout=240,
    )
    return f"effect {strike} " in done.stderr, done


def one_version(fleet: Fleet, said: str) -> None:
    """All serve the same, and nothing is left over."""
    assert len(set(fleet.serving())) == 1, said
    assert fleet.leftovers() == [], said


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says how much was done, in the report and with `-s`."""

    def say(text: str) -> None:
        record_property("counts", text)
        sys.stderr.write(f"{text}\n")

    return say


@pytest.fixture
def releases(fleet: Fleet, engine: DockerClient) -> list[str]:
    """Two images; the first serves on all hosts, where orders outlive a release."""
    fleet.settings["service"]["volumes"] = [f"{fleet.service}-data:/data"]
    fleet.settings["ssh"]["timeout"] = "5s"  # for which a host may be silent
    fleet.write()
    found = [images.variant(engine, V="1"), images.variant(engine, V="2")]
    fleet.run("rollout", "--image", found[0], "--set", "rollout.batch=3")
    fleet.run("rollout", "--image", found[1], "--set", "rollout.batch=3")
    return found


def strikes(quick: Sequence[int]) -> Sequence[int]:
    """These points in `make test`, every one in `make soak`."""
    return range(1, MOST_EFFECTS) if SOAK else quick


def test_killed_before_an_effect(fleet: Fleet, releases: list[str], record: Callable[[str], None]) -> None:
    """SIGKILL: on the first host, on the second while the first has changed, on the last."""
    done = 0
    with under_load(fleet):
        for strike in strikes([12, 30, 52]):
            happened, killed = struck(fleet, "KILL", strike, "rollout", "--image", releases[done % 2])
            if not happened:
                break
            done += 1
            assert killed.returncode == -9, killed.stderr
            if done % 2:
                fleet.run("recover")
            else:  # any next command puts things right first
                fleet.run("rollout", "--image", releases[0], "--set", "rollout.batch=3")
            one_version(fleet, f"struck at {strike}\n{killed.stderr}")
    assert done >= (40 if SOAK else 3)
    record(f"killed at {done} points")


@pytest.mark.parametrize("word", ["cut", "mute"])
def test_cut_off_from_a_host_before_an_effect(
    fleet: Fleet, releases: list[str], tmp_path: Path, word: str, record: Callable[[str], None]
) -> None:
    """The second host's line breaks; with `mute` what was asked for last is done, and no answer comes."""
    done = 0
    host = fleet.hosts[1]
    with Line(host.address, 22) as line, under_load(fleet):
        fleet.reach_through(1, line)
        for strike in strikes({"cut": [3, 14], "mute": [9]}[word]):
            path = tmp_path / "line.sock"
            with line.on_command(path):
                happened, ended = struck(
                    fleet, f"{word}={path}@:{line.port}", strike, "rollout", "--image", releases[done % 2]
                )
                line.mend()
            if not happened:
                break
            done += 1
            assert ended.returncode in (0, 13, 14), (
                ended.stderr
            )  # 0: the last thing was to give the lock back
            fleet.run("recover", "--lock-wait", "30s")
            one_version(fleet, f"{word} at {strike}\n{ended.stderr}")
    assert done >= (12 if SOAK else 1)
    record(f"{word} at {done} points")


def test_over_slow_lines(fleet: Fleet, releases: list[str]) -> None:
    """Each host is 60 ms away."""
    with contextlib.ExitStack() as lines:
        for number, host in enumerate(fleet.hosts):
            fleet.reach_through(number, lines.enter_context(Line(host.address, 22, delay=0.03)))
        with under_load(fleet):
            done = fleet.json("rollout", "--image", releases[0], "--set", "rollout.batch=3")
            assert done["outcome"] == "succeeded"
        one_version(fleet, str(done))


class TestAHostThatWasMadeAnew:
    """Its engine has nothing but a small disk."""

    @pytest.fixture
    def small(self, fleet: Fleet, releases: list[str]) -> Iterator[Host]:
        with fleet.hosts[2].small_disk(600):
            yield fleet.hosts[2]

    def test_it_gets_what_it_lacks_and_its_full_disk_stops_everybody(
        self, fleet: Fleet, releases: list[str], small: Host, engine: DockerClient
    ) -> None:
        # Without an engine of the deployer's own, and without a registry: from another host.
        alone = ("--set", "host.docker=unix:///nowhere.sock")
        said = fleet.run("recover", *alone).stderr
        assert "fetching" in said
        one_version(fleet, said)
        first = fleet.serving()
        with under_load(fleet):
            small.fill_disk(left=30)
            # An image that does not fit.
            big = images.heavier(engine, releases[0], megabytes=60)
            failed = fleet.json("rollout", "--image", big, "--set", "rollout.batch=3", expect=14)
            assert "nothing was changed" in failed["message"]
            assert "no space left" in str(failed)
            one_version(fleet, str(failed))
            # One that is there, but no room to run it.
            failed = fleet.json("rollout", "--image", releases[1], expect=14)
            assert failed["outcome"] == "rolled_back"
            assert fleet.serving() == first
            one_version(fleet, str(failed))
            small.empty_disk()
            done = fleet.json("rollout", "--image", releases[0], "--set", "rollout.batch=3")
            one_version(fleet, str(done))

    def test_a_rollback_brings_the_image_that_is_gone_or_says_that_it_is(
        self, fleet: Fleet, releases: list[str]
    ) -> None:
        back = fleet.json("status")["hosts"][fleet.names[2]]["previous"]
        alone = ("--set", "host.docker=unix:///nowhere.sock")

        def forget(number: int) -> None:
            fleet.hosts[number].docker(f"rm -f {back['container']}")
            fleet.hosts[number].docker(f"rmi -f {releases[0]}")

        forget(2)
        serving = fleet.serving()
        for number in (0, 1):
            forget(number)
        failed = fleet.json("rollback", *alone, expect=14)
        assert "nothing was changed" in failed["message"]
        assert "on no other host" in str(failed["details"])
        assert fleet.serving() == serving
        # The deployer's own engine has it.
        assert fleet.json("rollback")["release"] == back["release"]
        one_version(fleet, "after the rollback")
