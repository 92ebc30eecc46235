"""The controller's jobs: rendered, compared with what is there, made the same.

    desired = jobs_of(config)
    existing = existing_jobs(client, config.service.name, desired)
    changes = plan(desired, existing)     # pure
    carry_out(client, changes, emit)

A job is ours by a mark in its description, never by its name: nothing else on the controller is ever changed
or removed, and where somebody's job has the name that one of ours should have, nothing is done at all. A
controller writes a job anew when it saves it, with defaults and attributes of its own; so what counts as a
difference is what we say and it does not, and entries of its lists that we do not have.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal

from msgspec import Struct

from deployer.config.schema import Config
from deployer.errors import ConfigError, JenkinsError, JenkinsRefused
from deployer.events import Emit, Note
from deployer.render import render
from pipelines.jenkins.client import Client

TEMPLATE = "jenkins/job.xml.j2"
GITHUB_CREDENTIAL = "github"
"""Id of the credential with which a private repository is checked out."""

_LISTS = frozenset({"parameterDefinitions", "triggers", "userRemoteConfigs", "branches", "extensions", "a"})
"""Elements whose entries all count, also those that somebody has added."""


class Parameter(Struct, frozen=True):
    """What a person may choose when starting a build; `kind` is String, Boolean or Choice."""

    name: str
    kind: Literal["String", "Boolean", "Choice"]
    description: str
    default: str = ""
    choices: tuple[str, ...] = ()


PARAMETERS = (
    Parameter("PIPELINE_ENVIRONMENT", "String", "Environment of config.yaml; empty for its base."),
    Parameter(
        "PIPELINE_STRATEGY",
        "Choice",
        "In place of rollout.strategy; empty for what config.yaml says.",
        choices=("", "blue-green", "recreate"),
    ),
    Parameter("PIPELINE_FORCE", "Boolean", "Run also what has not changed.", "false"),
    Parameter("PIPELINE_ROLLBACK_TO", "String", "Release to go back to; nothing is built then."),
)
"""Those of the back end's Jenkinsfile; the names are what its stages find in the environment."""

PIPELINES = {"frontend": "Jenkinsfile.fe", "backend": "Jenkinsfile.be"}

CREDENTIALS = ("aws-access-key-id", "aws-secret-access-key", "gemini-api-key")
"""Ids that the Jenkinsfiles ask the controller for: without one, the stage that wants it fails."""


class Job(Struct, frozen=True):
    """A pipeline job as it should be; `credentials` is the id of those that the repository wants."""

    pipeline: str
    repository: str
    branch: str
    service: str
    credentials: str | None = None
    builds_kept: int = 20

    @property
    def name(self) -> str:
        """The job's name on the controller."""
        return f"{self.service}-{self.pipeline}"

    @property
    def script(self) -> str:
        """The Jenkinsfile's path in the repository."""
        return PIPELINES[self.pipeline]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What can be chosen: a site has no strategy."""
        site = self.pipeline == "frontend"
        return tuple(one for one in PARAMETERS if not (site and one.name == "PIPELINE_STRATEGY"))

    @property
    def description(self) -> str:
        """For people, and the mark by which we know the job again."""
        return f"{self.script} of {self.repository}. Kept by `pipelines jenkins jobs`: {mark(self.service)}"

    @property
    def xml(self) -> str:
        """What the controller is given."""
        return render(TEMPLATE, job=self)


class Change(Struct, frozen=True):
    """What is to be done with a job; `differences` says why, one line each; `xml` is what it is to become."""

    action: Literal["create", "update", "remove", "keep"]
    job: str
    differences: tuple[str, ...] = ()
    xml: str = ""

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {"job": self.job, "action": self.action, "differences": list(self.differences)}


def mark(service: str) -> str:
    """What the description of a job of ours ends with."""
    return f"[deployer:{service}]"


def job_name(config: Config, pipeline: str) -> str:
    """The name of a pipeline's job: `frontend` is `interview-frontend`; other names are left as they are."""
    return f"{config.service.name}-{pipeline}" if pipeline in PIPELINES else pipeline


def jobs_of(config: Config) -> list[Job]:
    """The jobs that a config wants: the front end's where it says which bucket the site goes to.

    :raises ConfigError: it does not say which repository.
    """
    settings = config.jenkins
    if settings.repository is None:
        raise ConfigError(
            "jenkins.repository is missing: the jobs would not know what to check out",
            remedy="add it, as in jenkins: {repository: https://github.com/example/shop.git}",
        )
    credentials = GITHUB_CREDENTIAL if settings.github_token else None
    return [
        Job(pipeline, settings.repository, settings.branch, config.service.name, credentials)
        for pipeline in PIPELINES
        if pipeline != "frontend" or (config.site is not None and config.site.bucket)
    ]


