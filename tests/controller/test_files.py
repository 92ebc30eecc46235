"""What a controller is made from: every template with every option, linted and held against its schema."""

from __future__ import annotations

import importlib.metadata
import itertools
import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from yamllint import linter
from yamllint.config import YamlLintConfig

from deployer.config.load import load
from deployer.config.schema import Config
from deployer.errors import ConfigError, PreflightError
from pipelines.jenkins import compose, controller, image
from pipelines.jenkins.controller import MIB, Host

ROOT = Path(__file__).resolve().parents[2]
HOST = Host(memory=2048 * MIB, socket="/var/run/docker.sock", socket_group=998, swap=2048 * MIB)
REQUIRED = {"password": "${env:PASSWORD}"}
CREDENTIALS = {
    "gemini-api-key": "${env:GEMINI}",
    "aws-access-key-id": "${env:ID}",
    "aws-secret-access-key": "${env:KEY}",
}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "portainer": [{}, {"portainer": {"enabled": False}}],
    "webhook": [{}, {"webhook_secret": "${env:HOOK}"}],
    "github": [{}, {"github_token": "${env:GITHUB}"}],
    "credentials": [{}, {"credentials": CREDENTIALS}],
    "rest": [
        {},
        {
            "user": 'o\'brien "the admin": #1',
            "public_url": "https://ci.example.org/jenkins",
            "executors": 2,
            "heap": "600m",
            "address": "10.0.0.5",
            "port": 19090,
            "wheels": "wheels",
            "env": {"AWS_REGION": "ap-northeast-2", "QUOTED": "a: b # 'c'"},
        },
    ],
}
EVERY = [
    {**REQUIRED, **{key: value for option in chosen for key, value in option.items()}}
    for chosen in itertools.product(*OPTIONS.values())
]


def config_of(tmp_path: Path, jenkins: dict[str, Any], **service: Any) -> Config:
    path = tmp_path / "config.yaml"
    section = {"name": "shop", "image": "shop:1", "port": 80, **service}
    path.write_text(json.dumps({"service": section, "jenkins": jenkins}))
    return load(path, environ={})


@pytest.fixture(scope="module")
def compose_schema() -> Any:
    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / "compose-spec.json").read_text())
    return jsonschema.validators.validator_for(schema)(schema)


@pytest.fixture(scope="module")
def jcasc_schema() -> Any:
    return jsonschema.Draft7Validator(json.loads((Path(__file__).parent / "jcasc.schema.json").read_text()))


LINT = YamlLintConfig("{extends: default, rules: {line-length: disable}}")


@pytest.mark.parametrize(
    "jenkins", EVERY, ids=lambda jenkins: "+".join(sorted(jenkins.keys() - {"password"})) or "-"
)
def test_every_option_makes_files_that_are_right(
    tmp_path: Path, jenkins: dict[str, Any], compose_schema: Any, jcasc_schema: Any
) -> None:
    config = config_of(tmp_path, jenkins)
    made = controller.files(config, "shop-jenkins:123456789abc", HOST)
    for name, text in made.items():
        assert [str(problem) for problem in linter.run(text, LINT)] == [], name
    composed, configured = (yaml.safe_load(made[name]) for name in ("compose.yaml", "jenkins.yaml"))
    compose_schema.validate(composed)
    jcasc_schema.validate(configured)
    tools = {name: tool["installations"][0]["home"] for name, tool in configured["tool"].items()}
    assert tools == {"git": "/usr/bin/git", "jdk": "/opt/java/openjdk"}
    # Each secret that the controller looks up is a file that it is given, and nothing else is.
    asked = set(re.findall(r"\$\{([^}]+)\}", made["jenkins.yaml"]))
    assert asked == set(composed["services"]["jenkins"]["secrets"]) == set(composed["secrets"])
    assert asked == controller.secret_names(config).keys()
    found = controller.composed(made)
    variables = dict(entry.split("=", 1) for entry in found.services[0].body["Env"])
    assert variables.items() >= jenkins.get("env", {}).items()
    assert variables.keys() == {"JAVA_OPTS", "CASC_JENKINS_CONFIG", *jenkins.get("env", {})}
    assert [service.container for service in found.services] == [
        entry["container_name"] for entry in composed["services"].values()
    ]


def test_the_accessory_of_the_page_is_one_that_compose_takes(compose_schema: Any) -> None:
    section = (ROOT / "docs/jenkins.md").read_text().partition("### Another accessory")[2]
    accessories = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
    compose_schema.validate(accessories)
    (accessory,) = accessories["services"].values()
    # What `status` and `down` know it by.
    assert accessory["labels"] == {image.ACCESSORY: "shop"}


