"""Which names a host is asked to resolve: those that its config needs."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from deployer.config.load import load
from deployer.config.schema import Config
from deployer.doctor.host import names
from deployer.doctor.names import asked, needed
from deployer.host import facts
from deployer.host.facts import Facts

BUILT = "service: {name: shop, build: {}, port: 8080}\n"
GEMINI = "service: {name: shop, image: shop:1, port: 80, env: {SHOP_GEMINI_KEY: '${env:KEY}'%s}}\n"
HOSTS = "hosts: [{name: web1, address: 10.0.0.1}]\n"


def plain(image: str) -> str:
    return f"service: {{name: shop, image: '{image}', port: 8080}}\n"


def written(folder: Path, text: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(text)
    return load(path, environ={})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (plain("shop:1"), []),
        (plain("example/shop:1"), []),  # of Docker's hub, or sent by us
        (plain("registry.example.org:5000/shop:1"), ["registry.example.org"]),
        (plain("10.0.0.9:5000/shop:1"), []),
        (plain("localhost:5000/shop:1"), []),
        (plain("shop:1") + "site: {origin: 'http://pages.example.org:81'}", ["pages.example.org"]),
        (plain("shop:1") + "site: {bucket: shop, endpoint: 'https://s3.example.org'}", ["s3.example.org"]),
        (plain("shop:1") + "site: {bucket: shop, store: {}}", []),
        (
            plain("shop:1") + "site: {bucket: shop, region: eu-west-1}",
            ["s3.eu-west-1.amazonaws.com"],
        ),
        (plain("shop:1") + HOSTS + "site: {bucket: shop, region: eu-west-1}", []),
        (plain("shop:1") + "jenkins: {repository: 'https://github.com/example/shop.git'}", ["github.com"]),
        (plain("shop:1") + "jenkins: {repository: 'git@git.example.org:shop.git'}", ["git.example.org"]),
        (
            plain("shop:1")
            + "jenkins: {url: 'https://ci.example.org', repository: 'https://github.com/a/b'}",
            [],
        ),
        (GEMINI % "", ["generativelanguage.googleapis.com"]),
        (GEMINI % ", SHOP_MODEL_ENDPOINT: 'http://127.0.0.1:1'", []),
        (GEMINI % ", SHOP_MODEL_ENDPOINT: 'https://models.example.org'", ["models.example.org"]),
        (GEMINI % ", SHOP_MODEL_ENDPOINT: '${env:WHERE}'", []),
        (GEMINI % ", S3_ENDPOINT: 'https://s3.example.org'", ["generativelanguage.googleapis.com"]),
    ],
)
def test_names_that_a_config_needs(tmp_path: Path, text: str, wanted: list[str]) -> None:
    assert list(needed(written(tmp_path, text))) == wanted


def test_a_host_without_the_internet_is_in_order_where_its_config_needs_none(tmp_path: Path) -> None:
    alone = written(tmp_path, plain("shop:1"))
    assert asked(alone) == ()
    assert [each.severity.name for each in names(Facts(), alone)] == ["OK"]
    # What a build fetches is not known: a hint, and no error.
    built = written(tmp_path, BUILT)
    assert asked(built) == ("pypi.org",)
    lost = replace(Facts(), unresolved=("pypi.org",))
    assert [each.severity.name for each in names(lost, built)] == ["WARNING"]
    registry = written(tmp_path, plain("registry.example.org/shop:1"))
    lost = replace(Facts(), unresolved=("registry.example.org",))
    (finding,) = names(lost, registry)
    assert (finding.severity.name, finding.subject) == ("ERROR", "registry.example.org")


def test_a_name_that_does_not_resolve_is_told_by_the_host() -> None:
    found = facts.here("/nowhere.sock", names=("localhost", "nobody.invalid"))
    assert found.unresolved == ("nobody.invalid",)
