"""A form with a resume in it comes in whole, in memory, and within its bounds."""

from __future__ import annotations

import json
import random
import tempfile
from io import BytesIO
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from flask.testing import FlaskClient

from app.problems import Problem
from app.room import Room
from app.uploads import FIELDS, PARTS, file_part

LIMIT = 2 * 2**20
EDGE = "-----------------edge"
TYPE = f"multipart/form-data; boundary={EDGE}"


@pytest.fixture
def client() -> FlaskClient:
    flask = Flask(__name__)
    flask.config["MAX_CONTENT_LENGTH"] = 1000  # for all other requests

    room = Room(LIMIT, LIMIT, 0)

    @flask.post("/")
    def take() -> Response:
        with room.entered("client") as claim:
            data, fields = file_part(request, "resume", LIMIT, claim)
        return jsonify(size=len(data), start=data[:20].hex(), fields=fields)

    @flask.errorhandler(Problem)
    def refuse(problem: Problem) -> Response:
        return problem.response("en")

    return flask.test_client()


def form(*parts: tuple[str, bytes], end: str = "--") -> bytes:
    """A body of parts, each given by what stands after `form-data` and its content."""
    body = b"".join(
        b"--%s\r\nContent-Disposition: form-data; %s\r\n\r\n%s\r\n" % (EDGE.encode(), head.encode(), content)
        for head, content in parts
    )
    return body + f"--{EDGE}{end}\r\n".encode()


def resume(content: bytes, name: str = "cv.pdf") -> tuple[str, bytes]:
    return f'name="resume"; filename="{name}"', content


def post(client: FlaskClient, body: bytes, content_type: str = TYPE, **options: Any) -> tuple[int, Any]:
    response = client.post("/", data=body, content_type=content_type, **options)
    return response.status_code, json.loads(response.data)


def refusal(answer: tuple[int, Any]) -> tuple[int, str]:
    status, document = answer
    return status, document["type"].rpartition(":")[2]


def test_a_file_and_fields_come_in(client: FlaskClient) -> None:
    body = form(
        ('name="role"', "백엔드 개발자".encode()), resume(b"%PDF-1.7", "김민지.pdf"), ('name="level"', b"")
    )
    assert post(client, body) == (
        200,
        {"size": 8, "start": b"%PDF-1.7".hex(), "fields": {"role": "백엔드 개발자", "level": ""}},
    )


def test_what_a_client_library_sends_comes_in(client: FlaskClient) -> None:
    response = client.post("/", data={"resume": (BytesIO(b"\r\n--x\r\n"), "cv.txt"), "role": "a"})
    assert response.get_json() == {"size": 7, "start": b"\r\n--x\r\n".hex(), "fields": {"role": "a"}}


