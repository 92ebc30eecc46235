"""The script that prepares a host: right shell with every option, and what it opens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deployer.config.load import load
from deployer.fleet.prepare import script
from deployer.host import facts

PLAIN = "service: {name: shop, image: shop:1, port: 8080}\nhosts: [{name: web1, address: h, port: 2222}]\n"


@pytest.mark.parametrize(
    "more",
    [
        "",
        "prepare: {firewall: false, swap: 0}",
        "prepare: {keys: ['ssh-ed25519 AAAA one', 'ssh-rsa BBBB two'], ports: [9100], user: ops}",
        "edge: {port: 80, tls: {certificate: a.pem}}",
        "edge: {subnet: 10.99.0.0/24}\nprepare: {metadata: false}",
        "prepare: {metadata: true}",
    ],
)
def test_it_is_right_shell(tmp_path: Path, more: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(PLAIN + more)
    config = load(path, environ={})
    for host in (None, config.hosts[0]):
        check(tmp_path, script(config, host))
    text = script(config, config.hosts[0])
    assert ("nft -f" in text) == ("firewall: false" not in more)
    assert ("mkswap" in text) == ("swap: 0" not in more)
    kept_out = "10.213.0.0/16, 10.99.0.0/24" if "10.99" in more else "10.213.0.0/16"
    assert (f"ip saddr {{ {kept_out} }}" in text) == ("firewall" not in more and "metadata: true" not in more)
    if "9100" in more:
        assert "tcp dport { 2222, 8080, 9100 } accept" in text
        assert "ssh-rsa BBBB two\n" in text
    if "tls" in more:
        assert "tcp dport { 80, 443, 2222 } accept" in text


def test_so_is_the_one_that_tells_facts(tmp_path: Path) -> None:
    check(tmp_path, facts.script(socket="/var/run/docker.sock", names=("a.example", "b.example")))


def test_the_facts_of_this_machine() -> None:
    found = facts.here("/nowhere.sock")
    assert found.memory > found.memory_available > 0
    assert found.disks["/"].size > found.disks["/"].free > 0
    assert abs(found.clock_skew) < 30
    assert found.socket == ()


def check(folder: Path, text: str) -> None:
    path = folder / "script.sh"
    path.write_text(text)
    shellcheck = Path(sys.executable).with_name("shellcheck")
    asked: list[str | Path] = [shellcheck, "--shell=sh", "--exclude=SC1091", path]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
