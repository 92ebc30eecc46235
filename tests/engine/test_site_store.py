"""The embedded setup: a store on the host's engine, the edge in front, page and API on one port."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from docker import DockerClient

from scripts.visitor import Visitor
from tests.support import dist
from tests.support.engine import belongings
from tests.support.execs import execute
from tests.support.names import free_port
from tests.support.project import Project


@pytest.fixture(scope="module")
def embedded(engine: DockerClient, shop: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A service and a site that has been deployed once, as version 1."""
    project = Project(engine, tmp_path_factory.mktemp("embedded"), shop)
    project.config(
        site={"bucket": "shop-site", "dist": "dist", "store": {"port": free_port()}},
        rollout={"observe": "0s"},
    )
    dist.build(project.folder / "dist", "1")
    try:
        # The site needs no service, nor does `recover` take its store for one.
        project.run("site", "deploy", timeout=300)
        assert "nothing" in project.run("recover").stdout
        project.run("rollout")
        yield project
    finally:
        project.remove()


def get(project: Project, path: str, **options: Any) -> requests.Response:
    return requests.get(project.url + path, timeout=30, allow_redirects=False, **options)


def deploy(project: Project, version: str) -> dict[str, Any]:
    dist.build(project.folder / "dist", version)
    return project.json("site", "deploy")


def serves(project: Project, version: str) -> None:
    """Page, deep link, references and API, all on the one port."""
    pages = [get(project, path) for path in ("/", "/index.html", "/interviews/7?lang=ko")]
    for page in pages:
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert f"<h1>version {version}</h1>" in page.text
    for reference in re.findall('(?:src|href)="([^"]+)"', pages[0].text):
        asset = get(project, reference)
        assert asset.status_code == 200
        assert version in asset.text
        assert "immutable" in asset.headers["cache-control"]
    assert get(project, "/질문 1+1.txt").text == f"{version}\n"
    assert get(project, "/api/x").headers["x-version"] == "1"


def store_of(project: Project) -> Any:
    return project.client.containers.get(f"{project.name}-store")


def test_page_and_api_answer_on_one_port_with_no_account(embedded: Project) -> None:
    serves(embedded, "1")
    assert get(embedded, "/nothing.js").status_code == 404
    assert get(embedded, "/.deployer/current.json").status_code == 404
    script = re.findall('src="([^"]+)"', get(embedded, "/").text)[0]
    assert get(embedded, script, headers={"accept-encoding": "gzip"}).headers["content-encoding"] == "gzip"
    again = get(embedded, "/", headers={"if-none-match": get(embedded, "/").headers["etag"]})
    assert again.status_code == 304
    assert not [name for name in again.headers if name.lower().startswith(("x-amz", "seaweed", "server"))]
    assert embedded.leftovers(allow=(f"{embedded.name}-store",)) == []


def test_a_deploy_without_a_change_touches_nothing(embedded: Project) -> None:
    before = store_of(embedded).attrs["State"]["StartedAt"], store_of(embedded).id
    assert embedded.json("site", "deploy")["outcome"] == "unchanged"
    assert (store_of(embedded).attrs["State"]["StartedAt"], store_of(embedded).id) == before


def test_a_release_and_the_way_back_break_nothing_for_a_visitor(embedded: Project) -> None:
    with Visitor(embedded.url) as visitor:
        visitor.wait_for_more()
        assert deploy(embedded, "2")["outcome"] == "done"
        serves(embedded, "2")
        visitor.wait_for_more()
        embedded.run("site", "rollback")
        serves(embedded, "1")
        visitor.wait_for_more()
    assert visitor.broken == [], "who has an old page open still finds its files"
    assert len(visitor.tabs) == 2
    assert all(len(tab) == 2 for tab in visitor.tabs.values())
    assert embedded.json("site", "verify")["faults"] == []


def test_only_the_keys_of_the_volume_may_write_and_nobody_sees_them(embedded: Project) -> None:
    container = store_of(embedded)
    access, secret = execute(container, ["cat", "/data/keys"], user="10002").output.decode().split()
    assert (len(access), len(secret)) == (20, 40)
    shown = json.dumps(container.attrs) + json.dumps(embedded.client.api.inspect_volume(container.name))
    looking = ["sh", "-c", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ"]
    processes = execute(container, looking, user="10002")
    for place in (shown, processes.output.decode(errors="replace"), container.logs().decode()):
        assert access not in place
        assert secret not in place
    ports = container.attrs["NetworkSettings"]["Ports"]
    assert [port["HostIp"] for bound in ports.values() for port in bound] == ["127.0.0.1"]
    bucket = f"http://127.0.0.1:{ports['8333/tcp'][0]['HostPort']}/shop-site"
    assert requests.get(f"{bucket}/index.html", timeout=30).status_code == 200
    for method, path in (("GET", "?list-type=2"), ("PUT", "/x"), ("DELETE", "/index.html")):
        assert requests.request(method, bucket + path, data=b"x", timeout=30).status_code == 403, method
    listed = "<Delete><Object><Key>index.html</Key></Object></Delete>"
    requests.post(f"{bucket}?delete", data=listed, timeout=30)
    assert requests.get(f"{bucket}/index.html", timeout=30).status_code == 200
    assert requests.put(f"{bucket}-other", timeout=30).status_code == 403
    host = container.attrs["HostConfig"]
    assert (container.attrs["Config"]["User"], host["ReadonlyRootfs"]) == ("10002:10002", True)
    assert host["CapDrop"] == ["ALL"]
    assert host["Memory"] == 512 * 1024**2


def test_a_store_that_crashes_is_back_before_visitors_notice(embedded: Project) -> None:
    store_of(embedded).exec_run("kill -9 -1", user="10002")
    assert get(embedded, "/").status_code == 200, "the edge asks again"


def test_a_store_on_another_port_keeps_what_it_had(embedded: Project) -> None:
    before = embedded.json("site", "verify")["files"]
    store_of(embedded).kill()
    gone = embedded.run("site", "status", expect=11).stderr
    assert "does not run" in gone
    assert "`deployer site deploy` starts it" in gone
    first = store_of(embedded).id
    embedded.config(site={"store": {"port": free_port()}})
    assert "made anew" in embedded.run("site", "deploy").stderr
    assert store_of(embedded).id != first
    assert embedded.json("site", "verify")["files"] == before
    embedded.run("edge", "upgrade")
    serves(embedded, "2")


def test_what_is_somebody_elses_is_left_alone(project: Project) -> None:
    dist.build(project.folder / "dist", "1")
    port = free_port()
    project.config(site={"bucket": "shop-site", "dist": "dist", "store": {"port": port}})
    with socket.create_server(("127.0.0.1", port)):
        done = project.run("site", "deploy", expect=6)
    assert f"127.0.0.1:{port}: the port is taken" in done.stderr
    assert "site.store.port" in done.stderr
    assert [item.kind for item in belongings(project.client, project.name) if item.kind == "container"] == []
    volume = f"{project.name}-store"
    project.client.volumes.get(volume).remove()
    project.client.volumes.create(volume)
    done = project.run("site", "deploy", expect=6)
    assert f"there is a volume {volume} already" in done.stderr
