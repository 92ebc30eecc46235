"""`/metrics` for Prometheus, on a port of its own that the edge does not know."""

from __future__ import annotations

from time import perf_counter

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app import guard
from app.problems import Problem
from app.runner import Runner
from app.settings import Settings


class _Work(Collector):
    """What the runner has in hand, read when it is asked for."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def collect(self) -> list[GaugeMetricFamily]:
        waiting, running = self._runner.in_hand()
        tasks = GaugeMetricFamily("interview_tasks", "Tasks in hand, by state.", labels=["state"])
        tasks.add_metric(["waiting"], waiting)
        tasks.add_metric(["running"], running)
        following = GaugeMetricFamily("interview_following", "Clients that wait for a task.")
        following.add_metric([], self._runner.hub.following())
        return [tasks, following]


def install(flask: Flask, runner: Runner, settings: Settings) -> None:
    """Count requests, and tell at `/metrics`; each worker process tells its own."""
    registry = CollectorRegistry()
    registry.register(_Work(runner))
    requests = Counter(
        "interview_requests",
        "Requests by route and status.",
        ["method", "route", "status"],
        registry=registry,
    )
    seconds = Histogram(
        "interview_request_seconds",
        "Seconds until a response began.",
        ["route"],
        registry=registry,
        buckets=(0.005, 0.02, 0.05, 0.2, 1, 5, 20, 60),
    )

    @flask.after_request
    def count(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        # Each new label is kept for ever: none of them may be what a client wrote.
        requests.labels(guard.method(), route, response.status_code).inc()
        if "began" in g:
            seconds.labels(route).observe(perf_counter() - g.began)
        return response

    pages = Blueprint("metrics", __name__)

    @pages.get("/metrics")
    def show() -> Response:
        if request.environ.get("SERVER_PORT") != str(settings.metrics_port):
            raise Problem(404, "not-found")
        return Response(generate_latest(registry), content_type="text/plain; version=0.0.4; charset=utf-8")

    flask.register_blueprint(pages)
