"""Latencies of two ways to the same service, request by request in turn, so that both meet the same noise."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

PAUSE = 0.001  # seconds between two requests: neither way is to be measured while it still closes the last


@dataclass(frozen=True)
class Latency:
    """In milliseconds."""

    p50: float
    p99: float

    @classmethod
    def of(cls, seconds: list[float]) -> Latency:
        ordered = sorted(seconds)
        p50, p99 = (ordered[int(len(ordered) * share)] * 1000 for share in (0.5, 0.99))
        return cls(p50, p99)


def measure(ways: tuple[tuple[str, int], tuple[str, int]], requests: int) -> tuple[Latency, Latency]:
    """So many GETs over a kept connection on each way, address and port; raises OSError where one fails."""
    clients = [Client(*way) for way in ways]
    times: tuple[list[float], list[float]] = ([], [])
    try:
        for number in range(requests):
            # Who goes first changes: the second finds the service's code in the processor's caches.
            for way in (0, 1) if number % 2 else (1, 0):
                times[way].append(clients[way].get())
                time.sleep(PAUSE)
    finally:
        for client in clients:
            client.close()
    return Latency.of(times[0]), Latency.of(times[1])


class Client:
    """One connection. A plain socket: an HTTP library would take longer than what is measured."""

    def __init__(self, address: str, port: int) -> None:
        self._socket = socket.create_connection((address, port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = f"GET / HTTP/1.1\r\nHost: {address}\r\n\r\n".encode()

    def get(self) -> float:
        """Seconds from sending to the last byte of the answer."""
        began = time.perf_counter()
        self._socket.sendall(self._request)
        answer = b""
        while not answer.endswith(b"}\n"):  # the shop answers with an object and the end of the line
            piece = self._socket.recv(65536)
            if not piece:
                raise OSError("the connection was closed")
            answer += piece
        return time.perf_counter() - began

    def close(self) -> None:
        self._socket.close()
