"""A controller that is made by the command, and what is deployed from inside it: through the mounted socket.

The war stands in (tests/support/controller.py); the image is built from our templates, its user, group, tools
and packages are real, and so is the engine that it drives.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import requests
import yaml
from docker import DockerClient

from deployer.config.load import load
from pipelines.__main__ import main
from tests.engine.conftest import Variant
from tests.support import cli, controller, images, machines, names, nursery
from tests.support import engine as support
from tests.support.cli import Done
from tests.support.execs import execute
from tests.support.project import Project

PASSWORD = "pass & wörd's"


@dataclass
class Controlled:
    """A service with a controller of its own, and the commands that a person would give."""

    client: DockerClient
    folder: Path
    name: str
    port: int
    portainer_port: int
    password: str = PASSWORD

    def run(self, *words: str, expect: int = 0) -> Done:
        """`pipelines jenkins ...`"""
        config = str(self.folder / "config.yaml")
        environ = {"JENKINS_PASSWORD": self.password, "GEMINI": "gemini-s3cret"}
        done = cli.program(main, ["jenkins", *words, "-c", config], environ)
        assert done.status == expect, done.stdout + done.stderr
        return done

    def inspect(self, part: str = "jenkins") -> dict[str, Any]:
        return cast(dict[str, Any], self.client.api.inspect_container(f"{self.name}-{part}"))

    def inside(self, *command: str, expect: int = 0, workdir: str = "/tmp") -> str:
        """Run something in the controller's container, as its user."""
        container = self.client.containers.get(f"{self.name}-jenkins")
        code, output = execute(container, list(command), workdir=workdir)
        assert code == expect, output.decode()
        return str(output.decode())


@pytest.fixture(scope="module")
def controlled(
    engine: DockerClient, shop: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Controlled]:
    found = Controlled(
        engine,
        tmp_path_factory.mktemp("controlled"),
        names.service_name(),
        names.free_port(),
        names.free_port(),
    )
    tools = controller.tools(engine)
    config = {
        "service": {"name": found.name, "image": shop, "port": 8080},
        "site": {"bucket": "pages"},
        "jenkins": {
            "password": "${env:JENKINS_PASSWORD}",
            "repository": "https://github.com/example/shop.git",
            "credentials": {"gemini-api-key": "${env:GEMINI}"},
            "base": controller.base(engine),
            "node": tools,
            "aws": tools,
            "docker": tools,
            "wheels": str(controller.wheels()),
            "port": found.port,
            "heap": "512m",
            "portainer": {"image": shop, "port": found.portainer_port},
        },
    }
    (found.folder / "config.yaml").write_text(yaml.safe_dump(config))
    controller.installed(load(found.folder / "config.yaml", environ={}))
    try:
        plan = found.run("up", "--plan", "--json").json
        assert [(step["action"], step["container"]) for step in plan["steps"]] == [
            ("create", f"{found.name}-jenkins"),
            ("create", f"{found.name}-portainer"),
        ]
        assert plan["built"] is False
        said = found.run("up")
        assert f"the controller answers at http://127.0.0.1:{found.port}" in said.stdout
        yield found
    finally:
        support.remove(engine, found.name)


def test_it_runs_as_the_template_says(controlled: Controlled) -> None:
    found = controlled.inspect()
    host = found["HostConfig"]
    assert found["State"]["Health"]["Status"] == "healthy"
    assert host["Init"] is True
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["GroupAdd"] == [str(Path("/var/run/docker.sock").stat().st_gid)]
    assert host["PortBindings"] == {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(controlled.port)}]}
    assert any(entry.startswith("JAVA_OPTS=-Xmx512m ") for entry in found["Config"]["Env"])
    portainer = controlled.inspect("portainer")
    assert portainer["State"]["Running"]
    bound = portainer["HostConfig"]["PortBindings"]["9000/tcp"]
    assert bound == [{"HostIp": "127.0.0.1", "HostPort": str(controlled.portainer_port)}]


def test_secrets_are_files_that_only_it_can_read(controlled: Controlled) -> None:
    shown = json.dumps([controlled.inspect(), controlled.client.api.history(controlled.inspect()["Image"])])
    assert "s3cret" not in shown
    assert controlled.password not in repr(json.loads(shown))
    path = "/run/secrets/credential-gemini-api-key"
    assert controlled.inside("cat", path) == "gemini-s3cret"
    assert controlled.inside("stat", "-c", "%a %u", path) == "600 1000\n"
    assert "gemini-api-key" in controlled.inside("cat", "/run/configs/jenkins.yaml")


