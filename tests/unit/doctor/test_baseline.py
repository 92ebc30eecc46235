"""What an earlier report found is no news, also with other numbers; anything else is."""

from __future__ import annotations

import pytest

from deployer.doctor.finding import Area, Baseline, Finding, Severity

HOST, ENGINE, SERVICE = Area("host"), Area("engine"), Area("service")
KNOWN = [
    ENGINE.warning("waste", "6 GB in images and caches that nothing uses", "prune"),
    HOST.warning("disk", "/: 1.5 GB of 20 GB free", "prune", subject="/"),
    HOST.warning("clock", "+5.0 s from ours", "chrony"),
    HOST.warning("ports", "open on all addresses: 3306", "close it", subject="3306"),
    SERVICE.error("release", "20261128-091500-a1b2c3 does not pass the edge's health check", "logs"),
    SERVICE.warning("certificate", "/etc/shop.pem ends in 20 days, on 2026-12-18", "renew it"),
    Area("jenkins").error("controller", "http://10.0.0.1:9090 does not answer (503)", "see its log"),
]
BASELINE = Baseline([each.as_dict() for each in KNOWN])


@pytest.mark.parametrize(
    "again",
    [
        *KNOWN,
        ENGINE.warning("waste", "6.1 GB in images and caches that nothing uses", "prune"),
        ENGINE.warning("waste", "900 MB in images and caches that nothing uses", "prune"),
        HOST.warning("disk", "/: 900 MB of 20 GB free", "prune", subject="/"),
        HOST.warning("clock", "-31.4 s from ours", "chrony"),
        SERVICE.warning("certificate", "/etc/shop.pem ends in 3 days, on 2026-12-18", "renew it"),
        Area("jenkins").error("controller", "http://10.0.0.1:9090 does not answer (502)", "see its log"),
    ],
)
def test_the_same_with_other_numbers_is_no_news(again: Finding) -> None:
    seen = BASELINE.apply(again)
    assert seen.severity == Severity.SKIPPED
    assert seen.evidence == f"as before: {again.evidence}"
    assert seen.subject == again.subject


@pytest.mark.parametrize(
    "other",
    [
        HOST.error("disk", "/: 900 MB of 20 GB free", "prune", subject="/"),
        HOST.warning("disk", "/data: 1.5 GB of 20 GB free", "prune", subject="/data"),
        HOST.warning("ports", "open on all addresses: 9200", "close it", subject="9200"),
        SERVICE.error("release", "20261129-101500-d4e5f6 does not pass the edge's health check", "logs"),
        SERVICE.error("release", "the edge is not there", "recover"),
        Area("jenkins").error("controller", "http://10.0.0.2:9090 does not answer (503)", "see its log"),
    ],
)
def test_anything_else_is_news(other: Finding) -> None:
    assert BASELINE.apply(other) is other


def test_what_is_in_order_is_left_as_it_is() -> None:
    fine = HOST.ok("disk", "/: 10 GB of 20 GB free", subject="/")
    assert BASELINE.apply(fine) is fine
