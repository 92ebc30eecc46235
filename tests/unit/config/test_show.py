from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import yaml

from deployer.config import show
from deployer.config.load import load

Write = Callable[..., Path]

TEXT = """
service:
  name: shop
  port: 8080
  build: {context: src, args: {NPM_TOKEN: hunter2}}
  env: {DB_PASSWORD: hunter2, DB: "mysql://shop:hunter2@db/x", TOKEN: "${env:TOKEN}", V: 1.10}
  labels: {deploy.key: hunter2}
  memory: 1.5g
edge: {tls: {certificate: shop.pem}, hold: 90s}
rollout: {before: [{name: migrate, command: [a], env: {PASS: hunter2}, timeout: 500ms}]}
"""


def test_secrets_are_masked_and_references_shown_wherever_they_stand(write: Write) -> None:
    config = load(write(TEXT), environ={"TOKEN": "hunter2"})
    data = show.masked(config)
    assert "hunter2" not in json.dumps(data) + show.as_yaml(config)
    assert data["service"]["env"] == {
        "DB_PASSWORD": "****",
        "DB": "mysql://shop:****@db/x",
        "TOKEN": "${env:TOKEN}",
        "V": "1.10",
    }
    assert data["service"]["build"]["args"] == {"NPM_TOKEN": "****"}
    assert data["service"]["labels"] == {"deploy.key": "****"}
    assert data["rollout"]["before"][0]["env"] == {"PASS": "****"}


def test_data_has_every_key_in_seconds_and_bytes(write: Write) -> None:
    config = load(write(TEXT), environ={})
    data = show.masked(config)
    assert data.keys() == config.dump().keys()
    assert data["service"].keys() == config.dump("service")["service"].keys()
    assert (data["edge"]["hold"], data["service"]["memory"]) == (90.0, 1536 * 1024**2)
    assert data["rollout"]["before"][0]["timeout"] == 0.5
    assert data["service"]["build"]["context"] == "src"
    assert data["site"] is None


def test_yaml_is_written_as_people_do_and_loads_to_the_same(write: Write) -> None:
    config = load(write(TEXT.replace("hunter2", "'****'").replace("shop:'****'@", "shop:****@")), environ={})
    text = show.as_yaml(config)
    written = yaml.safe_load(text)
    assert (written["edge"]["hold"], written["service"]["memory"]) == ("90s", "1536m")
    assert (written["rollout"]["before"][0]["timeout"], written["rollout"]["drain"]) == ("500ms", "30s")
    assert "site" not in written
    assert load(write(text, "shown.yaml"), environ={}).dump() == config.dump()
