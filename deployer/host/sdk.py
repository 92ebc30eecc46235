"""Docker's SDK: imported as late and as little as can be, and what it raises in our own words."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator
from typing import Any, cast

from deployer.errors import (
    Conflict,
    EngineError,
    EngineForbidden,
    EngineUnreachable,
    ImageError,
    ImageMissing,
    NotFound,
)

TIMEOUT = 120.0
"""Seconds that one answer of the engine may take; a busy small host is slow, a dead one must not hang us."""

_importing = threading.Lock()


def sdk() -> Any:
    """Import the Docker SDK, without paramiko unless SSH is wanted.

    The SDK imports paramiko whenever it is installed, which costs 0.15 s that a local socket does not
    need; its own `except ImportError` makes leaving it out safe.
    """
    with _importing:  # another thread must not meet half of it
        if "docker" in sys.modules:
            return sys.modules["docker"]
        hidden = "paramiko" not in sys.modules
        if hidden:
            sys.modules["paramiko"] = cast(Any, None)
        try:
            import docker
            import docker.errors
        finally:
            if hidden:
                del sys.modules["paramiko"]
        return docker


@contextlib.contextmanager
def mapped(what: str, address: str) -> Iterator[None]:
    """Translate whatever the SDK raises while doing `what` into our tree."""
    docker = sdk()
    import requests
    import urllib3

    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise ImageMissing(f"{what}: {explanation(error)}") from error
    except docker.errors.NotFound as error:
        raise NotFound(f"{what}: {explanation(error)}") from error
    except docker.errors.APIError as error:
        text = explanation(error)
        if error.status_code == 409:
            raise Conflict(f"{what}: {text}") from error
        if "invalid reference format" in text:
            raise ImageError(
                f"{what}: that is no name of an image", remedy="write name:tag, the name in lower case"
            ) from error
        raise EngineError(f"{what}: the engine answered {error.status_code}: {text}") from error
    except docker.errors.StreamParseError as error:
        # A RuntimeError there, of a build's or a pull's messages of which the last is cut short.
        raise EngineUnreachable(
            f"{what}: the answer of the Docker engine at {address} broke off",
            remedy="look at the engine's log; once it is up again, run the command again",
        ) from error
    except (
        docker.errors.DockerException,
        requests.exceptions.RequestException,
        urllib3.exceptions.HTTPError,  # of an answer that the SDK reads piece by piece
        OSError,
    ) as error:
        raise unreachable(what, address, error) from error


def explanation(error: Any) -> str:
    """What the engine says of a refusal."""
    return str(getattr(error, "explanation", None) or error)


def unreachable(what: str, address: str, error: BaseException) -> EngineError:
    """Why nobody answered, and what a person does about it."""
    text = str(error)
    if "Permission denied" in text or "Errno 13" in text:
        return EngineForbidden(
            f"{what}: no permission to open the Docker engine's socket at {address}",
            remedy="add this user to the group that owns the socket (usually `usermod -aG docker $USER`, "
            "then log in again; for a container: group_add with the socket's group id)",
        )
    if "timed out" in text or "Timeout" in type(error).__name__:
        return EngineUnreachable(
            f"{what}: the Docker engine at {address} did not answer within {TIMEOUT:.0f} s",
            remedy="look at the engine's log and at the host's memory and disk",
        )
    return EngineUnreachable(
        f"{what}: no Docker engine answers at {address} ({_reason(error)})",
        remedy="start the engine, or set host.docker (or DOCKER_HOST) to where it listens",
    )


def _reason(error: BaseException) -> str:
    """The innermost sentence of the SDK's nested connection errors."""
    while error.__cause__ or error.__context__:
        error = cast(BaseException, error.__cause__ or error.__context__)
    return str(error) or type(error).__name__
