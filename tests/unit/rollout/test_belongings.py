"""What a container has that its successor would not have."""

from __future__ import annotations

from typing import Any, cast

import pytest

from deployer.config.schema import Config
from deployer.errors import PreflightError
from deployer.host.engine import Engine
from deployer.rollout.belongings import check_volumes, left_behind

OLD: dict[str, Any] = {
    "Name": "/shop",
    "Image": "sha256:1",
    "Mounts": [
        {"Type": "volume", "Name": "shop-data", "Source": "/var/lib/x", "Destination": "/data", "RW": True},
        {"Type": "bind", "Source": "/srv/files", "Destination": "/files", "RW": False},
    ],
    "Config": {"Env": ["A=1", "PATH=/bin"]},
    "NetworkSettings": {"Networks": {"bridge": {}, "db": {}}},
}


class Images:
    """An engine that knows the image and what it brings."""

    def image(self, name: str) -> dict[str, Any]:
        return {"Config": {"Env": ["PATH=/bin"]}}


def config(*volumes: str, **more: Any) -> Config:
    service = {"name": "shop", "image": "shop:1", "port": 80, "volumes": [*volumes], **more}
    return Config.of({"service": service})


def test_a_path_is_the_same_with_and_without_its_last_slash() -> None:
    given = config("shop-data:/data/", "/srv/files/:/files/:ro", networks=["db"], env={"A": "2"})
    check_volumes(given, OLD)
    assert list(left_behind(cast(Engine, Images()), given, OLD)) == []
    check_volumes(config("shop-data:/data", tmpfs=["/files/"]), OLD)


def test_what_is_missing_is_named_with_the_lines_to_add() -> None:
    with pytest.raises(PreflightError) as caught:
        check_volumes(config("shop-data:/data"), OLD)
    assert caught.value.details == ("service:", "  volumes:", '    - "/srv/files:/files:ro"')
    told = list(left_behind(cast(Engine, Images()), config("other:/data", tmpfs=["/files"]), OLD))
    assert [
        word in sentence for word, sentence in zip(("other", "memory", "A", "db"), told, strict=True)
    ] == ([True] * 4)
