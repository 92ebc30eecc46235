"""`deployer site`: what its command line refuses before anything is asked of a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import run

SHOP = "service: {name: shop, image: 'shop:1', port: 80}\n"


@pytest.fixture
def config(tmp_path: Path) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(SHOP + "site: {bucket: shop-site, endpoint: 'http://127.0.0.1:9'}\n")
    return str(path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["releases", "--plan"], "--plan is for deploy and rollback and prune"),
        (["rollback", "--trust-manifest"], "--trust-manifest is for deploy"),
        (["deploy", "--to", "1"], "--to is for rollback"),
        (["deploy", "--keep", "3"], "--keep is for prune"),
        (["prune", "--keep", "1"], "--keep must be at least 2"),
        (["deploy", "--delete-limit", "most"], "--delete-limit most is no limit"),
        (["deploy", "--delete-limit", "101%"], "--delete-limit 101% is no limit"),
        (["deploy", "--lock-wait", "soon"], "--lock-wait soon"),
        (["publish"], "there is no action 'publish'"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(config: str, words: list[str], said: str) -> None:
    done = run("site", *words, "-c", config, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b")
    assert done.status == 2
    assert said in done.stderr


@pytest.mark.parametrize("site", ["", "site: {origin: 'http://10.0.0.5'}\n"])
def test_a_config_without_a_bucket_is_refused(tmp_path: Path, site: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(SHOP + site)
    done = run("site", "status", "-c", str(path))
    assert done.status == 3
    assert "the config has no site.bucket" in done.stderr


def test_help_names_every_action(capsys: pytest.CaptureFixture[str]) -> None:
    run("site", "--help")
    text = capsys.readouterr().out
    for action in ("deploy", "rollback", "releases", "verify", "prune", "status"):
        assert f"deployer site {action}" in text
