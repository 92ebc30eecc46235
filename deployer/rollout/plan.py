"""What a rollout would do, said before doing it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict

from deployer.config.schema import Config
from deployer.config.units import format_duration
from deployer.errors import CloudError, ConfigError, DeployerError, ExitStatus, PreflightError
from deployer.host.engine import Engine
from deployer.rollout import preflight
from deployer.rollout.preflight import Room
from deployer.rollout.reconcile import repairs_needed
from deployer.rollout.situation import Situation
from deployer.rollout.status import observe
from deployer.rollout.strategy import choose_strategy


class RolloutPlan(Struct, frozen=True):
    """A rollout as it would go now.

    :param image: the reference, or how it is made.
    :param reason: why it is another strategy than was asked for; empty where it is that one.
    :param refusals: why the rollout would be refused as things are, a sentence each.
    :param exit_status: that of the first of them.
    :param repairs: what reconciliation would mend first.
    :param steps: the phases, one sentence each.
    """

    service: str
    image: str
    strategy: str
    slot: str
    active: str | None
    reason: str
    refusals: tuple[str, ...]
    exit_status: ExitStatus
    repairs: tuple[str, ...]
    steps: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def text(self) -> str:
        """For a terminal."""
        lines = [f"rollout of {self.service}: {self.image}, {self.strategy}, into slot {self.slot}"]
        lines += [f"  it would be refused: {text}" for text in self.refusals]
        lines += [f"  {self.reason}"] if self.reason else []
        lines += [f"  first, {text}" for text in self.repairs]
        lines += [f"  {number}. {step}" for number, step in enumerate(self.steps, 1)]
        return "\n".join(lines)


def plan(
    engine: Engine,
    config: Config,
    environ: Mapping[str, str] = os.environ,
    *,
    image: str | None = None,
    strategy: str | None = None,
) -> RolloutPlan:
    """Read the situation and say what a rollout would do; nothing is changed, and no lock is taken.

    :param environ: where the config's secrets are looked up.
    """
    ref = image or config.service.image
    missing = ref is not None and engine.image(ref) is None
    rooms: list[Room] = []
    situation = observe(engine, config, lambda shell: rooms.append(preflight.measure(shell)))
    disk = rooms[0].disk if rooms else preflight.disk_here(engine)
    memory: tuple[int, int] | None = None
    if rooms and situation.stored.active:
        memory = preflight.memory(engine, config, situation, rooms[0], situation.stored.standby)
    checks = [lambda: preflight.check_needs(engine, config, environ)]
    if disk is not None:
        checks.append(lambda: preflight.check_disk(config, disk))
    return plan_rollout(
        config,
        situation,
        image=image,
        strategy=strategy,
        missing=missing,
        memory=memory,
        refusals=[error for check in checks if (error := _refusal(check))],
    )


def _refusal(check: Callable[[], None]) -> DeployerError | None:
    """Why a check refuses, where it does."""
    try:
        check()
    except (ConfigError, PreflightError, CloudError) as error:
        return error
    return None


def _sentence(error: DeployerError) -> str:
    return ": ".join([error.message, *(["; ".join(error.details)] if error.details else [])])


def plan_rollout(
    config: Config,
    situation: Situation,
    *,
    image: str | None = None,
    strategy: str | None = None,
    missing: bool = False,
    memory: tuple[int, int] | None = None,
    refusals: Sequence[DeployerError] = (),
) -> RolloutPlan:
    """The plan, from what was read.

    :param missing: the engine does not have the image that is named.
    :param memory: bytes free, and bytes that a second release needs; None where no edge can be asked.
    :param refusals: what the preflight has to say.
    """
    free, needed = memory or (0, 0)
    serving = situation.stored.active is not None
    choice = choose_strategy(config, strategy, memory=free, needed=needed, serving=serving)
    chosen = choice.strategy
    build = config.service.build if image is None else None
    ref = image or config.service.image or ""
    state = situation.stored
    return RolloutPlan(
        service=config.service.name,
        image=f"built from {build.dockerfile}" if build else ref,
        strategy=chosen,
        slot=state.free,
        active=occupant.release if (occupant := state.occupant(state.active)) else None,
        reason=choice.reason,
        refusals=tuple(_sentence(error) for error in refusals),
        exit_status=refusals[0].exit_status if refusals else ExitStatus.OK,
        repairs=tuple(repair.text for repair in repairs_needed(situation)),
        steps=(_source(ref, built=build is not None, missing=missing), *_steps(config, situation, chosen)),
    )


def _source(image: str, *, built: bool, missing: bool) -> str:
    if built:
        return "build the image, unless an unchanged tree has one already"
    return f"pull image {image}, which the engine does not have" if missing else f"use image {image}"


def _steps(config: Config, situation: Situation, strategy: str) -> list[str]:
    rollout, edge, state = config.rollout, config.edge, situation.stored
    active, beside = state.occupant(state.active), state.occupant(state.free)
    steps = []
    if situation.edge == "missing":
        steps.append(f"make the network and the edge, listening on {edge.address}:{edge.port}")
    if beside:
        steps.append(f"stop {beside.release}, kept warm until now, to make room")
    steps += [
        f"run hook {hook.name} in a one-off container: {' '.join(hook.command)}" for hook in rollout.before
    ]
    if strategy == "recreate" and active:
        hold = format_duration(edge.hold)
        steps.append(f"hold requests at the edge for up to {hold} and stop {active.release}")
    steps.append(f"start the new release in slot {state.free}")
    steps.append(
        f"wait up to {format_duration(rollout.ready_timeout)} until GET {config.service.health} "
        "passes the edge's check"
    )
    if rollout.smoke:
        steps.append(f"{len(rollout.smoke)} smoke check(s) over the preview route")
    steps.append(
        "send new requests to it"
        if active is None
        else f"send new requests to it instead of {active.release}"
    )
    if active and strategy != "recreate":
        steps.append(
            f"drain {active.release}: {format_duration(rollout.drain)} for requests, "
            f"{format_duration(rollout.drain_streams)} for streams"
        )
    if rollout.observe:
        bad = "dies, is unready or answers 5xx"
        steps.append(f"watch it for {rollout.observe:g} s; back to the old one if it {bad}")
    steps += [
        f"run hook {hook.name} in a one-off container: {' '.join(hook.command)}" for hook in rollout.after
    ]
    if active and strategy != "recreate":
        keep = (
            f"keep {active.release} warm for {format_duration(rollout.keep_warm)}"
            if rollout.keep_warm
            else f"stop {active.release}"
        )
        steps.append(keep)
    return steps
