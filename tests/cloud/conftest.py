"""What the cloud's tests share: one server of each kind for a process, since starting one takes seconds.

Each test has a bucket, a distribution or a name of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support import s3
from tests.support.s3 import Server


@pytest.fixture(scope="session")
def seaweed() -> Iterator[Server]:
    with s3.seaweedfs() as server:
        yield server


@pytest.fixture(scope="session")
def moto() -> Iterator[Server]:
    with s3.moto() as server:
        yield server
