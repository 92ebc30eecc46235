"""The edge crashes, is upgraded, holds, routes and speaks TLS, and nobody loses more than they must."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
import requests
from docker import DockerClient
from docker.models.containers import Container

from benchmarks.load import LIGHT, MODERATE, Load, Report
from deployer.edge import container as edge_container
from deployer.edge.network import existing_addresses
from deployer.edge.session import EdgeSession
from deployer.host.engine import Engine
from tests.engine.conftest import Variant
from tests.support.accidents import accident
from tests.support.engine import belongings
from tests.support.names import free_port
from tests.support.project import Project
from tests.support.scale import SOAK, times
from tests.support.waiting import until

QUICK = replace(LIGHT, slow_path="/slow?s=0.5", stream_path="/stream?s=1", upload_seconds=0.5, pause=0.5)

# How a request ends that was in the hands of an edge when that was killed, or came while there was none.
CRASH = {"refused", "reset", "no-answer", "idle-race", "cut"}


class Standing:
    """A service at rest: version 2 serves from slot green, version 1 stands by.

    Made once, and again where a test left something else: most of them leave it as it was.
    """

    def __init__(self, make: Callable[[], Project], images: Sequence[str]) -> None:
        self._make, self._images = make, images
        self._project: Project | None = None

    def project(self) -> Project:
        project = self._project
        if project is None or version(project.url) != "2" or len(containers(project)) != 3:
            self.remove()
            project = self._project = self._make()
            project.keep_orders()
            for image in self._images:
                project.run("rollout", "--image", image, "--set", "rollout.observe=0s")
        project.config(rollout=None, edge={"tls": None, "retry_after": None})
        project.config(rollout={"observe": "0s", "drain": "10s"})
        return project

    def remove(self) -> None:
        if self._project:
            self._project.remove()
            self._project = None


@pytest.fixture(scope="module")
def standing(
    engine: DockerClient, shop: str, variant: Variant, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Standing]:
    made = Standing(
        lambda: Project(engine, tmp_path_factory.mktemp("standing"), shop), [variant(V="1"), variant(V="2")]
    )
    yield made
    made.remove()


@pytest.fixture
def served(standing: Standing) -> Project:
    return standing.project()


def edge_of(project: Project) -> Container:
    return project.client.containers.get(f"{project.name}-edge")


def containers(project: Project) -> list[str]:
    return [item.name for item in belongings(project.client, project.name) if item.kind == "container"]


def retiring(project: Project) -> list[str]:
    """The containers of edges that are not the edge."""
    return [name for name in containers(project) if name.startswith(f"{project.name}-edge-")]


def get(url: str, **options: Any) -> requests.Response:
    return requests.get(url, timeout=30, allow_redirects=False, **options)


def version(url: str) -> str | None:
    """Who answers; None where nobody does."""
    try:
        return get(url).headers.get("x-version")
    except requests.ConnectionError:
        return None


def kill(client: DockerClient, container: Container, image: str) -> None:
    """SIGKILL from the kernel's side: for the engine a crash, which `docker kill` is not."""
    container.reload()
    pid = container.attrs["State"]["Pid"]
    client.containers.run(
        image,
        ["python3", "-c", f"import os; os.kill({pid}, 9)"],
        pid_mode="host",
        cap_add=["KILL"],
        name=f"{container.name}-killer",
        remove=True,
    )


def only_the_crash(report: Report) -> None:
    assert set(report.reasons) <= CRASH, report.summary()
    assert not report.doubled, report.summary()
    assert not report.missing, report.summary()


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
        for path in ("/api/x", "/api/", "/api", "/api/a/b?c=/d"):
            assert get(project.url + path).headers.get("x-version") == "1" or path == "/api", path
        assert "x-version" in get(f"{project.url}/api").headers
        for path in ("/", "/index.html", "/apiary", "/or", "/path", "/health", "/static/api/x"):
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


def test_a_preview_needs_the_secret_and_the_service_never_sees_it(served: Project) -> None:
    engine = Engine()
    edge = edge_container.find(engine, served.name)
    addresses = existing_addresses(engine, served.name)
    assert edge
    assert addresses
    session = EdgeSession(engine, edge, addresses)
    try:
        session.preview("the-secret", "blue")
        for secret, answers in (("the-secret", "1"), ("guess", "2"), ("", "2")):
            answer = get(f"{served.url}/headers", headers={"x-preview": secret})
            assert answer.headers["x-version"] == answers, secret
            assert "x-preview" not in answer.json()["headers"]
        session.end_previews()
        assert get(served.url, headers={"x-preview": "the-secret"}).headers["x-version"] == "2"
    finally:
        session.close()
        engine.close()


# -- the port ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def socket_on(port: int) -> Iterator[None]:
    with socket.create_server(("0.0.0.0", port)):
        yield


