"""A host is made ready, by a command or by its user-data, and nothing is done twice.

The user-data is run on a Debian root file system: all but what only Amazon Linux has. One file, since a
second worker would only wait until the image of the hosts is made.
"""

from __future__ import annotations

import json
from pathlib import Path

from docker import DockerClient

from deployer.config.load import load
from deployer.fleet.prepare import script as preparation
from deployer.stack.layout import layout
from deployer.stack.userdata import text
from tests.hosts.conftest import Fleet
from tests.support.machines import Host, machines
from tests.support.stack import config
from tests.support.waiting import until

# A release, the metadata service, and the host between them; Docker forwards for its own networks only.
METADATA = """
set -e
ip netns add release; ip netns add metadata
ip link add to-release type veth peer name eth0 netns release
ip link add to-metadata type veth peer name eth0 netns metadata
ip address add 10.213.77.1/28 dev to-release; ip address add 172.31.77.1/28 dev to-release
ip address add 169.254.1.1/30 dev to-metadata
ip link set to-release up; ip link set to-metadata up
ip route add 169.254.169.254/32 dev to-metadata
ip -n release link set eth0 up
ip -n release address add 10.213.77.11/28 dev eth0; ip -n release address add 172.31.77.11/28 dev eth0
ip -n metadata link set eth0 up; ip -n metadata link set lo up
ip -n metadata address add 169.254.169.254/32 dev eth0
ip -n metadata route add default via 169.254.1.1 dev eth0 onlink
iptables -I DOCKER-USER -j ACCEPT
for gateway in 10.213.77.1 172.31.77.1; do
    ip -n release route replace 169.254.169.254/32 via "$gateway" src "${gateway}1"
    ip netns exec release timeout 5 bash -c 'echo > /dev/tcp/169.254.169.254/80' 2>&1 || true
done
"""
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBv0QmtestKey ops"
SIGNAL = """#!/bin/sh
echo "cfn-signal $*" >>/var/log/told
"""
KERNEL = [Path("/proc/swaps"), Path("/proc/sys/vm/swappiness"), Path("/proc/sys/net/core/somaxconn")]


def test_an_empty_host_becomes_one_that_can_be_deployed_to(engine: DockerClient, tmp_path: Path) -> None:
    before = [path.read_text() for path in KERNEL]
    with machines(engine, 1, tmp_path, prepared=False) as hosts:
        host = hosts[0]
        fleet = Fleet(tmp_path, hosts)
        fleet.settings["prepare"] = {"swap": "64m", "packages": ["bc"]}
        fleet.write()
        name = fleet.names[0]

        # First contact: its key is shown, and taken only where it is the right one.
        (tmp_path / "known_hosts").write_text("")
        asked = fleet.run("host", "trust", expect=13).stderr
        shown = host.run("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub").split()[1]
        assert shown in asked
        fleet.run("host", "trust", "--fingerprint", "SHA256:wrong", expect=13)
        fleet.run("host", "trust", "--fingerprint", shown)
        assert "is known already" in fleet.run("host", "trust").stdout
        assert "no Docker engine" in fleet.run("status", expect=13).stdout

        planned = fleet.json("host", "prepare", "--plan")["hosts"][0]
        packages = next(change for change in planned["changes"] if change.startswith("packages:"))
        assert {"docker.io", "bc"} <= set(packages.split())
        assert "command not found" in host.run("docker --version", check=False)
        made = fleet.json("host", "prepare")["hosts"][0]
        assert made["changes"] == planned["changes"]
        again = fleet.json("host", "prepare")["hosts"][0]
        assert (again["changes"], again["kept"]) == ([], len(made["changes"]))

        assert host.told == [
            "swapoff /swapfile",
            "swapon /swapfile",
            "sysctl -q -p /etc/sysctl.d/60-deployer.conf",
        ]
        assert host.run("stat -c '%a %s' /swapfile").split() == ["600", str(64 * 1024**2)]
        assert "policy drop" in host.run("nft list table inet deployer")
        host.run("test -e /run/deployer-firewall.ok")
        let_in = [22, fleet.port]
        seen = fleet.json("host", "facts")[name]
        assert (seen["firewall"], "firewall" in seen["unseen"]) == (let_in, False)
        assert host.run("echo 6*7 | bc").strip() == "42"
        put_swap_on_again(fleet, host)
        take_a_firewall_back(fleet, host)
        # A release gets nothing of the instance's; Jenkins is let through, to where nobody listens here.
        release, other = (line for line in host.run(METADATA).splitlines() if "connect:" in line)
        assert "No route to host" in release
        assert "Connection refused" in other
        # Whoever deploys may use Docker and nothing else.
        fleet.settings["ssh"]["user"] = "deploy"
        del fleet.settings["hosts"][0]["user"]
        fleet.write()
        assert fleet.run("host", "exec", "--", "docker", "ps", "-q").stdout == ""
        assert "may not become root" in fleet.run("host", "prepare", expect=13).stderr
        facts = fleet.json("host", "facts")[name]
        assert facts["prepared"]
        assert facts["groups"] == ["deploy", "docker"]
        # That user reads what prepare wrote, and not whether it is loaded.
        assert facts["firewall"] == let_in
        assert "firewall" in facts["unseen"]
    assert [path.read_text() for path in KERNEL] == before


def put_swap_on_again(fleet: Fleet, host: Host) -> None:
    """Without making it again; where it would fill the disk it is not made at all."""
    made = host.run("swapoff /swapfile; stat -c '%i %Y' /swapfile")
    assert fleet.json("host", "prepare")["hosts"][0]["changes"] == ["swap: 64 MiB in /swapfile"]
    assert host.told[-1] == "swapon /swapfile"
    assert host.run("stat -c '%i %Y' /swapfile") == made
    (planned,) = fleet.json("host", "prepare", "--plan", "--set", "prepare.swap=90t")["hosts"]
    assert planned["changes"] == []
    assert planned["warnings"][0].startswith("no room for swap")


def take_a_firewall_back(fleet: Fleet, host: Host) -> None:
    """Nobody comes through another one: that before it is in force again."""
    fleet.settings["prepare"]["ports"] = [9100]
    fleet.write()
    put(host, "/root/prepare", preparation(load(fleet.folder / "config.yaml", environ={})))
    put(host, "/root/soon/sleep", "#!/bin/sh\nexec true\n")  # that minute
    changed = host.run("GUARD=1 PATH=/root/soon:$PATH sh /root/prepare")
    assert "change /etc/deployer/firewall.nft" in changed
    until(lambda: "9100" not in host.run("cat /etc/deployer/firewall.nft"), "it takes itself back")
    until(lambda: "9100" not in host.run("nft list table inet deployer"), "the one before it is loaded")
    assert "policy drop" in host.run("nft list table inet deployer")


def test_an_instance_prepares_itself_and_says_so(engine: DockerClient, tmp_path: Path) -> None:
    settings = config(prepare={"keys": [KEY], "swap": 64 * 1024**2})
    script = text(layout(settings))
    with machines(engine, 1, tmp_path) as hosts:
        host = hosts[0]
        put(host, "/opt/aws/bin/cfn-signal", SIGNAL)  # Amazon's; here it writes down what it is told
        put(host, "/root/user-data", script)
        put(host, "/root/prepare", preparation(settings))

        planned = host.run("PLAN=1 LOGIN=admin sh /root/prepare").splitlines()
        assert "change docker is restarted" in planned
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
