"""A release on three real hosts: all or none, nothing lost, one version in the end."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path

import pytest
from docker import DockerClient

from benchmarks.load import Load
from tests.hosts.conftest import Fleet
from tests.support import images, nursery
from tests.support.scale import USUAL
from tests.support.waiting import until


@pytest.fixture
def flagged(fleet: Fleet) -> Fleet:
    """A hook fails on the hosts whose volume says so."""
    fleet.settings["service"]["volumes"] = [f"{fleet.service}-flag:/flag"]
    hook = {"name": "check", "command": ["sh", "-c", "test ! -e /flag/fail"]}
    fleet.settings["rollout"]["before"] = [hook]
    fleet.write()
    return fleet


def flag(fleet: Fleet, number: int) -> None:
    mount = f"{fleet.service}-flag:/flag"
    fleet.hosts[number].docker(f"run --rm -v {mount} deployer-test/shop:1 touch /flag/fail")


def test_rollouts_and_a_rollback_over_all_hosts_lose_nothing(fleet: Fleet, engine: DockerClient) -> None:
    fleet.settings["service"]["volumes"] = [f"{fleet.service}-data:/data"]  # orders outlive a release
    fleet.write()
    first = fleet.json("rollout", "--set", "rollout.batch=100%")
    assert first["outcome"] == "succeeded"
    second = images.variant(engine, V="2")
    with contextlib.ExitStack() as running:
        loads = [running.enter_context(Load(url, USUAL)) for url in fleet.urls()]
        for load in loads:
            load.wait_for_more(20)
        done = fleet.run("rollout", "--image", second, "--set", "rollout.batch=2")
        assert "batch 1 of 2" in done.stderr
        assert "sent" in done.stderr
        for load in loads:
            load.wait_for_version("2")
        back = fleet.json("rollback")
        for load in loads:
            load.wait_for_more(20)
    for load in loads:
        report = load.report()
        assert report.clean, report.summary()
    assert back["release"] == first["release"]
    assert fleet.serving() == [first["release"]] * 3
    assert fleet.leftovers() == []


def test_where_one_host_fails_all_go_back(flagged: Fleet) -> None:
    first = flagged.json("rollout", "--set", "rollout.batch=3")["release"]
    flag(flagged, 2)
    failed = flagged.json("rollout", expect=14)
    assert failed["outcome"] == "rolled_back"
    assert failed["error"] == "FleetFailed"
    assert any("check" in line for line in failed["details"])
    assert flagged.serving() == [first] * 3
    # As many as may fail: the others keep the release, and the hosts differ until somebody mends that.
    mixed = flagged.json("rollout", "--set", "rollout.max_failures=1", expect=14)
    assert mixed["outcome"] == "mixed"
    assert flagged.serving() == [mixed["release"], mixed["release"], first]
    assert "different releases" in flagged.run("status").stdout
    flagged.hosts[2].docker(f"run --rm -v {flagged.service}-flag:/flag deployer-test/shop:1 rm /flag/fail")
    assert flagged.json("recover")["release"] == mixed["release"]
    assert flagged.serving() == [mixed["release"]] * 3
    assert flagged.leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_deployer_that_ends_in_the_middle_leaves_what_becomes_one_version(
    fleet: Fleet, number: signal.Signals
) -> None:
    first = fleet.json("rollout", "--set", "rollout.batch=3")["release"]
    log = fleet.folder / "log"
    with log.open("w") as err:
        process = nursery.Process(
            "deployer", ["rollout"], cwd=fleet.folder, env=fleet.environment, stdout=err, stderr=err
        )
        until(lambda: "batch 2 of 3" in log.read_text(), "the first host has changed", timeout=60)
        process.send_signal(number)
        code = process.wait(120)
    if number == signal.SIGTERM:
        assert code == 143, log.read_text()
        assert fleet.serving() == [first] * 3, log.read_text()  # it cleaned up by itself
    fleet.run("recover", "--lock-wait", "30s")
    assert len(set(fleet.serving())) == 1, log.read_text()
    assert fleet.leftovers() == []


def test_what_cannot_be_reached_is_not_begun_with(fleet: Fleet, tmp_path: Path) -> None:
    entries = fleet.settings["hosts"]
    cases: list[tuple[dict[str, object], str, str]] = [
        ({"address": "127.0.0.1", "port": 1}, "HostUnreachable", "no SSH server answers"),
        ({"user": "nobody"}, "HostForbidden", "does not let nobody in"),
    ]
    for change, error, said in cases:
        fleet.settings["hosts"] = [*entries[:2], {**entries[2], **change}]
        fleet.write()
        found = fleet.json("rollout", expect=13)
        assert found["error"] == error
        assert said in found["message"]
        assert found["remedy"]
    fleet.settings["hosts"] = entries
    fleet.write()
    known = fleet.folder / "known_hosts"
    lines = known.read_text().splitlines()
    known.write_text("\n".join(lines[:2]) + "\n")
    assert fleet.json("rollout", expect=13)["error"] == "HostKeyUnknown"
    # Another host's key in its place: somebody is in between.
    other = lines[0].split()[1:]
    known.write_text("\n".join([*lines[:2], " ".join([lines[2].split()[0], *other])]) + "\n")
    found = fleet.json("rollout", expect=13)
    assert found["error"] == "HostKeyChanged"
    assert "ssh-keygen -R" in found["remedy"]
    known.write_text("\n".join(lines) + "\n")
    assert fleet.serving() == [None] * 3
    assert fleet.leftovers() == []


@pytest.mark.parametrize("how", ["silent", "down"])
def test_a_host_that_is_lost_in_the_middle_converges_when_it_is_back(flagged: Fleet, how: str) -> None:
    flagged.settings["ssh"]["timeout"] = "5s"  # for which it may be silent
    flagged.write()
    first = flagged.json("rollout", "--set", "rollout.batch=3")["release"]
    log = flagged.folder / "log"
    lost = flagged.hosts[1]
    with log.open("w") as err:
        process = nursery.Process(
            "deployer", ["rollout"], cwd=flagged.folder, env=flagged.environment, stdout=err, stderr=err
        )
        until(lambda: "batch 2 of 3" in log.read_text(), "the first host has changed", timeout=60)
        if how == "silent":
            lost.fall_silent()
        else:
            lost.container.kill()
        try:
            assert process.wait(180) == 14, log.read_text()
        finally:
            if how == "silent":
                lost.speak()
            else:
                lost.start()
    assert "not known" in log.read_text()
    flagged.run("recover", "--lock-wait", "30s")
    assert flagged.serving() == [first] * 3
    assert flagged.leftovers() == []


def test_a_command_on_each_host_says_of_which(fleet: Fleet) -> None:
    fleet.run("rollout", "--set", "rollout.batch=3")
    one, two, three = fleet.names
    lines = fleet.run("exec", "--", "sh", "-c", "echo here").stdout.splitlines()
    assert sorted(lines) == sorted(f"{name} | here" for name in (one, two, three))
    assert (
        fleet.run("exec", "--host", two, "--", "sh", "-c", "echo here; exit 3", expect=3).stdout == "here\n"
    )
    assert fleet.run("host", "exec", "--host", one, "--", "id", "-un").stdout == "admin\n"
    assert "serves on 1 of 1" in fleet.run("rollout", "--host", one).stdout
    assert sorted(fleet.run("host", "exec", "--", "printf", "no end").stdout.splitlines()) == sorted(
        f"{name} | no end" for name in (one, two, three)
    )
    assert fleet.run("host", "list").stdout.count("  ok") == 3
    found = fleet.run("doctor", "engine", "service", "--host", two, "-v", expect=None).stdout
    assert "drift" in found
    assert "the edge is as the config says" in found


def test_a_host_that_falls_silent_is_told_once_and_so_is_its_return(fleet: Fleet) -> None:
    fleet.settings["ssh"] |= {"timeout": "3s"}
    fleet.settings["watch"] = {
        "looks": 1,
        "state": "state",
        # The kernel is this machine's, and what other tests leave on a host is no business of this one.
        "ignore": ["memory", "swap", "disk*", "inodes*", "oom", "restarts*"],
    }
    fleet.write()

    def told() -> list[tuple[str, str, str]]:
        changes = fleet.json("watch", expect=None)["changes"]
        return [(change["host"], change["what"], change["state"]) for change in changes]

    assert told() == []
    fleet.hosts[1].fall_silent()
    try:
        assert told() == [(fleet.names[1], "host", "error")]
        assert told() == []
    finally:
        fleet.hosts[1].speak()
    assert told() == [(fleet.names[1], "host", "ok")]
    assert told() == []
