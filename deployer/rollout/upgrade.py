"""A newer edge without a lost request: another image, configuration or certificate.

The new HAProxy takes the listening sockets from the old one over its admin socket, so that no connection
finds a closed port; then the old one finishes what it has and goes.

    1. create and start `<service>-edge-next`, with the old one as its predecessor
    2. it answers: tell the old one to finish (SIGUSR1); it must not come back
    3. rename old and new
    4. the old one leaves when its last request has ended

Killed between these, the next changing command goes on (`edge.container.finish_upgrade`): forward if the
new one answers, else back.
"""

from __future__ import annotations

from deployer.edge import container as edge_container
from deployer.image.edge import edge_image
from deployer.interrupts import shielded
from deployer.rollout.operation import Operation
from deployer.rollout.phases import Phases
from deployer.rollout.transaction import changing
from deployer.rollout.work import Work


def upgrade(
    operation: Operation,
) -> None:
    """Replace the edge by one with today's image and configuration.

    :raises EdgeError: the new one did not start; the old one goes on.
    """
    engine, config, emit = operation.engine, operation.config, operation.emit
    phases = Phases(emit)
    service = config.service.name
    with changing(operation, "edge upgrade", create=False) as work:
        image = operation.edge_image or edge_image(engine, config, emit)
        following = edge_container.next_name(service)
        try:
            with phases.phase("start", "starting the new edge beside the old one"):
                work.lock.check()
                edge_container.create(
                    engine,
                    config,
                    image,
                    work.addresses,
                    work.state,
                    name=following,
                    predecessor=work.session.socket,
                )
                edge_container.start(engine, config, following)
            with phases.phase("handover", "the new edge has the ports; the old one finishes what it has"):
                work.lock.check()
                with shielded():
                    old = edge_container.find(engine, service)
                    edge_container.hand_over(engine, service)
        except BaseException:
            # Whatever answers by now has requests, and stays: forward if the new one does, else back.
            with shielded():
                edge_container.finish_upgrade(engine, service, work.lock.check)
                _meet(work)
            raise
        _meet(work)
        work.session.forget_older()
        with phases.phase("drain", "waiting for the old edge's last requests"):
            if old is not None and engine.wait(old["Id"], timeout=config.rollout.drain) is not None:
                engine.remove(old["Id"])


def _meet(work: Work) -> None:
    """Go on with the edge that has the ports now."""
    work.session.close()
    work.session = edge_container.open_session(work.engine, work.config, work.addresses)
