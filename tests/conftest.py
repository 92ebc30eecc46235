"""What is marked `soak` shows under other circumstances what another test shows: it is for `make soak` alone.

A test that is named (`pytest FILE::TEST`) runs either way.
"""

from __future__ import annotations

import pytest

from tests.support.scale import SOAK


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if SOAK or any("::" in argument for argument in config.args):
        return
    left = [item for item in items if item.get_closest_marker("soak")]
    if left:
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=left)
