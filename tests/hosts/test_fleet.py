"""A release on three real hosts: all or none, nothing lost, one version in the end, whatever happens.

One file, so that one process makes the hosts, and one service on them, for all of its tests.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from docker import DockerClient

from deployer.config.load import load
from deployer.events import ignore
from deployer.fleet import inventory
from deployer.fleet.locks import all_reached, locked
from tests.hosts.conftest import Fleet
from tests.support import images, nursery
from tests.support.doctor import saw, shows
from tests.support.line import Line
from tests.support.machines import Host
from tests.support.registry import registry
from tests.support.scale import SOAK
from tests.support.waiting import until

MOST_EFFECTS = 250
"""More than a rollout on three hosts has: the strikes end when one comes to its end."""

AT_ONCE = ("--set", "rollout.batch=3")
ALONE = ("--set", "host.docker=unix:///nowhere.sock")
"""Without an engine of the deployer's own."""


def strikes(quick: Sequence[int]) -> Sequence[int]:
    """These points in `make test`, every one in `make soak`."""
    return range(1, MOST_EFFECTS) if SOAK else quick


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says how much was done, in the report and with `-s`."""

    def say(text: str) -> None:
        record_property("counts", text)
        sys.stderr.write(f"{text}\n")

    return say


@contextmanager
def interrupted(fleet: Fleet, image: str) -> Iterator[tuple[nursery.Process, Path]]:
    """A rollout whose first host has changed: the process, and the file that it writes to."""
    log = fleet.folder / "log"
    words, environment = ["rollout", "--image", image], fleet.environment
    with log.open("w") as err:
        process = nursery.Process(
            "deployer", words, cwd=fleet.folder, env=environment, stdout=err, stderr=err
        )
    try:
        until(lambda: "batch 2 of 3" in log.read_text(), "the first host has changed", timeout=60)
        yield process, log
    finally:
        process.kill()
        process.wait()


def test_a_rollout_and_a_rollback_over_all_hosts_lose_nothing(fleet: Fleet, engine: DockerClient) -> None:
    first = fleet.one_version("at first")
    third = images.variant(engine, V="3")
    with fleet.under_load() as loads:
        done = fleet.run("rollout", "--image", third, "--set", "rollout.batch=2")
        assert "batch 1 of 2" in done.stderr
        assert "sent" in done.stderr
        for load in loads:
            load.wait_for_version("3")
        back = fleet.json("rollback")
    assert back["release"] == first
    assert fleet.one_version(back) == first


@pytest.fixture
def previous(fleet: Fleet, engine: DockerClient) -> dict[str, Any]:
    """What the third host could go back to, of another image than the one that it serves."""

    def found() -> tuple[dict[str, Any], dict[str, Any] | None]:
        status = fleet.json("status")["hosts"][fleet.names[2]]
        return status["active"], status["previous"]

    active, back = found()
    if back is None or back["image"] == active["image"]:
        fleet.run("rollout", "--image", images.variant(engine, V="newer"), *AT_ONCE)
        back = found()[1]
    assert back is not None
    return back


def test_a_rollback_brings_the_image_that_is_gone_or_says_that_it_is_nowhere(
    fleet: Fleet, previous: dict[str, Any]
) -> None:
    first, third = fleet.one_version("at first"), ("--host", fleet.names[2])
    for host in fleet.hosts:
        host.run(f"docker ps -aq --filter ancestor={previous['image']} | xargs -r docker rm -f")
        host.docker(f"rmi -f {previous['image']}")
    failed = fleet.json("rollback", *third, "--to", previous["release"], *ALONE, expect=14)
    assert "nothing was changed" in failed["message"]
    assert "on no other host" in str(failed["details"])
    assert "docker load" in str(failed["hosts"])
    assert fleet.serving() == [first] * 3
    # The deployer's own engine has it.
    fleet.run("rollback", *third, "--to", previous["release"])
    assert fleet.serving() == [first, first, previous["release"]]
    # To what most of them serve.
    assert fleet.json("recover")["release"] == first
    assert fleet.one_version("after the rollback") == first


def test_where_one_host_fails_all_go_back(fleet: Fleet, releases: list[str]) -> None:
    first = fleet.one_version("at first")
    flag = f"{fleet.service}-flag"
    fleet.settings["service"]["volumes"].append(f"{flag}:/flag")
    hook = {"name": "check", "command": ["sh", "-c", "test ! -e /flag/fail"]}
    fleet.settings["rollout"]["before"] = [hook]
    fleet.write()
    fleet.hosts[1].run(
        f"docker volume create {flag} && touch $(docker volume inspect -f '{{{{.Mountpoint}}}}' {flag})/fail"
    )
    failed = fleet.json("rollout", "--image", releases[0], expect=14)
    assert (failed["outcome"], failed["error"]) == ("rolled_back", "FleetFailed")
    assert any("check" in line for line in failed["details"])
    assert fleet.one_version(failed) == first
    # As many as may fail: the others keep the release, and the hosts differ until somebody mends that.
    may = ("--set", "rollout.max_failures=1", *AT_ONCE)
    mixed = fleet.json("rollout", "--image", releases[0], *may, expect=14)
    assert mixed["outcome"] == "mixed"
    assert fleet.serving() == [mixed["release"], first, mixed["release"]]
    assert "different releases" in fleet.run("status").stdout
    # Those that serve it already are left as they are.
    back = fleet.json("rollback", "--to", first)
    assert fleet.one_version(back) == first
    assert "serves already" in fleet.run("rollback", "--to", first, expect=2).stderr


def test_a_deployer_that_is_stopped_takes_all_back(fleet: Fleet, releases: list[str]) -> None:
    first = fleet.one_version("at first")
    with interrupted(fleet, releases[0]) as (process, log):
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 143, log.read_text()
    assert fleet.one_version(log.read_text()) == first


def test_what_cannot_be_reached_is_not_begun_with(fleet: Fleet, tmp_path: Path) -> None:
    first = fleet.one_version("at first")
    strange = tmp_path / "id_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", strange], check=True)
    entries = fleet.settings["hosts"]
    cases: list[tuple[dict[str, object], str, str]] = [
        ({"address": "127.0.0.1", "port": 1}, "HostUnreachable", "no SSH server answers"),
        ({"user": "nobody"}, "HostForbidden", "does not let nobody in"),
        ({"key": str(strange)}, "HostForbidden", f"does not let admin in with {strange}"),
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
    # What it says to do takes the wrong key out of the very file that it stands in.
    forget = shlex.split(re.findall("`(.*?)`", found["remedy"])[0])
    subprocess.run(forget, check=True, capture_output=True, cwd=fleet.folder)
    assert fleet.json("rollout", expect=13)["error"] == "HostKeyUnknown"
    known.write_text("\n".join(lines) + "\n")
    assert fleet.one_version(found) == first


def test_a_host_whose_engine_is_down_does_not_keep_the_others_from_being_put_right(fleet: Fleet) -> None:
    first = fleet.one_version("at first")
    container = fleet.json("status")["hosts"][fleet.names[0]]["active"]["container"]
    with fleet.hosts[2].without_engine():
        fleet.hosts[0].docker(f"rm -f {container}")
        refused = fleet.json("rollout", expect=13)
        assert "does not run" in refused["message"]
        failed = fleet.json("recover", expect=14)
        assert failed["release"] == first
        assert all(host.docker(f"ps -q --filter name={container}") for host in fleet.hosts[:2])
        assert f"{fleet.names[2]}: what it serves is not known" in failed["details"]
    fleet.run("recover", "--lock-wait", "30s")
    assert fleet.one_version(failed) == first


@contextmanager
def agent(folder: Path, key: Path) -> Iterator[Path]:
    """A real ssh-agent that holds a key: its socket."""
    socket = folder / "agent.sock"
    with (folder / "agent.log").open("w") as log:
        process = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=log, stderr=log)
    try:
        until(socket.exists, "the agent answers")
        asked = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
        subprocess.run(["ssh-add", "-q", key], env=asked, check=True, capture_output=True)
        yield socket
    finally:
        process.terminate()
        process.wait()


def get_acquainted(fleet: Fleet, name: str) -> None:
    """First contact with a host behind another stranger: first that one's key, then its own."""
    known = fleet.folder / "known_hosts"
    lines = known.read_text().splitlines()
    known.write_text(lines[2] + "\n")
    keys: list[str] = []
    for _ in range(2):
        asked = fleet.run("host", "trust", "--host", name, *keys, expect=13).stderr
        (shown,) = set(re.findall(r"SHA256:[A-Za-z0-9+/]{43}", asked)) - set(keys)
        keys += ["--fingerprint", shown]
        # The key of the host behind is asked for through the first one: once that is trusted, and only then.
        assert (f"{name} shows" in asked) == (len(keys) == 4)
        assert len(known.read_text().splitlines()) == len(keys) // 2
    fleet.run("host", "trust", "--host", name, *keys)
    assert {line.split()[-1] for line in known.read_text().splitlines()} == {
        line.split()[-1] for line in lines
    }


