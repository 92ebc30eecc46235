"""Who may change the site: by a compare-and-swap, and signs of life."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
from typing import Any, cast

import pytest
from msgspec.structs import replace

from deployer.errors import Locked, LockLost, Superseded
from deployer.events import ignore
from deployer.site import claim
from deployer.site.claim import Claim, Seen, await_turn, is_gone, read_pointer, this_process
from deployer.site.manifest import Keys, Pending, Pointer, Process
from deployer.site.store import Store
from tests.support.waiting import until

KEYS = Keys("")
ELSEWHERE = Process("another boot", "another namespace", 1, "1")


class OneObject:
    """A store that holds the pointer alone, and may fail to say what it has done."""

    def __init__(self) -> None:
        self.body: bytes | None = None
        self.forgetful = False

    @property
    def etag(self) -> str:
        return hashlib.md5(self.body or b"", usedforsecurity=False).hexdigest()

    def read(self, key: str) -> tuple[bytes, str] | None:
        assert key == KEYS.pointer
        return (self.body, self.etag) if self.body is not None else None

    def write(self, key: str, body: bytes, headers: object, **condition: Any) -> str:
        there = self.etag if self.body is not None else None
        if (condition.get("if_absent") and there) or condition.get("if_match", there) != there:
            raise Superseded("changed")
        self.body = body
        if self.forgetful:
            raise Superseded("a repetition of what was done already")
        return self.etag


@pytest.fixture
def store() -> OneObject:
    return OneObject()


def pending(process: Process | None, beat: int = 0) -> Pending:
    return Pending("r", "deploy", "preparing", "me", "2026", secrets.token_hex(4), beat, process)


def taken(store: OneObject, process: Process | None = ELSEWHERE) -> Claim:
    made = Claim(cast(Store, store), KEYS, read_pointer(cast(Store, store), KEYS))
    made.take(pending(process))
    return made


def awaited(store: OneObject, wait: float = 0.0, **options: Any) -> Seen:
    real = cast(Store, store)
    return await_turn(real, KEYS, read_pointer(real, KEYS), wait, ignore, **options)


def test_one_takes_it_and_the_other_is_told(store: OneObject) -> None:
    one, two = (Claim(cast(Store, store), KEYS, Seen(Pointer(), None)) for _ in range(2))
    one.take(pending(ELSEWHERE))
    with pytest.raises(Superseded):
        two.take(pending(ELSEWHERE))
    one.check()
    one.step("publishing")
    assert one.pointer.pending is not None
    assert one.pointer.pending.step == "publishing"
    one.set(one.pointer.without_pending())
    one.close()
    assert read_pointer(cast(Store, store), KEYS).pointer == Pointer()


def test_who_was_overtaken_may_change_nothing_more(store: OneObject) -> None:
    one = taken(store)
    taken(store).close()
    with pytest.raises(LockLost):
        one.check()
    with pytest.raises(LockLost):
        one.set(Pointer())
    assert not one.held
    one.close()


def test_who_was_heard_of_lately_begins_the_next_thing_without_asking(store: OneObject) -> None:
    one = taken(store)
    before = store.body
    one.assure()
    assert store.body == before
    one.close()


def test_who_was_silent_for_long_asks_before_the_next_thing(
    store: OneObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = taken(store)
    monkeypatch.setattr(claim, "PATIENCE", 0.0)
    before = store.body
    one.assure()
    assert store.body != before
    taken(store).close()
    with pytest.raises(LockLost):
        one.assure()
    one.close()


def test_what_the_heart_has_found_out_stops_the_next_thing(
    store: OneObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim, "BEAT", 0.01)
    one = taken(store)
    store.body = Pointer(pending=pending(ELSEWHERE)).to_json()
    until(lambda: not one.held, "the heart has noticed")
    with pytest.raises(LockLost):
        one.assure()
    one.close()


def test_what_is_to_be_invalidated_is_left_to_whoever_comes_next(store: OneObject) -> None:
    one = taken(store)
    asked = replace(pending(ELSEWHERE), invalidate=("/b",), reference="r-one")
    one.set(replace(one.pointer, pending=asked))
    one.step("waiting")
    assert one.pointer.pending is not None
    assert (one.pointer.pending.invalidate, one.pointer.pending.reference) == (("/b",), "r-one")
    one.step("publishing", ["/b"])  # which has changed once more
    one.step("publishing", ["/a"])
    one.leave()
    one.close()
    left = read_pointer(cast(Store, store), KEYS).pointer.pending
    assert left is not None
    assert left.process is None
    assert (left.step, left.invalidate, left.reference) == ("publishing", ("/a", "/b"), "")


def test_a_write_that_was_done_but_not_confirmed_counts(store: OneObject) -> None:
    one = taken(store)
    store.forgetful = True
    one.check()
    one.step("publishing")
    assert one.held
    one.close()


def test_nobody_at_work_is_not_waited_for(store: OneObject) -> None:
    assert awaited(store) == Seen(Pointer(), None)


def test_who_gives_signs_of_life_is_waited_for_only_as_long_as_we_are_told(store: OneObject) -> None:
    holder = taken(store)

    def beat(_seconds: float) -> None:
        holder.check()

    with pytest.raises(Locked, match="somebody else is at work on the site: me"):
        awaited(store, sleep=beat)
    holder.close()


def test_who_ends_while_we_wait_lets_us_go_on(store: OneObject) -> None:
    holder = taken(store)

    def end(_seconds: float) -> None:
        if holder.pointer.pending is not None:
            holder.set(holder.pointer.without_pending())

    assert awaited(store, 60.0, sleep=end).pointer.pending is None
    holder.close()


def test_who_gives_no_sign_of_life_is_taken_for_dead(
    store: OneObject, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken(store).close()
    monkeypatch.setattr(claim, "PATIENCE", 0.0)
    found = awaited(store, sleep=lambda _seconds: None)
    assert found.pointer.pending is not None


def test_who_is_gone_from_this_machine_is_not_waited_for(store: OneObject) -> None:
    child = subprocess.Popen(["true"])
    gone = replace(this_process(), pid=child.pid)
    child.wait()
    taken(store, gone).close()

    def sleep(_seconds: float) -> None:
        raise AssertionError("it waits")

    assert awaited(store, sleep=sleep).pointer.pending is not None


def test_processes_are_recognised() -> None:
    here = this_process()
    assert here.pid == os.getpid()
    assert not is_gone(here)
    assert is_gone(None)
    assert is_gone(replace(here, started="1"))  # another process has its number now
    assert not is_gone(replace(here, boot="another", started="1"))
    assert not is_gone(replace(here, namespace="another", started="1"))
    assert not is_gone(replace(here, boot=""))


def test_the_signs_of_life_come_by_themselves(store: OneObject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claim, "BEAT", 0.01)
    holder = taken(store)
    before = store.body

    def wait(_seconds: float) -> None:
        return None

    with pytest.raises(Locked):
        awaited(store, sleep=wait)
    assert store.body != before
    holder.close()
