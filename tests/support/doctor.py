"""What a test shows of the doctor's checks: said above the test, and found to be so when it runs.

    @shows("host.disk ok", "host.disk broken")
    def test_a_disk_that_fills(...): ...

    @shows(*(f"host.{check} broken" for check, _ in CASES), each=False)
    @pytest.mark.parametrize(("check", "change"), CASES)
    def test_each_of_them(...): ...

A test that does not make the findings it says fails. `tests/unit/doctor/test_every_check.py` reads what
all of them say.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any, ParamSpec
from unittest import mock

from deployer.doctor.finding import Area

Parameters = ParamSpec("Parameters")
Test = Callable[Parameters, None]

_seen: set[str] = set()


def shows(*findings: str, each: bool = True) -> Callable[[Test[Parameters]], Test[Parameters]]:
    """The findings that a test makes, as `AREA.CHECK ok` or `AREA.CHECK broken`.

    :param each: whether every run makes all of them; else, of a test with parameters, one of them at least.
    """
    wanted = set(findings)

    def decorate(test: Test[Parameters]) -> Test[Parameters]:
        @functools.wraps(test)
        def watched(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
            _seen.clear()
            with ExitStack() as patches:
                for name in ("ok", "warning", "error"):
                    patches.enter_context(mock.patch.object(Area, name, _noting(name)))
                test(*args, **kwargs)
            missing = wanted - _seen
            assert not missing if each else missing < wanted, f"not found: {', '.join(sorted(missing))}"

        watched.shows = wanted  # type: ignore[attr-defined]  # read by test_every_check
        return watched

    return decorate


def saw(entries: Iterable[Mapping[str, Any]]) -> None:
    """Findings that another process made, as `doctor --json` has them."""
    for entry in entries:
        if entry["severity"] != "skipped":
            _note(entry["area"], entry["check"], entry["severity"])


def _noting(name: str) -> Callable[..., Any]:
    original = getattr(Area, name)

    def made(self: Area, check: str, *args: Any, **kwargs: Any) -> Any:
        _note(self.name, check, name)
        return original(self, check, *args, **kwargs)

    return made


def _note(area: str, check: str, severity: str) -> None:
    _seen.add(f"{area}.{check} {'ok' if severity == 'ok' else 'broken'}")
