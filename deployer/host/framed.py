"""What a command inside a container prints, as the engine frames it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING

from deployer.host.sdk import TIMEOUT, sdk

if TYPE_CHECKING:
    from docker import APIClient

HEADER = struct.Struct(">BxxxL")
"""Before each piece of the two output streams: stream number, three zero bytes, length."""


def output(api: APIClient, exec_id: str) -> Iterator[bytes]:
    """Start an exec that was created without a terminal; what it prints on both streams, as it comes.

    The SDK's own `exec_start` reads from the socket behind the response. What came together with the
    head of the answer is in the response's buffer by then, and lost: all that a fast command printed,
    where the reader was slow to read. Here the body of the answer is read, which has it all. How long
    the command keeps silent is its own affair.

    :raises APIError: the engine refused.
    """
    import requests

    start = f"{api.base_url}/v{api.api_version}/exec/{exec_id}/start"
    answer = api.post(start, json={"Tty": False, "Detach": False}, stream=True, timeout=(TIMEOUT, None))
    with answer:
        try:
            answer.raise_for_status()
        except requests.HTTPError as error:
            sdk().errors.create_api_error_from_http_exception(error)
        while len(head := answer.raw.read(HEADER.size)) == HEADER.size:
            yield answer.raw.read(HEADER.unpack(head)[1])
