"""Whether two releases run beside each other, or one after the other."""

from __future__ import annotations

from msgspec import Struct

from deployer.config.schema import Config
from deployer.config.units import humanize_size


class Choice(Struct, frozen=True):
    """Which strategy is used, and why."""

    strategy: str
    reason: str = ""


def choose_strategy(config: Config, wanted: str | None, *, memory: int, needed: int, serving: bool) -> Choice:
    """Blue-green where two releases fit, the held recreate where they do not.

    :param wanted: what the command line asks for; None: what the config says.
    :param memory: bytes free; :param needed: bytes that a second release needs.
    :param serving: whether there is a release to keep running beside.
    """
    strategy = wanted or config.rollout.strategy
    if strategy == "blue-green" and serving and memory < needed:
        return Choice(
            "recreate",
            f"memory is too short for two releases ({humanize_size(memory)} free, "
            f"{humanize_size(needed)} wanted): holding requests while one replaces the other",
        )
    return Choice(strategy)
