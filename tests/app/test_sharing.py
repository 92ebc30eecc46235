"""Two releases on one file: they write and retry at the same time."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from app import Settings
from tests.app.conftest import ANSWERS, Server, bearer, file_of, request
from tests.support.scale import times

INTERVIEWS = times(12, 40)


def sent(release: Server, path: str, body: object, headers: dict[str, str]) -> tuple[int, object]:
    """What comes of a request, which is sent again where the database was busy."""
    while (answer := release.ask("POST", path, body, headers))[0] == 503:
        pass
    return answer


def test_requests_sent_to_both_releases_at_once_are_applied_once(
    serve: Callable[[], Server], settings: Settings
) -> None:
    releases = [serve(), serve()]

    def both(path: str, body: object, headers: dict[str, str]) -> list[tuple[int, object]]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda release: sent(release, path, body, headers), releases))

    def interview(number: int) -> None:
        key = {"Idempotency-Key": f"interview-number-{number:04}"}
        created = both("/api/interviews", request(questions=2), key)
        assert created[0] == created[1]
        status, document = created[0]
        assert status == 201
        assert isinstance(document, dict)
        path = f"/api/interviews/{document['id']}/answers"
        answered = both(path, {"question": 1, "text": ANSWERS["en"]}, key | bearer(document))
        assert answered[0] == answered[1]
        assert answered[0][0] == 201

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(interview, range(INTERVIEWS)))
    with contextlib.closing(sqlite3.connect(file_of(settings))) as connection:
        counts = [
            connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("interview", "answer", "question")
        ]
    assert counts == [INTERVIEWS, INTERVIEWS, 3 * INTERVIEWS]
