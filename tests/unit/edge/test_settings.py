"""Whether an edge that stands is the one that would be made today."""

from __future__ import annotations

import pytest

from deployer import render
from deployer.config.schema import Config
from deployer.edge import configuration
from deployer.edge.configuration import SOURCES, settings

SERVICE = {"name": "shop", "image": "shop:1", "port": 80}


def test_every_template_of_the_edge_counts() -> None:
    assert set(SOURCES) == {name for name in render.names() if name.startswith("haproxy/")}


@pytest.mark.parametrize("changed", [*SOURCES, "docker/edge.Dockerfile.j2"])
def test_a_deployer_with_another_template_makes_another_edge(
    changed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config.of({"service": SERVICE})
    before = settings(config)
    monkeypatch.setattr(
        configuration, "source", lambda name: render.source(name) + ("# more" if name == changed else "")
    )
    assert settings(config) != before


def test_an_image_of_ones_own_is_not_made_from_our_dockerfile(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config.of({"service": SERVICE, "edge": {"image": "our/haproxy:1"}})
    before = settings(config)
    monkeypatch.setattr(
        configuration, "source", lambda name: render.source(name) + ("# more" if "docker/" in name else "")
    )
    assert settings(config) == before