def test_the_context_has_what_the_dockerfile_copies(tmp_path: Path) -> None:
    (tmp_path / "wheels").mkdir()
    config = config_of(tmp_path, {"wheels": "wheels"})
    with image.recipe(config) as recipe:
        copied = re.findall(r"^COPY (?!--from)(\S+)", recipe.dockerfile, re.MULTILINE)
        assert [name for name in copied if not (recipe.folder / name).exists()] == []
        assert (recipe.folder / "package/deployer/_data/templates/haproxy/haproxy.cfg.j2").is_file()
        assert list(recipe.folder.rglob("__pycache__")) == []


def test_a_folder_of_packages_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match=r"jenkins\.wheels: .* is no folder"),
        image.recipe(config_of(tmp_path, {"wheels": "none"})),
    ):
        pass


class TestPins:
    def test_every_image_has_a_version(self, tmp_path: Path) -> None:
        settings = config_of(tmp_path, {}).jenkins
        for name in (settings.base, settings.node, settings.aws, settings.docker, settings.portainer.image):
            assert re.search(r":\d+\.\d+\.\d+", name), name
        assert settings.node.startswith("node:20.")

    def test_every_plugin_has_one_version(self) -> None:
        lines = (ROOT / "templates/jenkins/plugins.txt").read_text().splitlines()
        plugins = [line for line in lines if not line.startswith("#")]
        assert all(re.fullmatch(r"[a-z0-9-]+:[\w.-]+", line) for line in plugins)
        names = [line.partition(":")[0] for line in plugins]
        assert len(names) == len(set(names))

    def test_the_plugins_are_there_that_jobs_and_pipelines_use(self) -> None:
        text = (ROOT / "templates/jenkins/plugins.txt").read_text()
        for step, plugin in (
            ("CpsScmFlowDefinition", "workflow-cps"),
            ("githubPush", "github"),
            ("checkout scm", "workflow-scm-step"),
            ("lock(", "lockable-resources"),
            ("milestone", "pipeline-milestone-step"),
            ("junit", "junit"),
            ("publishHTML", "htmlpublisher"),
            ("withCredentials", "credentials-binding"),
            ("string(credentialsId", "plain-credentials"),
            ("globalMatrix", "matrix-auth"),
        ):
            assert f"\n{plugin}:" in text, step

    def test_the_packages_are_all_that_ours_needs(self) -> None:
        """Pinned, closed under what each needs, and as setup.py wants them."""
        lines = (ROOT / "templates/jenkins/requirements.txt").read_text().splitlines()
        pins = dict(line.split("==") for line in lines if not line.startswith("#"))
        todo = [Requirement(text) for text in importlib.metadata.requires("deployer") or ()]
        seen: set[str] = set()
        while todo:
            wanted = todo.pop()
            if wanted.marker and not any(
                wanted.marker.evaluate({"extra": extra}) for extra in ("", "aws", "jenkins", "ssh")
            ):
                continue
            name = canonicalize_name(wanted.name)
            assert name in pins, wanted
            assert wanted.specifier.contains(pins[name]), wanted
            if name not in seen:
                seen.add(name)
                try:
                    below = importlib.metadata.requires(name) or []
                except importlib.metadata.PackageNotFoundError:
                    below = []  # not installed for the tests
                todo += [found for text in below if not (found := Requirement(text)).marker or _here(found)]
        # What stage deploys to `hosts` over SSH is not found out on the day of the deployment.
        assert "paramiko" in seen


def _here(wanted: Requirement) -> bool:
    return wanted.marker is not None and wanted.marker.evaluate({"extra": ""})


class TestHeap:
    @pytest.mark.parametrize(
        ("memory", "asked", "heap"),
        [(1024, None, 384), (2048, None, 512), (4096, None, 1024), (32768, None, 1024), (2048, 300, 300)],
    )
    def test_it_fits_the_host(self, memory: int, asked: int | None, heap: int) -> None:
        assert controller.heap_of(memory * MIB, asked and asked * MIB) == heap * MIB
        assert f"-Xmx{heap}m " in controller.java_options(heap * MIB)

    @pytest.mark.parametrize(
        ("host", "jenkins", "said"),
        [
            (Host(900 * MIB, "", 0, 0), {}, "builds will hang; give the host 2 GB of swap"),
            (Host(1024 * MIB, "", 0, 0), {}, "1 GB of memory and no swap"),
            (Host(2048 * MIB, "", 0, 0), {}, "2 GB of memory and no swap"),
            (HOST, {"address": "0.0.0.0"}, "bind it to 127.0.0.1"),
            (
                HOST,
                {"credentials": {}},
                "jenkins.credentials lacks aws-access-key-id, aws-secret-access-key, gem",
            ),
            (HOST, {}, None),
            (Host(2048 * MIB, "", 0, None), {}, None),
        ],
    )
    def test_what_it_will_suffer_from_is_said(
        self, tmp_path: Path, host: Host, jenkins: dict[str, Any], said: str | None
    ) -> None:
        config = config_of(tmp_path, {"credentials": CREDENTIALS, **jenkins})
        found = controller.warnings(config, host)
        assert len(found) == (said is not None)
        assert (said or "") in " ".join(found)


