"""`deployer config` and what it finds beyond the schema."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from deployer.cli.context import Context
from deployer.cli.main import main
from deployer.config import reference
from deployer.config.json_schema import json_schema

Write = Callable[..., Path]

SHOP = "service: {name: shop, image: 'shop:1', port: 80}\n"


class Said:
    """What a command printed, and its exit code."""

    def __init__(self, *words: str, environ: Mapping[str, str] | None = None) -> None:
        context = Context(stdout=io.StringIO(), stderr=io.StringIO(), environ=environ or {})
        self.code = main(words, context)
        assert isinstance(context.stdout, io.StringIO)
        assert isinstance(context.stderr, io.StringIO)
        self.out, self.err = context.stdout.getvalue(), context.stderr.getvalue()

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


class TestCheck:
    def test_says_what_it_has_checked(self, write: Write) -> None:
        write(SHOP + "environments: {live: , test: {edge: {port: 81}}}")
        said = Said("config", "check")
        assert (said.code, said.lines) == (0, ["config.yaml: OK (base, live, test)"])
        assert Said("config", "check", "--env", "test").lines == ["config.yaml: OK (test)"]

    def test_lists_the_problems_of_every_environment_once(self, write: Write) -> None:
        write(SHOP + "edge: {prot: 1}\nenvironments:\n  a: {edge: {hodl: 1}}\n  b: {rolout: {}}\n")
        said = Said("config", "check")
        assert said.code == 3
        assert said.lines == [
            "config.yaml:2: edge.prot: unknown key; did you mean 'port'?",
            "config.yaml:4: environments.a.edge.hodl: unknown key; did you mean 'hold'?",
            "config.yaml:5: environments.b.rolout: unknown key; did you mean 'rollout'?",
            "config.yaml: 3 problems (base, a, b)",
        ]

    def test_tells_programs_the_same(self, write: Write) -> None:
        write(SHOP + "edge: {prot: 1}")
        said = Said("config", "check", "--json")
        assert said.code == 3
        assert json.loads(said.out) == {
            "ok": False,
            "file": "config.yaml",
            "environments": [None],
            "problems": ["config.yaml:2: edge.prot: unknown key; did you mean 'port'?"],
            "warnings": [],
        }

    def test_a_file_that_is_no_yaml_is_an_error_like_any_other(self, write: Write) -> None:
        write("a: [")
        said = Said("config", "check")
        assert (said.code, said.out) == (3, "")
        assert said.err.startswith("deployer: config.yaml:")

    def test_looks_for_the_files_that_a_build_and_tls_need(self, write: Write, folder: Path) -> None:
        write(
            """
            service:
              name: shop
              port: 80
              build:
                context: src
                dockerfile: docker/Dockerfile
                prepare: [[scripts/fetch], [make, all]]
            edge:
              tls: {certificate: shop.pem, key: shop.key}
            """
        )
        said = Said("config", "check")
        assert said.code == 3
        assert said.lines == [
            f"config.yaml:5: service.build.context: {folder}/src is not a folder",
            f"config.yaml:6: service.build.dockerfile: {folder}/docker/Dockerfile does not exist",
            f"config.yaml:7: service.build.prepare[0]: {folder}/scripts/fetch is no executable file",
            f"config.yaml:9: edge.tls.certificate: {folder}/shop.pem does not exist, or may not be read",
            f"config.yaml:9: edge.tls.key: {folder}/shop.key does not exist, or may not be read",
            "config.yaml: 5 problems (base)",
        ]
        for name in ("src/x", "docker/Dockerfile", "scripts/fetch", "shop.pem", "shop.key"):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).touch()
        (folder / "scripts/fetch").chmod(0o755)
        assert Said("config", "check").lines == ["config.yaml: OK (base)"]

    def test_looks_for_files_of_the_chosen_environment_alone(self, write: Write, folder: Path) -> None:
        write(SHOP + "environments:\n  live:\n    edge: {tls: {certificate: live.pem}}\n")
        assert Said("config", "check").code == 0
        said = Said("config", "check", "--env", "live")
        assert said.lines[0] == (
            "config.yaml:4: environments.live.edge.tls.certificate: "
            f"{folder}/live.pem does not exist, or may not be read"
        )

    def test_renders_a_dockerfile_that_is_a_template(self, write: Write) -> None:
        write("service: {name: shop, port: 80, build: {dockerfile: Dockerfile.j2}}")
        write("FROM {{ base }}\nEXPOSE {{ config.service.prot }}\n", "Dockerfile.j2")
        said = Said("config", "check")
        assert said.code == 3
        assert said.lines[0] == (
            "config.yaml:1: service.build.dockerfile: Dockerfile.j2:2: "
            "'deployer.config.sections.service.Service object' has no attribute 'prot'"
        )

    def test_warns_of_secrets_that_cannot_be_had_here(self, write: Write) -> None:
        write(
            """
            service:
              name: shop
              image: a
              port: 80
              env: {A: "x${env:SECRET}", B: "$${env:SECRET}"}
            """
        )
        said = Said("config", "check")
        assert said.code == 0
        assert said.lines == [
            "warning: config.yaml:5: service.env.A: ${env:SECRET} is not set in the environment",
            "config.yaml: OK (base)",
        ]
        assert Said("config", "check", environ={"SECRET": "x"}).lines == ["config.yaml: OK (base)"]

    def test_warns_of_secrets_that_are_written_out_without_showing_them(self, write: Write) -> None:
        write(
            """
            service:
              name: shop
              port: 80
              build: {context: ., dockerfile: config.yaml, args: {NPM_TOKEN: hunter2}}
              env: {DB_PASSWORD: hunter2, DB: "mysql://a:hunter2@b/c"}
              labels: {api.key: hunter2}
            rollout: {before: [{name: a, command: [b], env: {A_TOKEN: hunter2}}]}
            environments: {live: {service: {env: {DB_PASSWORD: hunter2, OTHER_KEY: hunter2}}}}
            """
        )
        said = Said("config", "check")
        assert said.code == 0
        assert "hunter2" not in said.out
        written_out = "looks like a secret that is written out; refer to it, as in"
        public = "looks like a secret, and here anybody who has the image or the engine can read it"
        live = "config.yaml:8: environments.live.service.env"
        assert said.lines == [
            f"warning: config.yaml:5: service.env.DB_PASSWORD: {written_out} ${{env:DB_PASSWORD}}",
            f"warning: config.yaml:5: service.env.DB: {written_out} ${{env:DB}}",
            f"warning: config.yaml:7: rollout.before[0].env.A_TOKEN: {written_out} ${{env:A_TOKEN}}",
            f"warning: config.yaml:6: service.labels.api.key: {public}",
            f"warning: config.yaml:4: service.build.args.NPM_TOKEN: {public}",
            f"warning: {live}.DB_PASSWORD: {written_out} ${{env:DB_PASSWORD}}",
            f"warning: {live}.OTHER_KEY: {written_out} ${{env:OTHER_KEY}}",
            "config.yaml: OK (base, live)",
        ]

    def test_says_of_set_what_it_says_of_the_file(self, write: Write) -> None:
        write(SHOP)
        said = Said("config", "check", "--set", "service.env.A_KEY=hunter2", "--set", "edge.prot=1")
        assert said.lines[0] == "--set edge.prot=...: unknown key; did you mean 'port'?"
        said = Said("config", "check", "--set", "service.env.A_KEY=hunter2")
        assert said.lines[0].startswith("warning: --set service.env.A_KEY=...: looks like a secret")
        assert "hunter2" not in said.out


class TestShow:
    def test_prints_what_is_in_force_without_secrets(self, write: Write) -> None:
        write(SHOP + "environments: {live: {edge: {port: 81}, service: {env: {A_KEY: hunter2}}}}")
        said = Said("config", "show", "--env", "live", "--set", "edge.hold=2m")
        shown = yaml.safe_load(said.out)
        assert (shown["edge"]["port"], shown["edge"]["hold"]) == (81, "2m")
        assert shown["service"]["env"] == {"A_KEY": "****"}

    def test_tells_programs_the_same_in_seconds(self, write: Write) -> None:
        write(SHOP)
        assert json.loads(Said("config", "show", "--json").out)["edge"]["hold"] == 30.0

    def test_of_a_config_with_mistakes_lists_them(self, write: Write) -> None:
        write(SHOP + "edge: {prot: 1}")
        said = Said("config", "show")
        assert (said.code, said.out) == (3, "")
        assert said.err.splitlines() == [
            "deployer: config.yaml: 1 problem",
            "  config.yaml:2: edge.prot: unknown key; did you mean 'port'?",
            "  -> `deployer config docs` explains every key.",
        ]


class TestExplain:
    """Neither needs a config."""

    def test_docs_are_the_committed_page(self) -> None:
        assert Said("config", "docs").out == reference.markdown()
        assert {"key", "kind", "default"} <= json.loads(Said("config", "docs", "--json").out)[0].keys()

    def test_schema_is_json(self) -> None:
        assert json.loads(Said("config", "schema").out) == json_schema()

    def test_an_unknown_action_is_a_mistake_of_usage(self) -> None:
        assert Said("config", "chekc").code == 2


@pytest.mark.parametrize("action", ["check", "show"])
def test_without_a_config_it_says_how_to_begin(action: str, folder: Path) -> None:
    said = Said("config", action)
    assert said.code == 3
    assert said.err.splitlines() == [
        f"deployer: there is no config.yaml in {folder}",
        "  -> name one with --config, or write one: `deployer config docs`",
    ]