def test_a_taken_port_is_refused_and_nothing_is_left(project: Project) -> None:
    with socket_on(project.port):
        done = project.run("rollout", expect=6)
    assert f"0.0.0.0:{project.port}: the port is taken" in done.stderr
    assert "deployer adopt" in done.stderr
    assert belongings(project.client, project.name) == []
    project.run("rollout")
    assert version(project.url) == "1"


def test_two_services_do_not_share_a_port(served: Project, projects: Any) -> None:
    """HAProxy's own default would let both listen, each getting half of the other's requests."""
    second = projects()
    second.config(edge={"port": served.port})
    done = second.run("rollout", expect=6)
    assert "the port is taken" in done.stderr
    assert belongings(second.client, second.name) == []
    assert {version(served.url) for _ in range(10)} == {"2"}


# -- crashes -------------------------------------------------------------------------------------------


def test_a_crashed_edge_comes_back_by_itself_on_the_right_slot(
    served: Project, variant: Variant, engine: DockerClient, shop: str
) -> None:
    assert served.status()["active"]["slot"] == "green"
    with Load(served.url, QUICK) as load:
        for _ in range(times(1, 5)):
            load.wait_for_more(50)
            kill(engine, edge_of(served), shop)
            load.wait(lambda seen: bool(seen.lost))
            load.wait_for_more(50)
        result = served.json("rollout", "--image", variant(V="3"))
        load.wait_for_version("3")
    report = load.report()
    only_the_crash(report)
    assert report.answers("1") == 0, "the standby was asked"
    assert (result["outcome"], result["slot"]) == ("succeeded", "blue")
    assert served.status()["recovery_needed"] == []
    assert served.leftovers() == []


def test_an_edge_killed_by_hand_is_started_by_the_next_command(served: Project) -> None:
    edge_of(served).kill()
    status = served.status()
    assert status["edge"]["status"] == "stopped"
    assert "the edge is down" in status["recovery_needed"][0]
    assert version(served.url) is None
    served.run("recover")
    assert version(served.url) == "2"
    assert served.status()["recovery_needed"] == []
    assert served.leftovers() == []


def test_an_edge_removed_by_hand_is_made_again(served: Project, variant: Variant) -> None:
    edge_of(served).remove(force=True)
    result = served.json("rollout", "--image", variant(V="3"))
    assert (result["outcome"], result["slot"]) == ("succeeded", "blue")
    assert version(served.url) == "3"
    assert served.status()["previous"]["slot"] == "green"
    assert served.leftovers() == []


def test_state_survives_a_restart_of_the_edge(served: Project) -> None:
    before = served.status()
    edge_of(served).restart(timeout=1)
    until(lambda: version(served.url) == "2", "version 2 answers")
    after = until(lambda: (found := served.status())["active"]["ready"] and found, "the release is ready")
    for place in ("active", "previous"):
        assert after[place] == before[place] | {"ready": after[place]["ready"]}
    for answers in ("1", "2"):
        served.run("rollback")
        assert version(served.url) == answers
    assert served.leftovers() == []


def test_requests_wait_for_a_service_that_is_just_not_there(served: Project) -> None:
    release = served.client.containers.get(served.status()["active"]["container"])
    served.client.containers.get(served.status()["previous"]["container"]).stop(timeout=5)
    with ThreadPoolExecutor() as pool:
        release.kill()
        until(lambda: not served.status()["active"]["ready"], "the edge knows")
        waiting = [pool.submit(get, f"{served.url}{path}") for path in ("/", "/stream?s=0.25")]
        edge_of(served).restart(timeout=1)
        for answer in waiting:
            with pytest.raises(requests.ConnectionError):
                answer.result()
        # A restarted edge, too, waits until it knows whether somebody is there.
        until(lambda: edge_answers(served), "the edge is back")
        waiting = [pool.submit(get, f"{served.url}{path}") for path in ("/", "/stream?s=0.25")]
        release.start()
        assert [answer.result().headers.get("x-version") for answer in waiting] == ["2", "2"]


def test_nobody_waits_for_a_service_that_stays_away(served: Project) -> None:
    served.config(edge={"hold": "1s"})
    served.run("edge", "upgrade")
    for place in ("active", "previous"):
        served.client.containers.get(served.status()[place]["container"]).stop(timeout=5)
    until(lambda: get(served.url).status_code == 503, "the edge gives up")


def edge_answers(project: Project) -> bool:
    """Somebody listens on the port."""
    try:
        with socket.create_connection(("127.0.0.1", project.port)):
            return True
    except ConnectionRefusedError:
        return False


# -- maintenance ---------------------------------------------------------------------------------------


