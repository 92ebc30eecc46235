"""What the tests of Jenkinsfiles are given.

jenkins    the harness: one virtual machine for all builds of a worker
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.jenkins_run import Jenkins


@pytest.fixture(scope="session")
def jenkins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jenkins]:
    with Jenkins(tmp_path_factory.mktemp("jenkins")) as jenkins:
        yield jenkins
