"""What tests of telling are given: a server that plays the ends, and a folder whose config names them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ends import Ends, served
from tests.told.telling import Folder


@pytest.fixture
def ends() -> Iterator[Ends]:
    with served() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path, ends: Ends) -> Folder:
    return Folder(tmp_path, ends)
