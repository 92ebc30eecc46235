"""The description against the service: what it allows is answered as it says, all else is refused."""

from __future__ import annotations

import html
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.stateful import run_state_machine_as_test
from hypothesis.strategies import integers
from schemathesis import Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from app import Settings, create_app
from app.openapi import describe
from tests.app.conftest import ANSWERS, bearer, close, request
from tests.support.scale import times

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]
CASES = times(5, 800)
"""For each of the 13 operations; in a soak more than 10,000 together."""
SEQUENCES = times(3, 120)
ANYHOW = settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    derandomize=False,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)

PATHS = describe(Settings(database="sqlite:////x"))["paths"]
OPERATIONS = [(path, method) for path, item in PATHS.items() for method in item if method != "parameters"]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory, migrated: Any) -> Iterator[Flask]:
    path = tmp_path_factory.mktemp("described") / "interview.sqlite3"
    shutil.copyfile(migrated, path)
    application = create_app(Settings(database=f"sqlite:///{path}", rate=0))
    yield application
    close(application)


@pytest.fixture(scope="module")
def described(application: Flask) -> Any:
    return schemathesis.openapi.from_wsgi("/api/openapi.json", application)


@pytest.fixture(scope="module")
def interview(application: Flask) -> dict[str, Any]:
    """One that has questions with and without answers, and a report."""
    client = application.test_client()
    created: dict[str, Any] = client.post("/api/interviews", json=request(questions=10)).get_json()
    path = f"/api/interviews/{created['id']}"
    body = {"question": 1, "text": ANSWERS["en"]}
    reply = client.post(f"{path}/answers", json=body, headers=bearer(created))
    assert reply.status_code == 201
    assert client.post(f"{path}/report", headers=bearer(created)).status_code == 201
    return created


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_keeps_to_its_description(
    described: Any, interview: dict[str, Any], path: str, method: str
) -> None:
    @ANYHOW
    @given(case=described[path][method].as_strategy(), mine=integers(0, 9))
    def ask(case: Any, mine: int) -> None:
        headers = {}
        # What removes interviews would leave nothing for the others; sequences have it.
        if mine < 7 and method != "delete":
            headers = bearer(interview)
            if "interview" in (case.path_parameters or {}):
                case.path_parameters["interview"] = interview["id"]
        case.call_and_validate(checks=CHECKS, headers=headers)

    ask()


def test_sequences_of_requests_keep_to_it(described: Any) -> None:
    class Machine(described.as_state_machine()):  # type: ignore[misc]  # made at run time
        tokens: dict[str, str]

        def setup(self) -> None:
            self.tokens = {}

        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            known = self.tokens.get((case.path_parameters or {}).get("interview", ""))
            token = known or next(iter(self.tokens.values()), None)
            return {"headers": {"Authorization": f"Bearer {token}"}} if token else {}

        def after_call(self, response: Response, case: Any) -> None:
            if (
                case.method == "POST"
                and response.status_code == 201
                and "token" in (found := response.json())
            ):
                self.tokens[found["id"]] = found["token"]

        def validate_response(self, response: Response, case: Any, **kwargs: Any) -> None:
            case.validate_response(response, checks=CHECKS)

    run_state_machine_as_test(
        Machine, settings=settings(ANYHOW, max_examples=SEQUENCES, stateful_step_count=times(6, 10))
    )


def test_the_description_names_every_route_and_no_other(application: Flask) -> None:
    hidden = {
        "/",
        "/api/",
        "/metrics",
        "/api/health/live",
        "/api/health/ready",
        "/api/openapi.json",
        "/api/docs",
    }
    names = {"<identifier>": "{interview}", "<task>": "{task}"}
    served = set()
    for rule in application.url_map.iter_rules():
        path = rule.rule
        for name, shown in names.items():
            path = path.replace(name, shown)
        methods = (rule.methods or set()) & {"GET", "POST", "DELETE", "PUT", "PATCH"}
        served |= {(method.lower(), path) for method in methods if path not in hidden}
    assert {(method, path) for path, method in OPERATIONS} == served


def test_refusals_that_no_example_comes_to_are_described(
    application: Flask, interview: dict[str, Any]
) -> None:
    client = application.test_client()
    basic = client.post("/api/interviews", json=request(), headers={"Authorization": "Basic YTpi"})
    path = f"/api/interviews/{interview['id']}/report"
    large = client.post(path, data=" " * 300_000, headers=bearer(interview))
    assert (basic.status_code, large.status_code) == (401, 413)
    assert "401" in PATHS["/api/interviews"]["post"]["responses"]
    assert "413" in PATHS["/api/interviews/{interview}/report"]["post"]["responses"]


def test_the_page_shows_every_operation(application: Flask) -> None:
    page = application.test_client().get("/api/docs").text
    for path, item in PATHS.items():
        assert path in page
        for operation in (item[method] for method in ("get", "post", "delete") if method in item):
            assert f'id="{operation["operationId"]}"' in page
            assert html.escape(operation["summary"]) in page.replace("&#39;", "&#x27;")


class TestStrangers:
    """Whoever has no right to an interview learns nothing from the refusal."""

    ROUTES = (
        ("GET", ""), ("DELETE", ""), ("POST", "/answers"), ("POST", "/report"), ("GET", "/report"),
        ("GET", "/tasks/{task}"), ("GET", "/tasks/{task}/events"),
    )  # fmt: skip

    @pytest.mark.parametrize(("method", "below"), ROUTES)
    def test_wrong_expired_and_missing_are_one(
        self, application: Flask, interview: dict[str, Any], method: str, below: str
    ) -> None:
        client = application.test_client()
        other, expired = (client.post("/api/interviews", json=request()).get_json() for _ in range(2))
        with application.extensions["database"].writing() as db:
            db.exec_driver_sql("UPDATE interview SET expires_at = 1 WHERE id = ?", (expired["id"],))
        path = below.replace("{task}", "0123456789abcdef")
        body = {"question": 1, "text": "x"} if below == "/answers" else None

        def ask(identifier: str, token: str | None) -> tuple[int, bytes]:
            headers = {} if token is None else {"Authorization": f"Bearer {token}"}
            response = client.open(
                f"/api/interviews/{identifier}{path}", method=method, headers=headers, json=body
            )
            return response.status_code, response.data

        refused = ask(interview["id"], other["token"])
        assert refused[0] == 404
        assert ask(expired["id"], expired["token"]) == refused
        assert ask("0" * 16, interview["token"]) == refused
        assert ask("x" * 300, interview["token"]) == refused
        assert ask(interview["id"], "x" * 5000) == refused
        nobody = ask(interview["id"], None)
        assert nobody[0] == 401
        assert ask("0" * 16, None) == nobody
        assert ask(expired["id"], None) == nobody
