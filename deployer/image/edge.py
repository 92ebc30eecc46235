"""The image that the edge, and the lock, run."""

from __future__ import annotations

from deployer.config.schema import Config
from deployer.events import BuildFinished, Emit, Event
from deployer.host.engine import Engine
from deployer.image.build import build_dockerfile, ensure_image
from deployer.render import render

BASES = ("debian:bookworm-slim", "deployer.local/debian:bookworm")
"""Base images, in this order of preference, when the config names none."""


def edge_image(engine: Engine, config: Config, emit: Emit) -> str:
    """The configured one, or one built once on this engine."""
    edge = config.edge
    if edge.image:
        ensure_image(engine, edge.image, emit)
        return edge.image
    bases = [edge.base] if edge.base else list(BASES)
    base = next((name for name in bases if engine.image(name)), bases[0])
    text = render("docker/edge.Dockerfile.j2", base=base)
    labels = {"deployer.role": "edge-image"}

    def news(event: Event) -> None:
        # That it is there already is no news: it is there for every command but the first.
        if not (isinstance(event, BuildFinished) and event.reused):
            emit(event)

    return build_dockerfile(engine, "deployer-edge", text, labels, news)
