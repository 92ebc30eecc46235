"""What each key refuses, in the words the operator sees; and what must not be refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.config.load import load
from deployer.config.reading import Invalid, made
from deployer.config.schema import Config
from deployer.config.sections.edge import Edge
from deployer.errors import ConfigError

Write = Callable[..., Path]

BASE = "service: {name: shop, image: 'shop:1', port: 80}\n"


def problems(path: Path, *sets: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, sets=sets, environ={})
    return list(caught.value.details)


NAME = "must begin with a lower-case letter and hold only lower-case letters, digits and '-', 31 at most"
PATH = "must be a path that begins with '/', as in /health; no spaces, quotes or '#'"
DURATION = "must be a duration such as 500ms, 30s, 5m, 1h or a number of seconds"
SIZE = "must be a size such as 512k, 512m, 2g or a number of bytes"
VOLUME = "must be name:/path or name:/path:ro; a folder of the host may stand for the name"
BUCKETLESS = "is about a bucket, and `site.origin` says that the site is served from elsewhere"
REFERENCE = "a secret reference is only resolved in 'env'; use --set for other keys"


@pytest.mark.parametrize(
    ("assignment", "key", "said"),
    [
        ("service.name=Shop", "service.name", NAME),
        ("service.name=-shop", "service.name", NAME),
        ("service.name=" + "a" * 32, "service.name", NAME),
        ("service.image=''", "service.image", "must not be empty"),
        ("service.image='shop:${env:TAG}'", "service.image", REFERENCE),
        ("service.port=0", "service.port", "must be at least 1"),
        ("service.port=65536", "service.port", "must be at most 65535"),
        ("service.port=80.5", "service.port", "must be a whole number"),
        ("service.port=[80]", "service.port", "must be a whole number"),
        ("service.health=health", "service.health", PATH),
        ("service.health=/a b", "service.health", PATH),
        ("service.health='/\"'", "service.health", PATH),
        ("service.env=[A]", "service.env", "must be a mapping of names to values"),
        ("service.command=run it", "service.command", "must be a list, as in [one, two]"),
        ("service.command=[]", "service.command", "must not be empty"),
        ("service.command=['${env:X}']", "service.command[0]", REFERENCE),
        ("service.volumes=[data]", "service.volumes[0]", VOLUME),
        ("service.volumes=['data:rel']", "service.volumes[0]", VOLUME),
        ("service.volumes=['data:/x:rx']", "service.volumes[0]", VOLUME),
        ("service.volumes=['./data:/x']", "service.volumes[0]", VOLUME),
        ("service.volumes=['aa:/x', 'bb:/x:ro']", "service.volumes", "two volumes are mounted at '/x'"),
        (
            "service.networks=['a b']",
            "service.networks[0]",
            "must be a name of letters, digits, '_', '.' and '-'",
        ),
        ("service.memory=lots", "service.memory", SIZE),
        ("service.memory=1m", "service.memory", "must be at least 6m"),
        ("service.cpus=0", "service.cpus", "must be more than 0"),
        ("service.cpus=many", "service.cpus", "must be a number"),
        ("service.cpus=nan", "service.cpus", "must be a number"),
        ("service.read_only=maybe", "service.read_only", "must be true or false"),
        ("service.tmpfs=[tmp]", "service.tmpfs[0]", "must be an absolute path in the container, as in /tmp"),
        ("service.stop_timeout=soon", "service.stop_timeout", DURATION),
        ("service.stop_timeout=-1s", "service.stop_timeout", DURATION),
        ("service.log_max_size=big", "service.log_max_size", "must be a size such as 512k, 10m or 1g"),
        ("service.log_max_files=0", "service.log_max_files", "must be at least 1"),
        (
            "service.streams=['/a?b']",
            "service.streams[0]",
            "must be a path that begins with '/', as in /stream/; no spaces, quotes, '?' or '#'",
        ),
        ("service=shop", "service", "must be a mapping of keys to values"),
        ("edge=[]", "edge", "must be a mapping of keys to values"),
        ("edge.address=localhost", "edge.address", "must be an IPv4 address such as 0.0.0.0 or 127.0.0.1"),
        ("edge.subnet=10.0.0.0", "edge.subnet", "must be a /28 or larger, to hold the slots; this is a /32"),
        (
            "edge.subnet=10.0.0.0/29",
            "edge.subnet",
            "must be a /28 or larger, to hold the slots; this is a /29",
        ),
        ("edge.subnet=10.0.0.1/24", "edge.subnet", "must be a network such as 10.213.7.0/24"),
        ("edge.subnet=8.8.8.0/24", "edge.subnet", "must be a private IPv4 network, as in 10.213.7.0/24"),
        ("edge.subnet='fd00::/64'", "edge.subnet", "must be a private IPv4 network, as in 10.213.7.0/24"),
        ("edge.tls={}", "edge.tls.certificate", "is required"),
        (
            "edge.tls={certificate: a.pem, port: 8080}",
            "edge.tls",
            "port 8080 is edge.port already; HTTPS needs a port of its own",
        ),
        (
            "edge.api_prefix=/api",
            "edge.api_prefix",
            "must be a path that begins and ends with '/', as in /api/",
        ),
        ("edge.hold=0", "edge.hold", "must be at least 1s"),
        ("edge.retry_after=500ms", "edge.retry_after", "must be at least 1s"),
        ("edge.read_timeout=0", "edge.read_timeout", "must be more than 0s"),
        ("edge.check_interval=1ms", "edge.check_interval", "must be at least 10ms"),
        ("edge.max_connections=1", "edge.max_connections", "must be at least 10"),
        ("site=http://a", "site", "must be a mapping of keys to values"),
        ("site.origin=a:80", "site.origin", "must be an address without a path, as in http://10.0.0.5:8081"),
        (
            "site.origin=http://a/b",
            "site.origin",
            "must be an address without a path, as in http://10.0.0.5:8081",
        ),
        ("site={}", "site", "give either 'bucket' or 'origin'"),
        (
            "site={origin: 'http://a', bucket: shop-site}",
            "site",
            "give either 'bucket' or 'origin', not both",
        ),
        ("site={origin: 'http://a', distribution: E1}", "site.distribution", BUCKETLESS),
        ("site={origin: 'http://a', store: {}}", "site.store", BUCKETLESS),
        (
            "site.bucket=Shop",
            "site.bucket",
            "must be a bucket's name: 3 to 63 lower-case letters, digits, '-' and '.'",
        ),
        (
            "site={bucket: shop-site, prefix: /a}",
            "site.prefix",
            "must be a folder that ends with '/' and does not begin with it",
        ),
        (
            "site={bucket: shop-site, store: {}, endpoint: 'http://a'}",
            "site.store",
            "our own store has an address and keys of its own: leave out 'endpoint'",
        ),
        (
            "site={bucket: shop-site, access_key: a}",
            "site.secret_key",
            "'access_key' and 'secret_key' go together",
        ),
        (
            "site={bucket: shop-site, ignore: [/a]}",
            "site.ignore[0]",
            "must be a pattern of *, ? and **, as in assets/**; no leading '/'",
        ),
        (
            "site={bucket: shop-site, delete_limit: most}",
            "site.delete_limit",
            "must be a share such as 50%, or a number of files",
        ),
        (
            "site={bucket: shop-site, redirects: {/a: b}}",
            "site.redirects./a",
            "must be a path that begins with '/', or a whole address",
        ),
        (
            "rollout.strategy=bluegreen",
            "rollout.strategy",
            "must be blue-green or recreate; did you mean 'blue-green'?",
        ),
        ("rollout.strategy=rolling", "rollout.strategy", "must be blue-green or recreate"),
        ("rollout.smoke={path: /}", "rollout.smoke", "must be a list, as in [one, two]"),
        ("rollout.smoke=[/]", "rollout.smoke[0]", "must be a mapping of keys to values"),
        ("rollout.smoke=[{path: /, status: 99}]", "rollout.smoke[0].status", "must be at least 100"),
        ("rollout.before=[{name: a, command: []}]", "rollout.before[0].command", "must not be empty"),
        (
            "rollout.after=[{name: a, command: [x]}, {name: a, command: [y]}]",
            "rollout.after",
            "two hooks are named 'a'",
        ),
        ("rollout.max_errors=-1", "rollout.max_errors", "must be at least 0"),
        ("rollout.max_error_rate=2", "rollout.max_error_rate", "must be at most 1"),
        ("rollout.keep_releases=0", "rollout.keep_releases", "must be at least 1"),
        (
            "host.docker=/var/run/docker.sock",
            "host.docker",
            "must begin with unix:/// or tcp://; for SSH there is `hosts`",
        ),
        ("service.build={}", "service", "give either 'image' or 'build', not both"),
        ("service.image=", "service", "give either 'image' or 'build'"),
    ],
)
def test_a_wrong_value_is_refused_in_plain_words(write: Write, assignment: str, key: str, said: str) -> None:
    [found] = problems(write(BASE), assignment)
    where, _, rest = found.partition(": ")
    rest = rest.removeprefix(f"{key}: ")
    assert where in ("config.yaml:1", f"--set {assignment.partition('=')[0]}=...")
    assert rest == said
    assert key in found


@pytest.mark.parametrize(
    ("build", "key", "said"),
    [
        ("{args: {'A B': 1}}", "args.A B", "is no name of a variable: letters, digits, '_', '.' and '-', "),
        ("{args: {TOKEN: '${env:TOKEN}'}}", "args.TOKEN", REFERENCE),
        ("{prepare: [make]}", "prepare[0]", "must be a list, as in [one, two]"),
        ("{prepare: [[]]}", "prepare[0]", "must not be empty"),
        ("{context: [a]}", "context", "must be a path"),
        ("{dockerfle: a}", "dockerfle", "unknown key; did you mean 'dockerfile'?"),
    ],
)
def test_a_wrong_build_is_refused(write: Write, build: str, key: str, said: str) -> None:
    [found] = problems(write(f"service: {{name: shop, port: 80, build: {build}}}"))
    assert found.startswith(f"config.yaml:1: service.build.{key}: {said}")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("service: {healthcheck: /}", "; did you mean 'health'?"),
        ("service: {Port: 1}", "; did you mean 'port'?"),
        ("service: {read-only: 1}", "; did you mean 'read_only'?"),
        ("service: {drain: 1}", "; did you mean 'rollout.drain'?"),
        ("drain: 1", "; did you mean 'rollout.drain'?"),
        ("enviroments: {}", "; did you mean 'environments'?"),
        ("service: {xyzzy: 1}", "; known are name, image, build, port, health, env, command, "),
    ],
)
def test_an_unknown_key_suggests_what_was_meant(write: Write, text: str, hint: str) -> None:
    found = [line for line in problems(write(text)) if "unknown key" in line]
    assert len(found) == 1
    assert f"unknown key{hint}" in found[0]


def test_a_broken_reference_is_refused_with_its_line_and_without_its_value(write: Write) -> None:
    path = write(
        BASE.replace("80}", "80, env: {")
        + "  A: '${HOME}',\n  B: '${fil:/hunter2}',\n  C: '${env:hunter 2}',\n"
        + "  D: 'hunter${2',\n  E: '${x y}',\n}}\n"
    )
    assert problems(path) == [
        "config.yaml:2: service.env.A: '${' begins a reference; write ${env:HOME}, or $${ for a plain ${",
        "config.yaml:3: service.env.B: holds an unknown kind of reference; did you mean 'file'?",
        "config.yaml:4: service.env.C: '${env:...}' needs the name of a variable after 'env:'",
        "config.yaml:5: service.env.D: a reference '${' lacks its '}'; write $${ for a plain ${",
        "config.yaml:6: service.env.E: '${' begins a reference; write ${env:NAME}, or $${ for a plain ${",
    ]


def test_our_own_labels_are_reserved(write: Write) -> None:
    [found] = problems(write(BASE), "service.labels.deployer.role=x")
    assert found == (
        "--set service.labels.deployer.role=...: service.labels: 'deployer.role': "
        "labels that begin with 'deployer.' are the deployer's own"
    )


def test_a_folder_in_memory_and_a_volume_must_not_share_a_path(write: Write) -> None:
    assert problems(write(BASE), "service.volumes=['data:/tmp']", "service.tmpfs=[/tmp]") == [
        "--set service.tmpfs=...: two things are mounted at '/tmp'"
    ]


def test_text_is_taken_as_it_is_written(write: Write) -> None:
    path = write(
        """
        service:
          name: shop
          image: 1.10
          port: "80"
          read_only: yes
          env: {A: 1.10, B: yes, C: 0755, D: 2024-01-01, E: "", F: 1e3, G: "$${x}"}
          command: [sleep, 5, true]
          user: 10:20
          labels: {com.example.v: 1.0}
          log_max_size: 1048576
          memory: 268435456
        rollout:
          smoke: [{path: "/a?b=c&d=%20", contains: 7}]
          before: [{name: m, command: [a], env: {N: 010}}]
        """
    )
    config = load(path, environ={})
    service = config.service
    assert (service.image, service.port, service.read_only, service.user) == ("1.10", 80, True, "10:20")
    assert service.env == {
        "A": "1.10",
        "B": "yes",
        "C": "0755",
        "D": "2024-01-01",
        "E": "",
        "F": "1e3",
        "G": "$${x}",
    }
    assert service.command == ["sleep", "5", "true"]
    assert service.labels == {"com.example.v": "1.0"}
    assert (service.log_max_size, service.memory) == ("1048576", 256 * 1024**2)
    assert (config.rollout.smoke[0].path, config.rollout.smoke[0].contains) == ("/a?b=c&d=%20", "7")
    assert config.rollout.before[0].env == {"N": "010"}


@pytest.mark.parametrize(
    "assignment",
    [
        "service.volumes=['/srv/data:/data:ro', 'named.v-1:/x', 'cache:/y:rw']",
        "edge.subnet=10.1.2.16/28",
        "edge.subnet=192.168.0.0/16",
        "site.origin=https://site.example:8443",
        "host.docker=tcp://10.0.0.1:2376",
        "rollout.observe=0",
        "rollout.drain=0",
        "rollout.max_errors=0",
        "edge.tls={certificate: a.pem}",
        "service.cpus=.5",
    ],
)
def test_what_is_right_is_accepted(write: Write, assignment: str) -> None:
    load(write(BASE), sets=[assignment], environ={})


def test_python_values_are_accepted_too() -> None:
    edge = made(Edge, {"port": 81, "hold": 1.5})
    assert (edge.port, edge.hold) == (81, 1.5)


def test_a_section_that_is_given_in_part_keeps_the_rest(write: Write) -> None:
    install = load(
        write(BASE + "pipelines: {frontend: {install: {inputs: [a]}}}"), environ={}
    ).pipelines.frontend.install
    assert (install.commands, install.inputs, install.outputs) == ([["npm", "ci"]], ["a"], ["node_modules"])
    backend = load(
        write(BASE + "pipelines: {backend: {build: {inputs: [a]}}}"), environ={}
    ).pipelines.backend.build
    assert (backend.commands, backend.inputs) == ([], ["a"])


@pytest.mark.parametrize(
    ("kind", "said", "value"),
    [
        (int, " 80 ", 80),
        (int, 8.0, 8),
        (int, 8.5, None),
        (int, True, None),
        (int, "8e3", None),
        (float, "1e3", 1000.0),
        (float, "inf", None),
        (int, "9" * 400, None),
        (int, "9" * 5000, None),
        (float, [], None),
        (bool, "YES", True),
        (bool, "off", False),
        (bool, 2, None),
        (str, 1.5, "1.5"),
        (str, True, None),
        (str, None, None),
    ],
)
def test_scalars_are_what_they_are_written_as(kind: type, said: object, value: object) -> None:
    if value is None:
        with pytest.raises(Invalid):
            made(kind, said)
    else:
        found: object = made(kind, said)
        assert (type(found), found) == (kind, value)


def test_rules_between_keys_are_judged_where_another_key_is_wrong(write: Write) -> None:
    assert problems(write("service: {name: shop, image: a, build: {}, port: x}")) == [
        "config.yaml:1: service.port: must be a whole number",
        "config.yaml:1: service: give either 'image' or 'build', not both",
    ]


def test_a_config_cannot_be_changed() -> None:
    config = Config.of({"service": {"name": "a", "image": "a", "port": 1}})
    with pytest.raises(AttributeError, match="immutable"):
        config.service.port = 2  # type: ignore[misc]


def test_an_error_of_the_schema_does_not_repeat_the_value() -> None:
    with pytest.raises(Invalid, match=r"service\.env\.A: ") as caught:
        Config.of({"service": {"name": "a", "image": "a", "port": 1, "env": {"A": ["hunter2"]}}})
    assert "hunter2" not in str(caught.value)


def test_the_config_of_the_project_is_right_as_it_is() -> None:
    root = Path(__file__).resolve().parents[3]
    config = load(root / "config.yaml", environ={})
    assert (config.service.name, config.service.port, config.edge.port) == ("interview", 8000, 8080)
    assert config.service.build is not None
    assert (config.root / config.service.build.dockerfile).is_file()
    for command in config.service.build.prepare:
        assert os.access(config.root / command[0], os.X_OK)
    production = load(root / "config.yaml", env="production", environ={})
    assert production.edge.tls is not None
    assert production.service.env.keys() > config.service.env.keys()


def test_the_environment_that_the_config_of_the_project_sets_is_known_to_the_app() -> None:
    root = Path(__file__).resolve().parents[3]
    known = (root / "app" / "settings.py").read_text()
    for env in (None, "production"):
        for name in load(root / "config.yaml", env=env, environ={}).service.env:
            assert f'"{name.removeprefix("INTERVIEW_")}"' in known, name
