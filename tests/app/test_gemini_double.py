"""The double itself: what app containers rely on when it runs in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
import requests

from app.interviewer.choice import choose
from app.interviewer.errors import ModelUnavailable
from app.interviewer.model import ModelInterviewer
from app.interviewer.wire import ModelConfig
from tests.app.conftest import ROOT
from tests.app.interviewing import Calls, brief
from tests.support.gemini import KEY, Act, Gemini

DATA = '<data-{0}>\n{{"resume": "x", "role": "y"}}\n</data-{0}>'.format("0" * 32)
QUESTIONS = {"minItems": "2", "items": {"properties": {"kind": {"enum": ["skill"]}}}}
BODY = {
    "contents": [{"role": "user", "parts": [{"text": DATA}]}],
    "generationConfig": {"responseSchema": {"properties": {"questions": QUESTIONS}}},
}


@pytest.fixture
def url() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.gemini", "--port", "0", "--limit", "3", "--with-stdin"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdin
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.stdin.close()  # which also happens when this process is killed
        assert process.wait(30) == 0
        process.stdout.close()


def post(url: str, path: str, document: Any) -> requests.Response:
    return requests.post(f"{url}{path}", json=document, headers={"x-goog-api-key": KEY}, timeout=30)


def test_a_process_is_steered_over_http(url: str) -> None:
    assert post(url, "/_double/script", [{"kind": "error", "status": 503}]).status_code == 204
    interviewer = choose(ModelConfig(api_key=KEY, endpoint=url))
    assert isinstance(interviewer, ModelInterviewer)
    with closing(interviewer):
        with pytest.raises(ModelUnavailable):
            interviewer.ask(brief(), Calls())
        assert len(interviewer.ask(brief(), Calls()).questions) == 3
    seen = requests.get(f"{url}/_double/requests", timeout=30).json()
    assert [(each["status"], each["model"]) for each in seen] == [
        (503, "gemini-flash-latest"),
        (200, "gemini-flash-latest"),
    ]
    assert KEY not in json.dumps(seen)
    assert requests.delete(f"{url}/_double/requests", timeout=30).status_code == 204
    assert requests.get(f"{url}/_double/requests", timeout=30).json() == []


def test_the_sliding_window_gives_leave_again() -> None:
    path = "/v1beta/models/gemini-flash-latest:generateContent"
    now = 0.0
    with Gemini(limit=2, window=60, clock=lambda: now) as gemini:
        statuses = []
        for now in (0.0, 30.0, 59.0, 60.0, 61.0, 89.0, 90.0, 119.0, 120.0):  # noqa: B007 - the clock
            statuses.append(post(gemini.url, path, BODY).status_code)
    assert statuses == [200, 200, 429, 200, 429, 429, 200, 429, 200]


@pytest.mark.parametrize(
    ("method", "query", "begin"),
    [
        ("generateContent", "", "{"),
        ("streamGenerateContent", "?%24alt=json%3Benum-encoding%3Dint", "["),
        ("streamGenerateContent", "?alt=sse", "data: {"),
    ],
)
def test_the_forms_of_an_answer(method: str, query: str, begin: str) -> None:
    with Gemini() as gemini:
        path = f"/v1beta/models/gemini-flash-latest:{method}{query}"
        answer = post(gemini.url, path, BODY).content.decode()
        assert answer.startswith(begin)
        gemini.script(Act("error", status=503))
        refusal = post(gemini.url, path, BODY).json()
        assert isinstance(refusal, list) is (begin == "[")
    if begin == "data: {":
        chunks = [json.loads(line.removeprefix("data: ")) for line in answer.split("\r\n\r\n") if line]
    else:
        chunks = json.loads(answer) if begin == "[" else [json.loads(answer)]
    last = chunks[-1]["candidates"][0]
    assert last["finishReason"] == (1 if "int" in query else "STOP")
    contents = [chunk["candidates"][0].get("content", {"parts": []}) for chunk in chunks]
    text = "".join(part["text"] for content in contents for part in content["parts"])
    assert len(json.loads(text)["questions"]) == 2
