"""Which of two troubles is told: that of the build, that of the bucket, or that somebody has had enough."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from deployer.config.reading import made
from deployer.config.sections.site import Site
from deployer.errors import CloudError, DeployerError, Interrupted, PreflightError
from deployer.events import ignore
from deployer.site.release import Choices, prepare
from deployer.site.work import SiteOperation


@pytest.mark.parametrize(
    ("trouble", "told"), [(Interrupted(15), Interrupted), (CloudError("no bucket"), PreflightError)]
)
def test_a_signal_is_obeyed_at_once_and_a_missing_build_comes_before_the_bucket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: DeployerError, told: type[DeployerError]
) -> None:
    def look(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr("deployer.site.release.Observer.look", look)
    site = made(Site, {"bucket": "shop-site", "dist": "nowhere"})
    operation = SimpleNamespace(site=site, root=tmp_path, store=None, keys=None, emit=ignore)
    with pytest.raises(told):
        prepare(cast(SiteOperation, operation), Choices())
