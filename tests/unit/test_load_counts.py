"""The load generator sees every way in which a request can be lost: servers that misbehave, one way each."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from benchmarks.load import Mix, Report
from benchmarks.load.clients import Clients
from benchmarks.load.tally import percentile
from tests.support.images import ROOT

NOBODY = Mix(keepalive=0, oneshot=0, post=0, pausing=0, slow=0, stream=0, upload=0, orders_path=None)
KEEPALIVE = replace(NOBODY, keepalive=1, rate=200)
ONESHOT = replace(NOBODY, oneshot=1, rate=200)
POST = replace(NOBODY, post=1, rate=200, orders_path="/orders")
STREAM = replace(NOBODY, stream=1)
UPLOAD = replace(NOBODY, upload=1, upload_seconds=0.1)

OK = b"HTTP/1.1 200 OK\r\nX-Version: 1\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Asked:
    """One request, as a server of these tests sees it."""

    method: str
    path: str
    id: str
    body: bytes
    turn: int  # on its connection, from 1
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        """Ends the connection with a RST instead of a FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Manner = Callable[[Asked], Awaitable[bytes | None]]


@asynccontextmanager
async def serving(answer: Manner) -> AsyncIterator[str]:
    """A server that sends what `answer` gives, and closes the connection where it gives None."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = 0
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                turn += 1
                method, path, _ = head.split(" ", 2)
                sent = await answer(Asked(method, path, fields["x-request-id"], body, turn, writer))
                if sent is None:
                    break
                writer.write(sent)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def loaded(
    url: str, mix: Mix, *, requests: int, timeout: float, allow_status: tuple[int, ...]
) -> Report:
    clients = Clients(url, mix, timeout=timeout, allow_status=allow_status)
    run = asyncio.ensure_future(clients.run())
    while clients.tally.snapshot().sent < requests and not run.done():
        await asyncio.sleep(0.005)
    clients.stop()
    return await run


def load(
    answer: Manner,
    mix: Mix,
    *,
    requests: int = 3,
    timeout: float = 10.0,
    allow_status: tuple[int, ...] = (),
) -> Report:
    """The report on a server that answers so, after at least so many requests."""

    async def run() -> Report:
        async with serving(answer) as url:
            return await loaded(url, mix, requests=requests, timeout=timeout, allow_status=allow_status)

    return asyncio.run(run())


def always(sent: bytes | None, *, then_close: bool = False) -> Manner:
    async def answer(asked: Asked) -> bytes | None:
        if then_close and sent is not None:
            asked.writer.write(sent)
            asked.writer.write_eof()  # at once: the end has arrived before the client can send more
            return None
        return sent

    return answer


def chunked(*pieces: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nX-Version: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


def all_lost(report: Report, reason: str) -> bool:
    return (
        report.sent == len(report.lost) >= 3 and report.reasons == {reason: report.sent} and not report.clean
    )


def test_answers_that_are_whole_are_ok() -> None:
    report = load(always(OK), replace(KEEPALIVE, oneshot=1), requests=20)
    assert report.clean
    assert report.ok == report.sent >= 20
    assert report.answers("1") == report.ok
    assert {name: kind.ok for name, kind in report.kinds.items()}.keys() == {"keepalive", "oneshot"}


def test_refused_where_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        report = asyncio.run(loaded(url, KEEPALIVE, requests=3, timeout=10, allow_status=()))
    assert all_lost(report, "refused")


def test_a_reset_before_the_answer() -> None:
    async def reset(asked: Asked) -> None:
        asked.reset()

    assert all_lost(load(reset, KEEPALIVE), "reset")


def test_no_answer_on_a_fresh_connection() -> None:
    assert all_lost(load(always(None), KEEPALIVE), "no-answer")


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
        chunked(b"a piece, and no end"),
        chunked() + b"ff\r\nhalf a chunk",
    ],
    ids=["in the head", "in the body", "before the body", "between chunks", "in a chunk"],
)
def test_an_answer_that_is_cut_short(sent: bytes) -> None:
    assert all_lost(load(always(sent, then_close=True), ONESHOT), "cut")


def test_an_answer_that_is_cut_by_a_reset() -> None:
    async def half(asked: Asked) -> None:
        asked.writer.write(b"HTTP/1.1 200 OK\r\nX-Version: 4\r\nContent-Length: 10\r\n\r\nhalf")
        await asyncio.sleep(0.05)  # a reset throws away what has not been read
        asked.reset()

    report = load(half, ONESHOT)
    assert all_lost(report, "cut")
    assert report.lost[0].version == "4"


def test_a_stream_is_whole_with_its_done_event_only() -> None:
    whole = chunked(b"event: tick\n\n", b"event: done\n\n") + b"0\r\n\r\n"
    assert load(always(whole), STREAM).clean
    ended_early = chunked(b"event: tick\n\n") + b"0\r\n\r\n"
    assert all_lost(load(always(ended_early), STREAM), "cut")


def test_a_connection_that_ends_under_a_later_request_is_an_idle_race() -> None:
    async def once(asked: Asked) -> bytes | None:
        return OK if asked.turn == 1 else None

    report = load(once, KEEPALIVE, requests=10)
    assert report.reasons == {"idle-race": len(report.lost)}
    assert len(report.lost) >= 4
    assert report.ok >= 5


def test_a_connection_closed_between_requests_is_opened_again() -> None:
    report = load(always(OK, then_close=True), KEEPALIVE, requests=10)
    assert report.clean
    assert report.reconnects >= 8


def test_connection_close_is_obeyed() -> None:
    turns = []

    async def last(asked: Asked) -> bytes:
        turns.append(asked.turn)
        return OK.replace(b"X-Version", b"Connection: close\r\nX-Version")

    assert load(last, KEEPALIVE, requests=10).clean
    assert set(turns) == {1}


def test_server_errors_of_the_app_and_of_the_edge_are_told_apart() -> None:
    async def answer(asked: Asked) -> bytes:
        if asked.turn % 2:
            return b"HTTP/1.1 500 Oh\r\nX-Version: 2\r\nContent-Length: 0\r\n\r\n"
        return b"HTTP/1.1 503 Nobody\r\nContent-Length: 0\r\n\r\n"

    report = load(answer, KEEPALIVE, requests=10)
    assert all_lost(report, "5xx")
    assert {(lost.status, lost.version) for lost in report.failed_by_app} == {(500, "2")}
    assert {(lost.status, lost.version) for lost in report.lost_on_the_way} == {(503, None)}
    assert len(report.failed_by_app) + len(report.lost_on_the_way) == len(report.lost)


def test_any_other_status_is_unexpected() -> None:
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    assert all_lost(load(always(missing), KEEPALIVE), "unexpected")


def test_a_status_may_be_allowed() -> None:
    async def held(asked: Asked) -> bytes:
        retry = b"Retry-After: 30\r\n" if asked.turn > 1 else b""
        return b"HTTP/1.1 503 Maintenance\r\n" + retry + b"Content-Length: 0\r\n\r\n"

    report = load(held, KEEPALIVE, requests=5, allow_status=(503,))
    assert report.clean
    assert report.ok == 0
    assert report.allowed == {503: report.sent}
    assert report.allowed_without_retry_after == 1


def test_no_answer_in_time() -> None:
    async def never(asked: Asked) -> None:
        await asyncio.Event().wait()

    assert all_lost(load(never, KEEPALIVE, timeout=0.05), "timeout")


def test_an_answer_to_another_request_is_wrong() -> None:
    mixed_up = OK.replace(b"X-Version: 1", b"X-Request-Id: another")
    assert all_lost(load(always(mixed_up), KEEPALIVE), "wrong")


def test_what_is_not_http_is_wrong() -> None:
    assert all_lost(load(always(b"SSH-2.0-OpenSSH\r\n\r\n", then_close=True), ONESHOT), "wrong")


def test_an_interim_answer_is_not_the_answer() -> None:
    assert load(always(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK), KEEPALIVE).clean


@pytest.mark.parametrize(("shortened", "clean"), [(0, True), (1, False)])
def test_an_upload_must_arrive_whole(shortened: int, clean: bool) -> None:
    async def received(asked: Asked) -> bytes:
        body = b'{"received": %d}' % (len(asked.body) - shortened)
        return b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    report = load(received, UPLOAD)
    assert report.clean is clean
    assert report.reasons == ({} if clean else {"wrong": report.sent})


def shopkeeper(
    record: Callable[[str, list[str]], None], *, acknowledge: Callable[[int], bool] = bool
) -> Manner:
    """A server that keeps orders in its own way: `record` is given the id and the list of those recorded."""
    recorded: list[str] = []
    asked_for = 0

    async def answer(asked: Asked) -> bytes | None:
        nonlocal asked_for
        if asked.method == "POST":
            asked_for += 1
            record(asked.body.decode(), recorded)
            return b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" if acknowledge(asked_for) else None
        body = json.dumps({"orders": recorded}).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)

    return answer


def test_orders_recorded_once_are_clean() -> None:
    report = load(shopkeeper(lambda order, recorded: recorded.append(order)), POST, requests=10)
    assert report.clean
    assert report.orders_known
    assert report.acknowledged == report.sent


def test_orders_recorded_twice_are_doubled() -> None:
    report = load(shopkeeper(lambda order, recorded: recorded.extend([order, order])), POST, requests=10)
    assert not report.lost
    assert len(report.doubled) == report.sent
    assert not report.clean


def test_orders_acknowledged_and_forgotten_are_missing() -> None:
    report = load(shopkeeper(lambda *_: None), POST, requests=10)
    assert not report.lost
    assert len(report.missing) == report.sent
    assert not report.clean


def test_orders_recorded_and_not_acknowledged_are_lost_and_known() -> None:
    keeper = shopkeeper(
        lambda order, recorded: recorded.append(order), acknowledge=lambda number: number % 3 > 0
    )
    report = load(keeper, POST, requests=10)
    assert len(report.lost) == len(report.recorded_unacknowledged) >= 3
    assert set(report.recorded_unacknowledged) == {lost.id for lost in report.lost}
    assert not report.missing


def test_orders_of_another_run_are_not_ours() -> None:
    report = load(shopkeeper(lambda order, recorded: recorded.extend([order, "other-1", "other-1"])), POST)
    assert report.clean


def test_orders_that_cannot_be_read_back_are_not_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.load.clients.ORDERS_TRIES", 1)
    report = load(always(OK), POST)
    assert report.orders_known is False
    assert not report.clean
    assert "could not be read back" in report.summary()


def test_versions_stand_in_the_order_of_their_first_answer() -> None:
    answers = 0

    async def switch(asked: Asked) -> bytes:
        nonlocal answers
        answers += 1
        return OK.replace(b"X-Version: 1", b"X-Version: blue" if answers <= 10 else b"X-Version: green")

    report = load(switch, KEEPALIVE, requests=20)
    assert [span.version for span in report.versions] == ["blue", "green"]
    assert report.answers("blue") == 10
    began = report.first_answer("blue")
    switched = report.first_answer("green")
    assert began is not None
    assert switched is not None
    assert report.began <= began < switched
    assert report.first_answer("blue", after=switched + 60) is None


def test_what_is_in_flight_is_finished_at_the_end() -> None:
    released = asyncio.Event()

    async def run() -> Report:
        async def slow(asked: Asked) -> bytes:
            await released.wait()
            return chunked(b"event: done\n\n") + b"0\r\n\r\n"

        async with serving(slow) as url:
            clients = Clients(url, STREAM)
            running = asyncio.ensure_future(clients.run())
            while not clients.tally.snapshot().sent:
                await asyncio.sleep(0.005)
            clients.stop()
            released.set()
            return await running

    report = asyncio.run(run())
    assert (report.sent, report.ok) == (1, 1)


def test_a_report_survives_json() -> None:
    async def mixed(asked: Asked) -> bytes:
        return OK if asked.turn % 2 else b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"

    report = load(mixed, replace(KEEPALIVE, oneshot=1), requests=10, allow_status=(503,))
    assert Report.from_dict(json.loads(json.dumps(report.as_dict()))) == report


def test_percentiles_are_values_that_were_seen() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1.0)] == [50.0, 99.0, 100.0]
    assert percentile([7.0], 0.5) == 7.0


def test_the_command_says_by_its_exit_code_that_requests_were_lost() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        command = [
            sys.executable,
            "-m",
            "tests.support.load",
            url,
            "--seconds",
            "0.5",
            "--preset",
            "light",
            "--json",
        ]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    report = Report.from_dict(json.loads(done.stdout))
    assert set(report.reasons) == {"refused"}
