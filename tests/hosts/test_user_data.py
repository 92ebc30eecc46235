"""The user-data of an instance, run on a Debian root file system: all but what only Amazon Linux has."""

from __future__ import annotations

import json
from pathlib import Path

from docker import DockerClient

from deployer.stack.layout import layout
from deployer.stack.userdata import text
from tests.support.machines import Host, machines
from tests.support.stack import config
from tests.support.waiting import until

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBv0QmtestKey ops"
SIGNAL = """#!/bin/sh
echo "cfn-signal $*" >>/var/log/told
"""


def test_an_instance_prepares_itself_and_says_so(engine: DockerClient, tmp_path: Path) -> None:
    script = text(layout(config(prepare={"keys": [KEY], "swap": 64 * 1024**2})))
    with machines(engine, 1, tmp_path) as hosts:
        host = hosts[0]
        put(host, "/opt/aws/bin/cfn-signal", SIGNAL)  # Amazon's; here it writes down what it is told
        put(host, "/root/user-data", script)

        said = host.run("/root/user-data").splitlines()
        assert "change user deploy" in said
        assert (
            "warn only Amazon Linux has the agent of CloudWatch as a package: its alarms stay without data"
            in said
        )
        told = host.told
        assert "swapon /swapfile" in told
        signal = "--stack preview --resource Instance --region ap-northeast-2"
        assert [line for line in told if "signal" in line] == [f"cfn-signal --exit-code 0 {signal}"]
        assert host.run("cat /home/deploy/.ssh/authorized_keys").strip() == KEY
        assert "docker" in host.run("id -nG deploy")
        assert "tcp dport { 22, 8080 } accept" in host.run("nft list table inet deployer")
        agent = json.loads(host.run("cat /etc/deployer/cloudwatch.json"))
        assert agent["metrics"]["namespace"] == "CWAgent"

        # It had the engine restarted, for its new configuration.
        labels = "docker info -f '{{.Labels}}' 2>/dev/null"
        until(lambda: "deployer.prepared" in host.run(labels, check=False), "the engine is back")
        # A second time nothing is changed, and what fails is told too.
        again = host.run("/root/user-data").splitlines()
        assert [line for line in again if line.startswith("change ")] == []
        host.run(
            "chmod 666 /var/log/told; cp /root/user-data /tmp/; su deploy -c /tmp/user-data", check=False
        )
        assert host.told[-1] == f"cfn-signal --exit-code 77 {signal}"


def put(host: Host, path: str, content: str) -> None:
    """A program on the host."""
    host.run(
        f"mkdir -p {Path(path).parent}; cat >{path} <<'END-OF-FILE'\n{content}END-OF-FILE\nchmod 755 {path}"
    )
