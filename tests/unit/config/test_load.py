from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.config.document import parse
from deployer.config.load import load, merge, parse_set, plain
from deployer.config.schema import Config
from deployer.errors import ConfigError

Write = Callable[..., Path]

BASE = """
service:
  name: shop
  image: shop:1
  port: 8080
  env: {MODE: test, REGION: eu}
  volumes: [data:/data]
  memory: 256m
edge:
  port: 8081
  tls: {port: 8443, certificate: shop.pem}
environments:
  production:
    service:
      env: {MODE: live, TRACE: 1}
      volumes: [live:/data, more:/more]
      memory:
    edge: {tls: null, port: 80}
  empty:
"""


def problems(*args: Any, **named: Any) -> list[str]:
    """What `load` complains about."""
    with pytest.raises(ConfigError) as caught:
        load(*args, environ={}, **named)
    return list(caught.value.details)


def test_two_lines_are_enough_and_have_every_default(write: Write) -> None:
    path = write(
        """
        service: {name: shop, image: shop:1, port: 8080, health: /health, env: {V: "1"}}
        edge: {port: 28081}
        """
    )
    config = load(path, environ={})
    assert config.dump() == {
        "service": {
            "name": "shop",
            "image": "shop:1",
            "build": None,
            "port": 8080,
            "health": "/health",
            "env": {"V": "1"},
            "command": None,
            "user": None,
            "volumes": [],
            "networks": [],
            "memory": None,
            "cpus": None,
            "read_only": False,
            "tmpfs": [],
            "init": True,
            "stop_timeout": 30.0,
            "labels": {},
            "log_max_size": "10m",
            "log_max_files": 3,
            "streams": [],
        },
        "edge": {
            "port": 28081,
            "address": "0.0.0.0",
            "image": None,
            "base": None,
            "subnet": None,
            "tls": None,
            "api_prefix": "/api/",
            "hold": 30.0,
            "retry_after": 30.0,
            "connect_timeout": 1.0,
            "read_timeout": 60.0,
            "stream_timeout": 3600.0,
            "max_connections": 2000,
            "check_interval": 0.2,
            "check_timeout": 1.0,
            "check_rise": 2,
            "check_fall": 3,
        },
        "site": None,
        "stack": None,
        "rollout": {
            "strategy": "blue-green",
            "ready_timeout": 60.0,
            "smoke": [],
            "before": [],
            "before_rollback": [],
            "after": [],
            "drain": 30.0,
            "drain_streams": 300.0,
            "observe": 3.0,
            "max_errors": 5,
            "max_error_rate": 0.05,
            "keep_warm": 3600.0,
            "keep_releases": 5,
            "lock_wait": 0.0,
            "batch": "1",
            "max_failures": 0,
            "disk_free": 1024**3,
            "memory_free": None,
        },
        "host": {"docker": None},
        "hosts": [],
        "ssh": {
            "user": None,
            "port": 22,
            "key": None,
            "known_hosts": None,
            "jump": None,
            "timeout": 10.0,
        },
        "prepare": {
            "user": "deploy",
            "keys": [],
            "swap": 2 * 1024**3,
            "packages": [],
            "firewall": True,
            "metadata": False,
            "ports": [],
        },
        "jenkins": {
            "url": None,
            "public_url": None,
            "user": "admin",
            "token": None,
            "password": None,
            "repository": None,
            "branch": "main",
            "github_token": None,
            "github_api": "https://api.github.com",
            "webhook_secret": None,
            "credentials": {},
            "env": {},
            "base": "jenkins/jenkins:2.568.2-jdk21",
            "node": "node:20.20.2-bookworm-slim",
            "aws": "amazon/aws-cli:2.31.38",
            "docker": "docker:28.5.2-cli",
            "wheels": None,
            "address": "127.0.0.1",
            "port": 9090,
            "executors": 1,
            "heap": None,
            "socket_group": None,
            "portainer": {"enabled": True, "image": "portainer/portainer-ce:2.27.9", "port": 9000},
        },
        "notify": {
            "slack": [],
            "webhooks": [],
            "cloudwatch": [],
            "files": [],
            "language": "en",
            "link": None,
            "timeout": 5.0,
            "deadline": 5.0,
        },
        "watch": {
            "every": 60.0,
            "looks": 2,
            "quiet": 900.0,
            "remind": 0.0,
            "memory_free": 0.1,
            "swap_free": 0.2,
            "disk_free": 0.1,
            "max_errors": 5,
            "max_error_rate": 0.05,
            "urls": [],
            "ignore": [],
            "state": None,
        },
        "pipelines": {
            "backend": {
                "folder": ".",
                "build": {"commands": [], "inputs": [], "outputs": []},
                "test": {"commands": [], "inputs": [], "outputs": []},
            },
            "frontend": {
                "folder": None,
                "install": {
                    "commands": [["npm", "ci"]],
                    "inputs": ["package.json", "package-lock.json", ".npmrc"],
                    "outputs": ["node_modules"],
                },
                "build": {"commands": [["npm", "run", "build"]], "inputs": [], "outputs": []},
            },
            "preflight": {"memory": 256 * 1024**2, "disk": 1024**3},
            "reports": "build/reports",
        },
    }


