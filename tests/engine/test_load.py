"""The load generator finds the loss of a plain redeploy, and of a service that doubles: on a real engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest
from docker import DockerClient

from benchmarks.load import MODERATE, Load
from tests.support.engine import remove
from tests.support.names import free_port, service_name

# What takes long is proved with the deployer; here it would only be waited for.
BRIEF = replace(MODERATE, stream_path="/stream?s=1", slow_path="/slow?s=0.5")


@dataclass
class Plain:
    """The shop as many people run it: one container that publishes its port."""

    client: DockerClient
    name: str = field(default_factory=service_name)
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, image: str) -> None:
        """Returns when it listens."""
        container = self.client.containers.run(
            image,
            name=self.name,
            detach=True,
            init=True,
            ports={"8080/tcp": ("127.0.0.1", self.port)},
            volumes=[f"{self.name}-data:/data"],
        )
        log = container.logs(stream=True, follow=True)
        try:
            assert any(line.startswith(b"listening") for line in log), "it never listened"
        finally:
            log.close()

    def redeploy(self, image: str) -> None:
        """Stop, rm, run."""
        container = self.client.containers.get(self.name)
        container.stop()
        container.remove()
        self.run(image)


@pytest.fixture
def plain(engine: DockerClient) -> Iterator[Plain]:
    service = Plain(engine)
    yield service
    remove(engine, service.name)


def test_a_service_that_stays_loses_nothing(plain: Plain, shop: str) -> None:
    plain.run(shop)
    with Load(plain.url, BRIEF) as load:
        load.wait_for_more(500)
    report = load.report()
    assert report.clean, report.summary()
    assert report.orders_known
    assert [span.version for span in report.versions] == ["1"]


def test_stop_rm_run_loses_requests(plain: Plain, shop: str, variant: Callable[..., str]) -> None:
    image = variant(V="2")
    plain.run(shop)
    with Load(plain.url, BRIEF) as load:
        load.wait_for_more(200)
        plain.redeploy(image)
        load.wait_for_version("2", answers=100)
    report = load.report()
    assert len(report.lost) > 0
    assert not report.clean
    assert report.outage > 0
    assert [span.version for span in report.versions] == ["1", "2"]
    assert not report.missing, "the volume keeps acknowledged orders"


def test_a_service_that_doubles_orders_is_found_out(plain: Plain, variant: Callable[..., str]) -> None:
    plain.run(variant(DOUBLE_ORDERS="1"))
    with Load(plain.url, replace(BRIEF, rate=100)) as load:
        load.wait_for_more(100)
    report = load.report()
    assert not report.lost, report.summary()
    assert len(report.doubled) == report.acknowledged > 0