def existing_jobs(client: Client, service: str, desired: list[Job]) -> dict[str, str]:
    """The XML of the jobs on the controller that have our mark, by name.

    :raises JenkinsRefused: one without it has the name of a job that is desired.
    """
    wanted, ours, found = {job.name for job in desired}, mark(service), {}
    for job in client.jobs():
        name = job["name"]
        # Whatever somebody has written around the mark, the job is ours.
        if ours not in (job.get("description") or ""):
            if name in wanted:
                raise JenkinsRefused(
                    f"the controller has a job {name} already, and it is not ours: its "
                    f"description lacks {ours}",
                    remedy=f"rename it, or remove it, on its page, or give service.name another name than "
                    f"{service}; nothing was changed",
                )
            continue
        xml = client.job_config(name)
        if xml is not None:
            found[name] = xml
    return found


def plan(desired: list[Job], existing: Mapping[str, str]) -> list[Change]:
    """What has to be done, in the order in which it is done: create, update, keep, remove. Pure.

    :param existing: XML by name, as of `existing_jobs`.
    """
    changes = []
    for job in desired:
        xml = job.xml
        if job.name not in existing:
            changes.append(Change("create", job.name, xml=xml))
            continue
        found = tuple(differences(xml, existing[job.name]))
        changes.append(Change("update" if found else "keep", job.name, found, xml))
    wanted = {job.name for job in desired}
    removed = [Change("remove", name, ("no pipeline has it",)) for name in existing if name not in wanted]
    order = {"create": 0, "update": 1, "keep": 2, "remove": 3}
    return sorted([*changes, *removed], key=lambda change: order[change.action])


def carry_out(client: Client, changes: list[Change], emit: Emit) -> None:
    """Do it. :raises JenkinsError: the controller refuses one; those before it are done."""
    for change in changes:
        if change.action == "create":
            client.create_job(change.job, change.xml)
        elif change.action == "update":
            client.update_job(change.job, change.xml)
        elif change.action == "remove":
            client.remove_job(change.job)
        if change.action != "keep":
            emit(Note(f"{change.action}d job {change.job}"))


def differences(ours: str, theirs: str) -> Iterator[str]:
    """Where a controller's job is not what we say, as `path: 'theirs' instead of 'ours'`."""
    yield from _compare(parse(ours), parse(theirs), "")


def parse(xml: str) -> ET.Element:
    """:raises JenkinsError: it is no XML."""
    # A controller writes XML 1.1, which Python's parser does not take; what it writes in jobs is 1.0 as well.
    text = re.sub(r"^\s*<\?xml[^>]*\?>", "", xml)
    try:
        return ET.fromstring(text)  # noqa: S314  (expat 2.6 and later bounds what entities may become)
    except ET.ParseError as error:
        raise JenkinsError(f"a job's configuration is no XML: {error}") from None


def _compare(ours: ET.Element, theirs: ET.Element, path: str) -> Iterator[str]:
    if ours.get("class") not in (None, theirs.get("class")):
        yield f"{path or ours.tag}: class '{theirs.get('class')}' instead of '{ours.get('class')}'"
        return
    if len(ours) == 0 and _text(ours) != _text(theirs):
        yield f"{path}: '{_text(theirs)}' instead of '{_text(ours)}'"
    used: Counter[str] = Counter()
    for child in ours:
        same = theirs.findall(child.tag)
        where = f"{path}/{_short(child)}".lstrip("/")
        if used[child.tag] >= len(same):
            yield f"{where}: missing"
            continue
        yield from _compare(child, same[used[child.tag]], where)
        used[child.tag] += 1
    if ours.tag in _LISTS:
        left = used.copy()
        for child in theirs:
            if left[child.tag] > 0:
                left[child.tag] -= 1
            else:
                yield f"{path}/{_short(child)}: added by somebody"


def _text(element: ET.Element) -> str:
    return (element.text or "").strip()


def _short(element: ET.Element) -> str:
    """An element's name without its package, and its own name where it has one."""
    tag = element.tag.rpartition(".")[2]
    name = element.findtext("name")
    return f"{tag}[{name}]" if name else tag