def share_one_connection(fleet: Fleet, words: list[str]) -> None:
    """The second and the third host share one to the first, while a command runs on both."""
    asked = [*words, "--host", fleet.names[1], "--host", fleet.names[2], "--", "sleep", "600"]
    with (fleet.folder / "log").open("w") as log:
        waits = nursery.Process(
            "deployer", asked, cwd=fleet.folder, env=fleet.environment, stdout=log, stderr=log
        )

    def all_sleep() -> bool:
        return all("600" in host.run("pgrep -af sleep", check=False) for host in fleet.hosts[1:])

    established = "ss -Htn state established '( sport = :22 )' | wc -l"
    try:
        until(all_sleep, "both have been reached")
        # One of an earlier command may just be about to go.
        until(lambda: fleet.hosts[0].run(established).strip() == "1", "they share one connection", timeout=20)
    finally:
        waits.kill()
        waits.wait()
        for host in fleet.hosts[1:]:
            host.run("pkill -f '[s]leep 600'", check=False)


def test_hosts_are_reached_through_another_one_and_with_a_key_of_an_agent(
    fleet: Fleet, tmp_path: Path
) -> None:
    first = fleet.one_version("at first")
    door = fleet.hosts[0].address
    for entry in fleet.settings["hosts"][1:]:
        entry["jump"] = f"admin@{door}"
    del fleet.settings["ssh"]["key"]
    fleet.write()
    home = tmp_path / "home"  # without keys of its own
    home.mkdir()
    fleet.extra |= {"HOME": str(home), "SSH_AUTH_SOCK": ""}
    refused = fleet.run("host", "exec", "--", "true", expect=14).stderr
    assert "no key at all" in refused
    with agent(tmp_path, fleet.hosts[0].key) as socket:
        fleet.extra["SSH_AUTH_SOCK"] = str(socket)
        get_acquainted(fleet, fleet.names[1])
        lines = fleet.run("host", "exec", "--", "sh", "-c", "echo ${SSH_CONNECTION%% *}").stdout.splitlines()
        came = dict(line.split(" | ") for line in lines)
        # The second and the third were called by the first, which was called from here.
        assert [came[name] == door for name in fleet.names] == [False, True, True]
        for words in (["host", "exec"], ["exec"]):
            share_one_connection(fleet, words)
        assert fleet.one_version("through the agent, and the first host") == first


