"""CloudWatch as an end, on moto: metrics that an alarm can watch, a log of JSON, what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.events import CommandFailed, LogLine, OnHost, RolledBack
from deployer.sinks.courier import Pace
from deployer.sinks.end import Run
from deployer.sinks.metrics import Metric, metrics_of
from deployer.sinks.telling import open_telling
from tests.support import cli
from tests.support.ends import served
from tests.support.names import service_name
from tests.support.s3 import REGION, Server
from tests.support.site import SiteProject

GROUP = "/deployer/events"


@pytest.fixture(scope="module")
def aws(moto: Server) -> Server:
    moto.client("logs").create_log_group(logGroupName=GROUP)
    return moto


class Site(SiteProject):
    """A site in moto's S3, whose config also names ends."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.name = service_name()
        super().__init__(folder, server)
        self.build(1)

    def tells(self, **notify: Any) -> None:
        path = self.folder / "config.yaml"
        config = yaml.safe_load(path.read_text())
        config["service"]["name"] = self.name
        config["notify"] = {"timeout": "20s", "deadline": "1000s", **notify}
        path.write_text(yaml.safe_dump(config))

    def end(self, **more: Any) -> dict[str, Any]:
        return {"endpoint": self.server.endpoint, "region": REGION, "log_group": GROUP, **more}


@pytest.fixture
def site(aws: Server, tmp_path: Path) -> Iterator[Site]:
    project = Site(tmp_path, aws)
    yield project
    project.close()


def metric(site: Site, name: str) -> list[float]:
    """The values of a metric, as an alarm would read them."""
    now = datetime.now(UTC)
    found = site.server.client("cloudwatch").get_metric_statistics(
        Namespace="Deployer",
        MetricName=name,
        Dimensions=[{"Name": "Service", "Value": site.name}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum", "SampleCount"],
    )
    return [value for point in found["Datapoints"] for value in (point["Sum"], point["SampleCount"])]


def logged(site: Site) -> list[dict[str, Any]]:
    stream = f"{site.name}/{datetime.now(UTC):%Y-%m-%d}"
    found = site.server.client("logs").get_log_events(
        logGroupName=GROUP, logStreamName=stream, startFromHead=True
    )
    return [json.loads(event["message"]) for event in found["events"]]


def test_deploys_of_a_site_are_counted_and_logged(site: Site) -> None:
    site.tells(cloudwatch=[site.end()])
    site.run("deploy")
    site.build(2)
    site.run("deploy")
    for file in site.dist.rglob("*"):
        if file.is_file():
            file.unlink()
    done = site.run("deploy", expect=None)
    assert done.status == 6
    assert "not told" not in done.stderr
    assert metric(site, "FailedDeploys") == [1.0, 3.0]
    assert metric(site, "Deploys") == [3.0, 3.0]
    assert metric(site, "DeploySeconds")[1] == 2.0
    events = logged(site)
    kinds = [event["event"] for event in events]
    assert kinds.count("site_released") == 2
    assert kinds[-1] == "command_failed"
    assert events[-1]["run"]["command"] == "site deploy"


def test_a_group_that_is_not_there_is_said_and_the_metrics_are_put_all_the_same(site: Site) -> None:
    site.tells(cloudwatch=[site.end(log_group="/nobody/made/this")])
    done = site.run("deploy", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[-1]["outcome"] == "done"
    (end,) = lines[-2]["ends"]
    assert (end["name"], end["kind"]) == ("cloudwatch", "cloudwatch")
    assert "/nobody/made/this" in end["reason"]
    assert "ResourceNotFound" in end["reason"]
    assert metric(site, "Deploys") == [1.0, 1.0]


@pytest.mark.parametrize(
    "trouble", ["never", "500", pytest.param("429", marks=pytest.mark.soak), "hangup", "garbage"]
)
def test_a_deploy_does_not_notice_a_cloudwatch_in_trouble(
    site: Site, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer.sinks.telling._pace", lambda *_: Pace(gather=0.0, attempts=1))
    with served() as ends:
        ends.does(trouble)
        timeout = "500ms" if trouble == "never" else "20s"
        site.tells(cloudwatch=[site.end(endpoint=ends.address)], timeout=timeout)
        done = site.run("deploy", "--json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert (lines[-1]["outcome"], lines[-2]["event"]) == ("done", "undelivered")
        assert lines[-2]["ends"][0]["events"] > 0
        assert ends.requests
    assert site.title() == 1


def test_a_test_message_is_a_metric_and_a_line(site: Site) -> None:
    site.tells(cloudwatch=[site.end()])
    config = str(site.folder / "config.yaml")
    done = cli.run("notify", "test", "-c", config, **site.server.environ)
    assert (done.status, done.stdout) == (0, "cloudwatch (cloudwatch): delivered\n")
    assert metric(site, "NotifyTests") == [1.0, 1.0]
    assert [event["event"] for event in logged(site)] == ["notify_tested"]
    environ = {**site.server.environ, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    done = cli.run("notify", "test", "-c", config, "--json", **environ)
    assert done.status == 15


def test_long_lines_and_many_of_them_are_logged(site: Site) -> None:
    site.tells(cloudwatch=[site.end(details=True)])
    with open_telling(site.loaded(), site.server.environ, "rollout") as telling:
        for number in range(12):
            telling.emit(LogLine("shop", f"{number} " + "x" * 150_000))
        telling.emit(CommandFailed("rollout", 1.0, 8, "ReleaseFailed", "bad", details=("y" * 300_000,)))
    assert telling.lost is None
    events = logged(site)
    assert [event["line"].split()[0] for event in events[:-1]] == [str(number) for number in range(12)]
    assert events[-1]["shortened"] is True


@pytest.mark.parametrize(
    ("status", "failed"),
    [(8, True), (4, True), (5, True), (7, False), (2, False), (130, False), (143, False)],
)
def test_an_alarm_is_not_woken_by_a_lock_or_an_interrupt(status: int, failed: bool) -> None:
    event = CommandFailed("rollout", 1.0, status, "SomeError", "a reason")
    found = list(metrics_of(event, Run("1", "rollout", "shop")))
    assert (Metric("FailedDeploys", 1) in found) is failed
    assert "FailedDeploys" not in {metric.name for metric in metrics_of(event, Run("1", "doctor", "shop"))}


def test_what_happens_on_hosts_counts_too() -> None:
    event = OnHost("web1", RolledBack("r1", "5xx"))
    assert list(metrics_of(event, Run("1", "rollout", "shop"))) == [Metric("Rollbacks", 1)]
