"""What is hidden, and what must not be."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.config.load import load
from deployer.events import Event, Lost, Note, OnHost, Pruned, RolledBack, Undelivered
from deployer.image.build import secret_files
from deployer.sinks.mask import Mask, secrets_of
from deployer.sinks.masked import masking


def hidden(folder: Path, config: Mapping[str, Any], environ: Mapping[str, str]) -> set[str]:
    path = folder / "config.yaml"
    given = {"service": {"name": "interview", "image": "shop:1", "port": 80, **config.get("service", {})}}
    path.write_text(yaml.safe_dump({**config, **given}))
    return set(secrets_of(load(path, environ={}), environ))


def test_references_are_resolved_and_what_is_written_out_is_found(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from a file\n")
    config = {
        "service": {
            "env": {
                "A": "${env:A}",
                "B": f"${{file:{secret}}}",
                "C_TOKEN": "written out",
                "D": "mysql://shop:in-a-url@db/shop",
                "E": "open",
                "MISSING": "${env:MISSING}",
            }
        },
        "jenkins": {"credentials": {"some-id": "a credential"}},
    }
    assert hidden(tmp_path, config, {"A": "from a variable"}) == {
        "from a variable", "from a file", "written out", "in-a-url", "a credential",
    }  # fmt: skip


def test_a_pipe_is_left_to_whoever_needs_its_secret(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert hidden(tmp_path, {"service": {"env": {"A": f"${{file:{pipe}}}"}}}, {}) == set()


def test_variables_that_are_secret_by_their_name(tmp_path: Path) -> None:
    environ = {
        "AWS_SECRET_ACCESS_KEY": "inherited-one",
        "POSTGRES_PASSWORD": "postgres",  # a word of many images' names
        "SSH_KEY": str(tmp_path),  # where one is, not what it is
        "PATH": "/usr/bin",
        "LONG_KEY": "x" * 10_000,
        "NUL_KEY": "\0" * 12,
    }
    assert hidden(tmp_path, {}, environ) == {"inherited-one", "x" * 10_000, "\0" * 12}


def test_a_password_that_is_the_services_own_name_is_none(tmp_path: Path) -> None:
    """Or programs would read a name of **** out of `status --json`."""
    config = {"service": {"env": {"DB_PASSWORD": "${env:DB}", "OTHER_PASSWORD": "shop:1"}}}
    assert hidden(tmp_path, config, {"DB": "interview"}) == set()


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (Note("a hidden b"), Note("a **** b")),
        (OnHost("web1", RolledBack("r1", "hidden")), OnHost("web1", RolledBack("r1", "****"))),
        (Undelivered((Lost("s", "slack", 1, "hidden"),)), Undelivered((Lost("s", "slack", 1, "****"),))),
        (Pruned(1, 2), Pruned(1, 2)),
    ],
)
def test_events(event: Event, shown: Event) -> None:
    told: list[Event] = []
    masking(told.append, Mask(["hidden"]))(event)
    assert told == [shown]


def test_files_that_no_build_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "service": {"name": "a", "image": "a:1", "port": 80, "env": {"A": "x${file:/run/secrets/a}"}},
                "edge": {"tls": {"certificate": "tls/both.pem"}},
                "ssh": {"key": "keys/deploy"},
                "hosts": [{"name": "web1", "address": "h", "key": "~/.ssh/web1"}],
            }
        )
    )
    assert secret_files(load(path, environ={})) == {
        Path("/run/secrets/a"),
        tmp_path / "tls/both.pem",
        tmp_path / "keys/deploy",
        Path("~/.ssh/web1").expanduser(),
    }
