"""However many upload at once, a process holds no more of their files than it has room for."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from app import api, resumes
from app import create_app as create
from app.access import digest
from app.problems import Problem
from app.room import Room
from app.settings import Settings
from tests.app.conftest import RESUMES, Server, bearer, close, file_of, request, settings_for, with_model
from tests.support.gemini import Act, Gemini
from tests.support.scale import times
from tests.support.waiting import until

EDGE = "-----------------edge"
FIELDS = {"role": "backend engineer", "consent": "true", "questions": "1"}
SMALL = 4096  # bytes of the largest file, and of what one address may hold; of all together twice that


def form(name: str, content: bytes, fields: dict[str, str]) -> bytes:
    parts = [f'name="{field}"\r\n\r\n{value}'.encode() for field, value in fields.items()]
    parts.append(f'name="{name}"; filename="a"\r\n\r\n'.encode() + content)
    return b"".join(
        b"--%s\r\nContent-Disposition: form-data; %s\r\n" % (EDGE.encode(), part) for part in parts
    ) + (f"--{EDGE}--\r\n".encode())


class Slow(BytesIO):
    """A body whose end does not come until it is let go."""

    def __init__(self, body: bytes, go: threading.Event) -> None:
        super().__init__(body)
        self.go = go
        self.begun = threading.Event()

    def readinto(self, buffer: Any) -> int:
        left = len(self.getbuffer()) - self.tell()
        if left > 100:
            return super().readinto(memoryview(buffer)[: left - 100])
        self.begun.set()
        assert self.go.wait(60)
        return super().readinto(buffer)


class TestRoom:
    def test_what_one_gives_back_another_gets(self) -> None:
        space = Room(100, 100, wait=60)
        first = space.entered("a")
        claim = first.__enter__()
        claim.grow(60)
        claim.grow(40)
        with ThreadPoolExecutor(1) as pool:
            waits = pool.submit(self._take, space, "b", 1)
            assert not waits.done()
            first.__exit__(None, None, None)
            waits.result(60)

    def test_without_room_there_is_a_refusal_and_nothing_is_left_of_it(self) -> None:
        space = Room(100, 100, wait=0.01)
        with space.entered("a") as claim:
            claim.grow(60)
            with pytest.raises(Problem) as refused:
                self._take(space, "b", 41)
            assert (refused.value.status, refused.value.code) == (503, "uploads-busy")
            assert int(refused.value.headers["Retry-After"]) > 0
            self._take(space, "b", 40)
        self._take(space, "b", 100)

    def test_nobody_takes_all_of_it(self) -> None:
        space = Room(100, 50, wait=0.01)
        with space.entered("a") as claim, space.entered("a") as again:
            claim.grow(50)
            with pytest.raises(Problem):
                again.grow(1)
            self._take(space, "b", 50)

    @staticmethod
    def _take(space: Room, client: str, size: int) -> None:
        with space.entered(client) as claim:
            claim.grow(size)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for two of the largest files, for which nobody waits for long."""
    monkeypatch.setattr(api, "UPLOADS", 0)
    monkeypatch.setattr(api, "WAIT", 0.2)


@pytest.fixture
def made(settings: Settings, narrow: None) -> Iterator[Flask]:
    application = create(settings_for(file_of(settings), max_resume=SMALL, max_audio=SMALL))
    yield application
    close(application)


def send(
    flask: Flask, address: str, path: str, body: BytesIO, length: int, headers: dict[str, str]
) -> tuple[int, Any, dict[str, str]]:
    response = flask.test_client().post(
        path,
        input_stream=body,
        content_type=f"multipart/form-data; boundary={EDGE}",
        headers={"X-Forwarded-For": address, **headers},
        environ_overrides={"CONTENT_LENGTH": str(length)},
    )
    return response.status_code, response.get_json(), dict(response.headers)


def upload(flask: Flask, address: str, content: bytes, body: Slow | None = None) -> tuple[int, Any, Any]:
    whole = form("resume", content, FIELDS)
    return send(flask, address, "/api/interviews", body or BytesIO(whole), len(whole), {})


TEXT = f"{RESUMES['en']}\n".encode().ljust(SMALL - 200, b"\n")


