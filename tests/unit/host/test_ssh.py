"""SSH without the package that speaks it, and jump hosts that hosts share."""

from __future__ import annotations

import importlib.util

import pytest

from deployer.errors import HostError, HostUnreachable
from deployer.fleet.work import each
from deployer.host import ssh
from deployer.host.ssh import Connection, Jumps, offered_key
from deployer.host.target import Target


@pytest.mark.parametrize("reach", [Connection, offered_key])
def test_who_has_no_paramiko_is_told_what_to_install(
    reach: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(HostError, match="paramiko") as caught:
        reach(Target("web1", "127.0.0.1"))
    assert "deployer[ssh]" in (caught.value.remedy or "")


class Line:
    """A connection that is open, or closed."""

    def __init__(self, target: Target, through: object) -> None:
        self.target, self.through, self.closed = target, through, 0

    def close(self) -> None:
        self.closed += 1


def fleet(number: int, *, jump: str = "bastion") -> list[Target]:
    return [
        Target(f"web{each}", f"10.0.0.{each}", jump=Target(f"web{each}'s jump host", jump))
        for each in range(1, number + 1)
    ]


def test_hosts_behind_one_jump_host_share_the_connection_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[Line] = []

    def connect(target: Target, jump: Connection | None, _environ: object) -> Line:
        lines.append(Line(target, jump))
        return lines[-1]

    monkeypatch.setattr(ssh, "_connect", connect)
    targets = [*fleet(12), *fleet(2, jump="other"), Target("near", "10.0.0.99")]
    with Jumps({}) as jumps:
        found = each(targets, lambda target: Connection(target, {}, jumps))
        members = [outcome.value for outcome in found if outcome.value is not None]
        assert len(members) == len(targets)
        assert sorted(line.target.address for line in lines if line.through is None) == [
            "10.0.0.99",
            "bastion",
            "other",
        ]
        for member in members:
            member.close()
        ways = [line for line in lines if line.target.address in ("bastion", "other")]
        assert [line.closed for line in ways] == [0, 0]
        assert all(line.closed == 1 for line in lines if line not in ways)
    assert [line.closed for line in ways] == [1, 1]
    # Who shares with nobody has one of its own, and closes it.
    lines.clear()
    Connection(fleet(1)[0], {}).close()
    assert [line.closed for line in lines] == [1, 1]


def test_a_jump_host_that_cannot_be_reached_is_tried_once_and_told_of_each_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[Target] = []

    def connect(target: Target, _jump: object, _environ: object) -> Line:
        tried.append(target)
        raise HostUnreachable(f"{target.name}: no SSH server answers", remedy="look")

    monkeypatch.setattr(ssh, "_connect", connect)
    with Jumps({}) as jumps:
        found = each(fleet(3), lambda target: Connection(target, {}, jumps))
    assert [(type(outcome.error), str(outcome.error)) for outcome in found] == [
        (HostUnreachable, f"web{number}'s jump host: no SSH server answers") for number in (1, 2, 3)
    ]
    assert {outcome.error.remedy for outcome in found if outcome.error} == {"look"}
    assert len(tried) == 1