def test_maintenance_holds_and_off_lets_everybody_go(served: Project) -> None:
    with Load(served.url, MODERATE if SOAK else QUICK) as load:
        load.wait_for_more(50)
        served.run("edge", "maintenance", "on", "--hold", "60s")
        held = served.json("edge", "status")
        assert held["maintenance"]
        assert held["holding"]
        with ThreadPoolExecutor() as pool:
            waiting = pool.submit(get, f"{served.url}/")
            # Those in the release's hands end; then nobody gets an answer any more.
            until(lambda: served.status()["active"]["requests"] == 0, "nothing runs in the release")
            before = load.snapshot().ok
            assert served.status()["active"]["streams"] is not None
            assert not waiting.done()
            assert load.snapshot().ok <= before + QUICK.stream
            served.run("edge", "maintenance", "off")
            assert waiting.result().status_code == 200
        load.wait_for_more(50)
    report = load.report()
    assert report.clean, report.summary()
    assert not served.status()["edge"]["maintenance"]


def closed(project: Project) -> bool:
    """The edge is in maintenance, and its hold is over."""
    try:
        answer = get(project.url)
    except requests.ConnectionError:
        return False
    return answer.status_code == 503 and answer.headers.get("retry-after") == "17"


def test_maintenance_ends_only_when_an_admin_ends_it(served: Project, variant: Variant) -> None:
    served.config(edge={"retry_after": "17s"})
    served.run("edge", "upgrade")
    served.run("edge", "maintenance", "on", "--hold", "0s")
    assert closed(served)
    edge_of(served).restart(timeout=1)
    until(lambda: closed(served), "in maintenance after a restart of the edge")
    for number, strategy in enumerate(("blue-green", "recreate"), 3):
        image = variant(V=str(number))
        result = served.json("rollout", "--image", image, "--strategy", strategy)
        assert result["outcome"] == "succeeded"
        assert closed(served), f"{strategy} has opened what an admin closed"
    served.run("edge", "upgrade")
    assert closed(served)
    assert served.status()["edge"]["maintenance"]

    served.run("edge", "maintenance", "off")
    assert version(served.url) == "4"
    edge_of(served).restart(timeout=1)
    until(lambda: version(served.url) == "4", "open after a restart of the edge")


# -- upgrade -------------------------------------------------------------------------------------------


def test_upgrades_under_mixed_load_lose_nothing(served: Project, variant: Variant) -> None:
    first = edge_of(served).id
    brief = replace(MODERATE, rate=150.0, stream_path="/stream?s=2", slow_path="/slow?s=1")
    with Load(served.url, MODERATE if SOAK else brief) as load:
        load.wait_for_more(100)
        for _ in range(times(1, 20)):
            before = edge_of(served).id
            served.run("edge", "upgrade")
            assert edge_of(served).id != before
            load.wait_for_more(50)
    report = load.report()
    assert report.clean, report.summary()
    assert edge_of(served).id != first
    # Those that had a long answer left go when that has ended, and the next command tidies up.
    until(lambda: served.run("recover") and not retiring(served), "the older edges are gone")
    # What steers it works as before, the preview route too.
    served.config(rollout={"smoke": [{"path": "/", "contains": '"version": "3"'}]})
    served.run("rollout", "--image", variant(V="3"))
    assert version(served.url) == "3"
    assert served.leftovers() == []
    _, files = edge_of(served).exec_run("ls /edge")
    assert len([name for name in files.decode().split() if name.endswith(".cfg")]) == 1


def test_an_edge_that_crashes_while_its_predecessor_still_has_a_stream(
    served: Project, engine: DockerClient, shop: str
) -> None:
    served.config(rollout={"drain": "100ms"})
    leaving = {"connection": "close"}  # an idle connection would keep the old edge for a minute
    with requests.get(f"{served.url}/stream?s=15", headers=leaving, stream=True, timeout=60) as stream:
        lines = stream.iter_lines()
        assert next(lines)
        served.run("edge", "upgrade")
        assert retiring(served), "the stream runs in the old edge"
        kill(engine, edge_of(served), shop)
        until(lambda: version(served.url) == "2", "the new edge is back")
        assert b"event: done" in list(lines), "the stream went on in the old edge"
    until(lambda: served.run("recover") and not retiring(served), "the older edge is gone")
    assert served.leftovers() == []


def test_an_upgrade_killed_at_each_step_converges(served: Project) -> None:
    struck = 0
    with Load(served.url, replace(QUICK, stream=0)) as load:
        load.wait_for_more(50)
        for strike in range(times(5, 3), 100, times(6, 1)):
            done = accident(served, "KILL", strike, "edge", "upgrade")
            if done.returncode == 0:
                break
            struck += 1
            assert done.returncode == -9, done.stderr
            served.run("recover")
            assert f"{served.name}-edge-next" not in containers(served), f"struck at {strike}\n{done.stderr}"
            assert version(served.url) == "2"
            load.wait_for_more(10)
    report = load.report()
    assert report.clean, report.summary()
    assert struck >= times(1, 2)
    until(lambda: served.run("recover") and not retiring(served), "the older edges are gone")
    assert served.leftovers() == []


