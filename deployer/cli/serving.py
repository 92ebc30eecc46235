"""The container that a command means when it names none, and the text that comes out of one."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from deployer.config.schema import Config
from deployer.errors import UsageError
from deployer.host.engine import Engine
from deployer.rollout.status import observe


def serving_container(engine: Engine, config: Config, release: str | None = None) -> str:
    """The container of the serving release, or of `release` (the beginning of its name).

    :raises UsageError: there is none.
    """
    situation = observe(engine, config)
    if release is None:
        occupant = situation.stored.occupant(situation.live_active or situation.stored.active)
        if occupant is None:
            raise UsageError(
                f"{config.service.name} has no serving release on this host",
                remedy="`deployer rollout` makes one",
            )
        return occupant.container
    fitting = [member for member in situation.members.values() if member.release.startswith(release)]
    if len(fitting) != 1:
        raise UsageError(
            f"{'no' if not fitting else 'more than one'} container of a release that begins with {release!r}",
            details=[f"{member.release}  {member.status}" for member in situation.members.values()],
        )
    return fitting[0].name


def texts(chunks: Iterable[bytes]) -> Iterator[str]:
    """The text of chunks, in the middle of whose characters one may end."""
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    for chunk in chunks:
        yield decode(chunk)
    yield decode(b"", True)