def test_it_has_the_tools_of_the_stages(controlled: Controlled) -> None:
    assert controlled.inside("id", "-un") == "jenkins\n"
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    assert controlled.inside("node", "--version") == node
    assert controlled.inside("npm", "--version")
    assert controlled.inside("git", "--version")
    assert controlled.inside("aws", "--version").startswith("aws-cli/2")
    # Through the socket, as a user who owns nothing of it, by its group alone.
    assert controlled.inside("docker", "version", "--format", "{{.Server.Version}}").strip()
    assert controlled.inside("python3", "-m", "pipelines", "--version").startswith("pipelines ")
    assert controlled.inside("python3", "-c", "print('한국어')", expect=0) == "한국어\n"
    # What a stage takes that deploys to `hosts`: as far as the name that is no host.
    config = "service: {name: x, image: x, port: 80}\nhosts: [{name: web1, address: 127.0.0.1, port: 1}]\n"
    controlled.inside("sh", "-c", f"mkdir -p /tmp/far && printf '%s' '{config}' > /tmp/far/config.yaml")
    said = controlled.inside("sh", "-c", "python3 -m deployer host list 2>&1", workdir="/tmp/far", expect=13)
    assert "paramiko" not in said
    assert "web1" in said
    plugins = (images.ROOT / "templates/jenkins/plugins.txt").read_text()
    listed = [line for line in plugins.splitlines() if not line.startswith("#")]
    assert controlled.inside("cat", "/usr/share/jenkins/ref/installed").strip() == str(len(listed))


def test_jobs_are_made_and_a_build_is_followed(controlled: Controlled) -> None:
    controlled.run("jobs")
    plan = controlled.run("jobs", "--plan", "--json").json
    assert [change["action"] for change in plan["changes"]] == ["keep", "keep"]
    done = controlled.run("run", "backend", "-p", "PIPELINE_FORCE=true", "--watch")
    assert f"{controlled.name}-backend #1: SUCCESS" in done.stdout
    assert "no war: nothing is built" in done.stderr
    status = controlled.run("status", "--json").json
    assert (status["version"], status["running"]) == ("2.568.2", [])
    assert len(status["containers"]) == 2


def test_what_is_as_it_should_be_is_kept_and_a_changed_secret_replaces_it(controlled: Controlled) -> None:
    before = controlled.inspect()["Id"]
    steps = _last(controlled.run("up", "--json"))["steps"]
    assert [step["action"] for step in steps] == ["keep", "keep"]
    assert controlled.inspect()["Id"] == before
    controlled.run("jobs")
    controlled.password = "another"
    plan = controlled.run("up", "--plan", "--json").json
    assert plan["steps"][0]["reason"] == "changed: admin-password"
    controlled.run("up")
    assert controlled.inspect()["Id"] != before
    # What it keeps is in its volume.
    changes = controlled.run("jobs", "--plan", "--json").json["changes"]
    assert [change["action"] for change in changes] == ["keep", "keep"]


def _last(done: Done) -> dict[str, Any]:
    return cast(dict[str, Any], json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def project(engine: DockerClient, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project(engine, tmp_path_factory.mktemp("deployed"), shop)
    yield project
    project.remove()


@pytest.fixture(scope="module")
def workspace(controlled: Controlled, project: Project, shop: str) -> str:
    """A repository inside the container, with a service that is built from it."""
    config = {
        "service": {
            "name": project.name,
            "port": 8080,
            "health": "/health",
            "build": {"dockerfile": "Dockerfile", "base": shop, "inputs": ["version"]},
        },
        "edge": {"port": project.port},
        "rollout": {"observe": "0s"},
    }
    files = {
        "config.yaml": yaml.safe_dump(config),
        "Dockerfile": "ARG BASE\nFROM ${BASE}\nCOPY version /srv/version\nENV V=inside\n",
        "version": "1\n",
    }
    folder = f"/tmp/{project.name}"
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"{project.name}/{name}")
            entry.size, entry.uid, entry.gid = len(text.encode()), 1000, 1000
            archive.addfile(entry, io.BytesIO(text.encode()))
    container = controlled.client.containers.get(f"{controlled.name}-jenkins")
    container.put_archive("/tmp", packed.getvalue())
    execute(container, ["chown", "jenkins:jenkins", folder], user="root")
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "first"]):
        controlled.inside(*git, *command, workdir=folder)
    return folder


