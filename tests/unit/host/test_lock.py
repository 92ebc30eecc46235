"""A lock whose owner is stopped at the worst moment leaves nothing behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from deployer.errors import EngineUnreachable, Interrupted
from deployer.host.engine import Engine, Inspect
from deployer.host.lock import Lock, holder, lock_name


class Breaking:
    """An engine that makes a container, and whose answer does not arrive.

    :param error: what its caller meets instead.
    :param late: how many looks at the name still find nothing.
    :param rival: the name is taken, by somebody whose token is another.
    """

    def __init__(self, error: Exception, *, late: int = 0, rival: bool = False) -> None:
        self.error = error
        self.late = late
        self.standing: dict[str, Inspect] = {}
        if rival:
            self._make("shop-lock", {"deployer.role": "lock", "deployer.lock.token": "another"})

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        if name not in self.standing:
            self._make(name, config["Labels"])
        raise self.error

    def container(self, name: str) -> Inspect | None:
        self.late -= 1
        found = (item for item in self.standing.values() if name in (item["Id"], item["Name"]))
        return None if self.late >= 0 else next(found, None)

    def remove(self, name: str) -> None:
        self.standing = {key: item for key, item in self.standing.items() if name not in (key, item["Id"])}

    def _make(self, name: str, labels: Mapping[str, str]) -> None:
        self.standing[name] = {
            "Id": f"id of {name}",
            "Name": name,
            "Created": "2026-11-22T22:15:30.123456789Z",
            "Config": {"Labels": dict(labels)},
            "State": {"Status": "created", "Running": False},
        }


def interrupted(engine: Breaking) -> Lock:
    lock = Lock(cast(Engine, engine), "shop", "edge:1", "rollout")
    with pytest.raises(type(engine.error)):
        lock.acquire()
    return lock


@pytest.mark.parametrize("error", [Interrupted(15), Interrupted(2), EngineUnreachable("it broke off")])
@pytest.mark.parametrize("late", [0, 3])
def test_a_lock_is_given_back_whose_creation_was_not_answered(error: Exception, late: int) -> None:
    engine = Breaking(error)
    lock = interrupted(engine)
    assert holder(cast(Engine, engine), "shop") is not None
    engine.late = late
    lock.release()
    assert engine.standing == {}
    lock.release()


def test_somebody_elses_lock_of_that_name_stays() -> None:
    engine = Breaking(Interrupted(15), rival=True)
    interrupted(engine).release()
    assert list(engine.standing) == [lock_name("shop")]


def test_a_lock_that_was_never_asked_for_is_not_looked_for() -> None:
    engine = Breaking(Interrupted(15), rival=True)
    engine.container = None  # type: ignore[assignment, method-assign]
    Lock(cast(Engine, engine), "shop", "edge:1", "rollout").release()
