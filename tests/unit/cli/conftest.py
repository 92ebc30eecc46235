"""A command that comes to what a test wants."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture
def raising(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """`raising(error)`: from now on `deployer lock` comes to this."""

    def arrange(error: BaseException) -> None:
        def run(*_: object) -> int:
            raise error

        monkeypatch.setattr("deployer.cli.lock.run", run)

    return arrange