class TestADeploymentFromInside:
    """As Jenkins does it: a user without privileges, in a container, with the host's socket."""

    def test_a_pipeline_from_its_repository_to_a_release_that_answers(
        self, controlled: Controlled, project: Project, workspace: str
    ) -> None:
        said = controlled.inside("python3", "-m", "pipelines", "backend", workdir=workspace)
        assert requests.get(project.url, timeout=10).json()["version"] == "inside", said
        # Whoever looks from outside sees the same truth: the state is on the host.
        assert project.status()["active"]["ready"]
        controlled.inside("python3", "-m", "deployer", "rollback", expect=2, workdir=workspace)

    def test_from_inside_over_ssh_and_on_the_local_socket_is_all_the_same(
        self, controlled: Controlled, project: Project, variant: Variant, workspace: str, tmp_path: Path
    ) -> None:
        """Each leaves the same state, and each goes back on what another did."""
        images = {name: variant(V=name) for name in ("inside", "ssh", "local")}
        project.config(rollout={"observe": "0s"})
        text = yaml.safe_load((project.folder / "config.yaml").read_text())
        far = tmp_path / "far"
        far.mkdir()

        def inside(*words: str) -> None:
            controlled.inside("python3", "-m", "deployer", *words, workdir=workspace)

        def ssh(*words: str) -> None:
            nursery.run("deployer", words, cwd=far, env=project.environment()).check_returncode()

        def local(*words: str) -> None:
            project.run(*words)

        ways = {"inside": inside, "ssh": ssh, "local": local}
        with machines.door(controlled.client, tmp_path) as host:
            (far / "known_hosts").write_text(machines.known_hosts([host]))
            access = {"key": str(host.key), "known_hosts": "known_hosts"}
            (far / "config.yaml").write_text(
                yaml.safe_dump({**text, "ssh": access, "hosts": [host.config()]})
            )
            controlled.inside(
                "sh", "-c", f"cat > config.yaml <<'E'\n{yaml.safe_dump(text)}\nE", workdir=workspace
            )
            states, releases = [], {}
            for name, way in ways.items():
                way("rollout", "--image", images[name])
                assert version(project) == name
                releases[name] = project.status()["active"]["release"]
                states.append(state(project))
            assert states[0] == states[1] == states[2]
            # What the local socket did is undone from inside, that over SSH, and that here.
            for way, name in ((inside, "ssh"), (ssh, "inside"), (local, "local")):
                way("rollback", "--to", releases[name])
                assert version(project) == name
                assert state(project) == states[0]
        assert project.leftovers() == []


def version(project: Project) -> str:
    return str(requests.get(project.url, timeout=10).json()["version"])


def state(project: Project) -> dict[str, Any]:
    """What is there of a service but for names and times."""
    client, active = project.client, project.status()["active"]
    found: dict[str, Any] = {"active": sorted(key for key, value in active.items() if value is not None)}
    for part, name in (("release", active["container"]), ("edge", f"{project.name}-edge")):
        container = client.api.inspect_container(name)
        found[part] = {
            "host": {
                key: value for key, value in container["HostConfig"].items() if key != "ContainerIDFile"
            },
            "labels": sorted(container["Config"]["Labels"]),
            "networks": sorted(container["NetworkSettings"]["Networks"]),
            "mounts": [(mount["Type"], mount["Destination"]) for mount in container["Mounts"]],
            "user": container["Config"]["User"],
        }
    network = client.api.inspect_network(f"{project.name}-edge")
    found["network"] = (network["Labels"], network["IPAM"])
    found["volumes"] = [
        (volume["Name"], volume["Labels"])
        for volume in client.api.volumes(filters={"label": f"deployer.service={project.name}"})["Volumes"]
    ]
    return found


def test_down_leaves_what_is_kept_until_it_is_told_otherwise(controlled: Controlled) -> None:
    """The last one: there is no controller after it."""
    containers = [f"{controlled.name}-jenkins", f"{controlled.name}-portainer"]

    def left() -> list[str]:
        found = support.belongings(controlled.client, controlled.name)
        return sorted(item.text for item in found if item.kind != "image")

    assert controlled.run("down", "--plan").stdout.split() == containers
    controlled.run("down")
    assert left() == [f"volume {name}" for name in containers]
    controlled.run("down", "--volumes")
    assert controlled.run("down").stdout == "nothing to remove\n"
    assert left() == []
