"""The edge speaks TLS with certificates from files."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from benchmarks.load import Load
from tests.support.engine import left
from tests.support.names import free_port
from tests.support.project import Project
from tests.support.standing import QUICK, edge_of, get, retiring, version
from tests.support.waiting import until

# -- TLS -----------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str = "cert") -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(chain)]
    subprocess.run([*command.split(), *subject, *files], check=True, capture_output=True)
    return chain, key


@pytest.mark.parametrize("problem", ["missing", "not a certificate", "another's key"])
def test_a_bad_certificate_is_a_clear_error_and_the_old_edge_goes_on(serving: Project, problem: str) -> None:
    before, serves = edge_of(serving).id, version(serving.url)
    chain, _ = certificate(serving.folder)
    _, other = certificate(serving.folder, "other")
    bad = {
        "missing": {"certificate": "nowhere.pem"},
        "not a certificate": {"certificate": "config.yaml"},
        "another's key": {"certificate": chain.name, "key": other.name},
    }[problem]
    serving.config(edge={"tls": {"port": free_port(), **bad}})
    done = serving.run("edge", "upgrade", expect=3)
    assert "edge.tls" in done.stderr
    assert str(serving.folder) in done.stderr
    assert edge_of(serving).id == before
    assert retiring(serving) == []
    edge_of(serving).restart(timeout=1)
    until(lambda: version(serving.url) == serves, "the old edge restarts as it was")


def test_a_bad_certificate_at_the_first_rollout_leaves_nothing(project: Project) -> None:
    project.config(edge={"tls": {"port": free_port(), "certificate": "nowhere.pem"}})
    done = project.run("rollout", expect=3)
    assert "nowhere.pem" in done.stderr
    assert left(project.client, project.name) == []


def test_tls_from_files_and_a_new_certificate(project: Project) -> None:
    project.config(rollout={"observe": "0s"})
    project.run("rollout")
    chain, _ = certificate(project.folder)
    port = free_port()
    with Load(project.url, replace(QUICK, stream=0, slow=0)) as plain:
        plain.wait_for_more(50)
        tls = {"port": port, "certificate": "cert.pem", "key": "cert.key", "redirect": False}
        project.config(edge={"tls": tls})
        project.run("edge", "upgrade")
        plain.wait_for_more(50)
    assert plain.report().clean, plain.report().summary()

    secure = f"https://127.0.0.1:{port}"
    seen = get(f"{secure}/headers", verify=str(chain)).json()["headers"]
    assert seen["x-forwarded-proto"] == "https"
    with Load(secure, QUICK, ca=str(chain)) as load:
        load.wait_for_more(50)
        renewed, _ = certificate(project.folder, "renewed")
        both = renewed.read_text() + renewed.with_suffix(".key").read_text()
        (project.folder / "both.pem").write_text(both)
        project.config(edge={"tls": {"certificate": "both.pem", "key": None, "redirect": True}})
        # Its clients trust the old certificate only: those that are connected stay, new ones would not come.
        load.stop()
    assert load.report().clean, load.report().summary()
    project.run("edge", "upgrade")
    assert get(secure, verify=str(renewed)).status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        get(secure, verify=str(chain))

    answer = get(f"{project.url}/api/x?a=1&b=2")
    assert (answer.status_code, answer.headers["location"]) == (308, f"{secure}/api/x?a=1&b=2")
    answer = get(f"{project.url}/", headers={"host": "shop.example"})
    assert answer.headers["location"] == f"https://shop.example:{port}/"