@pytest.mark.parametrize("how", ["silent", "down"] if SOAK else ["down"])
def test_a_host_that_is_lost_in_the_middle_converges_when_it_is_back(
    fleet: Fleet, releases: list[str], how: str
) -> None:
    first = fleet.one_version("at first")
    lost = fleet.hosts[1]
    with interrupted(fleet, releases[0]) as (process, log):
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
    fleet.run("recover", "--lock-wait", "30s")
    assert fleet.one_version(log.read_text()) == first


def test_killed_before_an_effect(fleet: Fleet, releases: list[str], record: Callable[[str], None]) -> None:
    """SIGKILL: on the last host, while the others have changed; in a soak anywhere."""
    done, first = 0, fleet.one_version("at first")
    with fleet.under_load():
        for strike in strikes([42]):
            image = releases[done % 2]
            happened, killed = fleet.struck("KILL", strike, "rollout", "--image", image)
            if not happened:
                break
            done += 1
            assert killed.returncode == -9, killed.stderr
            if done % 2:
                fleet.run("recover")
            else:  # any next command puts things right first
                fleet.run("rollout", "--image", image, *AT_ONCE)
            serving = fleet.one_version(f"struck at {strike}\n{killed.stderr}")
            assert SOAK or serving != first  # most of them had changed
    assert done >= (40 if SOAK else 1)
    record(f"killed at {done} points")


