"""What the stages of one run are given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from deployer.config.schema import Config
from deployer.events import Emit
from pipelines.files import Files
from pipelines.parameters import Parameters

if TYPE_CHECKING:
    from deployer.host.engine import Engine
    from deployer.rollout.operation import Operation
    from deployer.rollout.phases import Phases


class Job(Struct):
    """
    :param environ: where secrets are looked up, and what Jenkins tells.
    :param values: what earlier stages have given.
    :param decided_by: a digest of each kind of thing that decides whether the present stage has to run.
    """

    config: Config
    parameters: Parameters
    environ: Mapping[str, str]
    emit: Emit
    files: Files
    values: dict[str, Any] = field(default_factory=dict)
    decided_by: dict[str, str] = field(default_factory=dict)
    _engine: Engine | None = None
    _phases: Phases | None = None

    @property
    def root(self) -> Path:
        """The workspace: the folder of config.yaml."""
        return self.config.root

    @property
    def engine(self) -> Engine:
        """The engine that the config names, connected when it is first asked for.

        :raises EngineError: it cannot be reached.
        """
        if self._engine is None:
            from deployer.host.engine import Engine

            self._engine = Engine(self.config.host.docker, self.environ)
        return self._engine

    @property
    def phases(self) -> Phases:
        """For steps that take long enough to be told."""
        if self._phases is None:
            from deployer.rollout.phases import Phases

            self._phases = Phases(self.emit)
        return self._phases

    def operation(self) -> Operation:
        """What the deployer's commands are given. :raises EngineError: the engine cannot be reached."""
        from deployer.rollout.operation import Operation

        return Operation(
            self.engine,
            self.config,
            self.emit,
            self.environ,
            self.parameters.lock_wait,
            # The engine takes its time to remove a lock, in which the next stage can look around.
            afterwards=lambda task: Thread(target=task, name="afterwards").start(),
        )
