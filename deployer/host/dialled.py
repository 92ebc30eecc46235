"""The Docker SDK over connections that somebody else opens: through SSH, say."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnection, UnixHTTPConnectionPool


def adapter(dial: Callable[[], socket.socket], timeout: float) -> Any:
    """What carries the SDK's requests to `http+docker://`.

    :param timeout: seconds that one answer may take.
    """

    class Connection(UnixHTTPConnection):  # type: ignore[misc]
        def connect(self) -> None:
            self.sock = dial()
            self.sock.settimeout(self.timeout)

    class Pool(UnixHTTPConnectionPool):  # type: ignore[misc]
        def _new_conn(self) -> Connection:
            return Connection(self.base_url, self.socket_path, self.timeout)

    class Adapter(UnixHTTPAdapter):  # type: ignore[misc]
        def get_connection(self, url: str, _proxies: object = None) -> Any:
            with self.pools.lock:
                pool = self.pools.get(url)
                if pool is None:
                    pool = self.pools[url] = Pool(
                        url, self.socket_path, self.timeout, maxsize=self.max_pool_size
                    )
                return pool

    return Adapter("http+unix:///dialled", timeout)