@pytest.mark.parametrize("word", ["mute", "cut"] if SOAK else ["mute"])
def test_cut_off_from_a_slow_host_before_an_effect(
    fleet: Fleet, releases: list[str], tmp_path: Path, word: str, record: Callable[[str], None]
) -> None:
    """The line to the second host, 60 ms away, breaks; with `mute` what was asked for is done, unanswered."""
    done = 0
    with Line(fleet.hosts[1].address, 22, delay=0.03) as line, fleet.under_load():
        fleet.reach_through(1, line)
        for strike in strikes([9]):
            how = f"{word}={tmp_path / 'line.sock'}@:{line.port}"
            with line.on_command(tmp_path / "line.sock"):
                happened, ended = fleet.struck(how, strike, "rollout", "--image", releases[done % 2])
                line.mend()
            if not happened:
                break
            done += 1
            # 0: all that was left to do was to give the lock back.
            assert ended.returncode in (0, 13, 14), ended.stderr
            fleet.run("recover", "--lock-wait", "30s")
            fleet.one_version(f"{word} at {strike}\n{ended.stderr}")
    assert done >= (12 if SOAK else 1)
    record(f"{word} at {done} points")


@pytest.mark.soak
def test_over_slow_lines(fleet: Fleet, releases: list[str]) -> None:
    """Each host is 100 ms away."""
    with ExitStack() as lines:
        for number, host in enumerate(fleet.hosts):
            fleet.reach_through(number, lines.enter_context(Line(host.address, 22, delay=0.05)))
        with fleet.under_load():
            done = fleet.json("rollout", "--image", releases[0], *AT_ONCE)
            assert done["outcome"] == "succeeded"
        fleet.one_version(done)


@pytest.fixture
def small(fleet: Fleet) -> Iterator[Host]:
    """The third host was made anew: its engine has nothing but a small disk."""
    with fleet.hosts[2].small_disk(1500):
        yield fleet.hosts[2]
    fleet.run("recover")


def test_a_host_that_was_made_anew_gets_all_it_lacks_and_where_its_disk_is_full_nobody_changes(
    fleet: Fleet, releases: list[str], small: Host, engine: DockerClient
) -> None:
    # Where the deployer has no engine, and there is no registry: from another host.
    said = fleet.run("recover", *ALONE).stderr
    assert "fetching" in said
    first = fleet.one_version(said)
    small.fill_disk(left=12)
    # An image that does not fit beside what is to stay free.
    big = images.heavier(engine, releases[0], megabytes=1)
    failed = fleet.json("rollout", "--image", big, *AT_ONCE, expect=14)
    assert "nothing was changed" in failed["message"]
    assert "are to stay so (rollout.disk_free)" in str(failed["details"])
    assert fleet.serving() == [first] * 3
    # One that is there, but no room to run it: the host that has changed by then goes back.
    there = fleet.json("status")["hosts"][fleet.names[2]]["active"]["image"]
    two = ("--host", fleet.names[0], "--host", fleet.names[2])
    failed = fleet.json("rollout", "--image", there, *two, expect=14)
    assert failed["outcome"] == "rolled_back"
    assert fleet.one_version(failed) == first
    small.empty_disk()


def test_hosts_pull_what_only_a_registry_has_with_what_the_deployer_has_logged_in_with(
    fleet: Fleet, tmp_path: Path, engine: DockerClient
) -> None:
    first = fleet.one_version("at first")
    two = ("--host", fleet.names[0], "--host", fleet.names[1])
    (folder := tmp_path / "registry").mkdir()
    (config := tmp_path / "docker").mkdir()
    with registry(engine, fleet.hosts, folder) as found:
        image = found.push(fleet.hosts[0], "deployer-test/shop:1")
        fleet.extra["DOCKER_CONFIG"] = str(config)
        refused = fleet.json("rollout", "--image", image, *two, *AT_ONCE, expect=14)
        assert "nothing was changed" in refused["message"]
        assert "no basic auth credentials" in str(refused)
        assert fleet.one_version(refused) == first
        found.login(config)
        done = fleet.run("rollout", "--image", image, *two, *AT_ONCE)
        came = f"Digest: {image.partition('@')[2]}"
        assert [line.endswith(came) for line in done.stderr.splitlines()].count(True) == 2
    one, other, third = fleet.serving()
    assert one == other != first == third
    fleet.run("rollback", *two, *AT_ONCE)
    assert fleet.one_version(done.stderr) == first


