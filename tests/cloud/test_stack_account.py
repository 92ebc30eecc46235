"""`deployer infra` on moto's account, from nothing to nothing, as a person would run it.

moto makes everything in the moment it is asked: no failure, no wait and no event of a resource is seen here;
docs/stack-operations.md lists what it cannot.
"""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.cli.main import main
from deployer.stack import cloud
from tests.support import cli
from tests.support.cli import Done
from tests.support.s3 import Server

SETTINGS: dict[str, Any] = {
    "service": {"name": "shop", "image": "shop:1", "port": 80},
    "stack": {
        "region": "us-east-1",
        "cdn": {"enabled": False},
        "instance": {"enabled": False},
        "database": {"enabled": False},
        "budget": {"limit": 0},
        "alarms": {"emails": ["ops@example.org"]},
        "secrets": {"names": ["gemini-key"]},
    },
}


class Keyboard(io.StringIO):
    """A terminal, on which this was typed."""

    def isatty(self) -> bool:
        return True


class Account:
    """A config, and an account of moto's."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.settings: dict[str, Any] = {**SETTINGS, "site": {"bucket": "shop-site-of-the-test"}}

    def run(self, *words: str, expect: int = 0, stdin: str = "", typed: str = "") -> Done:
        """`deployer infra ...`, with something on standard input, or typed on a terminal."""
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(self.settings))
        done = cli.program(
            main,
            ["infra", *words, "-c", str(path)],
            self.environ,
            Keyboard(typed) if typed else io.StringIO(stdin),
        )
        assert done.status == expect, f"{words}: {done.status}\n{done.stdout}{done.stderr}"
        return done

    @property
    def environ(self) -> dict[str, str]:
        return {**self.server.environ, "GEMINI": "canary-2"}

    def change_sets(self) -> list[Any]:
        return list(self.server.client("cloudformation").list_change_sets(StackName="shop")["Summaries"])

    def stacks(self) -> list[str]:
        return [
            each["StackName"] for each in self.server.client("cloudformation").describe_stacks()["Stacks"]
        ]


@pytest.fixture
def server(moto: Server) -> Server:
    return moto


@pytest.fixture
def account(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Account:
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    # What moto does not know it answers with 500, which is otherwise tried again and again.
    monkeypatch.setattr("deployer.aws.session.ATTEMPTS", 1)
    # Making a client takes longer than all it is asked here.
    monkeypatch.setattr(cloud, "sdk_client", functools.cache(cloud.sdk_client))
    return Account(server, tmp_path)


def test_from_nothing_to_nothing(account: Account) -> None:
    planned = account.run("plan", "--json").json
    assert planned["changes"] is True
    assert {each["action"] for each in planned["stacks"][0]["changes"]} == {"add"}
    assert account.stacks() == []
    assert account.change_sets() == []

    assert "shop as the config says" in account.run("apply").stdout
    assert account.stacks() == ["shop"]
    assert account.run("plan", "--json").json["changes"] is False
    assert account.run("apply").stdout.startswith("nothing to do")
    status = account.run("status", "--json").json["stacks"]
    assert [(each["stack"], each["condition"], each["differs"]) for each in status] == [("shop", "ready", [])]

    account.settings["stack"] = {**account.settings["stack"], "logs": {"enabled": False}}
    assert "DeployerLogs" in account.run("status").stdout
    refused = account.run("apply", expect=6)
    assert "--accept data-loss" in refused.stderr
    assert "DeployerLogs is removed: loses its logs" in refused.stderr
    assert "Type yes" in account.run("apply", typed="no\n", expect=6).stderr
    assert account.run("apply", "--accept", "data-loss", "--json").stdout.count('"stack_changed"') == 2
    bucket = "shop-site-of-the-test"
    assert f"kept: Bucket ({bucket}), with all it holds" in account.run("destroy", "--plan").stdout
    assert account.run("destroy", "--yes", "another", expect=6).stdout == ""
    assert account.stacks() == ["shop"]
    assert f"kept: Bucket ({bucket})" in account.run("destroy", typed="shop\n").stdout
    assert account.stacks() == []
    assert "nothing deleted" in account.run("destroy", "--yes", "shop").stdout


def test_secrets_go_in_and_are_never_shown(account: Account) -> None:
    account.run("secrets", "gemini-key", stdin="canary-1\n")
    store = account.server.client("ssm")

    def kept() -> Any:
        found = store.get_parameter(Name="/shop/gemini-key", WithDecryption=True)["Parameter"]
        return found["Type"], found["Value"]

    assert kept() == ("SecureString", "canary-1")
    account.run("secrets", "gemini-key", "--from", "${env:GEMINI}")
    assert kept() == ("SecureString", "canary-2")
    listed = account.run("secrets", "--json")
    assert [(each["name"], each["there"], each["version"]) for each in listed.json["secrets"]] == [
        ("gemini-key", True, 2)
    ]
    assert "canary" not in listed.stdout + account.run("secrets").stdout
    refused = account.run("secrets", "gemini-key", "--from", "canary-3", expect=2)
    assert "canary" not in refused.stdout + refused.stderr
    assert "gemini-key" in account.run("secrets", "gemini-kee", stdin="x", expect=2).stderr
    assert "0 bytes" in account.run("secrets", "gemini-key", stdin="", expect=2).stderr
