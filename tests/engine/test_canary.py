"""A secret of its own in every place of the config that may hold one; then they are looked for.

One project does all of it once (`scene`); each test then looks into one place. Where a secret has to be is
said there: in the environment of the service's own containers, which the engine shows to whoever may use it,
and in what the service itself prints, which the engine keeps, and `deployer logs` and `exec` show as it is.
"""

from __future__ import annotations

import base64
import io
import json
import tarfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker import DockerClient

from deployer.config.load import load
from pipelines.jenkins import controller
from pipelines.jenkins.controller import MIB, Host
from tests.support import github, repository
from tests.support.canary import Canaries, Listener, Recorder, secret_keys
from tests.support.github import GitHubDouble
from tests.support.jenkins_double import JenkinsDouble
from tests.support.project import Project
from tests.support.s3 import moto

SERVICE = ("service.env", "rollout.before.env", "rollout.before_rollback.env", "rollout.after.env")
"""Whose containers have to have them in their environment."""

ENVIRONMENT = "the environment"
HOST = Host(memory=2048 * MIB, socket="/var/run/docker.sock", socket_group=998)


def tells_all(code: int) -> list[str]:
    """A command that prints its environment, and ends with this code."""
    return ["sh", "-c", f"echo hook; env; exit {code}"]


@dataclass
class Scene:
    """What everything has left behind.

    :ivar said: what each command has printed, on both streams.
    :ivar argv: the command lines of all processes.
    :ivar events: what the engine told anybody who listened.
    :ivar inspected: each container of the service while it was there, as the engine describes it.
    """

    project: Project
    birds: Canaries
    home: Path
    jenkins: JenkinsDouble
    said: dict[str, str] = field(default_factory=dict)
    argv: set[str] = field(default_factory=set)
    events: list[str] = field(default_factory=list)
    inspected: dict[str, dict[str, Any]] = field(default_factory=dict)
    bucket: list[bytes] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    posted: list[bytes] = field(default_factory=list)

    def run(self, *words: str, expect: int | None = 0, program: str = "deployer") -> str:
        """A command, as a person or a program would start it."""
        start = self.project.pipeline if program == "pipelines" else self.project.run
        done = start(*words, expect=expect, env={**self.birds.environ, "HOME": str(self.home)})
        name = f"{program} {' '.join(words)}"
        self.said[name] = done.stdout + done.stderr
        return self.said[name]


def config_of(birds: Canaries, endpoint: str, jenkins: str, hub: str, ends: str) -> dict[str, Any]:
    """The sections with a secret in each place that may have one."""
    hook = {"command": tells_all(0)}
    return {
        "service": {
            "env": {
                "DB_PASSWORD": birds.reference("service.env"),
                "FILE_TOKEN": birds.file("service.env (file)"),
                "API_TOKEN": birds.literal("service.env (literal)"),
                "DATABASE_URL": f"mysql://shop:{birds.reference('service.env (URL)')}@127.0.0.1:9/shop",
                # As people write it who have not heard of %2F.
                "REPLICA_URL": f"mysql://shop:{birds.reference('service.env (bad URL)')}/x@127.0.0.1:9/shop",
            }
        },
        "rollout": {
            "keep_warm": "0s",
            "drain": "1s",
            **{
                when: [{"name": "tells", **hook, "env": {"MORE": birds.reference(f"rollout.{when}.env")}}]
                for when in ("before", "before_rollback", "after")
            },
        },
        "site": {
            "bucket": "canaries",
            "endpoint": endpoint,
            "region": "us-east-1",
            **{
                name: birds.reference(f"site.{name}")
                for name in ("access_key", "secret_key", "session_token")
            },
        },
        # Of some commands only: telling takes a second or two.
        "environments": {
            "told": {
                "notify": {
                    "slack": [
                        {
                            "name": "hook",
                            "webhook": f"{ends}/{birds.literal('notify.slack.webhook')}",
                            "at_start": True,
                        },
                        {
                            "name": "bot",
                            "token": birds.reference("notify.slack.token"),
                            "channel": "#x",
                            "api": ends,
                        },
                    ],
                    "webhooks": [
                        {
                            "url": f"{ends}/{birds.reference('notify.webhooks.url')}",
                            "secret": birds.reference("notify.webhooks.secret"),
                        }
                    ],
                    "cloudwatch": [{"endpoint": endpoint, "region": "us-east-1", "log_group": "canaries"}],
                    "files": [{"path": "events.jsonl"}],
                },
            }
        },
        "jenkins": {
            "url": jenkins,
            "repository": "https://github.com/example/shop.git",
            "github_api": hub,
            "credentials": {"gemini-api-key": birds.reference("jenkins.credentials")},
            **{
                name: birds.reference(f"jenkins.{name}")
                for name in ("token", "password", "github_token", "webhook_secret")
            },
        },
    }