@pytest.mark.parametrize(
    "words",
    [
        ["logs", "-f"],
        ["exec", "--", "sh", "-c", "echo begun; sleep 600"],
        ["host", "exec", "--", "sh", "-c", "echo begun; sleep 600"],
    ],
)
def test_what_waits_for_output_ends_when_it_is_told_to(fleet: Fleet, words: list[str]) -> None:
    log = fleet.folder / "log"
    with log.open("w") as out:
        process = nursery.Process(
            "deployer", words, cwd=fleet.folder, env=fleet.environment, stdout=out, stderr=out
        )
    try:
        until(lambda: log.read_text().count(" | ") >= len(fleet.names), "all hosts have said something")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, log.read_text()
    finally:
        process.kill()
        process.wait()


@shows("host.reach ok", "host.reach broken")
def test_a_command_on_each_host_says_of_which(fleet: Fleet) -> None:
    one, two, three = fleet.names
    lines = fleet.run("exec", "--", "sh", "-c", "echo here").stdout.splitlines()
    assert sorted(lines) == sorted(f"{name} | here" for name in (one, two, three))
    asked = fleet.run("exec", "--host", two, "--", "sh", "-c", "echo here; exit 3", expect=3)
    assert asked.stdout == "here\n"
    assert fleet.run("host", "exec", "--host", one, "--", "id", "-un").stdout == "admin\n"
    assert sorted(fleet.run("host", "exec", "--", "printf", "no end").stdout.splitlines()) == sorted(
        f"{name} | no end" for name in (one, two, three)
    )
    # Killed on one of them: the others' success does not hide it.
    fleet.run("host", "exec", "--", "sh", "-c", "[ $(hostname) != host2 ] || kill -9 $$", expect=255)
    assert fleet.run("host", "list").stdout.count("  ok") == 3
    # One of them cannot be reached: that is a finding, and the others are looked at.
    fleet.settings["hosts"][2] |= {"address": "127.0.0.1", "port": 1}
    fleet.write()
    listed = fleet.run("host", "list", expect=13).stdout
    assert (listed.count("  ok"), listed.count("  ! ")) == (2, 1)
    shown = fleet.json("status", expect=13)["hosts"]
    assert ["error" in shown[name] for name in (one, two, three)] == [False, False, True]
    found = fleet.run("doctor", "engine", "service", "-v", expect=32).stdout
    for name in (one, two):
        assert f"{name} | ok service  drift        the edge is as the config says" in found
    assert f"{three} | !! host     reach" in found
    saw(fleet.json("doctor", "service", "--host", two, expect=None)["findings"])
    saw(fleet.json("doctor", "service", "--host", three, expect=32)["findings"])


@contextmanager
def held_by_a_rollout(fleet: Fleet) -> Iterator[None]:
    """As between two of its batches, when it changes none of the hosts."""
    config = load(fleet.folder / "config.yaml", environ={})
    there = inventory.Fleet(config, inventory.chosen(config, ()), ignore, os.environ)
    with all_reached(there) as members, locked(there, members, "rollout"):
        yield


def test_every_host_is_asked_what_one_engine_is(fleet: Fleet) -> None:
    def hosts(*words: str) -> list[str]:
        return sorted({line.partition(" | ")[0] for line in fleet.run(*words).stdout.splitlines()})

    names = sorted(fleet.names)
    assert fleet.run("lock").stdout.count(f"the lock of {fleet.service} is free\n") == 3
    with held_by_a_rollout(fleet):
        assert fleet.run("lock").stdout.count("(rollout, since ") == 3
    assert [hosts("releases"), hosts("edge", "status"), hosts("prune")] == [names, names, names]
    fleet.run("edge", "maintenance", "on", "--hold", "0s")
    try:
        held = [requests.get(f"{url}/", timeout=30) for url in fleet.urls()]
    finally:
        fleet.run("edge", "maintenance", "off")
    assert [(answer.status_code, "Retry-After" in answer.headers) for answer in held] == [(503, True)] * 3
    with fleet.under_load():
        assert hosts("edge", "upgrade") == names
    assert fleet.one_version("")


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