class TestUploads:
    def test_what_is_being_sent_is_held_up_to_the_bound(self, made: Flask) -> None:
        go = threading.Event()
        bodies = [Slow(form("resume", TEXT, FIELDS), go) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            sending: list[Future[Any]] = [
                pool.submit(upload, made, f"192.0.2.{number}", TEXT, body)
                for number, body in enumerate(bodies)
            ]
            try:
                assert all(body.begun.wait(60) for body in bodies)
                status, problem, headers = upload(made, "192.0.2.9", TEXT)
                assert (status, problem["type"]) == (503, "urn:interview:problem:uploads-busy")
                assert int(headers["Retry-After"]) > 0
                assert made.test_client().post("/api/interviews", json=request()).status_code == 201
            finally:
                go.set()
            assert [future.result(60)[0] for future in sending] == [201, 201]
        assert upload(made, "192.0.2.9", TEXT)[0] == 201

    def test_the_same_holds_for_recordings(self, made: Flask) -> None:
        interview = made.test_client().post("/api/interviews", json=request()).get_json()
        path = f"/api/interviews/{interview['id']}/answers"
        sound = b"RIFF\0\0\0\0WAVE".ljust(SMALL - 200, b"\0")
        whole = form("audio", sound, {"question": "1"})

        def speak(body: BytesIO) -> tuple[int, str]:
            status, problem, _ = send(made, "192.0.2.1", path, body, len(whole), bearer(interview))
            return status, problem["type"].rpartition(":")[2]

        go = threading.Event()
        body = Slow(whole, go)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(speak, body)
            try:
                assert body.begun.wait(60)
                assert speak(BytesIO(whole)) == (503, "uploads-busy")
            finally:
                go.set()
            assert first.result(60) == (422, "cannot-hear")
        assert speak(BytesIO(whole)) == (422, "cannot-hear")

    def test_who_waits_for_the_interviewer_holds_nothing(
        self, settings: Settings, gemini: Gemini, narrow: None
    ) -> None:
        gemini.script(Act("slow-start", 3600))
        flask = create(with_model(settings, gemini, max_resume=SMALL, max_audio=SMALL))
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(upload, flask, "192.0.2.1", TEXT)
            until(lambda: gemini.requests, "the model is asked")
            assert upload(flask, "192.0.2.1", TEXT)[0] == 201
            assert not first.done()
            gemini.closing.set()
            assert first.result(60)[0] == 503
        close(flask)

    def test_a_resume_that_finds_no_reader_says_when_to_come_back(
        self, made: Flask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(api, "READERS", 0)
        monkeypatch.setattr(resumes, "Limits", partial(resumes.Limits, wait=0.0))
        status, problem, headers = upload(made, "192.0.2.1", b"%PDF-1.7")
        assert (status, problem["type"].rpartition(":")[2]) == (503, "resume-busy")
        assert int(headers["Retry-After"]) > 0


def test_a_burst_of_large_files_leaves_a_reader_its_memory(serve: Callable[..., Server]) -> None:
    """The container has 512 MB, and a hostile resume may take 256 of them."""
    server = serve()
    whole = form("resume", b"%PDF-1.7\n".ljust(6 * 2**20, b"\xa5"), FIELDS)

    def post(number: int) -> None:
        with contextlib.suppress(OSError):  # refused while it sends
            requests.post(
                f"http://127.0.0.1:{server.port}/api/interviews",
                data=whole,
                headers={
                    "Content-Type": f"multipart/form-data; boundary={EDGE}",
                    "X-Forwarded-For": f"192.0.2.{number % 4}",
                },
                timeout=120,
            )

    many = times(30, 60)
    with ThreadPoolExecutor(many) as pool:
        list(pool.map(post, range(many)))
    master = server.process.pid
    worker = Path(f"/proc/{master}/task/{master}/children").read_text().split()[0]
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{worker}/status").read_text())
    assert peak is not None
    assert int(peak[1]) < 256 * 1024


@pytest.mark.parametrize("size", [0, 1, api.PIECE - 1, api.PIECE, 3 * api.PIECE + 7])
def test_a_file_is_told_again_as_earlier_releases_told_it(size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    made: Callable[[bytes], str] = api._stand_in
    assert made(data[:size]) == digest(data[:size].decode("latin-1")).hex()
