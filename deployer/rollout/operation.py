"""What every command that changes something is given."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from deployer.config.schema import Config
from deployer.events import Emit
from deployer.host.engine import Engine


def _at_once(task: Callable[[], None]) -> None:
    task()


class Operation(Struct, frozen=True):
    """Where to do something, and on whose behalf.

    :param emit: told what happens.
    :param environ: where the config's secrets are looked up.
    :param lock_wait: seconds to wait while somebody else is at it; None: `rollout.lock_wait`.
    :param edge_image: the edge's image, on the engine already; None: `edge.image`, or one built there.
    :param afterwards: does what nobody needs to wait for, if not at once.
    """

    engine: Engine
    config: Config
    emit: Emit
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    lock_wait: float | None = None
    edge_image: str | None = None
    afterwards: Callable[[Callable[[], None]], None] = _at_once

    @property
    def service(self) -> str:
        """The service's name, which everything of it begins with."""
        return self.config.service.name
