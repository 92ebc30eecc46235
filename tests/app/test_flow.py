"""An interview from the resume to the report, on both databases; and while a database dies under it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

from app import Settings, create_app
from app.storage.migration import Migration
from tests.app.conftest import ANSWERS, RESUMES, bearer, close, request, with_model
from tests.support import resumes
from tests.support.gemini import Gemini
from tests.support.mariadb import MariaDB
from tests.support.waiting import until


@pytest.fixture
def on(url: str, gemini: Gemini) -> Iterator[Flask]:
    """An application on either database, that asks the double."""
    Migration(url).migrate()
    application = create_app(with_model(Settings(database=url, rate=0), gemini))
    yield application
    close(application)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_an_interview_from_a_file_to_the_report(on: Flask, gemini: Gemini, language: str) -> None:
    client = on.test_client()
    form: dict[str, Any] = {
        "role": "백엔드 개발자" if language == "ko" else "backend engineer",
        "language": language,
        "questions": "2",
        "kinds": "experience, skill",
        "persona": "strict",
        "follow_ups": "2",
        "consent": "true",
        "resume": (BytesIO(RESUMES[language].encode()), "resume.md"),
    }
    response = client.post("/api/interviews", data=form)
    assert response.status_code == 201, response.text
    created = response.get_json()
    assert (created["persona"], created["kinds"], created["depth"]) == ("strict", ["experience", "skill"], 2)
    assert {question["kind"] for question in created["questions"]} <= {"experience", "skill"}
    path, mine = f"/api/interviews/{created['id']}", bearer(created)

    number: int | None = 1
    depth = 0
    while number:
        body = {"question": number, "text": ANSWERS[language] + " \N{GRINNING FACE} 한 ᄒᆞᆫ"}
        judged = client.post(f"{path}/answers", json=body, headers=mine).get_json()
        follow_up = judged["follow_up"]
        number, depth = (follow_up["id"], depth + 1) if follow_up else (None, depth)
    assert depth == 2
    assert client.post(f"{path}/report", headers=mine).status_code == 201
    report = client.get(f"{path}/report", headers=mine).get_json()
    assert report["answers"] == 3
    assert 0 <= report["overall"] <= 100
    page = client.get(f"{path}/report", headers=mine | {"Accept": "text/html"})
    assert page.content_type.startswith("text/html")
    assert report["summary"] in page.text
    again = client.post(f"{path}/report", headers=mine)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(gemini.requests) == 1 + 3 + 1

    seen = client.get(path, headers=mine).get_json()
    assert seen["questions"][0]["answer"]["text"].endswith("\N{GRINNING FACE} 한 ᄒᆞᆫ")
    assert client.delete("/api/interviews", headers=mine).status_code == 204
    with on.extensions["database"].reading() as db:
        for table in ("interview", "question", "answer", "task", "event", "idempotency"):
            assert db.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0


def test_interviews_of_one_person_are_listed_and_deleted_together(on: Flask) -> None:
    client = on.test_client()
    first = client.post("/api/interviews", json=request(questions=1)).get_json()
    second = client.post("/api/interviews", json=request(questions=1), headers=bearer(first)).get_json()
    stranger = client.post("/api/interviews", json=request(questions=1)).get_json()
    for token in (first, second):
        listed = client.get("/api/interviews", headers=bearer(token)).get_json()["interviews"]
        assert {item["id"] for item in listed} == {first["id"], second["id"]}
    # What is listed can be looked at with its own token alone.
    assert client.get(f"/api/interviews/{first['id']}", headers=bearer(second)).status_code == 404
    assert client.delete("/api/interviews", headers=bearer(second)).status_code == 204
    assert client.get("/api/interviews", headers=bearer(first)).status_code == 404
    assert client.get(f"/api/interviews/{stranger['id']}", headers=bearer(stranger)).status_code == 200


def test_a_spoken_answer_is_written_down_and_its_recording_thrown_away(on: Flask, gemini: Gemini) -> None:
    client = on.test_client()
    created = client.post("/api/interviews", json=request(questions=1)).get_json()
    recording = b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(2000)
    response = client.post(
        f"/api/interviews/{created['id']}/answers",
        data={"question": "1", "audio": (BytesIO(recording), "answer.webm")},
        headers=bearer(created),
    )
    assert response.status_code == 201, response.text
    judged = response.get_json()
    assert judged["spoken"] is True
    assert judged["text"]
    with on.extensions["database"].reading() as db:
        assert db.exec_driver_sql("SELECT audio FROM answer").scalar_one() is None
    unknown = client.post(
        f"/api/interviews/{created['id']}/answers",
        data={"question": "2", "audio": (BytesIO(b"\x1aE\xdf\xa3webm"), "answer.wav")},
        headers=bearer(created),
    )
    assert unknown.status_code == 415


def test_who_sends_no_recording_is_told_of_one_not_of_a_resume(on: Flask) -> None:
    client = on.test_client()
    created = client.post("/api/interviews", json=request(questions=1)).get_json()
    path, mine = f"/api/interviews/{created['id']}/answers", bearer(created)
    missing = client.post(path, data={"question": "1"}, content_type="multipart/form-data", headers=mine)
    broken = client.post(path, data=b"{}", content_type="multipart/form-data; boundary=e", headers=mine)
    assert (missing.status_code, broken.status_code) == (422, 400)
    assert missing.get_json()["errors"] == [
        {"field": "audio", "problem": "is missing", "remedy": "Send a recording as a file."}
    ]
    assert "field audio" in broken.get_json()["detail"]


def test_a_recording_is_refused_where_nobody_hears_and_costs_nothing(settings: Settings) -> None:
    application = create_app(settings)
    client = application.test_client()
    created = client.post("/api/interviews", json=request(questions=1)).get_json()
    assert created["interviewer"]["hears"] is False
    response = client.post(
        f"/api/interviews/{created['id']}/answers",
        data={"question": "1", "audio": (BytesIO(b"OggS" + bytes(100)), "a.ogg")},
        headers=bearer(created),
    )
    assert (response.status_code, response.get_json()["type"]) == (422, "urn:interview:problem:cannot-hear")
    seen = client.get(f"/api/interviews/{created['id']}", headers=bearer(created)).get_json()
    assert seen["questions"][0]["answer"] is None
    close(application)


def test_a_scanned_resume_goes_to_the_model_as_it_is_and_is_not_kept(on: Flask, gemini: Gemini) -> None:
    form = {"role": "developer", "consent": "true", "resume": (BytesIO(resumes.scan_pdf()), "scan.pdf")}
    response = on.test_client().post("/api/interviews", data=form)
    assert response.status_code == 201, response.text
    assert "application/pdf" in str(gemini.requests[0].body)
    with on.extensions["database"].reading() as db:
        assert db.exec_driver_sql("SELECT document FROM interview").scalar_one() is None


class TestDatabaseDies:
    """No accepted answer is lost, none is there twice, and the model is asked once."""

    @pytest.mark.parametrize("moment", ["while the model works", "right before the answer comes"])
    def test_in_the_middle_of_an_answer(self, mariadb: MariaDB, gemini: Gemini, moment: str) -> None:
        with mariadb.database() as url:
            Migration(url).migrate()
            application = create_app(with_model(Settings(database=url, rate=0), gemini))
            client = application.test_client()
            created = client.post("/api/interviews", json=request(questions=1)).get_json()
            path, mine = f"/api/interviews/{created['id']}", bearer(created)
            key = {"Idempotency-Key": "an-answer-in-bad-times"}
            body = {"question": 1, "text": ANSWERS["en"]}
            if moment == "while the model works":
                gemini.pace = 0.05
                first = threading.Thread(
                    target=lambda: client.post(f"{path}/answers", json=body, headers=mine | key)
                )
                first.start()
                until(lambda: len(gemini.requests) == 2, "the model is asked")
                mariadb.kill()
            else:
                mariadb.kill()
                refused = client.post(f"{path}/answers", json=body, headers=mine | key)
                assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
                first = threading.Thread(target=lambda: None)
                first.start()
            mariadb.start()
            first.join()
            response = application.test_client().post(f"{path}/answers", json=body, headers=mine | key)
            assert response.status_code == 201, response.text
            seen = application.test_client().get(path, headers=mine).get_json()
            assert seen["questions"][0]["answer"]["text"] == ANSWERS["en"]
            assert seen["questions"][0]["answer"]["feedback"] == response.get_json()["feedback"]
            assert [question["follows"] for question in seen["questions"]] == [None, 1]
            assert len(gemini.requests) == 2
            close(application)
