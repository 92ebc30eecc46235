"""Where the back end's pipeline may not go."""

from __future__ import annotations

import pytest

from deployer.config.schema import Config
from deployer.errors import ConfigError
from pipelines import backend
from pipelines.parameters import Parameters

SHOP = {"service": {"name": "shop", "image": "shop:1", "port": 8080}}


def test_hosts_are_refused_rather_than_passed_over() -> None:
    assert backend.pipeline(Config.of(SHOP), Parameters()).name == "backend"
    config = Config.of({**SHOP, "hosts": [{"name": "web1", "address": "10.0.0.11"}]})
    with pytest.raises(ConfigError, match="the config has `hosts`"):
        backend.pipeline(config, Parameters())
