"""From whatever a killed command, a crash or a restart left, back to one good state.

`plan_repairs` decides, from the situation alone; `repair.reconcile` does. It trusts what the edge serves: a
release counts as serving once the edge's state on disk says so, and everything before that is undone.
"""

from __future__ import annotations

import time
from typing import Literal

from msgspec import Struct

from deployer.edge.state import SLOTS, Slot
from deployer.rollout.situation import Situation

Action = Literal[
    "start-edge",
    "serve-stored",
    "commit-live",
    "start-active",
    "promote-standby",
    "recreate-active",
    "lift-hold",
    "remove-candidate",
    "forget-standby",
    "expire-standby",
    "set-restart-policy",
    "remove-container",
    "stop-container",
]


SERVE_AGAIN: tuple[Action, ...] = ("start-active", "recreate-active")
"""The repairs that bring the serving release back."""


class Repair(Struct, frozen=True):
    """One thing to mend.

    :param subject: the slot or container that it is about.
    :param text: what it does, for people.
    :param value: what to set, where that is not plain from the action.
    """

    action: Action
    subject: str
    text: str
    value: str = ""


def plan_repairs(situation: Situation, now: float | None = None) -> list[Repair]:
    """What has to be mended, in order; empty when all is well.

    :param now: epoch seconds; decides whether the standby's time is over.
    """
    if situation.edge != "running":
        if situation.edge == "missing" and not situation.members:
            return []
        return [Repair("start-edge", "edge", "the edge is down; starting it")]
    now = time.time() if now is None else now
    active = _true_active(situation)
    serving, candidates = _serving(situation, active), _candidates(situation, active)
    if any(repair.action in SERVE_AGAIN for repair in serving):
        # A host that was too small for both releases must not be given both now.
        serving, candidates = [*candidates, *serving], []
    return [
        *serving,
        # Whoever waits is let go once there is somebody to serve them, and before anything that can wait.
        *_hold(situation),
        *candidates,
        *_strays(situation),
        *_standby(situation, active, now),
        *_policies(situation, active),
    ]


def _hold(situation: Situation) -> list[Repair]:
    if not situation.holding or situation.stored.maintenance:
        return []
    return [Repair("lift-hold", "edge", "requests were held by an interrupted command; letting them go")]


def repairs_needed(situation: Situation) -> list[Repair]:
    """For commands that only read: what a changing command would mend."""
    return [repair for repair in plan_repairs(situation) if repair.action != "expire-standby"]


def _true_active(situation: Situation) -> Slot | None:
    """The slot that is to serve: the stored one, or the live one where only that has a container."""
    stored, live = situation.stored.active, situation.live_active
    if stored is None or live is None or stored == live:
        return stored
    member, alternative = situation.member(stored), situation.member(live)
    if not (member and member.running) and alternative and alternative.running:
        return live
    return stored


def _serving(situation: Situation, active: Slot | None) -> list[Repair]:
    state = situation.stored
    if active is None:
        return []
    if active != state.active:
        return [
            Repair("commit-live", active, f"the switch to slot {active} was not written down; writing it")
        ]
    repairs = []
    if situation.live_active != active:
        repairs.append(Repair("serve-stored", active, f"undoing an unfinished switch; slot {active} serves"))
    member = situation.member(active)
    if member is not None and member.running:
        return repairs
    if member is not None:
        return [
            *repairs,
            Repair("start-active", member.name, f"{member.name} serves but was {member.status}; starting it"),
        ]
    standby = situation.member(state.standby)
    if standby is not None and standby.running and state.standby is not None:
        text = f"the serving container is gone; {standby.name}, kept warm, serves"
        return [*repairs, Repair("promote-standby", state.standby, text)]
    return [
        *repairs,
        Repair("recreate-active", active, "the serving container is gone; making it again from its image"),
    ]


def _candidates(situation: Situation, active: Slot | None) -> list[Repair]:
    state = situation.stored
    return [
        Repair("remove-candidate", slot, f"removing the unfinished candidate {occupant.release}")
        for slot in SLOTS
        if (occupant := state.occupant(slot)) and slot not in (active, state.active, state.standby)
    ]


def _strays(situation: Situation) -> list[Repair]:
    state = situation.stored
    repairs = []
    placed = {occupant.container for occupant in state.occupants.values()}
    served = {record.release for record in situation.records if record.outcome in ("succeeded", "switched")}
    for member in situation.members.values():
        if member.name in placed:
            continue
        if member.role == "hook" or member.release not in served:
            repairs.append(
                Repair(
                    "remove-container", member.name, f"removing {member.name}, left by an interrupted command"
                )
            )
        elif member.status in ("running", "restarting", "paused"):
            repairs.append(
                Repair("stop-container", member.name, f"stopping {member.name}, which serves no more")
            )
        elif member.restart_policy != "no":
            text = f"{member.name} serves no more, and must not come back after a restart"
            repairs.append(Repair("set-restart-policy", member.name, text, "no"))
    return repairs


def _standby(situation: Situation, active: Slot | None, now: float) -> list[Repair]:
    state = situation.stored
    if state.standby is None or state.standby == active:
        return []
    member = situation.member(state.standby)
    if member is None or not member.running:
        return [Repair("forget-standby", state.standby, "the warm previous release is not running any more")]
    # While the serving one does not answer, the edge has nobody but the standby.
    if now >= state.warm_until and active in situation.ready:
        return [
            Repair("expire-standby", state.standby, f"{member.name} was kept warm long enough; stopping it")
        ]
    return []


def _policies(situation: Situation, active: Slot | None) -> list[Repair]:
    repairs = []
    serving = situation.member(active)
    for slot in SLOTS:
        member = situation.member(slot)
        if member is None or slot not in (active, situation.stored.standby):
            continue
        # Not unless-stopped: an engine that was killed stops, when it comes back, what it finds running, and
        # takes that for a person's wish.
        wanted = "always" if member is serving else "no"
        if member.restart_policy != wanted:
            text = f"{member.name} must {'' if member is serving else 'not '}come back after a restart"
            repairs.append(Repair("set-restart-policy", member.name, text, wanted))
    return repairs