@pytest.fixture(scope="module")
def scene(engine: DockerClient, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder, own = tmp_path_factory.mktemp("canary"), tmp_path_factory.mktemp("secrets")
    project = Project(engine, folder, shop)
    birds = Canaries(own)
    with (
        pytest.MonkeyPatch.context() as patch,
        JenkinsDouble() as jenkins,
        GitHubDouble() as hub,
        Recorder() as ends,
        moto() as s3,
    ):
        repository.prepare(project, shop)
        project.config(**config_of(birds, s3.endpoint, jenkins.url, hub.url, ends.address))
        s3.client().create_bucket(Bucket="canaries")
        s3.client("logs").create_log_group(logGroupName="canaries")
        birds.environ |= {
            "AWS_ACCESS_KEY_ID": "AKIACANARY",
            "AWS_SECRET_ACCESS_KEY": birds.literal(ENVIRONMENT),
        }
        jenkins.token = birds.literal("jenkins.token")
        jenkins.webhook_secret = birds.literal("jenkins.webhook_secret")
        patch.setattr(github, "TOKEN", birds.literal("jenkins.github_token"))
        made = Scene(project, birds, tmp_path_factory.mktemp("home"), jenkins)
        try:
            with Listener() as heard, listening(engine, made):
                play(made)
            made.argv = heard.lines
            client = s3.client()
            for item in client.list_objects_v2(Bucket="canaries")["Contents"]:
                found = client.get_object(Bucket="canaries", Key=item["Key"])
                told = {key: value for key, value in found.items() if key != "Body"}
                made.bucket.append(item["Key"].encode() + repr(told).encode() + found["Body"].read())
            pages = s3.client("logs").filter_log_events(logGroupName="canaries")
            made.logged = [event["message"] for event in pages["events"]]
            made.posted = ends.bodies
            yield made
        finally:
            project.remove()


def play(scene: Scene) -> None:
    """Everything that people do, and some of what goes wrong for them."""
    project = scene.project
    dist = project.folder / "dist"
    dist.mkdir()
    (dist / "index.html").write_text("<!doctype html><title>shop</title>")
    for words in (["check"], ["show"], ["show", "--json"]):
        scene.run("config", *words, "-e", "told", expect=None)
    scene.run("render", "--out", "rendered")
    scene.run("rollout")
    scene.run("rollout", "--json")
    scene.run("rollback")

    # Bad releases: one that tells all and dies, a hook that does, a build that does.
    scene.run("rollout", "-e", "told", "--set", f"service.command={json.dumps(tells_all(3))}", expect=8)
    before = [{"name": "fails", "command": tells_all(1)}]
    scene.run("rollout", "-e", "told", "--json", "--set", f"rollout.before={json.dumps(before)}", expect=8)
    prepare = [tells_all(4)]
    scene.run("build", "-e", "told", "--set", f"service.build.prepare={json.dumps(prepare)}", expect=None)
    scene.run(
        "backend",
        "--force",
        "-e",
        "told",
        "--set",
        f"pipelines.backend.build.commands={json.dumps(prepare)}",
        program="pipelines",
        expect=12,
    )
    scene.run("backend", "report", program="pipelines", expect=None)

    for words in (["status", "--json"], ["releases", "--json"], ["edge", "status"]):
        scene.run(*words)
    scene.run("notify", "test", "-e", "told", expect=None)
    scene.run("doctor", "-v", expect=None)
    scene.run("watch", "--json", "--set", "watch.state=state", expect=None)

    scene.run("site", "deploy")
    scene.run("site", "deploy", "--json", "--set", "site.bucket=nobody-has-this", expect=None)
    scene.run("site", "releases", "--json")

    for words in (["jobs"], ["jobs", "--plan"], ["status", "--json"], ["run", "backend"]):
        scene.run("jenkins", *words, program="pipelines", expect=None)
    for flag in ("--create", "--check"):
        scene.run("jenkins", "webhook", flag, program="pipelines", expect=None)
    # Not this token, and nobody there.
    scene.run("jenkins", "status", "--set", "jenkins.user=nobody", program="pipelines", expect=None)
    scene.run("jenkins", "jobs", "--set", "jenkins.url=http://127.0.0.1:9", program="pipelines", expect=None)


class listening:  # noqa: N801 -- it is used as a word
    """Writes down what the engine tells, and looks at each container of the service as it is made."""

    def __init__(self, engine: DockerClient, scene: Scene) -> None:
        self.scene = scene
        self.api = engine.api
        self.stream = engine.events()
        self.thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.stream.close()
        self.thread.join(10)

    def _listen(self) -> None:
        for line in self.stream:
            text = line.decode()
            if self.scene.project.name not in text:
                continue
            self.scene.events.append(text)
            for one in text.splitlines():
                event = json.loads(one)
                if event["Type"] == "container" and event["Action"] in ("create", "start"):
                    self._look(event["Actor"]["ID"], event["Actor"]["Attributes"]["name"])

    def _look(self, container: str, name: str) -> None:
        try:
            self.scene.inspected[name] = self.api.inspect_container(container)
        except Exception:  # noqa: BLE001 -- it is gone already: its labels are in the event
            return


def role(found: Mapping[str, Any]) -> str:
    return str((found["Config"]["Labels"] or {}).get("deployer.role", ""))


# -- that the test can fail ----------------------------------------------------------------------------------


def test_every_place_of_the_schema_is_covered(scene: Scene) -> None:
    """A new key for a secret belongs into `config_of`, and a command that uses it into `play`."""
    covered = {place.partition(" (")[0] for place in scene.birds.values if place != ENVIRONMENT}
    assert covered == set(secret_keys())


def test_the_secrets_were_there_and_are_found(scene: Scene) -> None:
    releases = [found for found in scene.inspected.values() if role(found) == "release"]
    hooks = [found for found in scene.inspected.values() if role(found) == "hook"]
    assert len(releases) >= 3
    of_service = {place for place in scene.birds.values if place.startswith("service.env")}
    assert scene.birds.found(json.dumps(releases)) == of_service
    assert scene.birds.found(json.dumps(hooks)) >= of_service | set(SERVICE)
    assert scene.jenkins.jobs
    assert scene.bucket
    assert scene.logged
    assert scene.posted
    value = scene.birds.values["site.secret_key"]
    for text in (value, base64.b64encode(f"a:{value}".encode()).decode(), f"x%{value.encode().hex()}"):
        assert scene.birds.found(f"... {text} ...") == {"site.secret_key"}


# -- where they must not be ----------------------------------------------------------------------------------


def test_what_commands_print(scene: Scene) -> None:
    """Not even where the service, a hook or a build prints its whole environment."""
    leaks = {name: scene.birds.found(text) for name, text in scene.said.items()}
    assert {name: found for name, found in leaks.items() if found} == {}
    assert any("hook" in text and "****" in text for text in scene.said.values())


def test_command_lines(scene: Scene) -> None:
    assert any("dockerd" in line or "docker" in line for line in scene.argv)
    assert {line for line in scene.argv if scene.birds.found(line)} == set()


def test_what_the_engine_tells_of_containers(scene: Scene) -> None:
    """The environment of releases and hooks is the service's own; all else is everybody's."""
    for name, found in scene.inspected.items():
        config = dict(found["Config"])
        if role(found) in ("release", "hook"):
            assert scene.birds.found(json.dumps(config.pop("Env"))), name
        assert scene.birds.found(json.dumps({**found, "Config": config})) == set(), name
    assert {line for line in scene.events if scene.birds.found(line)} == set()


def test_logs_of_what_is_not_the_service(scene: Scene) -> None:
    client, name = scene.project.client, scene.project.name
    others = [
        found
        for found in client.containers.list(all=True, filters={"label": f"deployer.service={name}"})
        if found.labels.get("deployer.role") != "release"
    ]
    assert others
    for container in others:
        assert scene.birds.found(container.logs()) == set(), container.name


def test_networks_and_volumes(scene: Scene) -> None:
    client, name = scene.project.client, scene.project.name
    found = [item for item in client.api.networks() if name in item["Name"]]
    found += [item for item in client.api.volumes()["Volumes"] if name in item["Name"]]
    assert len(found) >= 2
    assert scene.birds.found(json.dumps(found)) == set()


def test_layers_and_history_of_images(scene: Scene) -> None:
    client = scene.project.client
    image = scene.project.status()["active"]["image"]
    found = client.images.get(image)
    assert scene.birds.found(json.dumps([found.attrs, found.history()])) == set()
    # A piece may end in the middle of a value.
    before = b""
    for piece in found.save(chunk_size=1 << 20):
        assert scene.birds.mark.encode() not in before[-64:] + piece
        before = piece


def test_the_edge_s_files(scene: Scene) -> None:
    edge = scene.project.client.containers.get(f"{scene.project.name}-edge")
    packed = io.BytesIO(b"".join(edge.get_archive("/edge")[0]))
    with tarfile.open(fileobj=packed) as archive:
        names = []
        for member in archive:
            if member.isfile():
                content = archive.extractfile(member)
                assert content is not None
                assert scene.birds.found(content.read()) == set(), member.name
                names.append(member.name)
    assert "edge/state.map" in names
    assert "edge/releases.jsonl" in names


def test_files_of_the_project(scene: Scene) -> None:
    """Rendered files, state, reports: all but the config itself, where its owner has written one out."""
    folder = scene.project.folder
    paths = [path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts]
    names = {str(path.relative_to(folder)) for path in paths}
    assert {"rendered/haproxy.cfg", "build/reports/backend.xml", "build/reports/backend.html"} <= names
    assert "events.jsonl" in names
    assert any(name.startswith(".pipeline/") for name in names)
    assert any(name.startswith("state/deployer-watch") for name in names)
    for path in paths:
        allowed = {"service.env (literal)", "notify.slack.webhook"} if path.name == "config.yaml" else set()
        assert scene.birds.found(path.read_bytes()) == allowed, path
    for path in scene.home.rglob("*"):
        assert not path.is_file() or scene.birds.found(path.read_bytes()) == set(), path


def test_objects_of_the_site(scene: Scene) -> None:
    assert {data for data in scene.bucket if scene.birds.found(data)} == set()


def test_what_others_were_told(scene: Scene) -> None:
    """Slack, webhooks and CloudWatch; the file of events is among the project's."""
    told: list[str | bytes] = [*scene.logged, *scene.posted]
    assert {text for text in told if scene.birds.found(text)} == set()


def test_jobs_of_the_controller(scene: Scene) -> None:
    texts = [json.dumps(job.parameters) + job.config for job in scene.jenkins.jobs.values()]
    texts += [json.dumps(build.described()) for job in scene.jenkins.jobs.values() for build in job.builds]
    texts += scene.jenkins.requests  # paths and queries, without headers
    assert {text for text in texts if scene.birds.found(text)} == set()


def test_files_of_the_controller(scene: Scene) -> None:
    config = load(scene.project.folder / "config.yaml", environ=scene.birds.environ)
    made = controller.files(config, "shop-jenkins:1", HOST)
    assert "gemini-api-key" in made["jenkins.yaml"]
    assert yaml.safe_load(made["compose.yaml"])["secrets"]
    assert {name for name, text in made.items() if scene.birds.found(text)} == set()
