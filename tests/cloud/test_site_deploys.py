"""`deployer site` against a real S3 server: what is sent, mended, refused, cleared away."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.s3 import Server
from tests.support.site import ROOT, SiteProject, release_in
from tests.support.waiting import until


@pytest.fixture
def server(seaweed: Server) -> Server:
    return seaweed


@pytest.fixture
def project(server: Server, tmp_path: Path) -> Iterator[SiteProject]:
    with contextlib.closing(SiteProject(tmp_path, server)) as project:
        project.build(1)
        yield project


def verified(project: SiteProject) -> None:
    verdict = project.run("verify", "--json").json
    assert verdict["ok"], verdict


def plan(project: SiteProject, *words: str) -> dict[str, str]:
    """What would be done, by path."""
    found = project.run("deploy", "--plan", "--json", *words).json
    return {each["path"]: each["reason"] for each in found["files"]}


def result(project: SiteProject, *words: str) -> dict[str, object]:
    """What a command came to: the last line that it prints."""
    lines = project.run(*words, "--json").stdout.splitlines()
    found: dict[str, object] = json.loads(lines[-1])
    return found


ODD = {
    "한글 폴더/자기소개서 (최종).txt": "내용",
    "emoji-👩‍💻.txt": "x",
    "a b+c%20d#e?f&g=h.txt": "x",
    "quote'\"and;semi.txt": "x",
    "~tilde!*.txt": "x",
    "deep/" * 40 + "file.txt": "x",
    "x" * 200 + ".txt": "x",
    "empty.txt": "",
    ".well-known/security.txt": "x",
}


def test_odd_names_arrive_and_go_as_they_are(project: SiteProject) -> None:
    project.build(1, ODD)
    project.run("deploy")
    bodies = {path: project.store.read(path) for path in ODD}
    assert {path: found[0].decode() for path, found in bodies.items() if found} == ODD
    verified(project)
    assert result(project, "deploy")["outcome"] == "unchanged"
    project.build(2)
    project.run("deploy")
    project.run("prune", "--keep", "2")
    project.build(3)
    project.run("deploy")
    project.run("prune", "--keep", "2")
    assert not ODD.keys() & set(project.there())


def test_a_name_from_a_mac_is_sent_as_browsers_ask_for_it(project: SiteProject) -> None:
    name = "자기소개서.txt"
    project.write(unicodedata.normalize("NFD", name), "x")
    project.run("deploy")
    assert name in project.there()


def test_headers_are_by_rule(project: SiteProject) -> None:
    project.build(1, {"data.json": "{}", "big.css": "body {}" * 500})
    project.config(
        rules=[
            {"match": "*.json", "cache_control": "no-store", "metadata": {"team": "front"}},
            {"match": "*.css", "encoding": "gzip"},
        ],
        redirects={"/old": "/about.html", "/docs/": "https://docs.example/한"},
    )
    project.run("deploy")
    heads = {key: project.store.head(key) for key in project.there()}
    headers = {key: found.headers for key, found in heads.items() if found}
    assert headers["index.html"].cache_control == "no-cache"
    assert headers["index.html"].content_type == "text/html; charset=utf-8"
    [script] = [key for key in headers if key.startswith("assets/index-")]
    assert headers[script].cache_control == "public, max-age=31536000, immutable"
    assert headers["icon.svg"].content_type == "image/svg+xml; charset=utf-8"
    assert headers["data.json"].cache_control == "no-store"
    assert headers["data.json"].metadata == (("team", "front"),)
    assert headers["big.css"].content_encoding == "gzip"
    found = project.store.read("old")
    assert found is not None
    assert b'url=/about.html"' in found[0]
    assert headers["old"].content_type.startswith("text/html")
    assert "docs/index.html" in headers
    verified(project)
    assert result(project, "deploy")["outcome"] == "unchanged"
    project.config(rules=[{"match": "icon.svg", "cache_control": "public, max-age=60"}])
    assert plan(project)["icon.svg"] == "headers"
    done = result(project, "deploy")
    found_icon = project.store.head("icon.svg")
    assert found_icon is not None
    assert found_icon.headers.cache_control == "public, max-age=60"
    assert done["copied"]  # its content was not sent again
    verified(project)


def test_what_was_changed_by_hand_is_found_and_mended(project: SiteProject) -> None:
    project.run("deploy")
    release = project.run("status", "--json").json["release"]
    client = project.server.client()
    client.put_object(Bucket=project.bucket, Key="index.html", Body=b"<h1>hello</h1>")
    client.delete_object(Bucket=project.bucket, Key="icon.svg")
    client.put_object(Bucket=project.bucket, Key="left.txt", Body=b"x")
    client.copy_object(
        Bucket=project.bucket,
        Key="about.html",
        CopySource={"Bucket": project.bucket, "Key": "about.html"},
        MetadataDirective="REPLACE",
        ContentType="text/plain",
    )
    found = project.run("verify", "--json", expect=8).json["faults"]
    faults = {(each["path"], each["kind"]) for each in found}
    assert {("index.html", "content"), ("about.html", "headers"), ("icon.svg", "missing")} <= faults
    assert ("about.html", "reference") in faults  # to the icon
    assert result(project, "deploy", "--trust-manifest")["outcome"] == "unchanged"
    assert plan(project) == {"index.html": "edited", "icon.svg": "missing", "left.txt": "stale"}
    assert plan(project, "--check-headers")["about.html"] == "edited"
    project.run("deploy", "--check-headers")
    verified(project)
    assert "left.txt" not in project.there()
    assert project.run("status", "--json").json["release"] == release


def test_a_prune_says_which_releases_go_before_they_do(project: SiteProject) -> None:
    for number in (1, 2, 3):
        project.build(number)
        project.run("deploy")
    listed = project.run("releases", "--json").json
    said = project.run("prune", "--keep", "2", "--plan", "--json").json
    assert said["releases"] == [listed[-1]["id"]]
    assert said["kept"] == 1  # the first release's pages have one content
    assert (
        f"releases that go: {listed[-1]['id']}; contents kept aside that go: 1"
        in project.run("prune", "--keep", "2", "--plan").stdout
    )
    assert project.run("releases", "--json").json == listed
    project.run("prune", "--keep", "2")
    assert project.run("releases", "--json").json == listed[:2]
    shown = project.run("releases").stdout.splitlines()
    assert [line[:2] for line in shown] == ["* ", "  "]
    assert project.run("prune", "--keep", "2", "--plan", "--json").json["releases"] == []


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_what_was_compressed_and_is_changed_by_hand_is_found_and_mended(
    project: SiteProject, encoding: str
) -> None:
    project.config(rules=[{"match": "*.html", "encoding": encoding}])
    project.run("deploy")
    verified(project)
    client = project.server.client()
    client.put_object(
        Bucket=project.bucket, Key="index.html", Body=b"<h1>hello</h1>", ContentType="text/html"
    )
    icon = client.head_object(Bucket=project.bucket, Key="icon.svg")
    client.put_object(
        Bucket=project.bucket,
        Key="icon.svg",
        Body=b"<svg/>",
        ContentType=icon["ContentType"],
        CacheControl=icon["CacheControl"],
        Metadata=icon["Metadata"],
        ContentDisposition="attachment",
    )
    found = project.run("verify", "--json", expect=8).json["faults"]
    assert [(each["path"], each["kind"]) for each in found] == [
        ("icon.svg", "headers"),
        ("index.html", "content"),
    ]
    assert "content-disposition" in found[0]["text"]
    project.run("deploy", "--check-headers")
    verified(project)


def test_a_first_deploy_leaves_what_was_there_until_the_second(project: SiteProject) -> None:
    client = project.server.client()
    client.put_object(Bucket=project.bucket, Key="assets/old-12345678.js", Body=b"1")
    client.put_object(
        Bucket=project.bucket,
        Key="icon.svg",
        Body=b"<svg/>",
        ContentType="image/svg+xml; charset=utf-8",
        CacheControl="public, max-age=300",
    )
    done = result(project, "deploy")
    assert done["unchanged"] == 1  # the same content with the same headers
    assert "assets/old-12345678.js" in project.there()
    project.run("deploy")
    assert "assets/old-12345678.js" not in project.there()


def test_what_is_ignored_is_neither_sent_nor_deleted(project: SiteProject) -> None:
    project.config(ignore=["*.map", "uploads/**"], prefix="front/")
    project.write("assets/index.js.map", "{}")
    project.write(".env", "SECRET=1")
    client = project.server.client()
    client.put_object(Bucket=project.bucket, Key="front/uploads/cv.pdf", Body=b"x")
    client.put_object(Bucket=project.bucket, Key="elsewhere.txt", Body=b"x")
    project.run("deploy")
    project.run("deploy")
    keys = project.there()
    assert "front/uploads/cv.pdf" in keys
    assert "elsewhere.txt" in keys
    assert "front/index.html" in keys
    assert not [key for key in keys if key.endswith((".map", ".env"))]
    assert "index.html" not in keys


def remove(project: SiteProject) -> None:
    for path in sorted(project.dist.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def without_page(project: SiteProject) -> None:
    (project.dist / "index.html").unlink()


def missing(project: SiteProject) -> None:
    remove(project)
    project.dist.rmdir()


def leading_out(project: SiteProject) -> None:
    (project.dist / "passwd").symlink_to("/etc/passwd")


def much_gone(project: SiteProject) -> None:
    project.config(delete_limit="1")
    client = project.server.client()
    for number in range(3):
        client.put_object(Bucket=project.bucket, Key=f"foreign{number}.txt", Body=b"x")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (remove, "holds nothing to deploy"),
        (missing, "there is no folder"),
        (without_page, "has no index.html"),
        (leading_out, "a link that leads out of the build"),
        (much_gone, "would be deleted"),
    ],
)
def test_what_looks_wrong_is_refused_before_anything_is_touched(
    project: SiteProject, spoil: Callable[[SiteProject], None], said: str
) -> None:
    project.run("deploy")
    before = project.store.read(".deployer/current.json")
    spoil(project)
    done = project.run("deploy", expect=6)
    assert said in done.stderr
    assert "->" in done.stderr
    assert project.store.read(".deployer/current.json") == before


def test_a_page_that_is_gone_is_gone_and_comes_back(project: SiteProject) -> None:
    project.build(1, {"prices.html": "<title>release 1</title>", "terms.txt": "1"})
    project.run("deploy")
    project.build(2)
    assert plan(project)["prices.html"] == "removed"
    project.run("deploy")
    assert "prices.html" not in project.there()
    assert "terms.txt" in project.there()  # an open page may still ask for it
    project.run("rollback")
    assert release_in(project.store, "prices.html") == 1
    verified(project)
    project.run("rollback", "--to", "2099", expect=2)


def test_a_hashed_name_with_another_content_can_still_go_back(project: SiteProject) -> None:
    project.write("assets/app-settings.json", '{"release": "release 1"}')
    project.run("deploy")
    project.build(2)
    project.write("assets/app-settings.json", '{"release": "release 2"}')
    done = project.run("deploy")
    assert "named as if by its content" in done.stderr
    project.run("rollback")
    assert release_in(project.store, "assets/app-settings.json") == 1


def test_one_of_two_deployers_wins_and_the_other_is_told(server: Server, tmp_path: Path) -> None:
    projects = []
    bucket = server.bucket()
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        projects.append(SiteProject(folder, server, bucket))
    one, two = projects
    with contextlib.closing(one), contextlib.closing(two):
        one.build(1, {"big.bin": os.urandom(3_000_000)})
        two.build(2)
        commands = [
            subprocess.Popen(
                [sys.executable, "-m", "deployer", "site", "deploy"],
                cwd=project.folder,
                env=os.environ | server.environ | {"PYTHONPATH": str(ROOT)},
                stderr=subprocess.PIPE,
                text=True,
            )
            for project in projects
        ]
        ends = []
        for command in commands:
            _, said = command.communicate(timeout=120)
            ends.append((command.returncode, said))
        codes = sorted(code for code, _ in ends)
        assert codes in ([0, 0], [0, 7]), ends
        for code, said in ends:
            assert code == 0 or "somebody else is at work" in said
        verified(one)


def suspended(project: SiteProject, strike: int) -> subprocess.Popen[str]:
    """A deploy that was suspended before its n-th effect."""
    stopped = subprocess.Popen(
        [sys.executable, "-m", "tests.support.crash", "STOP", str(strike), "site", "deploy"],
        cwd=project.folder,
        env=os.environ | project.server.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    stat = Path(f"/proc/{stopped.pid}/stat")
    until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it is suspended")
    return stopped


def test_a_deployer_that_was_suspended_is_overtaken_and_refused_when_it_goes_on(
    project: SiteProject, tmp_path: Path
) -> None:
    """SIGSTOP is a machine that sleeps, here with the page in its hand: what it then sends is too late."""
    project.run("deploy")
    project.build(2)
    stopped = suspended(project, 11)
    assert project.run("status", "--json").json["at_work"]["step"] == "publishing"
    (tmp_path / "other").mkdir()
    with contextlib.closing(SiteProject(tmp_path / "other", project.server, project.bucket)) as other:
        other.build(3)
        other.run("deploy", "--lock-wait", "30s")
        assert other.title() == 3
        stopped.send_signal(signal.SIGCONT)
        _, said = stopped.communicate(timeout=60)
        assert stopped.returncode == 7, said
        assert "taken over by somebody else" in said
        assert "cleaning up" not in said
        assert other.title() == 3
        verified(other)


def test_a_deployer_that_was_overtaken_begins_no_further_file(project: SiteProject, tmp_path: Path) -> None:
    """Files whose name stays are not written with If-Match; all but the one in its hand are the winner's."""
    project.config(parallel=1)

    def build(made: SiteProject, number: int) -> list[str]:
        files = {f"part{part}.txt": f"release {number}" for part in range(8)}
        made.build(number, files)
        return list(files)

    build(project, 1)
    project.run("deploy")
    build(project, 2)
    # Claim, assets, copies of the pages and the files, manifest, the step, and then the second of the files.
    stopped = suspended(project, 1 + 4 + 2 + 8 + 1 + 1 + 2)
    (tmp_path / "other").mkdir()
    with contextlib.closing(SiteProject(tmp_path / "other", project.server, project.bucket)) as other:
        files = build(other, 3)
        other.run("deploy", "--lock-wait", "30s")
        stopped.send_signal(signal.SIGCONT)
        _, said = stopped.communicate(timeout=60)
        assert stopped.returncode == 7, said
        assert "taken over by somebody else" in said
        late = [path for path in files if release_in(other.store, path) != 3]
        assert len(late) <= 1, late
        other.run("deploy")
        verified(other)
