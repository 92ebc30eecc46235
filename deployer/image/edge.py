"""The image that the edge, and the lock, run."""

from __future__ import annotations

from deployer.config.schema import Config
from deployer.events import BuildFinished, Emit, Event
from deployer.host.engine import Engine
from deployer.image.build import build_dockerfile, dockerfile_image, ensure_image
from deployer.render import render

BASES = ("debian:bookworm-slim", "deployer.local/debian:bookworm")
"""Base images, in this order of preference, when the config names none."""

_NAME = "deployer-edge"


def edge_image(engine: Engine, config: Config, emit: Emit) -> str:
    """The configured one, or one built once on this engine."""
    edge = config.edge
    if edge.image:
        ensure_image(engine, edge.image, emit)
        return edge.image
    return build_dockerfile(
        engine, _NAME, _dockerfile(engine, config), {"deployer.role": "edge-image"}, quietly(emit)
    )


def has_edge_image(engine: Engine, config: Config) -> bool:
    """Whether `edge_image` would find it on the engine, and neither pull nor build anything."""
    ref = config.edge.image or dockerfile_image(_NAME, _dockerfile(engine, config))
    return engine.image(ref) is not None


def _dockerfile(engine: Engine, config: Config) -> str:
    return render("docker/edge.Dockerfile.j2", base=base_image(engine, config))


def base_image(engine: Engine, config: Config) -> str:
    """What images of our own are built from: what the config says, else the best that the engine has."""
    bases = [config.edge.base] if config.edge.base else list(BASES)
    return next((name for name in bases if engine.image(name)), bases[0])


def quietly(emit: Emit) -> Emit:
    """Not telling that an image is there already: it is, for every command but the first."""

    def news(event: Event) -> None:
        if not (isinstance(event, BuildFinished) and event.reused):
            emit(event)

    return news
