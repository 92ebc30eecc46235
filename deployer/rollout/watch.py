"""Looking after a new release: does its container live, does it answer?"""

from __future__ import annotations

import time

from deployer.config.schema import Config
from deployer.edge.statistics import Traffic
from deployer.host.engine import Engine


class Watch:
    """Compares a release with how it was at the beginning.

    :param before: its traffic then; a slot's counters go on from whoever was in it before.
    """

    def __init__(self, engine: Engine, config: Config, container: str, before: Traffic) -> None:
        self.engine = engine
        self.rollout = config.rollout
        self.container = container
        self.before = before
        self.began = time.monotonic()
        found = engine.container(container)
        self._started = found["State"]["StartedAt"] if found else None
        self._looked = 0.0
        self._problem: str | None = None

    def died(self) -> str | None:
        """What became of the container, the rest of a sentence; None while it lives. Asks 5 times a s."""
        if time.monotonic() - self._looked < 0.2:
            return self._problem
        self._looked = time.monotonic()
        found = self.engine.container(self.container)
        if found is None:
            self._problem = "was removed by somebody"
        elif found["State"].get("OOMKilled"):
            self._problem = "was killed for want of memory (service.memory)"
        elif not found["State"]["Running"]:
            self._problem = f"exited with code {found['State']['ExitCode']}"
        elif self._started is not None and found["State"]["StartedAt"] != self._started:
            self._problem = "died and was restarted"
        return self._problem

    def problem(self, traffic: Traffic) -> str | None:
        """What is wrong with the release, by its container and by its answers; None while all is well."""
        errors = traffic.errors - self.before.errors
        answers = traffic.answers - self.before.answers
        if errors > self.rollout.max_errors and errors > self.rollout.max_error_rate * answers:
            return f"answered {errors} of {answers} requests with 5xx"
        return self.died()
