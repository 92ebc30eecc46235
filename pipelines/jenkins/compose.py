"""The part of the Compose file format that our templates use, as what the engine is asked for.

Small hosts have an engine and no Compose: Amazon Linux packages none. So the file that a person may give to
Compose is carried out here too, through the engine's API, which also reaches hosts where no file of ours is.
A key that is not known here is refused rather than left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from deployer.config.units import parse_duration
from deployer.errors import ConfigError

CONTENT = "deployer.content"
"""The label with the sha256 of what a container was made from."""

_KEYS = frozenset(
    [
        *("image", "container_name", "hostname", "init", "restart", "oom_score_adj", "stop_grace_period"),
        *("ports", "group_add", "environment", "volumes", "configs", "secrets", "healthcheck", "logging"),
        "labels",
    ]
)
SECRETS = "/run/secrets"
_NANO = 1_000_000_000


class Service(Struct, frozen=True):
    """A container to be: `body` for `POST /containers/create`, `configs` by path, `secrets` by name."""

    name: str
    container: str
    body: Mapping[str, Any]
    configs: Mapping[str, str]
    secrets: tuple[str, ...]

    @property
    def content(self) -> str:
        """The sha256 of all but the secrets, whose hash would help to guess them."""
        return str(self.body["Labels"][CONTENT])


class Composition(Struct, frozen=True):
    """A whole file: its containers, and the volumes that they share with later ones."""

    services: tuple[Service, ...]
    volumes: tuple[str, ...]


def composition(document: Mapping[str, Any], files: Mapping[str, str]) -> Composition:
    """What a parsed Compose file asks for. Pure.

    :param files: the texts that its `configs` refer to, by their path in the file.
    :raises ConfigError: it uses something that is not known here.
    """
    texts = {name: files[entry["file"]] for name, entry in document.get("configs", {}).items()}
    services = tuple(_service(name, spec, texts) for name, spec in document["services"].items())
    return Composition(services, tuple(volume["name"] for volume in document.get("volumes", {}).values()))


def _service(name: str, spec: Mapping[str, Any], texts: Mapping[str, str]) -> Service:
    unknown = sorted(spec.keys() - _KEYS)
    if unknown:
        raise ConfigError(
            f"the Compose file's service {name} uses {', '.join(unknown)}, which `up` does not know",
            remedy="give the file to a Compose of your own: pipelines jenkins up --out DIR",
        )
    ports = [_port(port) for port in spec.get("ports", ())]
    body: dict[str, Any] = {
        "Image": spec["image"],
        "Hostname": spec.get("hostname", ""),
        "Env": [f"{key}={value}" for key, value in spec.get("environment", {}).items()],
        "ExposedPorts": {inside: {} for inside, _ in ports},
        "StopTimeout": round(parse_duration(spec.get("stop_grace_period", "10s"))),
        "HostConfig": {
            "Binds": list(spec.get("volumes", ())),
            "GroupAdd": list(spec.get("group_add", ())),
            "Init": bool(spec.get("init")),
            "OomScoreAdj": spec.get("oom_score_adj", 0),
            "PortBindings": {inside: [outside] for inside, outside in ports},
            "RestartPolicy": {"Name": spec.get("restart", "no")},
        },
    }
    if "healthcheck" in spec:
        body["Healthcheck"] = _health(spec["healthcheck"])
    if "logging" in spec:
        logging = spec["logging"]
        body["HostConfig"]["LogConfig"] = {"Type": logging["driver"], "Config": dict(logging["options"])}
    configs = {entry["target"]: texts[entry["source"]] for entry in spec.get("configs", ())}
    content = hashlib.sha256(json.dumps([body, configs], sort_keys=True).encode()).hexdigest()
    body["Labels"] = {**spec.get("labels", {}), CONTENT: content}
    return Service(name, spec["container_name"], body, configs, tuple(spec.get("secrets", ())))


def _port(text: str) -> tuple[str, dict[str, str]]:
    address, outside, inside = text.split(":")
    return f"{inside}/tcp", {"HostIp": address, "HostPort": outside}


def _health(spec: Mapping[str, Any]) -> dict[str, Any]:
    nano = {
        engine: round(parse_duration(spec[key]) * _NANO)
        for key, engine in (("interval", "Interval"), ("timeout", "Timeout"), ("start_period", "StartPeriod"))
    }
    return {"Test": spec["test"], "Retries": spec["retries"], **nano}
