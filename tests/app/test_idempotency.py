from __future__ import annotations

import contextlib
import sqlite3

import pytest
from flask.testing import FlaskClient

from app import Settings
from tests.app.conftest import ANSWERS, Begin, bearer, file_of, request

KEY = {"Idempotency-Key": "3f0c2d0e-6c1f-4b57-9d3e-0d8a5f5f4c11"}


def count(settings: Settings, table: str) -> int:
    with contextlib.closing(sqlite3.connect(file_of(settings))) as connection:
        found: int = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        return found


def test_an_interview_sent_twice_is_begun_once_with_the_same_token(
    client: FlaskClient, settings: Settings
) -> None:
    first = client.post("/api/interviews", json=request(), headers=KEY)
    second = client.post("/api/interviews", json=request(), headers=KEY)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json() == second.get_json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert count(settings, "interview") == 1
    assert (
        client.get(f"/api/interviews/{first.get_json()['id']}", headers=bearer(second.get_json())).status_code
        == 200
    )


def test_the_key_and_the_token_are_not_in_the_file(client: FlaskClient, settings: Settings) -> None:
    token = client.post("/api/interviews", json=request(), headers=KEY).get_json()["token"]
    stored = b"".join(file.read_bytes() for file in file_of(settings).parent.iterdir())
    assert token.encode() not in stored
    assert KEY["Idempotency-Key"].encode() not in stored


def test_an_answer_sent_twice_is_judged_once(client: FlaskClient, begin: Begin, settings: Settings) -> None:
    created = begin()
    path = f"/api/interviews/{created['id']}/answers"
    body = {"question": 1, "text": ANSWERS["en"]}
    first = client.post(path, json=body, headers=bearer(created) | KEY)
    second = client.post(path, json=body, headers=bearer(created) | KEY)
    assert first.get_json() == second.get_json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert count(settings, "answer") == 1
    assert count(settings, "question") == 4


def test_a_key_with_another_body_is_refused(client: FlaskClient) -> None:
    client.post("/api/interviews", json=request(), headers=KEY)
    response = client.post("/api/interviews", json=request(role="somebody else"), headers=KEY)
    assert response.status_code == 422
    assert response.get_json()["type"] == "urn:interview:problem:key-reused"


def test_a_key_means_something_only_within_its_interview(client: FlaskClient, begin: Begin) -> None:
    body = {"question": 1, "text": ANSWERS["en"]}
    for created in (begin(), begin()):
        response = client.post(
            f"/api/interviews/{created['id']}/answers", json=body, headers=bearer(created) | KEY
        )
        assert response.status_code == 201
        assert "Idempotency-Replayed" not in response.headers


def test_a_remembered_answer_is_shown_to_nobody_else(client: FlaskClient, begin: Begin) -> None:
    created = begin()
    path = f"/api/interviews/{created['id']}/answers"
    body = {"question": 1, "text": ANSWERS["en"]}
    client.post(path, json=body, headers=bearer(created) | KEY)
    assert client.post(path, json=body, headers=bearer(begin()) | KEY).status_code == 404


def test_a_refused_request_is_not_remembered(client: FlaskClient) -> None:
    assert client.post("/api/interviews", json=request(consent=False), headers=KEY).status_code == 422
    assert client.post("/api/interviews", json=request(), headers=KEY).status_code == 201


@pytest.mark.parametrize("key", ["", "short", "k" * 201, "with spaces in the key", "schlüssel-schlüssel"])
def test_a_key_that_could_be_guessed_is_refused_by_name(client: FlaskClient, key: str) -> None:
    response = client.post("/api/interviews", json=request(), headers={"Idempotency-Key": key})
    assert response.status_code == 422
    assert [error["field"] for error in response.get_json()["errors"]] == ["Idempotency-Key"]
