"""The load generator in its process, on the shop: both as the engine's tests use them, without an engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from http.client import HTTPConnection
from pathlib import Path

import pytest

from benchmarks.load import LIGHT, Load, LoadError, Report
from tests.support.images import ROOT
from tests.support.names import free_port

FAST = replace(LIGHT, slow_path="/slow?s=0.3", stream_path="/stream?s=0.5", upload_seconds=0.2, pause=0.3)
KINDS = {"keepalive", "oneshot", "post", "pausing", "slow", "stream", "upload"}


class Shop:
    """The shop as a process of this machine."""

    def __init__(self, folder: Path, **manners: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {"PATH": os.environ["PATH"], "PORT": str(self.port), "DATA": str(folder), **manners}
        command = [sys.executable, str(ROOT / "tests" / "support" / "service.py")]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        self.said = self.process.stderr.readline()

    def get(self, path: str) -> tuple[int, str]:
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def end(self) -> int:
        self.process.terminate()
        self.process.communicate(timeout=20)
        return self.process.returncode


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    shops: list[Shop] = []

    def start(**manners: str) -> Shop:
        shops.append(Shop(tmp_path, **manners))
        return shops[-1]

    yield start
    for started in shops:
        started.process.kill()
        started.process.communicate()


def test_a_quiet_service_loses_nothing(shop: Callable[..., Shop]) -> None:
    with Load(shop(V="7").url, FAST) as load:
        seen = load.wait_for_version("7", answers=100)
        load.wait(lambda report: set(report.kinds) == KINDS)  # each begins when it likes, within its pause
    report = load.report()
    assert report.clean, report.summary()
    assert report.sent == report.ok > seen.ok
    assert set(report.kinds) == KINDS
    assert report.orders_known
    assert report.acknowledged == report.kinds["post"].sent


def test_a_service_that_doubles_orders_is_found_out(shop: Callable[..., Shop]) -> None:
    with Load(shop(DOUBLE_ORDERS="1").url, FAST) as load:
        load.wait_for_more(50)
    report = load.report()
    assert not report.lost
    assert len(report.doubled) == report.acknowledged > 0


def test_a_service_that_dies_loses_requests_and_is_outlived(shop: Callable[..., Shop]) -> None:
    first = shop(DIE_AFTER_SECONDS="0.5")
    with Load(first.url, replace(FAST, orders_path=None)) as load:
        load.wait(lambda seen: len(seen.lost) >= 10)
    report = load.report()
    assert first.process.wait() == 3
    assert not report.clean
    assert report.reasons["refused"] > 0


def test_waiting_ends_when_nothing_comes(shop: Callable[..., Shop]) -> None:
    with Load(shop().url, FAST) as load, pytest.raises(LoadError, match="not seen within"):
        load.wait_for_version("8", timeout=0.3)


def test_a_generator_that_dies_is_an_error_not_a_clean_report(shop: Callable[..., Shop]) -> None:
    with Load(shop().url, FAST) as load:
        assert load._process is not None
        load._process.kill()
        load._process.wait()
        with pytest.raises(LoadError, match="died"):
            load.report()
        with pytest.raises(LoadError, match="died"):
            load.snapshot()
        load._report = Report("", "", 0.0, 0.0, {})  # nothing to wait for at the end of the block


def test_a_generator_without_its_parent_ends(shop: Callable[..., Shop]) -> None:
    order = json.dumps({"url": shop().url, "mix": asdict(FAST)})
    command = [sys.executable, "-m", "benchmarks.load", "--steered", order]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert "began" in process.stdout.readline()
    process.communicate(timeout=20)  # closes its input, as the kernel does when the parent is killed
    assert process.returncode == 0


def test_sigterm_lets_what_is_in_flight_finish(shop: Callable[..., Shop]) -> None:
    started = shop()
    connection = HTTPConnection("127.0.0.1", started.port, timeout=10)
    connection.request("GET", "/stream?s=1")
    answer = connection.getresponse()
    assert answer.readline()  # the stream runs
    started.process.send_signal(signal.SIGTERM)
    assert b"event: done" in answer.read()
    connection.close()
    assert started.process.wait(timeout=20) == 0


def test_sigterm_ignored_means_sigkill(shop: Callable[..., Shop]) -> None:
    started = shop(IGNORE_SIGTERM="1")
    started.process.send_signal(signal.SIGTERM)
    assert started.process.stderr is not None
    assert started.process.stderr.readline() == "SIGTERM ignored\n"
    assert started.get("/")[0] == 200
    started.process.kill()
    assert started.process.wait() == -signal.SIGKILL


def test_manners_show(shop: Callable[..., Shop]) -> None:
    assert shop(NEVER_READY="1").get("/health")[0] == 503
    failing = shop(FAIL_AFTER_READY="1", V="3")
    assert failing.get("/health")[0] == 200
    assert failing.get("/api/anything")[0] == 500
    tired = shop(FAIL_AFTER_REQUESTS="2")
    assert [tired.get("/")[0] for _ in range(3)] == [200, 200, 500]
    leaving = shop(EXIT_AT_START="4")
    assert leaving.process.wait() == 4
    well = shop(V="5")
    assert well.said == f"listening v=5 port={well.port}\n"
    assert json.loads(well.get("/")[1])["version"] == "5"
    assert well.get("/nothing")[0] == 404
    assert well.end() == 0


def test_orders_outlive_the_shop(shop: Callable[..., Shop]) -> None:
    first = shop()
    assert first.ask("POST", "/orders", b"a-1")[0] == 201
    assert first.end() == 0
    assert json.loads(shop().get("/orders?prefix=a-")[1])["orders"] == ["a-1"]