class TestSecrets:
    def test_without_a_password_nobody_gets_in(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"jenkins\.password is missing"):
            controller.secrets_of(config_of(tmp_path, {}), {})

    def test_one_that_cannot_be_had_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"admin-password.*PASSWORD} is not set"):
            controller.secrets_of(config_of(tmp_path, REQUIRED), {})

    def test_none_is_a_variable_of_the_container(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            config_of(tmp_path, {**REQUIRED, "env": {"TOKEN": "${env:TOKEN}"}})
        assert "jenkins.env.TOKEN" in str(caught.value.details)

    def test_their_values_are_in_no_file(self, tmp_path: Path) -> None:
        config = config_of(
            tmp_path, {**REQUIRED, "webhook_secret": "${env:HOOK}", "credentials": CREDENTIALS}
        )
        values = {name: f"s3cret-{name}" for name in ("PASSWORD", "HOOK", "GEMINI", "ID", "KEY")}
        secrets = controller.secrets_of(config, values)
        assert secrets["credential-gemini-api-key"] == "s3cret-GEMINI"
        assert "s3cret" not in json.dumps(controller.files(config, "x", HOST))


class TestPlan:
    def container(self, service: compose.Service, **state: Any) -> dict[str, Any]:
        config = {"Image": service.body["Image"], "Labels": dict(service.body["Labels"])}
        return {"Config": config, "State": {"Running": True, "Status": "running", **state}}

    @pytest.fixture
    def wanted(self, tmp_path: Path) -> compose.Composition:
        return controller.composed(controller.files(config_of(tmp_path, REQUIRED), "new:1", HOST))

    def actions(self, wanted: compose.Composition, *found: dict[str, Any], **changed: list[str]) -> list[str]:
        names = [service.container for service in wanted.services]
        secrets = {f"shop-{name}": what for name, what in changed.items()}
        steps = controller.plan(wanted, dict(zip(names, found, strict=False)), secrets)
        return [f"{step.action}: {step.reason}" for step in steps]

    def test_nothing_is_there(self, wanted: compose.Composition) -> None:
        assert self.actions(wanted) == ["create: there is none", "create: there is none"]

    def test_all_is_as_it_should_be(self, wanted: compose.Composition) -> None:
        found = [self.container(service) for service in wanted.services]
        assert self.actions(wanted, *found) == ["keep: it is as it should be"] * 2

    def test_a_newer_image_another_configuration_a_changed_secret_a_stopped_one(
        self, wanted: compose.Composition
    ) -> None:
        jenkins, portainer = (self.container(service) for service in wanted.services)
        jenkins["Config"]["Image"] = "old:1"
        portainer["Config"]["Labels"][compose.CONTENT] = "other"
        assert self.actions(wanted, jenkins, portainer) == [
            "replace: it runs old:1, not new:1",
            "replace: its configuration has changed",
        ]
        jenkins, portainer = (self.container(service) for service in wanted.services)
        portainer["State"] = {"Running": False, "Status": "exited"}
        assert self.actions(wanted, jenkins, portainer, jenkins=["admin-password"]) == [
            "replace: changed: admin-password",
            "start: it is exited",
        ]


def test_a_compose_key_that_is_not_known_is_refused_and_not_left_out() -> None:
    document = {"services": {"x": {"image": "x", "container_name": "x", "privileged": True}}}
    with pytest.raises(ConfigError, match="service x uses privileged") as caught:
        compose.composition(document, {})
    assert "--out" in str(caught.value.remedy)


def test_a_controller_that_builds_is_not_replaced() -> None:
    controller.refuse_where_builds_run([])
    with pytest.raises(PreflightError, match="is running shop-backend #3"):
        controller.refuse_where_builds_run(["shop-backend #3"])
