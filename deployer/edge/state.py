"""What the edge remembers: which slot serves, which one stands by, what is in them.

The state is one small file, `state.map`, in the edge's volume on the host: HAProxy reads it as a map (so
that a restarted edge serves the right slot), and the deployer reads it as its memory. A copy of the map
lives inside HAProxy and can be ahead of the file for the few milliseconds between a switch and its commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

from msgspec import Struct, field
from msgspec.structs import replace

Slot = Literal["blue", "green"]
SLOTS: tuple[Slot, ...] = get_args(Slot)
_NONE = "-"


def other(slot: Slot) -> Slot:
    """The slot beside `slot`."""
    return "green" if slot == "blue" else "blue"


class Occupant(Struct, frozen=True):
    """Which release stands in a slot, and how the edge reaches it.

    :param container: the container's name.
    :param port: TCP port inside the container.
    :param health: path that answers 2xx or 3xx when the release is ready.
    """

    release: str
    container: str
    port: int
    health: str


class EdgeState(Struct, frozen=True):
    """The edge's memory.

    :param active: the slot that new requests go to; None before the first release.
    :param standby: the slot of the previous release while that is kept warm: it takes over by itself when
        the active one cannot be reached.
    :param warm_until: epoch seconds after which the standby may be stopped; 0 where there is none.
    :param held_until: epoch seconds until which requests wait; None when nothing is held.
    :param maintenance: the hold is an admin's, not a rollout's: only an admin ends it.
    """

    active: Slot | None = None
    standby: Slot | None = None
    occupants: dict[Slot, Occupant] = field(default_factory=dict)
    warm_until: float = 0.0
    held_until: int | None = None
    maintenance: bool = False

    @property
    def free(self) -> Slot:
        """The slot for a candidate: the one that does not serve."""
        return "blue" if self.active is None else other(self.active)

    def occupant(self, slot: Slot | None) -> Occupant | None:
        """Who stands in `slot`."""
        return self.occupants.get(slot) if slot else None

    def weight(self, slot: Slot) -> int:
        """1 where the edge may fall back to by itself, 0 where only an explicit choice leads."""
        return 1 if slot in (self.active, self.standby) else 0

    def placed(self, slot: Slot, occupant: Occupant) -> EdgeState:
        """With a candidate in `slot`."""
        return replace(self, occupants={**self.occupants, slot: occupant})

    def vacated(self, slot: Slot) -> EdgeState:
        """With nobody in `slot`."""
        occupants = {name: who for name, who in self.occupants.items() if name != slot}
        standby = None if self.standby == slot else self.standby
        return replace(
            self,
            occupants=occupants,
            standby=standby,
            warm_until=self.warm_until if standby else 0.0,
            active=None if self.active == slot else self.active,
        )

    def switched(self, slot: Slot, warm_until: float) -> EdgeState:
        """With `slot` serving, and what served before standing by."""
        previous = self.active if self.active != slot else self.standby
        return replace(self, active=slot, standby=previous, warm_until=warm_until if previous else 0.0)


def to_map(state: EdgeState) -> str:
    """The text of `state.map`: a line `key value` each.

    HAProxy itself uses `active`, `mode`, `until`, and per slot the path of its health check (`blue /health`).
    """
    lines = [
        f"active {state.active or _NONE}",
        f"standby {state.standby or _NONE}",
        f"warm-until {state.warm_until:.0f}",
        f"mode {'hold' if state.maintenance else 'open'}",
        f"until {state.held_until or 0}",
        f"maintenance {'yes' if state.maintenance else 'no'}",
    ]
    for slot in SLOTS:
        occupant = state.occupant(slot)
        lines.append(f"{slot} {occupant.health if occupant else '/'}")
        lines.append(f"{slot}-release {occupant.release if occupant else _NONE}")
        lines.append(f"{slot}-container {occupant.container if occupant else _NONE}")
        lines.append(f"{slot}-port {occupant.port if occupant else _NONE}")
    return "\n".join(lines) + "\n"


def from_pairs(pairs: Iterable[tuple[str, str]]) -> EdgeState:
    """The state from the keys and values of a map; what is missing counts as absent."""
    values = dict(pairs)

    def slot_of(key: str) -> Slot | None:
        value = values.get(key)
        return next((slot for slot in SLOTS if slot == value), None)

    occupants: dict[Slot, Occupant] = {}
    for slot in SLOTS:
        release = values.get(f"{slot}-release", _NONE)
        if release != _NONE:
            occupants[slot] = Occupant(
                release=release,
                container=values.get(f"{slot}-container", _NONE),
                port=int(values.get(f"{slot}-port", "0")),
                health=values.get(slot, "/"),
            )
    return EdgeState(
        active=slot_of("active"),
        standby=slot_of("standby"),
        occupants=occupants,
        warm_until=float(values.get("warm-until", "0")),
        held_until=int(values.get("until", "0")) or None,
        maintenance=values.get("maintenance") == "yes",
    )


def from_map(text: str) -> EdgeState:
    """The state from the text of `state.map`."""
    pairs = (line.split(" ", 1) for line in text.splitlines() if " " in line)
    return from_pairs((key, value.strip()) for key, value in pairs)
