"""What every command that changes something is given."""

from __future__ import annotations

import os
from collections.abc import Mapping

from msgspec import Struct, field

from deployer.config.schema import Config
from deployer.events import Emit
from deployer.host.engine import Engine


class Operation(Struct, frozen=True):
    """Where to do something, and on whose behalf.

    :param emit: told what happens.
    :param environ: where the config's secrets are looked up.
    :param lock_wait: seconds to wait while somebody else is at it; None: `rollout.lock_wait`.
    :param edge_image: the edge's image, on the engine already; None: `edge.image`, or one built there.
    """

    engine: Engine
    config: Config
    emit: Emit
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    lock_wait: float | None = None
    edge_image: str | None = None

    @property
    def service(self) -> str:
        """The service's name, which everything of it begins with."""
        return self.config.service.name
