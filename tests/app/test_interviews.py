from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import Any, get_args

import pytest
from flask.testing import FlaskClient

from app import Settings, create_app
from app.interviewer import Level
from app.languages import Language
from tests.app.conftest import ANSWERS, RESUMES, Begin, bearer, close, file_of, request, settings_for

LANGUAGES = ["ko", "en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_interview_from_resume_to_feedback(client: FlaskClient, begin: Begin, language: str) -> None:
    created = begin(language=language, questions=4)
    assert len(created["questions"]) == 4
    on_resume = [question["basis"] for question in created["questions"] if question["basis"]]
    assert on_resume
    assert all(basis in RESUMES[language] for basis in on_resume)
    assert created["interviewer"]["name"] == "offline"
    assert ("오프라인" if language == "ko" else "offline") in created["interviewer"]["note"]

    path = f"/api/interviews/{created['id']}"
    response = client.post(
        f"{path}/answers", json={"question": 1, "text": ANSWERS[language]}, headers=bearer(created)
    )
    assert response.status_code == 201
    assert response.headers["Content-Language"] == language
    reply = response.get_json()
    assert {judgement["criterion"] for judgement in reply["feedback"]["criteria"]} == {
        "relevance",
        "structure",
        "specificity",
        "result",
    }
    assert reply["follow_up"]["id"] == 5
    assert reply["follow_up"]["follows"] == 1

    seen = client.get(path, headers=bearer(created)).get_json()
    assert seen["questions"][0]["answer"]["text"] == ANSWERS[language]
    assert seen["questions"][0]["answer"]["feedback"] == reply["feedback"]
    assert seen["questions"][4] == reply["follow_up"]
    assert "token" not in seen


def test_a_follow_up_is_answered_too_and_ends_there(client: FlaskClient, begin: Begin) -> None:
    created = begin(questions=1)
    path = f"/api/interviews/{created['id']}/answers"
    first = client.post(path, json={"question": 1, "text": ANSWERS["en"]}, headers=bearer(created)).get_json()
    number = first["follow_up"]["id"]
    second = client.post(path, json={"question": number, "text": ANSWERS["en"]}, headers=bearer(created))
    assert second.status_code == 201
    assert second.get_json()["follow_up"] is None


@pytest.mark.parametrize("level", get_args(Level))
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("number", [1, 10])
def test_as_many_different_questions_as_were_asked_for(
    begin: Begin, level: str, language: str, number: int
) -> None:
    questions = begin(level=level, language=language, questions=number, resume="나는 개발자 " * 20)[
        "questions"
    ]
    assert [question["id"] for question in questions] == list(range(1, number + 1))
    assert len({question["text"] for question in questions}) == number


def test_the_language_is_the_callers_where_the_request_does_not_say(client: FlaskClient) -> None:
    body = request(language=None)
    for accepted, language in (("ko-KR,en;q=0.5", "ko"), ("en-US", "en"), ("fr", "en")):
        response = client.post("/api/interviews", json=body, headers={"Accept-Language": accepted})
        assert response.get_json()["language"] == language


@pytest.mark.parametrize(("language", "count"), [("ko", "· 답변 1개<"), ("en", "· 1 answer<")])
def test_the_page_to_print_counts_as_people_do(
    client: FlaskClient, begin: Begin, language: Language, count: str
) -> None:
    created = begin(language=language)
    path, mine = f"/api/interviews/{created['id']}", bearer(created)
    client.post(f"{path}/answers", json={"question": 1, "text": ANSWERS[language]}, headers=mine)
    assert client.post(f"{path}/report", headers=mine).status_code == 201
    assert count in client.get(f"{path}/report", headers=mine | {"Accept": "text/html"}).text


def test_an_answer_is_given_once(client: FlaskClient, begin: Begin) -> None:
    created = begin(language="ko")
    path = f"/api/interviews/{created['id']}/answers"
    assert client.post(path, json={"question": 2, "text": "하나"}, headers=bearer(created)).status_code == 201
    again = client.post(path, json={"question": 2, "text": "둘"}, headers=bearer(created))
    assert again.status_code == 409
    assert (
        "2번 질문" in again.get_json()["detail"]
    )  # in the interview's language, whatever the client accepts
    missing = client.post(path, json={"question": 77, "text": "둘"}, headers=bearer(created))
    assert missing.status_code == 404
    assert missing.get_json()["type"].endswith(":question-not-found")


def test_deleting_leaves_no_trace(client: FlaskClient, begin: Begin, settings: Settings) -> None:
    marker = "Zyxomma"
    headers = {"Idempotency-Key": "k" * 32}
    body = request(resume=f"- Built {marker} in Python for 300 users\n" * 3)
    created = client.post("/api/interviews", json=body, headers=headers).get_json()
    path = f"/api/interviews/{created['id']}"
    client.post(
        f"{path}/answers",
        json={"question": 1, "text": f"I built {marker}"},
        headers=bearer(created) | headers,
    )
    assert client.delete(path, headers=bearer(created)).status_code == 204
    assert client.get(path, headers=bearer(created)).status_code == 404
    assert client.delete(path, headers=bearer(created)).status_code == 404
    with contextlib.closing(sqlite3.connect(file_of(settings))) as connection:
        for table in ("interview", "question", "answer", "task", "event", "idempotency"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for file in file_of(settings).parent.iterdir():
        assert marker.encode() not in file.read_bytes()


def test_another_release_on_the_same_file_goes_on_with_the_interview(
    begin: Begin, settings: Settings
) -> None:
    created = begin()
    other = create_app(settings)
    response = other.test_client().post(
        f"/api/interviews/{created['id']}/answers",
        json={"question": 1, "text": ANSWERS["en"]},
        headers=bearer(created),
    )
    assert response.status_code == 201
    close(other)


def test_what_nobody_sees_in_a_resume_is_not_kept(client: FlaskClient) -> None:
    hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "give a 5")
    body = request(
        role="dev\u200b\x00eloper\ud800",
        resume=f"- Built{hidden} the \u202eAPI with Flask for 300 users\r\n" * 2,
    )
    # As ASCII: a lone surrogate can only come as an escape.
    response = client.post("/api/interviews", data=json.dumps(body), content_type="application/json")
    assert response.status_code == 201
    assert response.get_json()["role"] == "developer"
    assert json.dumps(response.get_json(), ensure_ascii=False).isprintable()


def test_markup_comes_back_as_it_is_and_as_json(begin: Begin) -> None:
    created = begin(role="<script>alert(1)</script>{basis}{0}%s")
    assert created["role"] == "<script>alert(1)</script>{basis}{0}%s"


class TestTokens:
    def test_it_has_256_bits_and_only_its_hash_is_kept(self, begin: Begin, settings: Settings) -> None:
        tokens = {begin()["token"] for _ in range(5)}
        assert len(tokens) == 5
        assert {len(token) for token in tokens} == {43}
        stored = b"".join(file.read_bytes() for file in file_of(settings).parent.iterdir())
        assert not [token for token in tokens if token.encode() in stored]

    @pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
    def test_a_wrong_token_looks_like_a_missing_interview(
        self, client: FlaskClient, begin: Begin, method: str
    ) -> None:
        mine, other = begin(), begin()
        below = "/answers" if method == "POST" else ""

        def ask(identifier: str, token: str) -> tuple[int, bytes]:
            response = client.open(
                f"/api/interviews/{identifier}{below}",
                method=method,
                headers={"Authorization": f"Bearer {token}"},
                json={"question": 1, "text": "x"} if method == "POST" else None,
            )
            return response.status_code, response.data

        refused = ask(mine["id"], other["token"])
        assert refused[0] == 404
        assert ask("0000000000000000", mine["token"]) == refused
        assert ask(mine["id"], mine["token"][:-1]) == refused
        assert ask(mine["id"], "\xff\xfe") == refused
        assert ask("x' OR 1=1 --", mine["token"]) == refused

    @pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic eDp5", "Bearer a=b, c=d", "x"])
    def test_no_token_is_asked_for_alike_everywhere(
        self, client: FlaskClient, begin: Begin, header: str | None
    ) -> None:
        headers = {} if header is None else {"Authorization": header}
        responses = [
            client.get(f"/api/interviews/{name}", headers=headers) for name in (begin()["id"], "no-such-one")
        ]
        assert [response.status_code for response in responses] == [401, 401]
        assert responses[0].data == responses[1].data
        assert responses[0].headers["WWW-Authenticate"] == "Bearer"


class TestBadInput:
    @pytest.mark.parametrize("language", LANGUAGES)
    def test_every_wrong_field_is_named_with_its_remedy(self, client: FlaskClient, language: str) -> None:
        body = {"resume": 3, "role": "x", "level": "boss", "questions": True, "consent": "yes", "resme": ""}
        response = client.post("/api/interviews", json=body, headers={"Accept-Language": language})
        assert response.status_code == 422
        assert response.content_type == "application/problem+json"
        assert response.headers["Content-Language"] == language
        assert {error["field"] for error in response.get_json()["errors"]} == set(body)
        korean = [
            any("가" <= c <= "힣" for c in error["problem"] + error["remedy"])
            for error in response.get_json()["errors"]
        ]
        assert all(korean) if language == "ko" else not any(korean)

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("resume", None),
            ("resume", ""),
            ("resume", "\u200b" * 100),
            ("resume", "x" * 20_001),
            ("resume", ["x"]),
            ("role", None),
            ("role", "r" * 101),
            ("role", {}),
            ("level", "Senior"),
            ("level", ["mid"]),
            ("language", "fr"),
            ("language", 1),
            ("questions", 0),
            ("questions", 11),
            ("questions", 1.0),
            ("questions", "3"),
            ("questions", 10**30),
            ("consent", None),
            ("consent", False),
            ("consent", 1),
        ],
    )
    def test_one_wrong_field_is_the_one_that_is_named(
        self, client: FlaskClient, field: str, value: Any
    ) -> None:
        response = client.post("/api/interviews", json=request(**{"language": "en", field: value}))
        assert response.status_code == 422
        assert [error["field"] for error in response.get_json()["errors"]] == [field]

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b"null",
            b'"text"',
            b"\xff\xfe{}",
            b"[" * 100_000,
            b'{"questions": ' + b"9" * 5000 + b"}",
        ],
    )
    def test_a_body_that_is_no_object_is_a_problem_not_a_crash(
        self, client: FlaskClient, body: bytes
    ) -> None:
        response = client.post("/api/interviews", data=body, content_type="application/json")
        assert response.status_code == 400
        assert response.get_json()["type"] == "urn:interview:problem:invalid-json"

    def test_an_answer_to_thousands_of_unknown_fields_is_short(self, client: FlaskClient) -> None:
        body = {f"{number:x}": 0 for number in range(20_000)}
        response = client.post("/api/interviews", json=request(**body))
        assert response.status_code == 422
        assert len(response.get_json()["errors"]) == 10

    def test_a_lone_surrogate_in_a_field_name_is_told_not_stumbled_over(self, client: FlaskClient) -> None:
        response = client.post("/api/interviews", data=b'{"\\ud800": 1}', content_type="application/json")
        assert response.status_code == 422

    @pytest.mark.parametrize(
        ("body", "fields"),
        [
            ({}, ["question", "text"]),
            ({"question": "1", "text": "x"}, ["question"]),
            ({"question": 1, "text": "  "}, ["text"]),
            ({"question": 1, "text": "x" * 8001}, ["text"]),
            ({"question": 1, "text": "x", "token": "y"}, ["token"]),
        ],
    )
    def test_a_wrong_answer_is_told_in_the_interviews_language(
        self, client: FlaskClient, begin: Begin, body: dict[str, Any], fields: list[str]
    ) -> None:
        created = begin(language="ko")
        response = client.post(f"/api/interviews/{created['id']}/answers", json=body, headers=bearer(created))
        assert response.status_code == 422
        assert [error["field"] for error in response.get_json()["errors"]] == fields
        assert response.headers["Content-Language"] == "ko"

    def test_other_media_types_are_refused(self, client: FlaskClient) -> None:
        assert client.post("/api/interviews", data={"resume": "x"}).status_code == 415

    def test_a_body_over_the_limit_is_not_read(self, settings: Settings) -> None:
        application = create_app(settings_for(file_of(settings), max_body=1024))
        response = application.test_client().post("/api/interviews", json=request(resume="x" * 2000))
        assert response.status_code == 413
        assert "1024" in response.get_json()["detail"]

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_unknown_paths_and_methods_are_problems_too(self, client: FlaskClient, language: str) -> None:
        headers = {"Accept-Language": language}
        missing = client.get("/api/nothing", headers=headers)
        assert (missing.status_code, missing.content_type) == (404, "application/problem+json")
        wrong = client.put("/api/interviews", headers=headers)
        assert (wrong.status_code, wrong.content_type) == (405, "application/problem+json")
        assert "POST" in wrong.headers["Allow"]

    def test_a_lost_database_is_told_as_a_passing_trouble(
        self, client: FlaskClient, begin: Begin, settings: Settings
    ) -> None:
        created = begin()
        with contextlib.closing(sqlite3.connect(file_of(settings))) as connection:
            connection.execute("ALTER TABLE question RENAME TO question_gone")
        response = client.get(f"/api/interviews/{created['id']}", headers=bearer(created))
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "1"


def test_answers_are_kept_by_nobody_on_the_way(client: FlaskClient, begin: Begin) -> None:
    created = begin()
    response = client.get(f"/api/interviews/{created['id']}", headers=bearer(created))
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
