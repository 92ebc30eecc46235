"""HAProxy's own figures, as it prints them on its socket."""

from __future__ import annotations

import csv
from collections.abc import Mapping

from msgspec import Struct

from deployer.edge.state import SLOTS, Slot

_UP, _PASSED, _CHECKING = "2", "3", "0"
"""`srv_op_state` running, `srv_check_result` passed: the only pair that says that a check went well. While
the next check runs, the last one's result is not shown."""


class Traffic(Struct, frozen=True):
    """What a slot has done since the edge started.

    :param requests: running ones that are not streams.
    :param streams: running streams.
    :param errors: 5xx answers so far; :param answers: all answers so far.
    :param broken: requests so far that it gave no answer to, or none in HTTP: visitors got the edge's 502.
    :param passing: its last finished health check passed. :param down: so many in a row have failed that the
        edge has given it up.
    """

    requests: int = 0
    streams: int = 0
    errors: int = 0
    answers: int = 0
    broken: int = 0
    passing: bool = True
    down: bool = False


def traffic(text: str) -> Mapping[Slot, Traffic]:
    """From `show stat` of the backends app and streams (CSV)."""
    rows = _rows(text)
    # `UP 2/3` is one that has just failed a check, `DOWN 1/2` one that has just passed one.
    health = {slot: rows.get(("app", slot), {}).get("status", "") for slot in SLOTS}
    return {
        slot: Traffic(
            requests=_number(rows, "app", slot, "scur"),
            streams=_number(rows, "streams", slot, "scur"),
            errors=sum(_number(rows, backend, slot, "hrsp_5xx") for backend in ("app", "streams")),
            # The edge's own 502 is no answer of the server's, to HAProxy.
            broken=sum(_number(rows, backend, slot, "eresp") for backend in ("app", "streams")),
            answers=sum(_answers(rows, backend, slot) for backend in ("app", "streams")),
            passing=health[slot] == "UP",
            down=health[slot].startswith("DOWN"),
        )
        for slot in SLOTS
    }


def public(text: str) -> Traffic:
    """What visitors got, whoever answered: a slot, the site or the edge itself; from `show stat public`."""
    rows = _rows(text)
    return Traffic(
        requests=_number(rows, "public", "FRONTEND", "scur"),
        errors=_number(rows, "public", "FRONTEND", "hrsp_5xx"),
        answers=_answers(rows, "public", "FRONTEND"),
    )


_Rows = Mapping[tuple[str, str], Mapping[str, str]]


def _rows(text: str) -> _Rows:
    rows = {}
    lines = [line for line in text.splitlines() if line.strip()]
    header: list[str] = []
    for fields in csv.reader(lines):
        if fields[0].startswith("#"):
            header = [fields[0].lstrip("# "), *fields[1:]]
            continue
        row = dict(zip(header, fields, strict=False))
        rows[row["pxname"], row["svname"]] = row
    return rows


def _number(rows: _Rows, proxy: str, server: str, key: str) -> int:
    return int(rows.get((proxy, server), {}).get(key) or 0)


def _answers(rows: _Rows, proxy: str, server: str) -> int:
    return sum(_number(rows, proxy, server, f"hrsp_{kind}xx") for kind in (1, 2, 3, 4, 5))


def ready_slots(text: str) -> set[str]:
    """The slots whose last health check passed, from `show servers state app`."""
    return _slots(text, _PASSED)


def checking_slots(text: str) -> set[str]:
    """The slots that are up and of which nothing is known right now, since a check of them is running."""
    return _slots(text, _CHECKING)


def _slots(text: str, result: str) -> set[str]:
    """The slots that are up with this result."""
    header: list[str] = []
    found = set()
    for line in text.splitlines():
        if line.startswith("#"):
            header = line.lstrip("# ").split()
        elif len(line.split()) > 5:
            row = dict(zip(header, line.split(), strict=False))
            if row["srv_op_state"] == _UP and row["srv_check_result"] == result:
                found.add(row["srv_name"])
    return found
