"""Whether there is room for a build."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest
from msgspec.structs import replace

from deployer.config.schema import Config
from deployer.config.units import parse_size
from deployer.errors import PreflightError
from deployer.events import Event
from pipelines import executors, preflight
from pipelines.files import files_of
from pipelines.job import Job
from pipelines.parameters import Parameters
from pipelines.preflight import Room, judge

CONFIG = Config.of({"service": {"name": "shop", "image": "shop:1", "port": 8080}})
LIMITS = CONFIG.pipelines.preflight
G = 1024**3
ROOMY = Room(2 * G, 8 * G, 0, 50 * G, 50 * G)


def short(**changes: int | bool | tuple[str, ...] | None) -> list[tuple[bool, str]]:
    room = replace(ROOMY, **changes)
    return [(finding.fatal, finding.text) for finding in judge(room, LIMITS)]


def test_enough_is_enough() -> None:
    assert short() == []
    assert short(memory=None, memory_total=None, swap_total=None, workspace=None, engine=None) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"memory": parse_size("100m")},
            "not enough memory for a build: 100 MB free with swap, 256 MB wanted",
        ),
        ({"workspace": parse_size("500m")}, "not enough disk for a build: 500 MB free in the workspace"),
        ({"engine": 0}, "not enough disk for a build: 0 B free where the engine keeps its data"),
    ],
)
def test_what_would_end_badly_is_refused(changes: dict[str, int], said: str) -> None:
    ((fatal, text),) = short(**changes)
    assert fatal
    assert text.startswith(said)


def test_a_small_host_without_swap_is_warned_of() -> None:
    assert short(memory_total=2 * G, swap_total=0) == [(False, "this host has 2 GB of memory and no swap")]
    assert short(memory_total=2 * G, swap_total=2 * G) == []


def test_an_offline_node_is_warned_of() -> None:
    assert short(offline=("built-in (Disk space is too low)",)) == [
        (False, "Jenkins' node built-in (Disk space is too low) is offline")
    ]


def test_a_node_that_jenkins_takes_offline_is_known_without_asking_it() -> None:
    assert short(jenkins=True, temporary=G) == []
    said = [(False, "Jenkins takes this node offline: 500 MB free in /tmp")]
    assert short(jenkins=True, temporary=parse_size("500m")) == said
    assert short(jenkins=False, temporary=parse_size("500m")) == []
    room = replace(ROOMY, jenkins=True, workspace=parse_size("500m"))
    limits = replace(LIMITS, disk=parse_size("100m"))
    (finding,) = judge(room, limits)
    assert (finding.fatal, finding.text) == (
        False,
        "Jenkins takes this node offline: 500 MB free in the workspace",
    )
    # A workspace that is too small for a build is said once.
    assert [fatal for fatal, _ in short(jenkins=True, workspace=0)] == [True]


def test_every_shortage_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(0, G, 0, 0, None)
    monkeypatch.setattr(preflight, "measure", lambda _job, **_: room)
    events: list[Event] = []
    job = Job(CONFIG, Parameters(), {}, events.append, files_of(CONFIG, "backend"))
    with pytest.raises(PreflightError, match=r"not enough memory.*nothing was built") as raised:
        preflight.check(job, engine=False)
    assert "swapon" in str(raised.value.remedy)
    assert "in the workspace" in raised.value.details[0]
    assert "`deployer prune`" in raised.value.details[0]
    assert "`docker system prune`" in raised.value.details[0]
    assert "no swap" in events[0].sentence()


def test_this_machine_can_be_measured() -> None:
    job = Job(CONFIG, Parameters(), {}, lambda _: None, files_of(CONFIG, "backend"))
    room = preflight.measure(job, engine=False)
    assert room.memory
    assert room.memory_total
    assert room.workspace
    assert (room.engine, room.temporary, room.jenkins, room.offline) == (None, None, False, ())
    under_jenkins = Job(
        CONFIG, Parameters(), {"JENKINS_URL": "http://127.0.0.1:1/"}, lambda _: None, job.files
    )
    room = preflight.measure(under_jenkins, engine=False)
    assert room.jenkins
    assert room.temporary


class Jenkins(http.server.BaseHTTPRequestHandler):
    status = 200
    answer: object = {}
    seen: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.seen.append((self.path, self.headers["Authorization"]))
        self.send_response(type(self).status)
        self.end_headers()
        self.wfile.write(json.dumps(type(self).answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def jenkins() -> Iterator[str]:
    Jenkins.seen.clear()
    Jenkins.status, Jenkins.answer = 200, {}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Jenkins)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/ci/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_jenkins_tells_which_nodes_are_offline(jenkins: str) -> None:
    Jenkins.answer = {
        "computer": [
            {"displayName": "built-in", "offline": True, "offlineCauseReason": "Disk space is too low"},
            {"displayName": "other", "offline": False, "offlineCauseReason": ""},
            {"displayName": "third", "offline": True, "offlineCauseReason": ""},
        ]
    }
    environ = {"JENKINS_URL": jenkins, "JENKINS_USER": "ci", "JENKINS_TOKEN": "t"}
    assert executors.offline(environ) == ("built-in (Disk space is too low)", "third")
    ((path, authorization),) = Jenkins.seen
    assert path.startswith("/ci/computer/api/json?tree=computer[")
    assert authorization == "Basic Y2k6dA=="


@pytest.mark.parametrize("status", [403, 500, 200])
def test_who_may_not_tell_is_not_insisted_upon(jenkins: str, status: int) -> None:
    Jenkins.status = status
    assert executors.offline({"JENKINS_URL": jenkins, "JENKINS_USER": "ci", "JENKINS_TOKEN": "t"}) == ()
    assert len(Jenkins.seen) == 1


def test_jenkins_is_not_asked_by_nobody(jenkins: str) -> None:
    assert executors.offline({"JENKINS_URL": jenkins, "JENKINS_USER": "ci"}) == ()
    assert Jenkins.seen == []


def test_who_does_not_answer_neither() -> None:
    known = {"JENKINS_USER": "ci", "JENKINS_TOKEN": "t"}
    assert executors.offline({"JENKINS_URL": "http://127.0.0.1:1/", **known}) == ()
    assert executors.offline(known) == ()