def test_an_interrupted_upgrade_leaves_one_edge(served: Project) -> None:
    with Load(served.url, replace(QUICK, stream=0)) as load:
        load.wait_for_more(50)
        # From the handover on it is finished rather than undone.
        for strike in (4, 6) if not SOAK else range(3, 7):
            done = accident(served, "TERM", strike, "edge", "upgrade")
            assert done.returncode == 143, done.stderr
            assert "cleaning up failed" not in done.stderr
            assert f"{served.name}-edge-next" not in retiring(served)
            assert served.status()["recovery_needed"] == []
            load.wait_for_more(10)
    report = load.report()
    assert report.clean, report.summary()


def test_an_edge_that_cannot_start_leaves_the_old_one(served: Project, shop: str) -> None:
    before = edge_of(served).id
    with socket_on(taken := free_port()):
        done = served.run("edge", "upgrade", "--set", f"edge.port={taken}", expect=6)
    assert f"0.0.0.0:{taken}" in done.stderr
    assert edge_of(served).id == before
    assert retiring(served) == []
    edge_of(served).restart(timeout=1)
    until(lambda: version(served.url) == "2", "the old edge restarts as it was")
    assert served.leftovers() == []


# -- TLS -----------------------------------------------------------------------------------------------


def certificate(folder: Path, name: str = "cert") -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    chain, key = folder / f"{name}.pem", folder / f"{name}.key"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(chain)]
    subprocess.run([*command.split(), *subject, *files], check=True, capture_output=True)
    return chain, key


def test_tls_from_files_and_a_new_certificate(served: Project) -> None:
    chain, _ = certificate(served.folder)
    port = free_port()
    with Load(served.url, replace(QUICK, stream=0, slow=0)) as plain:
        plain.wait_for_more(50)
        tls = {"port": port, "certificate": "cert.pem", "key": "cert.key", "redirect": False}
        served.config(edge={"tls": tls})
        served.run("edge", "upgrade")
        plain.wait_for_more(50)
    assert plain.report().clean, plain.report().summary()

    secure = f"https://127.0.0.1:{port}"
    seen = get(f"{secure}/headers", verify=str(chain)).json()["headers"]
    assert seen["x-forwarded-proto"] == "https"
    with Load(secure, QUICK, ca=str(chain)) as load:
        load.wait_for_more(50)
        renewed, _ = certificate(served.folder, "renewed")
        (served.folder / "both.pem").write_text(renewed.read_text() + renewed.with_suffix(".key").read_text())
        served.config(edge={"tls": {"certificate": "both.pem", "key": None, "redirect": True}})
        # Its clients trust the old certificate only: those that are connected stay, new ones would not come.
        load.stop()
    assert load.report().clean, load.report().summary()
    served.run("edge", "upgrade")
    assert get(secure, verify=str(renewed)).status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        get(secure, verify=str(chain))

    answer = get(f"{served.url}/api/x?a=1&b=2")
    assert (answer.status_code, answer.headers["location"]) == (308, f"{secure}/api/x?a=1&b=2")
    answer = get(f"{served.url}/", headers={"host": "shop.example"})
    assert answer.headers["location"] == f"https://shop.example:{port}/"


@pytest.mark.parametrize("problem", ["missing", "not a certificate", "another's key"])
def test_a_bad_certificate_is_a_clear_error_and_the_old_edge_goes_on(served: Project, problem: str) -> None:
    before = edge_of(served).id
    chain, _ = certificate(served.folder)
    _, other = certificate(served.folder, "other")
    bad = {
        "missing": {"certificate": "nowhere.pem"},
        "not a certificate": {"certificate": "config.yaml"},
        "another's key": {"certificate": chain.name, "key": other.name},
    }[problem]
    served.config(edge={"tls": {"port": free_port(), **bad}})
    done = served.run("edge", "upgrade", expect=3)
    assert "edge.tls" in done.stderr
    assert str(served.folder) in done.stderr
    assert edge_of(served).id == before
    assert retiring(served) == []
    edge_of(served).restart(timeout=1)
    until(lambda: version(served.url) == "2", "the old edge restarts as it was")


def test_a_bad_certificate_at_the_first_rollout_leaves_nothing(project: Project) -> None:
    project.config(edge={"tls": {"port": free_port(), "certificate": "nowhere.pem"}})
    done = project.run("rollout", expect=3)
    assert "nowhere.pem" in done.stderr
    assert belongings(project.client, project.name) == []
