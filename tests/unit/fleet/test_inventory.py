"""Which hosts are meant, in which groups, and how one gets there."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.config.load import load
from deployer.config.schema import Config
from deployer.errors import ConfigError, UsageError
from deployer.fleet.inventory import batches, chosen, target

CONFIG = """
service: {name: shop, image: shop:1, port: 8080}
ssh: {user: deploy, key: keys/id, jump: admin@bastion:2200}
hosts:
  - {name: web1, address: 10.0.0.1}
  - {name: web2, address: 10.0.0.2, user: root, port: 2222, key: /k, jump: other}
  - {name: web3, address: web3.example.org}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return written(tmp_path, CONFIG)


def written(folder: Path, text: str) -> Config:
    path = folder / "config.yaml"
    path.write_text(text)
    return load(path, environ={})


def test_all_hosts_are_meant_or_those_that_are_named(config: Config) -> None:
    assert [host.name for host in chosen(config)] == ["web1", "web2", "web3"]
    assert [host.name for host in chosen(config, ["web3,web1"])] == ["web1", "web3"]
    with pytest.raises(UsageError, match="no host 'web4'; did you mean 'web"):
        chosen(config, ["web4"])


def test_without_hosts_there_is_nothing_to_choose(tmp_path: Path) -> None:
    config = written(tmp_path, "service: {name: shop, image: shop:1, port: 8080}")
    with pytest.raises(UsageError, match="names no hosts"):
        chosen(config)


def test_a_host_is_as_ssh_says_but_for_what_it_says_itself(config: Config, tmp_path: Path) -> None:
    one, two, _ = (target(config, host) for host in config.hosts)
    assert (one.url, one.key) == ("ssh://deploy@10.0.0.1", tmp_path / "keys/id")
    assert one.jump is not None
    assert one.jump.url == "ssh://admin@bastion:2200"
    assert (two.url, two.key, two.entry) == ("ssh://root@10.0.0.2:2222", Path("/k"), "[10.0.0.2]:2222")
    assert two.jump is not None
    assert two.jump.url == "ssh://root@other"


@pytest.mark.parametrize(
    ("batch", "sizes"),
    [("1", [1, 1, 1]), ("2", [2, 1]), ("50%", [2, 1]), ("1%", [1, 1, 1]), ("100%", [3]), ("9", [3])],
)
def test_batches(config: Config, batch: str, sizes: list[int]) -> None:
    assert [len(group) for group in batches(config.hosts, batch)] == sizes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("address: 10.0.0.1}", "web1', address: 'a b'"),
        ("name: web2", "two hosts are named 'web1'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: str, said: str) -> None:
    text = (
        CONFIG.replace("name: web2", "name: web1") if "two" in said else CONFIG.replace("10.0.0.1}", "'a b'}")
    )
    with pytest.raises(ConfigError) as raised:
        written(tmp_path, text)
    wanted = said if "two" in said else "must be a host's name or address"
    assert any("hosts" in line and wanted in line for line in raised.value.details)
