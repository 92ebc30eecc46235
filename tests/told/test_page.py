"""docs/notifications.md says what there is: its config loads, its events and metrics are all of them."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import deployer.events
import pipelines.events
from deployer.config.load import load
from deployer.events import BuildProgress, Event, OnHost, PhaseProgress, Undelivered
from deployer.sinks import metrics
from tests.support.images import ROOT

PAGE = (ROOT / "docs" / "notifications.md").read_text()


def kind(event: type[Event]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()


def test_the_config_of_the_page_loads(tmp_path: Path) -> None:
    text = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[0]
    (tmp_path / "config.yaml").write_text(f'service: {{name: shop, image: "shop:1", port: 80}}\n{text}')
    config = load(tmp_path / "config.yaml", environ={})
    assert [end.name for _, end in config.notify.ends()] == ["slack", "webhook", "cloudwatch", "file"]
    assert config.notify.language == "ko"


def test_every_event_that_is_told_is_on_the_page() -> None:
    kinds = {
        kind(found)
        for module in (deployer.events, pipelines.events)
        for _, found in inspect.getmembers(module, inspect.isclass)
        if issubclass(found, Event)
    }
    # Roots, what a display alone shows, and what is said here because it could not be told there.
    apart = {kind(found) for found in (Event, OnHost, PhaseProgress, BuildProgress, Undelivered)}
    # Of `pipelines jenkins`, which tells nobody.
    apart |= {"stage_event", "build_queued", "build_runs"}
    told = set(re.findall(r"`([a-z_]+)`", PAGE.split("## Events")[1]))
    assert kinds - apart - told == set()


def test_every_metric_is_on_the_page() -> None:
    names = set(re.findall(r'"([A-Z][A-Za-z]+)"', inspect.getsource(metrics.metrics_of)))
    names -= {"Seconds", "Bytes"}
    assert len(names) == 9
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
