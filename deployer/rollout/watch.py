"""Looking after a new release: does its container live, is it ready, does it answer?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from deployer.config.schema import Config
from deployer.config.units import humanize_size
from deployer.edge.statistics import Traffic
from deployer.errors import EngineError
from deployer.host.engine import Engine, Inspect

UNREADY = 1.0
"""Seconds on end without a good health check, after which a release that the edge has given up is bad."""

LOOKS = 3
"""How many looks must have found it so: two that are far apart say nothing of the time between them."""

ANSWERS = 2
"""Answers that make a release bad when all of them are 5xx. A single request may never have gone well."""

DEATH = 0.4
"""Seconds that the engine may take to tell that a container has ended, and two looks of ours."""

KILLED = 137
"""The exit code of a process that SIGKILL has ended: the kernel's way where memory runs out."""


class Watch:
    """Compares a release with how it was at the beginning.

    :param before: its traffic then; a slot's counters go on from whoever was in it before.
    :param clock: seconds, from any beginning.
    """

    def __init__(
        self,
        engine: Engine,
        config: Config,
        container: str,
        before: Traffic,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine = engine
        self.rollout = config.rollout
        self.memory = config.service.memory
        self.container = container
        self.before = before
        self.clock = clock
        self.began = clock()
        found = engine.container(container)
        state = found["State"] if found else {}
        self._started: str | None = state.get("StartedAt")
        # The engine may go on saying so of one that has been restarted since.
        self._starved = bool(state.get("OOMKilled"))
        self._looked: float | None = None
        self._problem: str | None = None
        self._failing: list[float] = []
        self._breaking: float | None = None

    def problem(self, traffic: Traffic) -> str | None:
        """What is wrong with the release, the rest of a sentence; None while all is well."""
        return self.died() or self.erring(traffic) or self.breaking(traffic) or self.unready(traffic)

    def died(self) -> str | None:
        """What became of the container; None while it lives. Asks 5 times a second."""
        now = self.clock()
        if self._looked is not None and now - self._looked < 0.2:
            return self._problem
        self._looked = now
        found = self.engine.container(self.container)
        if found is None:
            self._problem = "was removed by somebody"
            return self._problem
        state = found["State"]
        restarted = self._started is not None and state["StartedAt"] != self._started
        if restarted or state.get("Restarting") or not state["Running"]:
            self._problem = self._end(found, restarted=restarted or bool(state.get("Restarting")))
        elif state.get("OOMKilled") and not self._starved:
            self._problem = self._starvation()
        return self._problem

    def erring(self, traffic: Traffic) -> str | None:
        """Whether it answers too much with 5xx."""
        errors = traffic.errors - self.before.errors
        answers = traffic.answers - self.before.answers
        return (
            f"answered {errors} of {answers} requests with 5xx" if self._too_many(errors, answers) else None
        )

    def breaking(self, traffic: Traffic) -> str | None:
        """Whether it leaves too many requests without an answer.

        One that dies does so too: the engine gets a moment to say that, since it is the better reason.
        """
        errors = traffic.errors - self.before.errors
        broken = traffic.broken - self.before.broken
        asked = traffic.answers - self.before.answers + broken
        if not broken or not self._too_many(errors + broken, asked):
            self._breaking = None
            return None
        self._breaking = self._breaking if self._breaking is not None else self.clock()
        if self.clock() - self._breaking < DEATH:
            return None
        return f"answered {errors} of {asked} requests with 5xx, and {broken} not at all"

    def _too_many(self, errors: int, answers: int) -> bool:
        rollout = self.rollout
        often = errors > rollout.max_errors and errors > rollout.max_error_rate * answers
        # Where few ask, the number that is forgiven may be all there are.
        return often or (errors == answers >= ANSWERS and rollout.max_error_rate < 1)

    def unready(self, traffic: Traffic) -> str | None:
        """Whether it has failed its health check for longer than a hiccup takes."""
        if traffic.passing:
            self._failing.clear()
            return None
        self._failing.append(self.clock())
        seconds = self._failing[-1] - self._failing[0]
        if traffic.down and len(self._failing) >= LOOKS and seconds >= UNREADY:
            return f"passed no health check for {seconds:.0f} s on end"
        return None

    def _end(self, found: Inspect, *, restarted: bool) -> str:
        """How the container ended. One that has been restarted does not say: the engine's events do."""
        state = found["State"]
        starved = bool(state.get("OOMKilled")) and not self._starved
        code: int | None = None if state["Running"] else state["ExitCode"]
        if not starved and self._started is not None:
            with contextlib.suppress(EngineError):
                for event in self.engine.events(found["Id"], ("oom", "die"), since=self._started):
                    if event["Action"] == "oom":
                        starved = True
                    elif code is None:
                        code = int(event["Actor"]["Attributes"]["exitCode"])
        if starved:
            return self._starvation()
        if code == KILLED:
            return f"was killed (exit code {KILLED}), as for want of memory"
        if restarted:
            return "died and was restarted" if code is None else f"exited with code {code} and was restarted"
        return f"exited with code {code}"

    def _starvation(self) -> str:
        limit = f" (service.memory is {humanize_size(self.memory)})" if self.memory else ""
        return f"was killed for want of memory{limit}"
