"""Who gets in and how often, what browsers are told, what logs and metrics hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import requests
from flask import Flask

from app import Settings, create_app
from app.guard import Rate
from tests.app.conftest import Server, close, file_of, request, settings_for
from tests.support.names import free_port

SECRET, PREVIOUS = "s" * 32, "p" * 32


@pytest.fixture
def make(settings: Settings) -> Iterator[Callable[..., Flask]]:
    made: list[Flask] = []

    def application(**changes: object) -> Flask:
        made.append(create_app(settings_for(file_of(settings), **changes)))
        return made[-1]

    yield application
    for each in made:
        close(each)


class TestOrigin:
    @pytest.mark.parametrize("path", ["/", "/api/options", "/api/interviews/x", "/api/docs", "/nothing"])
    def test_only_who_knows_a_secret_gets_in(self, make: Callable[..., Flask], path: str) -> None:
        client = make(origin_secrets=(SECRET, PREVIOUS)).test_client()
        for known in (SECRET, PREVIOUS):
            assert client.get(path, headers={"X-Origin-Secret": known}).status_code != 403
        for wrong in ({}, {"X-Origin-Secret": SECRET[:-1]}, {"X-Origin-Secret": "é" * 16}):
            response = client.get(path, headers=wrong)
            assert response.status_code == 403
            assert response.get_json()["type"].endswith(":origin-required")

    def test_health_is_asked_by_the_edge_which_knows_none(self, make: Callable[..., Flask]) -> None:
        assert make(origin_secrets=(SECRET,)).test_client().get("/api/health/ready").status_code == 200


class TestRate:
    def test_an_address_that_asks_too_often_waits_and_others_do_not(self, make: Callable[..., Flask]) -> None:
        client = make(rate=8).test_client()

        def ask(address: str) -> int:
            return client.get("/api/version", headers={"X-Forwarded-For": f"10.9.9.9, {address}"}).status_code

        assert [ask("192.0.2.1") for _ in range(3)] == [200, 200, 429]
        assert ask("192.0.2.2") == 200
        refused = client.get("/api/version", headers={"X-Forwarded-For": "192.0.2.1"})
        assert 1 <= int(refused.headers["Retry-After"]) <= 8

    def test_a_bucket_fills_up_again(self) -> None:
        rate = Rate(60)
        assert [rate.wait("a", now=100.0) for _ in range(15)] == [0] * 15
        assert rate.wait("a", now=100.0) == pytest.approx(1.0)
        assert rate.wait("a", now=100.5) == pytest.approx(0.5)
        assert rate.wait("a", now=101.0) == 0
        assert sum(rate.wait("a", now=1000.0) == 0 for _ in range(100)) == 15

    def test_who_invents_addresses_is_seen_by_the_one_the_proxy_saw(self, make: Callable[..., Flask]) -> None:
        client = make(rate=4).test_client()
        codes = [
            client.get("/api/version", headers={"X-Forwarded-For": f"10.0.0.{number}, 192.0.2.7"}).status_code
            for number in range(3)
        ]
        assert codes == [200, 429, 429]


class TestBrowsers:
    def test_no_page_of_another_origin_reads_an_answer(self, make: Callable[..., Flask]) -> None:
        response = make().test_client().get("/api/version", headers={"Origin": "https://a.example"})
        assert "Access-Control-Allow-Origin" not in response.headers
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"

    def test_those_of_the_origins_that_are_set_do(self, make: Callable[..., Flask]) -> None:
        client = make(cors_origins=("https://a.example",)).test_client()
        asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
        before = client.options("/api/interviews", headers=asked)
        assert before.status_code == 204
        assert before.headers["Access-Control-Allow-Origin"] == "https://a.example"
        assert "Authorization" in before.headers["Access-Control-Allow-Headers"]
        other = client.get("/api/version", headers={"Origin": "https://b.example"})
        assert "Access-Control-Allow-Origin" not in other.headers
        assert "Origin" in other.headers["Vary"]

    @pytest.mark.parametrize("path", ["/", "/api/docs", "/api/version", "/api/nothing", "/api/options"])
    def test_every_answer_is_hardened(self, make: Callable[..., Flask], path: str) -> None:
        headers = make().test_client().get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
        assert headers["Referrer-Policy"] == "no-referrer"


def test_a_request_has_an_id_its_own_or_the_callers(make: Callable[..., Flask]) -> None:
    client = make().test_client()
    given = client.get("/api/version", headers={"X-Request-ID": "abc-123_456.7"})
    assert given.headers["X-Request-ID"] == "abc-123_456.7"
    for wrong in ("short", "with space x", "<script>alert(1)</script>", "x" * 65):
        made = client.get("/api/version", headers={"X-Request-ID": wrong}).headers["X-Request-ID"]
        assert re.fullmatch("[0-9a-f]{16}", made)


def test_metrics_count_by_route_and_hold_nothing_personal(settings: Settings) -> None:
    application = create_app(settings_for(file_of(settings), metrics_port=9100))
    client = application.test_client()
    created = client.post("/api/interviews", json=request()).get_json()
    client.get(f"/api/interviews/{created['id']}", headers={"Authorization": f"Bearer {created['token']}"})
    text = client.get("/metrics", environ_overrides={"SERVER_PORT": "9100"}).text
    assert 'interview_requests_total{method="POST",route="/api/interviews",status="201"} 1.0' in text
    assert 'route="/api/interviews/<identifier>",status="200"' in text
    assert "interview_tasks" in text
    assert created["id"] not in text
    assert client.get("/metrics").status_code == 404
    close(application)


def test_methods_that_clients_invent_are_counted_and_logged_as_one(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    application = create_app(settings_for(file_of(settings), metrics_port=9100))
    client = application.test_client()
    caplog.set_level("INFO", "app.requests")
    for name in ("BREW", "KIMCHI", "PUT"):
        assert client.open("/api/version", method=name).status_code == 405
    for name in ("GET", "HEAD", "OPTIONS"):
        assert client.open("/api/version", method=name).status_code == 200
    text = client.get("/metrics", environ_overrides={"SERVER_PORT": "9100"}).text
    seen = set(re.findall('^interview_requests_total{method="(.*?)"', text, re.MULTILINE))
    assert seen == {"GET", "HEAD", "OPTIONS", "other"}
    assert 'interview_requests_total{method="other",route="none",status="405"} 3.0' in text
    assert "BREW" not in caplog.text
    assert '"method": "other"' in caplog.text
    close(application)


def test_a_port_of_their_own_tells_them(serve: Callable[..., Server]) -> None:
    port = free_port()
    server = serve(f"127.0.0.1:{port}", INTERVIEW_METRICS_PORT=str(port))
    response = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10)
    assert response.status_code == 200
    assert "interview_following" in response.text
    assert server.ask("GET", "/metrics")[0] == 404
