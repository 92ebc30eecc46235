"""Commands inside containers, with all that they print: see `deployer.host.framed` for what the SDK loses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from docker.models.containers import Container

from deployer.host.framed import output
from tests.support.waiting import until


class Ended(NamedTuple):
    """A command that has ended."""

    exit_code: int
    output: bytes


def execute(container: Container, command: Sequence[str], **options: Any) -> Ended:
    """A command to its end.

    :param options: of the SDK's `exec_create`, `user` and `workdir` say.
    """
    assert container.client is not None
    api = container.client.api
    made = api.exec_create(container.id, list(command), **options)["Id"]
    printed = b"".join(output(api, made))
    until(lambda: not api.exec_inspect(made)["Running"], "the command has ended")
    return Ended(int(api.exec_inspect(made)["ExitCode"]), printed)
