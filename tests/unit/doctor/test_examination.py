"""What cannot be looked at is a finding too, and the rest is looked at all the same."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import cli
from tests.support.doctor import shows
from tests.support.jenkins_double import JenkinsDouble


@shows("host.reach broken", "jenkins.controller ok")
def test_hosts_that_cannot_be_reached(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_text("")
    with JenkinsDouble() as controller:
        (tmp_path / "config.yaml").write_text(
            "service: {name: shop, image: shop:1, port: 8080}\n"
            f"jenkins: {{url: {controller.url}, user: {controller.user}, token: '${{env:TOKEN}}'}}\n"
            "ssh: {user: nobody, known_hosts: known_hosts}\n"
            "hosts: [{name: web1, address: 127.0.0.1, port: 1}, {name: web2, address: 127.0.0.1, port: 2}]\n"
        )
        words = ("doctor", "-c", str(tmp_path / "config.yaml"))
        done = cli.run(*words, TOKEN=controller.token)
        asked = cli.run(*words, "--json", TOKEN=controller.token)
    assert done.status == 32
    assert done.stderr == ""
    for host in ("web1", "web2"):
        assert f"{host} | !! host     reach" in done.stdout
        assert "no SSH server answers at 127.0.0.1" in done.stdout
    assert done.stdout.count("look whether the host runs") == 2
    told = {entry["host"]: entry for entry in map(json.loads, asked.stdout.splitlines())}
    assert [entry["worst"] for entry in told.values()] == ["error", "error"]
    # What belongs to no host is looked at once.
    areas = {host: {finding["area"] for finding in entry["findings"]} for host, entry in told.items()}
    assert areas == {"web1": {"host", "jenkins", "cloud"}, "web2": {"host"}}


@shows("engine.engine broken")
def test_an_engine_that_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("service: {name: shop, image: shop:1, port: 8080}")
    where = f"host.docker=unix://{tmp_path}/nobody.sock"
    done = cli.run("doctor", "engine", "-c", str(tmp_path / "config.yaml"), "--set", where)
    assert done.status == 32
    assert "!! engine   engine" in done.stdout


def test_what_an_earlier_report_has_is_no_news(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("service: {name: shop, image: shop:1, port: 8080}")
    nobody = ("--set", f"host.docker=unix://{tmp_path}/nobody.sock")
    words = ("doctor", "engine", "-c", str(tmp_path / "config.yaml"))
    report = tmp_path / "report.json"
    report.write_text(cli.run(*words, *nobody, "--json").stdout)
    again = cli.run(*words, *nobody, "--baseline", str(report), "-v")
    assert again.status == 0
    assert "-- engine   engine       as before: " in again.stdout
    other = cli.run(*words, "--set", "host.docker=unix:///elsewhere.sock", "--baseline", str(report))
    assert other.status == 32
    assert cli.run(*words, *nobody, "--baseline", str(tmp_path / "none")).status == 2
    (tmp_path / "bad.json").write_text('{"worst": 1}')
    assert cli.run(*words, *nobody, "--baseline", str(tmp_path / "bad.json")).status == 2
