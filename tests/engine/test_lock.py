"""One rollout at a time, whoever starts it."""

from __future__ import annotations

import itertools
import json
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from docker import DockerClient

from benchmarks.load import Load
from deployer.errors import LockLost
from deployer.host.engine import Engine
from deployer.host.lock import Lock, lock_name
from tests.engine.conftest import Variant
from tests.support.names import service_name
from tests.support.project import Project
from tests.support.scale import USUAL
from tests.support.standing import version
from tests.support.waiting import until


def test_ten_rollouts_at_once(serving: Project, variant: Variant) -> None:
    newest = json.loads(serving.run("releases", "--json").stdout)[0]["id"]
    with Load(serving.url, USUAL) as load:
        load.wait_for_more(50)
        waiting = [
            serving.start("rollout", "--image", variant(V=str(number)), "--lock-wait", "5m")
            for number in range(1, 3)
        ]
        refusing = [serving.start("rollout", "--image", variant(V="3")) for _ in range(8)]
        codes = [started.wait(300) for started in refusing]
        for started in waiting:
            started.finish(0, timeout=300)
        load.wait_for_more(50)
    assert set(codes) <= {0, 7}, [started.said for started in refusing]
    report = load.report()
    assert report.clean, report.summary()
    records = json.loads(serving.run("releases", "--json").stdout)
    new = list(itertools.takewhile(lambda record: record["id"] != newest, records))
    assert len(new) == 2 + codes.count(0)
    assert {record["outcome"] for record in new} == {"succeeded"}
    assert serving.leftovers() == []


def test_a_locked_out_rollout_says_by_whom(serving: Project, variant: Variant) -> None:
    hook = {"name": "slow", "command": ["python3", "-c", "import time; time.sleep(600)"]}
    serving.config(rollout={"before": [hook]})
    first = serving.start("rollout")
    until(lambda: serving.status()["lock"], "the lock is held")
    done = serving.run("rollout", expect=7, env={"DEPLOYER_WHO": "somebody else"})
    assert "rollout, since" in done.stderr
    held = json.loads(serving.run("lock", "--json").stdout)
    assert held["command"] == "rollout"
    first.kill()
    first.wait()
    until(lambda: serving.status()["lock"] is None, "the lock is free")
    assert "lock" not in serving.run("recover").stderr
    assert serving.leftovers() == []


def test_a_candidate_that_ended_with_the_lock_is_not_called_bad(
    serving: Project, variant: Variant, engine: DockerClient
) -> None:
    """As where the engine goes down, which ends them in any order."""
    before = serving.status()["active"]["release"]
    started = serving.start("rollout", "--image", variant(V="3", NEVER_READY="1"))
    until(lambda: (serving.status()["candidate"] or {}).get("status") == "running", "the candidate runs")
    candidate = serving.status()["candidate"]["container"]
    engine.containers.get(lock_name(serving.name)).kill()
    engine.containers.get(candidate).kill()
    assert "was lost" in started.finish(7)
    serving.run("recover")
    assert serving.status()["active"]["release"] == before
    assert serving.leftovers() == []


def test_a_deployer_that_was_suspended_is_overtaken_and_changes_nothing_when_it_goes_on(
    serving: Project, variant: Variant, engine: DockerClient
) -> None:
    """SIGSTOP is a machine that sleeps, here while a hook runs."""
    hook = {"name": "slow", "command": ["python3", "-c", "import time; time.sleep(600)"]}
    serving.config(rollout={"before": [hook]})
    stopped = serving.start("rollout", "--image", variant(V="3"))
    hooks = {"label": [f"deployer.service={serving.name}", "deployer.role=hook"]}
    until(lambda: engine.containers.list(filters=hooks), "the hook runs")
    stopped.send_signal(signal.SIGSTOP)
    serving.config(rollout={"before": []})
    serving.run("rollout", "--image", variant(V="4"), "--lock-wait", "2m", timeout=240)
    before, history = serving.status(), serving.run("releases", "--json").stdout
    stopped.send_signal(signal.SIGCONT)
    said = stopped.finish(7)
    assert "was lost" in said
    assert "cleaning up failed" not in said
    assert version(serving.url) == "4"
    assert serving.status() == before
    assert serving.run("releases", "--json").stdout == history
    assert serving.leftovers() == []


class SlowEngine(Engine):
    """The real engine, that takes its time to start a container."""

    def __init__(self) -> None:
        super().__init__()
        self.may_start = threading.Event()

    def start(self, name: str) -> None:
        assert self.may_start.wait(60)
        super().start(name)


@pytest.fixture
def slow(shop: str) -> Iterator[tuple[SlowEngine, Lock]]:
    engine = SlowEngine()
    lock = Lock(engine, service_name(), shop, "rollout")
    yield engine, lock
    engine.may_start.set()
    lock.release()
    engine.close()


def test_nothing_is_changed_before_the_lock_has_started(slow: tuple[SlowEngine, Lock]) -> None:
    engine, lock = slow
    lock.acquire()
    checks = ThreadPoolExecutor(1)
    checked = checks.submit(lock.check)
    with pytest.raises(TimeoutError):
        checked.result(timeout=0.5)
    engine.may_start.set()
    checked.result(timeout=30)
    held = engine.container(lock.id)
    assert held is not None
    assert held["State"]["Running"]


def test_a_lock_that_was_taken_for_stillborn_is_lost(slow: tuple[SlowEngine, Lock], shop: str) -> None:
    engine, lock = slow
    lock.acquire()
    other = Lock(Engine(), lock.service, shop, "rollback")
    other.acquire(60)
    try:
        engine.may_start.set()
        with pytest.raises(LockLost):
            lock.check()
        lock.release()
        other.check()
    finally:
        other.release()
