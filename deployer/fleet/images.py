"""The images of a release, on every host before anything is changed."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence

from deployer.errors import (
    EngineError,
    ImageError,
)
from deployer.events import Warned
from deployer.fleet.inventory import Fleet
from deployer.fleet.locks import lock_image
from deployer.fleet.result import FleetResult, error_of, failed
from deployer.fleet.ship import layers, same, ship
from deployer.fleet.supply import Supply
from deployer.fleet.work import Member, each
from deployer.host.engine import Engine
from deployer.image.build import build
from deployer.image.edge import edge_image

_making = threading.Lock()
"""Hosts are worked on at the same time, and the image is built once."""


def bring_images(fleet: Fleet, members: Sequence[Member], image: str | None, result: FleetResult) -> None:
    """The images on every host before anything is changed.

    What the deployer's own engine has, or builds, is sent; what it has not comes from a
    registry, or else from a host that has it.

    :raises FleetFailed: it did not reach every host.
    """
    config = fleet.config
    building = image is None and config.service.build is not None
    try:
        local: Engine | None = Engine(config.host.docker, fleet.environ)
    except EngineError:
        if building:
            raise
        local = None
    with contextlib.closing(local) if local else contextlib.nullcontext(), Supply(fleet, members) as supply:
        sending = []
        if local is not None:
            if building:
                result.image = build(local, config, fleet.emit).image_ref
            edge = _edge_image(fleet, members, local)
            sending = [ref for ref in (result.image, edge) if ref and local.image(ref)]
            for member in members:
                member.edge_image = edge
        known = {ref: layers(local, ref) for ref in sending if local and _lacking(members, local, ref)}

        def bring(member: Member) -> None:
            if local is not None:
                for ref, found in known.items():
                    ship(local, member.engine, ref, found, member.emit, member.sent, member.check_room)
            if result.image not in sending:
                supply.bring(member, result.image)

        lacking = [outcome for outcome in each(members, bring) if outcome.error is not None]
    for outcome in lacking:
        result.hosts[outcome.host] = error_of(outcome.error)
    if lacking:
        raise failed(result, "the image did not reach every host; nothing was changed", lacking)


def bring_edge(member: Member) -> None:
    """Today's image of the edge, for a host whose edge is to be another: as `bring_images` has it sent.

    Without an engine of the deployer's own, or an image there, the host makes it itself.
    """
    try:
        local = Engine(member.config.host.docker, member.environ)
    except EngineError:
        return
    with contextlib.closing(local):
        try:
            with _making:
                ref = edge_image(local, member.config, member.emit)
        except (EngineError, ImageError) as error:
            member.emit(Warned(f"{error.message}; the host makes the edge's image itself"))
            return
        ship(local, member.engine, ref, layers(local, ref), member.emit, member.sent, member.check_room)
    member.edge_image = ref


def _edge_image(fleet: Fleet, members: Sequence[Member], local: Engine) -> str | None:
    """The image of the edges that have to be made; None where all stand, or each host has to make its own."""
    if all(outcome.value for outcome in each(members, lock_image)):
        return None
    try:
        return edge_image(local, fleet.config, fleet.emit)
    except ImageError as error:
        fleet.emit(Warned(f"{error.message}; the hosts that have no edge build its image themselves"))
        return None


def _lacking(members: Sequence[Member], local: Engine, ref: str) -> bool:
    here = local.image(ref)
    return here is not None and any(
        not outcome.value for outcome in each(members, lambda member: same(here, member.engine.image(ref)))
    )