def test_no_byte_of_it_is_written_to_a_file(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("a temporary file")

    for name in ("SpooledTemporaryFile", "TemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, forbidden)
    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", forbidden)
    status, document = post(client, form(resume(bytes(LIMIT))))
    assert (status, document["size"]) == (200, LIMIT)


def test_an_empty_file_is_a_file_and_none_chosen_is_none(client: FlaskClient) -> None:
    assert post(client, form(resume(b"")))[1]["size"] == 0
    for body in (form(resume(b"", "")), form(('name="role"', b"a")), form(), b""):
        status, document = post(client, body)
        assert status == 422
        assert [(error["field"], error["problem"]) for error in document["errors"]] == [
            ("resume", "is missing")
        ]


def test_text_in_the_files_place_is_no_file(client: FlaskClient) -> None:
    status, document = post(client, form(('name="resume"', b"Jane Doe")))
    assert (status, document["errors"][0]["problem"]) == (422, "is not a file")


def test_a_file_above_the_limit_is_refused(client: FlaskClient) -> None:
    assert refusal(post(client, form(resume(bytes(LIMIT + 1))))) == (413, "too-large")
    assert refusal(post(client, form(resume(bytes(3 * LIMIT))))) == (413, "too-large")


def test_a_body_whose_length_is_not_told_has_the_same_limit(client: FlaskClient) -> None:
    chunked = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}  # as gunicorn hands on a body in chunks

    def send(body: bytes) -> tuple[int, Any]:
        return post(client, b"", input_stream=BytesIO(body), environ_overrides=chunked)

    assert send(form(resume(bytes(LIMIT))))[0] == 200
    assert refusal(send(form(resume(bytes(LIMIT + 1))))) == (413, "too-large")
    assert refusal(send(form(resume(b"a")) + bytes(LIMIT + FIELDS))) == (413, "fields-too-large")


def test_fields_are_bounded_in_number_and_size(client: FlaskClient) -> None:
    many = [(f'name="f{number}"', b"a") for number in range(PARTS + 1)]
    assert len(post(client, form(resume(b"a"), *many[:-1]))[1]["fields"]) == PARTS
    assert refusal(post(client, form(resume(b"a"), *many))) == (413, "fields-too-large")
    assert (
        len(post(client, form(resume(b"a"), ('name="role"', b"a" * 60_000)))[1]["fields"]["role"]) == 60_000
    )
    assert refusal(post(client, form(resume(b"a"), ('name="role"', b"a" * LIMIT)))) == (
        413,
        "fields-too-large",
    )
    endless = b"--%s\r\nContent-Disposition: form-data; name=%s" % (EDGE.encode(), b"a" * LIMIT)
    assert refusal(post(client, endless)) == (413, "fields-too-large")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(form(resume(b"a"), resume(b"b")), id="two resumes"),
        pytest.param(form(resume(b"a"), ('name="resume"', b"b")), id="a resume twice"),
        pytest.param(form(resume(b"a"), ('name="role"', b"a"), ('name="role"', b"b")), id="a field twice"),
        pytest.param(form(resume(b"a"), ('name="photo"; filename="me.png"', b"b")), id="another file"),
        pytest.param(form(resume(b"a"), ("", b"b")), id="a field without a name"),
        pytest.param(form(resume(b"a"), end=""), id="no end"),
        pytest.param(form(resume(b"a"))[:-20], id="half an end"),
        pytest.param(b"--%s\r\nX: 1\r\n\r\n" % EDGE.encode(), id="half a part"),
        pytest.param(b"--%s\r\nX: \xff\r\n\r\na\r\n" % EDGE.encode(), id="headers in no encoding"),
        pytest.param(b"{}", id="something else"),
    ],
)
def test_a_broken_form_is_refused(client: FlaskClient, body: bytes) -> None:
    assert refusal(post(client, body)) == (400, "invalid-multipart")


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "application/json", "", "multipart/mixed"],
)
def test_another_type_is_refused(client: FlaskClient, content_type: str) -> None:
    assert refusal(post(client, form(resume(b"a")), content_type)) == (400, "invalid-multipart")


def test_a_body_that_breaks_off_is_refused(client: FlaskClient) -> None:
    body = form(resume(bytes(5000)))
    cut = {"CONTENT_LENGTH": str(len(body))}
    answer = post(client, b"", input_stream=BytesIO(body[:3000]), environ_overrides=cut)
    assert refusal(answer) == (400, "invalid-multipart")


def test_damaged_forms_are_taken_or_refused_and_nothing_else(client: FlaskClient) -> None:
    dice = random.Random(20261124)
    good = form(('name="role"', b"a"), resume(b"%PDF-1.7"), ('name="level"', b"junior"))
    statuses = set()
    for _ in range(500):
        body = bytearray(good)
        for _ in range(dice.randint(1, 5)):
            place = dice.randrange(len(body))
            match dice.randrange(3):
                case 0:
                    body[place] = dice.choice(b'\r\n-;="\x00\xffa')
                case 1:
                    del body[place : place + dice.randint(1, 20)]
                case 2:
                    body[place:place] = dice.choice((b"\r\n", b"--", EDGE.encode(), b"\r\n\r\n", b"%s" * 9))
        statuses.add(post(client, bytes(body))[0])
    assert statuses == {200, 400, 422}
