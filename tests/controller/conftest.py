"""A double of a controller, and clients of it that do not wait for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from deployer.events import Event
from pipelines.jenkins import client as clients
from pipelines.jenkins import console, run
from pipelines.jenkins.client import Client, Timeouts
from tests.support.jenkins_double import JenkinsDouble

QUICK = Timeouts(connect=1.0, read=0.4, patience=20.0)


@pytest.fixture
def jenkins(monkeypatch: pytest.MonkeyPatch) -> Iterator[JenkinsDouble]:
    for module, name in ((clients, "PAUSE"), (console, "INTERVAL"), (run, "POLL")):
        monkeypatch.setattr(module, name, 0.02)
    with JenkinsDouble() as double:
        yield double


@pytest.fixture
def told() -> list[Event]:
    """What the clients of the test have told."""
    return []


@pytest.fixture
def connect(jenkins: JenkinsDouble, told: list[Event]) -> Callable[..., Client]:
    """`connect(user=..., secret=...)`: as the admin with an API token, if nothing else is said."""

    def make(user: str | None = None, secret: str | None = None, timeouts: Timeouts = QUICK) -> Client:
        return Client(
            jenkins.url, user or jenkins.user, secret or jenkins.token, timeouts=timeouts, emit=told.append
        )

    return make


@pytest.fixture
def client(connect: Callable[..., Client]) -> Client:
    return connect()


JOB = """<flow-definition>
  <description>é &lt;b&gt;</description>
  <properties>
    <hudson.model.ParametersDefinitionProperty><parameterDefinitions>
      <hudson.model.StringParameterDefinition>
        <name>WHO</name><defaultValue>nobody</defaultValue>
      </hudson.model.StringParameterDefinition>
    </parameterDefinitions></hudson.model.ParametersDefinitionProperty>
  </properties>
  <disabled>false</disabled>
</flow-definition>"""


@pytest.fixture
def job(jenkins: JenkinsDouble) -> str:
    """A job with one parameter, WHO."""
    jenkins.save("shop", JOB)
    return "shop"
