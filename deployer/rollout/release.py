"""Releases: their names, their containers, their history."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, to_builtins

from deployer.config.schema import Config
from deployer.config.secrets import resolve_all
from deployer.config.sections.rollout import Hook
from deployer.edge.network import network_name


def new_release() -> str:
    """A name that sorts by time: `20261122-221530-3f2a1c`, in UTC."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def now() -> str:
    """This moment, RFC 3339 in whole seconds, UTC."""
    return datetime.now(UTC).replace(microsecond=0).isoformat()


class Record(Struct, frozen=True):
    """One change of what serves, as the history keeps it.

    :param id: of the change itself; later lines with the same id replace earlier ones.
    :param kind: rollout, rollback or adopt.
    :param release: the release that was to serve; `previous` served before.
    :param container: the release's container, by name.
    :param at: RFC 3339; `duration_s` in seconds, None while it runs.
    :param outcome: switched (serving, not finished), succeeded, rolled_back, failed (it never served).
    :param image_id: what `image` stood for then; a name can come to mean another image.
    :param port: where the release listens, and :param health: its readiness path.
    """

    id: str
    kind: str
    release: str
    previous: str | None
    container: str
    image: str
    who: str
    at: str
    outcome: str
    git_sha: str | None = None
    duration_s: float | None = None
    reason: str | None = None
    image_id: str | None = None
    port: int | None = None
    health: str | None = None

    def line(self) -> str:
        """The record as one line of JSON."""
        return json.dumps(to_builtins(self), ensure_ascii=False, separators=(",", ":"))


def history(text: str) -> list[Record]:
    """The records of a `releases.jsonl`, oldest first; a line cut short by a crash is passed over."""
    records: dict[str, Record] = {}
    names = set(Record.__struct_fields__)
    for line in text.splitlines():
        try:
            values = json.loads(line)
            record = Record(**{key: value for key, value in values.items() if key in names})
        except (ValueError, TypeError, AttributeError):
            continue
        records.pop(record.id, None) if record.outcome == "switched" else None
        records[record.id] = record
    return list(records.values())


class Candidate(Struct, frozen=True):
    """What is to serve next.

    :param existing: the release's own stopped container, when it still has one.
    :param image_id: the image that `image` names; None: whatever it names when the container is made.
    :param port: where it listens, and :param health: its readiness path; None: as the config says today.
    """

    release: str
    image: str
    container: str
    kind: str = "rollout"
    existing: bool = False
    git_sha: str | None = None
    image_id: str | None = None
    port: int | None = None
    health: str | None = None


def container_name(service: str, release: str) -> str:
    """The container of a release."""
    return f"{service}-{release}"


def release_container(
    config: Config, candidate: Candidate, slot: str, address: str, environ: Mapping[str, str]
) -> dict[str, Any]:
    """The engine's description of a release's container, not yet promoted: it does not restart by itself."""
    service = config.service
    body = _container(config, candidate.image_id or candidate.image, environ, service.env)
    body["Labels"] = {
        **service.labels,
        "deployer.service": service.name,
        "deployer.role": "release",
        "deployer.release": candidate.release,
        "deployer.slot": slot,
        "deployer.image": candidate.image,
        **({"deployer.git-sha": candidate.git_sha} if candidate.git_sha else {}),
    }
    if service.command:
        body["Cmd"] = list(service.command)
    body["NetworkingConfig"] = {
        "EndpointsConfig": {network_name(service.name): {"IPAMConfig": {"IPv4Address": address}}}
    }
    return body


def hook_container(
    config: Config, image: str, release: str, hook: Hook, environ: Mapping[str, str]
) -> dict[str, Any]:
    """The engine's description of a one-off container that runs a hook with the service's own settings."""
    body = _container(config, image, environ, {**config.service.env, **hook.env})
    body["Cmd"] = list(hook.command)
    body["Labels"] = {
        "deployer.service": config.service.name,
        "deployer.role": "hook",
        "deployer.release": release,
    }
    return body


def _container(
    config: Config, image: str, environ: Mapping[str, str], env: Mapping[str, str]
) -> dict[str, Any]:
    service = config.service
    host: dict[str, Any] = {
        "NetworkMode": network_name(service.name),
        "RestartPolicy": {"Name": "no"},
        "Binds": list(service.volumes),
        "ReadonlyRootfs": service.read_only,
        "Tmpfs": dict.fromkeys(service.tmpfs, ""),
        "Init": service.init,
        "LogConfig": {
            "Type": "json-file",
            "Config": {"max-size": service.log_max_size, "max-file": str(service.log_max_files)},
        },
    }
    if service.memory:
        host["Memory"] = service.memory
    if service.cpus:
        host["NanoCpus"] = round(service.cpus * 1e9)
    body: dict[str, Any] = {
        "Image": image,
        "Env": [f"{key}={value}" for key, value in resolve_all(env, environ).items()],
        "StopTimeout": round(service.stop_timeout),
        "HostConfig": host,
    }
    if service.user:
        body["User"] = service.user
    return body


def has_served(records: Iterable[Record], release: str) -> bool:
    """Whether a release served once, and can be gone back to."""
    return any((record.release, record.outcome) == (release, "succeeded") for record in records)


def previous_of(records: Iterable[Record], active: str | None) -> list[Record]:
    """The releases one could go back to, newest first, each once: all that ever served but the active."""
    found: dict[str, Record] = {}
    for record in reversed(list(records)):
        if record.release != active and record.outcome in ("succeeded", "switched"):
            found.setdefault(record.release, record)
    return list(found.values())
