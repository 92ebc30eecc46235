"""A look at hosts that are not there, at addresses, and at a disk that is just about full."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from deployer.config.load import load
from deployer.config.schema import Config
from deployer.doctor.examination import Patient
from deployer.doctor.finding import Severity
from deployer.errors import EngineUnreachable, HostError
from deployer.host.engine import Engine
from deployer.host.facts import Disk, Facts
from deployer.watch.condition import Condition, Counts, Key
from deployer.watch.look import _host, look
from tests.support.dripping import dripping
from tests.support.names import free_port

GIB = 1024**3


def config(folder: Path, **more: Any) -> Config:
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump({"service": {"name": "shop", "image": "shop:1", "port": 80}, **more}))
    return load(file, environ={})


@pytest.fixture
def address() -> Iterator[str]:
    """A server that answers /CODE with that code."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(self.path[1:]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_address_whose_body_never_ends_holds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer.watch.look._hosts", lambda *_: [])
    with dripping() as server:
        sight = look(config(tmp_path, watch={"urls": [server.url]}), {}, frozenset())
        assert server.left.wait(30)
    assert [each.evidence for each in sight.conditions] == [f"{server.url} answers 200"]


def test_hosts_that_do_not_answer_and_addresses(tmp_path: Path, address: str) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}/"
    hosts = [{"name": name, "address": "127.0.0.1", "port": free_port()} for name in ("web1", "web2")]
    (tmp_path / "known_hosts").touch()
    urls = [f"{address}/204", f"{address}/503", nowhere]
    made = config(
        tmp_path,
        hosts=hosts,
        ssh={"known_hosts": "known_hosts", "timeout": "5s", "user": "nobody"},
        watch={"urls": urls},
    )
    sight = look(made, {"HOME": str(tmp_path)}, frozenset())
    found = {each.key: each for each in sight.conditions}
    for name in ("web1", "web2"):
        lost = found.pop(Key(name, "host", "host"))
        assert lost.severity == Severity.ERROR
        assert not lost.evidence.startswith(name)  # the event says whose it is
        assert {(name, "facts"), (name, "engine"), (name, "service")} <= sight.blind
    assert sight.hosts == {"web1", "web2"}
    assert sight.counts == {}
    assert {key.subject: (each.severity, each.evidence) for key, each in found.items()} == {
        urls[0]: (Severity.OK, f"{urls[0]} answers 204"),
        urls[1]: (Severity.ERROR, f"{urls[1]} answers 503"),
        nowhere: (Severity.ERROR, f"{nowhere}: no answer (ConnectionError)"),
    }


FACTS = Facts(memory=8 * GIB, memory_available=4 * GIB, oom_kills=3, disks={"/": Disk(20 * GIB, 10 * GIB)})
DISK = Key("web1", "facts", "disk", "/")


def no_engine() -> Engine:
    raise EngineUnreachable("nothing answers", remedy="start it")


def seen(made: Config, facts: Facts, told: frozenset[Key] = frozenset()) -> Mapping[Key, Condition]:
    sight = _host("web1", Patient(made, {}, no_engine, lambda _: facts), told)
    assert sight.counts == {"web1": Counts(oom=facts.oom_kills)}
    assert sight.blind == {("web1", "engine"), ("web1", "service")}
    return {each.key: each for each in sight.conditions}


def test_an_engine_that_is_down_does_not_hide_the_host(tmp_path: Path) -> None:
    found = seen(config(tmp_path), FACTS)
    assert found[Key("web1", "host", "engine")].severity == Severity.ERROR
    assert found[DISK].severity == Severity.OK
    assert found[Key("web1", "facts", "memory")].severity == Severity.OK


def test_what_was_told_must_become_clearly_better(tmp_path: Path) -> None:
    made = config(tmp_path)
    just_enough = replace(FACTS, disks={"/": Disk(20 * GIB, int(2.1 * GIB))})
    assert seen(made, just_enough)[DISK].severity == Severity.OK
    assert seen(made, just_enough, frozenset({DISK}))[DISK].severity == Severity.WARNING
    enough = replace(FACTS, disks={"/": Disk(20 * GIB, 3 * GIB)})
    assert seen(made, enough, frozenset({DISK}))[DISK].severity == Severity.OK
    short = replace(FACTS, disks={"/": Disk(20 * GIB, GIB // 2)})
    assert seen(made, short, frozenset({DISK}))[DISK].severity == Severity.ERROR


def test_the_config_says_what_is_too_little(tmp_path: Path) -> None:
    assert seen(config(tmp_path, watch={"disk_free": 0.6}), FACTS)[DISK].severity == Severity.WARNING
    memory = Key("web1", "facts", "memory")
    assert seen(config(tmp_path, watch={"memory_free": 0.6}), FACTS)[memory].severity == Severity.WARNING


def test_facts_that_cannot_be_had_are_told_where_they_should_be_there(tmp_path: Path) -> None:
    def no_facts(_: str) -> Facts:
        raise HostError("it does not tell")

    near = _host("here", Patient(config(tmp_path), {}, no_engine, no_facts), frozenset())
    assert Key("here", "host", "facts") in {each.key for each in near.conditions}
    assert ("here", "facts") in near.blind
    far = config(tmp_path, host={"docker": "tcp://10.0.0.9:2375"})
    sight = _host("here", Patient(far, {}, no_engine, no_facts), frozenset())
    assert [each.key.what for each in sight.conditions] == ["engine"]