def test_sections_and_values_left_empty_have_their_defaults(write: Write) -> None:
    service = "service: {name: shop, image: 'shop:1', port: 8080, memory: , tmpfs: }\n"
    config = load(write(service + "edge:\nrollout:\nsite: ~\nhost:\n"), environ={})
    small = load(write("service: {name: shop, image: 'shop:1', port: 8080}", "small.yaml"), environ={})
    assert config.dump() == small.dump()


def test_a_config_knows_where_it_came_from(write: Write, folder: Path) -> None:
    path = write(BASE, "deep/shop.yaml")
    config = load(path, env="production", environ={})
    assert config.path == folder / "deep/shop.yaml"
    assert config.root == folder / "deep"
    assert config.environment == "production"
    assert load(path, environ={}).environment is None


def test_a_config_made_in_memory_starts_from_the_current_folder(folder: Path) -> None:
    config = Config.of({"service": {"name": "a", "image": "a", "port": 1}})
    assert (config.path, config.root) == (None, folder)


class TestWhichFile:
    def test_config_yaml_of_the_current_folder(self, write: Write) -> None:
        write(BASE)
        assert load(environ={}).service.name == "shop"

    def test_none_there(self, folder: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            load(environ={})
        assert caught.value.message == f"there is no config.yaml in {folder}"
        assert caught.value.remedy == "name one with --config, or write one: `deployer config docs`"

    def test_the_variable_names_one_and_the_option_wins(self, write: Write) -> None:
        environ = {"DEPLOYER_CONFIG": str(write(BASE.replace("name: shop", "name: other"), "other.yaml"))}
        assert load(environ=environ).service.name == "other"
        assert load(write(BASE), environ=environ).service.name == "shop"

    def test_one_that_is_named_must_exist(self, write: Write) -> None:
        write(BASE)
        with pytest.raises(ConfigError, match=r"^missing\.yaml: no such file$"):
            load(Path("missing.yaml"), environ={})


class TestMerging:
    def test_mappings_merge_lists_and_values_replace_null_removes(self, write: Write) -> None:
        config = load(write(BASE), env="production", environ={})
        assert config.service.env == {"MODE": "live", "REGION": "eu", "TRACE": "1"}
        assert config.service.volumes == ["live:/data", "more:/more"]
        assert config.service.memory is None
        assert (config.edge.port, config.edge.tls) == (80, None)

    def test_without_an_environment_the_base_counts(self, write: Write) -> None:
        config = load(write(BASE), environ={})
        assert config.service.env == {"MODE": "test", "REGION": "eu"}
        assert config.service.memory == 256 * 1024**2
        assert config.edge.tls is not None

    def test_an_empty_environment_changes_nothing(self, write: Write) -> None:
        path = write(BASE)
        assert load(path, env="empty", environ={}).service == load(path, environ={}).service

    def test_the_variable_names_an_environment_and_the_option_wins(self, write: Write) -> None:
        path = write(BASE)
        assert load(path, environ={"DEPLOYER_ENV": "production"}).edge.port == 80
        assert load(path, env="empty", environ={"DEPLOYER_ENV": "production"}).edge.port == 8081

    @pytest.mark.parametrize(
        ("base", "overlay", "merged"),
        [
            ("{a: 1}", "{b: 2}", {"a": "1", "b": "2"}),
            ("{a: 1}", "{a: 2}", {"a": "2"}),
            ("{a: {b: 1, c: 2}}", "{a: {b: 3}}", {"a": {"b": "3", "c": "2"}}),
            ("{a: [1, 2]}", "{a: [3]}", {"a": ["3"]}),
            ("{a: {b: 1}}", "{a: 5}", {"a": "5"}),
            ("{a: 5}", "{a: {b: 1}}", {"a": {"b": "1"}}),
            ("{a: 1, b: 2}", "{a: null}", {"b": "2"}),
            ("{a: {b: 1}}", "{a: {b: null}}", {"a": {}}),
            ("{a: 1}", "{b: {c: null}}", {"a": "1", "b": {}}),
            ("{a: 1}", "{zzz: null}", {"a": "1"}),
        ],
    )
    def test_rules(self, base: str, overlay: str, merged: object) -> None:
        below, above = parse(base, "c.yaml")[0], parse(overlay, "c.yaml")[0]
        untouched = plain(below)
        assert plain(merge(below, above)) == merged
        assert plain(below) == untouched

    @pytest.mark.parametrize(
        ("env", "said"),
        [
            ("prodution", "config.yaml: no environment 'prodution'; did you mean 'production'?"),
            ("x", "config.yaml: no environment 'x'; known are production, empty"),
        ],
    )
    def test_an_unknown_environment_is_refused(self, write: Write, env: str, said: str) -> None:
        assert problems(write(BASE), env=env) == [said]

    def test_a_file_without_environments_has_none_to_choose(self, write: Write) -> None:
        path = write("service: {name: shop, image: 'shop:1', port: 80}")
        assert problems(path, env="x") == ["config.yaml: no environment 'x'; it has no 'environments:'"]

    def test_a_problem_in_an_environment_is_named_as_it_is_written(self, write: Write) -> None:
        path = write(
            BASE
            + "  bad:\n    service: {prot: 1}\n    edge: {tls: {certificate: null}}\n"
            + "    rollout: {smoke: [{}]}\n"
        )
        assert problems(path, env="bad") == [
            "config.yaml:10: edge.tls.certificate: is required",
            "config.yaml:20: environments.bad.service.prot: unknown key; did you mean 'port'?",
            "config.yaml:22: environments.bad.rollout.smoke[0].path: is required",
        ]
        load(path, environ={})  # the base is none the worse for it

    @pytest.mark.parametrize(
        ("environments", "said"),
        [
            ("[a]", "config.yaml:2: environments: must be a mapping of names to parts of a config"),
            ("{a: 1}", "config.yaml:2: environments.a: must be a mapping, like the whole file"),
            ("{a: [1]}", "config.yaml:2: environments.a: must be a mapping, like the whole file"),
        ],
    )
    def test_environments_must_be_mappings(self, write: Write, environments: str, said: str) -> None:
        path = write(f"service: {{name: shop, image: 'shop:1', port: 80}}\nenvironments: {environments}\n")
        assert problems(path) == [said]


class TestSet:
    @pytest.mark.parametrize(
        ("assignment", "tree"),
        [
            ("a.b.c=1", {"a": {"b": {"c": "1"}}}),
            ("a=[x, y]", {"a": ["x", "y"]}),
            ("a={b: {c: 1}}", {"a": {"b": {"c": "1"}}}),
            ("a=shop:1", {"a": "shop:1"}),
            ("a=", {"a": None}),
            ("a=null", {"a": None}),
            ("a='null'", {"a": "null"}),
            ("a=x=y", {"a": "x=y"}),
            ("service.env.URL=a: b #c", {"service": {"env": {"URL": "a: b #c"}}}),
            ("service.env.V=1.10", {"service": {"env": {"V": "1.10"}}}),
            ("service.env.V=null", {"service": {"env": {"V": None}}}),
            ("service.env.V=", {"service": {"env": {"V": ""}}}),
            ("service.labels.com.example.x=1", {"service": {"labels": {"com.example.x": "1"}}}),
            ("service.env={A: 1}", {"service": {"env": {"A": "1"}}}),
        ],
    )
    def test_reads_a_path_and_a_value(self, assignment: str, tree: object) -> None:
        assert plain(parse_set(assignment)) == tree

    def test_wins_over_the_environment_and_the_last_one_wins(self, write: Write) -> None:
        sets = ["edge.port=1", "edge.port=2", "service.env.MODE=set", "edge.tls=null", "rollout.drain=1m"]
        config = load(write(BASE), env="production", sets=sets, environ={})
        assert config.edge.port == 2
        assert config.service.env == {"MODE": "set", "REGION": "eu", "TRACE": "1"}
        assert config.edge.tls is None
        assert config.rollout.drain == 60.0

    @pytest.mark.parametrize(
        ("assignment", "said"),
        [
            ("service.prot=1", "--set service.prot=...: unknown key; did you mean 'port'?"),
            ("servce.port=1", "--set servce.port=...: servce: unknown key; did you mean 'service'?"),
            ("edge={prot: 1}", "--set edge=...: edge.prot: unknown key; did you mean 'port'?"),
            ("service.port=x", "--set service.port=...: must be a whole number"),
            ("service.port.x=1", "--set service.port.x=...: service.port: must be a whole number"),
            ("rollout.smoke=[{status: 1}]", "--set rollout.smoke=...: rollout.smoke[0].path: is required"),
            ("service.port", "--set service.port: must be key=value, as in service.port=8081"),
            ("hunter 2", "--set: must be key=value, as in service.port=8081"),
            ("=1", "--set =...: the key must be words with dots between, as in service.port"),
            ("a..b=1", "--set a..b=...: the key must be words with dots between, as in service.port"),
            (
                "service.image=a: b: c",
                (
                    "--set service.image=...: is not valid YAML: a ':' where none may stand; "
                    "indent as the lines around it, or put the value in quotes"
                ),
            ),
            ("edge={port: 1, port: 2}", "--set edge=...: edge.port: is given twice"),
            ("service.image=\x01", "--set service.image=...: holds a character that YAML does not allow"),
            ("edge=" + "[" * 100, "--set edge=...: is nested more than 40 levels deep"),
        ],
    )
    def test_mistakes_are_told_without_the_value(self, write: Write, assignment: str, said: str) -> None:
        found = problems(write(BASE), sets=[assignment])
        assert said in found
        assert "hunter" not in "".join(found)


def test_every_problem_is_listed_at_once_in_the_order_of_the_file(write: Write) -> None:
    path = write(
        """
        service:
          nmae: shop
          port: many
          port: 80
          env: {A: , "B C": 1}
        edge: {port: 0, adress: 1.2.3.4}
        rollout: {smoke: [{path: x}]}
        """
    )
    with pytest.raises(ConfigError) as caught:
        load(path, env="live", sets=["edge.hodl=1", "x"], environ={})
    assert caught.value.message == "config.yaml: 13 problems"
    assert list(caught.value.details) == [
        "config.yaml: no environment 'live'; it has no 'environments:'",
        "config.yaml:1: service.name: is required",
        "config.yaml:1: service: give either 'image' or 'build'",
        "config.yaml:2: service.nmae: unknown key; did you mean 'name'?",
        "config.yaml:3: service.port: must be a whole number",
        "config.yaml:4: service.port: is given twice, first in line 3",
        "config.yaml:5: service.env.A: has no value; write '' for an empty text",
        (
            "config.yaml:5: service.env.B C: is no name of a variable: letters, digits, '_', '.' and '-', "
            "beginning with a letter or '_'"
        ),
        "config.yaml:6: edge.adress: unknown key; did you mean 'address'?",
        "config.yaml:6: edge.port: must be at least 1",
        (
            "config.yaml:7: rollout.smoke[0].path: must be a path that begins with '/', as in /health; "
            "no spaces, quotes or '#'"
        ),
        "--set edge.hodl=...: unknown key; did you mean 'hold'?",
        "--set x: must be key=value, as in service.port=8081",
    ]
    assert caught.value.exit_status == 3


def test_a_choice_among_numbers_takes_them_and_says_which(write: Write) -> None:
    text = "service: {name: shop, image: shop:1, port: 80}\nstack: {name: shop, logs: {keep: 30}}"
    stack = load(write(text), environ={}).stack
    assert stack is not None
    assert stack.logs.keep == 30
    with pytest.raises(ConfigError) as wrong:
        load(write(text.replace("30", "61")), environ={})
    assert "must be one of 1, 3, 5" in str(wrong.value.details)


@pytest.mark.parametrize("name", ["x'; touch /tmp/x; : '", "../up", "my env", "eu.west", "-e"])
def test_an_environment_has_a_name_that_files_and_crontabs_can_have(write: Write, name: str) -> None:
    text = yaml.safe_dump({"service": {"name": "a", "image": "a", "port": 1}, "environments": {name: {}}})
    with pytest.raises(ConfigError) as caught:
        load(write(text), environ={})
    assert "environment's name must be letters" in str(caught.value.details)
