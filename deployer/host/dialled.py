"""Requests over connections that somebody else opens, through SSH say, for the Docker SDK."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

_AT_ONCE = 10
"""Connections that are kept for the next request."""


def adapter(dial: Callable[[], socket.socket], timeout: float) -> HTTPAdapter:
    """What carries the SDK's requests to `http+docker://`.

    :param timeout: seconds that one answer may take.
    """

    class Connection(HTTPConnection):
        def connect(self) -> None:
            self.sock = dial()
            self.sock.settimeout(timeout)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class Adapter(HTTPAdapter):
        def __init__(self) -> None:
            super().__init__()
            self.pool = Pool("localhost", timeout=timeout, maxsize=_AT_ONCE)

        def get_connection_with_tls_context(self, *_: Any, **__: Any) -> HTTPConnectionPool:
            return self.pool

        def request_url(self, request: PreparedRequest, _proxies: Mapping[str, str] | None) -> str:
            return request.path_url

        def close(self) -> None:
            self.pool.close()
            super().close()

    return Adapter()
