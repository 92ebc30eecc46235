"""The edge routes, keeps its port and crashes, and nobody loses more than they must."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import pytest
import requests
from docker import DockerClient

from benchmarks.load import Load
from deployer.edge import container as edge_container
from deployer.edge.network import existing_addresses
from deployer.edge.session import EdgeSession
from deployer.host.engine import Engine
from tests.engine.conftest import Variant
from tests.support.engine import left
from tests.support.names import free_port
from tests.support.project import Project
from tests.support.scale import times
from tests.support.standing import QUICK, edge_of, get, kill, only_the_crash, socket_on, version, version_in
from tests.support.waiting import until


@pytest.fixture
def differing(resting: Project, variant: Variant) -> Project:
    """One whose two releases tell different versions."""
    serves = version_in(resting, "active")
    if version_in(resting, "previous") == serves:
        resting.run("rollout", "--image", variant(V=f"not-{serves}"))
    return resting


# -- routing -------------------------------------------------------------------------------------------


@dataclass
class Site:
    """A small server on 127.0.0.1 that answers every path with its own name."""

    port: int = field(default_factory=free_port)

    def __enter__(self) -> Self:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f"site {self.path} {self.headers['host']} {self.headers.get('x-preview')}".encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def test_with_a_site_only_the_api_goes_to_the_service(project: Project) -> None:
    with Site() as site:
        project.config(site={"origin": f"http://127.0.0.1:{site.port}"}, rollout={"observe": "0s"})
        project.run("rollout")
        for path in ("/api/x", "/api/", "/api/?a=1", "/api/a/b?c=/d"):
            assert get(project.url + path).headers["x-version"] == "1", path
        # CloudFront's pattern is /api/*, which a bare /api is none of.
        for path in (
            "/",
            "/api",
            "/api?a=/api/x",
            "/index.html",
            "/apiary",
            "/or",
            "/path",
            "/health",
            "/static/api/x",
        ):
            assert get(project.url + path).text == f"site {path} 127.0.0.1:{site.port} None"
        assert get(f"{project.url}/", headers={"x-preview": "guess"}).text.endswith("None")
    down = get(f"{project.url}/index.html")
    assert down.status_code == 503
    assert get(f"{project.url}/api/x").status_code == 200
    assert project.leftovers() == []


def test_a_site_that_does_not_resolve_does_not_keep_the_service_down(project: Project) -> None:
    project.config(site={"origin": "https://site.invalid"}, rollout={"observe": "0s"})
    project.run("rollout")
    assert get(f"{project.url}/api/x").status_code == 200
    assert get(f"{project.url}/index.html").status_code == 503


def test_a_preview_needs_the_secret_and_the_service_never_sees_it(differing: Project) -> None:
    engine = Engine()
    edge = edge_container.find(engine, differing.name)
    addresses = existing_addresses(engine, differing.name)
    slot = differing.status()["previous"]["slot"]
    other, serves = version_in(differing, "previous"), version_in(differing, "active")
    assert edge
    assert addresses
    session = EdgeSession(engine, edge, addresses)
    try:
        session.preview("the-secret", slot)
        for secret, answers in (("the-secret", other), ("guess", serves), ("", serves)):
            answer = get(f"{differing.url}/headers", headers={"x-preview": secret})
            assert answer.headers["x-version"] == answers, secret
            assert "x-preview" not in answer.json()["headers"]
        session.end_previews()
        assert get(differing.url, headers={"x-preview": "the-secret"}).headers["x-version"] == serves
    finally:
        session.close()
        engine.close()


# -- the port ------------------------------------------------------------------------------------------


def test_a_taken_port_is_refused_and_nothing_is_left(project: Project) -> None:
    with socket_on(project.port):
        done = project.run("rollout", expect=6)
    assert f"0.0.0.0:{project.port}: the port is taken" in done.stderr
    assert "deployer adopt" in done.stderr
    assert left(project.client, project.name) == []
    project.run("rollout")
    assert version(project.url) == "1"


def test_two_services_do_not_share_a_port(serving: Project, projects: Any) -> None:
    """HAProxy's own default would let both listen, each getting half of the other's requests."""
    second = projects()
    second.config(edge={"port": serving.port})
    serves = version(serving.url)
    done = second.run("rollout", expect=6)
    assert "the port is taken" in done.stderr
    assert left(second.client, second.name) == []
    assert {version(serving.url) for _ in range(10)} == {serves}


# -- crashes -------------------------------------------------------------------------------------------


def test_a_crashed_edge_comes_back_by_itself_on_the_right_slot(
    differing: Project, variant: Variant, engine: DockerClient, shop: str
) -> None:
    slot, standby = differing.status()["previous"]["slot"], version_in(differing, "previous")
    with Load(differing.url, QUICK) as load:
        for _ in range(times(1, 5)):
            load.wait_for_more(50)
            kill(engine, edge_of(differing), shop)
            load.wait(lambda seen: bool(seen.lost))
            load.wait_for_more(50)
        result = differing.json("rollout", "--image", variant(V="after"))
        load.wait_for_version("after")
    report = load.report()
    only_the_crash(report)
    assert report.answers(standby) == 0, "the standby was asked"
    assert (result["outcome"], result["slot"]) == ("succeeded", slot)
    assert differing.status()["recovery_needed"] == []
    assert differing.leftovers() == []


def test_an_edge_killed_by_hand_is_started_by_the_next_command(serving: Project) -> None:
    serves = version(serving.url)
    edge_of(serving).kill()
    status = serving.status()
    assert status["edge"]["status"] == "stopped"
    assert "the edge is down" in status["recovery_needed"][0]
    assert version(serving.url) is None
    serving.run("recover")
    assert version(serving.url) == serves
    assert serving.status()["recovery_needed"] == []
    assert serving.leftovers() == []


def test_an_edge_removed_by_hand_is_made_again(serving: Project, variant: Variant) -> None:
    before = serving.status()["active"]
    edge_of(serving).remove(force=True)
    result = serving.json("rollout", "--image", variant(V="anew"))
    assert result["outcome"] == "succeeded"
    assert {result["slot"], before["slot"]} == {"blue", "green"}
    assert version(serving.url) == "anew"
    previous = serving.status()["previous"]
    assert (previous["release"], previous["slot"]) == (before["release"], before["slot"])
    assert serving.leftovers() == []


def test_state_survives_a_restart_of_the_edge(differing: Project) -> None:
    before = differing.status()
    serves, other = version_in(differing, "active"), version_in(differing, "previous")
    edge_of(differing).restart(timeout=1)
    until(lambda: version(differing.url) == serves, f"version {serves} answers")
    after = until(lambda: (found := differing.status())["active"]["ready"] and found, "the release is ready")
    for place in ("active", "previous"):
        assert after[place] == before[place] | {"ready": after[place]["ready"]}
    for answers in (other, serves):
        differing.run("rollback")
        assert version(differing.url) == answers
    assert differing.leftovers() == []


def test_requests_wait_for_a_service_that_is_just_not_there(differing: Project) -> None:
    if differing.status()["active"]["slot"] != "blue":
        differing.run("rollback")  # HAProxy checks that one first
    serves = version(differing.url)
    release = differing.client.containers.get(differing.status()["active"]["container"])
    differing.client.containers.get(differing.status()["previous"]["container"]).stop(timeout=5)
    with ThreadPoolExecutor(20) as pool:
        release.kill()
        until(lambda: not differing.status()["active"]["ready"], "the edge knows")
        waiting = [pool.submit(get, f"{differing.url}{path}") for path in ("/", "/stream?s=0.25")]
        edge_of(differing).restart(timeout=1)
        for answer in waiting:
            with pytest.raises(requests.ConnectionError):
                answer.result()
        # A restarted edge, too, waits until it knows whether somebody is there.
        until(lambda: edge_answers(differing), "the edge is back")
        waiting = [pool.submit(get, differing.url)]
        # Some of them while one slot is known to be down and the other is not yet.
        for _ in range(15):
            time.sleep(0.02)
            waiting.append(pool.submit(get, f"{differing.url}/stream?s=0.25"))
        # For longer than HAProxy would try to connect: who is not kept waiting is refused by then.
        assert not wait(waiting, timeout=4, return_when=FIRST_COMPLETED).done
        release.start()
        assert {answer.result().headers.get("x-version") for answer in waiting} == {serves}


def test_nobody_waits_for_a_service_that_stays_away(resting: Project) -> None:
    resting.config(edge={"hold": "1s"})
    resting.run("edge", "upgrade")
    for place in ("active", "previous"):
        resting.client.containers.get(resting.status()[place]["container"]).stop(timeout=5)
    until(lambda: get(resting.url).status_code == 503, "the edge gives up")


def edge_answers(project: Project) -> bool:
    """Somebody listens on the port."""
    try:
        with socket.create_connection(("127.0.0.1", project.port)):
            return True
    except ConnectionRefusedError:
        return False
