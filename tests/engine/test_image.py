"""Images on a real engine: built by content, reused, pruned."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from deployer.command import TAIL
from deployer.config.schema import Config
from deployer.errors import BuildFailed, ConfigError, ImageMissing
from deployer.events import BuildFinished, BuildProgress, Event, ignore
from deployer.host.engine import Engine
from deployer.image.build import Built, build, build_dockerfile, ensure_image, plan_build
from deployer.image.prune import prune
from tests.support import engine as support
from tests.support import names, nursery
from tests.support.images import ROOT, base
from tests.support.scale import times

COPY = "FROM scratch\nCOPY . /\n"


class Source:
    """A folder with a Dockerfile, and a service that is built from it."""

    def __init__(self, folder: Path, host: Engine) -> None:
        self.name = names.service_name()
        self.folder = folder
        self.host = host
        self.said: list[Event] = []
        self.write("Dockerfile", COPY)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def config(self, **settings: Any) -> Config:
        service = {"name": self.name, "port": 80, "build": settings}
        return Config.of({"service": service}).located(self.folder / "config.yaml")

    def build(self, *, force: bool = False, **settings: Any) -> Built:
        self.said.clear()
        return build(self.host, self.config(**settings), self.said.append, force=force)

    @property
    def output(self) -> list[str]:
        return [event.text for event in self.said if isinstance(event, BuildProgress)]


@pytest.fixture
def host() -> Iterator[Engine]:
    engine = Engine()
    yield engine
    engine.close()


@pytest.fixture
def source(engine: DockerClient, host: Engine, tmp_path: Path) -> Iterator[Source]:
    made = Source(tmp_path, host)
    yield made
    support.remove(engine, made.name)


def exported(engine: DockerClient, image: str) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """The files of an image that has no more than what was copied, by name."""
    container = engine.containers.create(image, ["none"], name=f"{image.partition(':')[0]}-export")
    try:
        raw = b"".join(container.export())
    finally:
        container.remove()
    found = {}
    with tarfile.open(fileobj=io.BytesIO(raw), encoding="utf-8", errors="surrogateescape") as tar:
        for member in tar:
            # What the engine itself puts into every container.
            if member.name.split("/")[0] not in (".dockerenv", "dev", "etc", "proc", "sys"):
                file = tar.extractfile(member) if member.isreg() else None
                found[member.name] = (member, file.read() if file else b"")
    return found


# -- building ---------------------------------------------------------------


def test_an_unchanged_tree_builds_nothing(source: Source) -> None:
    source.write("app/main.py", "print(1)\n")
    source.write(".dockerignore", "*.log\n")
    first = source.build()
    assert not first.reused
    assert first.image_ref == f"{source.name}:{first.digest[:12]}"

    os.utime(source.folder / "app" / "main.py", (1, 1))
    source.write("app/../noise.log", "ignored")
    second = source.build()
    assert second.reused
    assert (second.image_ref, second.image_id) == (first.image_ref, first.image_id)
    assert source.output == []
    assert source.said == [BuildFinished(first.image_ref, second.seconds, reused=True, size=first.size)]


def test_dockerfile_arguments_base_and_target_are_content_too(source: Source) -> None:
    source.write(".dockerignore", "Dockerfile\n")
    source.write("Dockerfile", "FROM scratch AS one\nARG V\nCOPY . /\nFROM one AS two\nENV V=${V}\n")
    settings: list[dict[str, Any]] = [
        {},
        {"args": {"V": "1"}},
        {"args": {"V": "2"}},
        {"base": "b"},
        {"target": "one"},
    ]
    digests = {plan_build(source.config(**each)).content for each in settings}
    source.write("Dockerfile", "FROM scratch AS one\nARG V\nCOPY . /\nFROM one AS two\nENV V=x${V}\n")
    digests.add(plan_build(source.config()).content)
    assert len(digests) == 6


def test_a_forced_build_makes_the_same_name_anew_and_a_changed_byte_another(source: Source) -> None:
    source.write("data", "1")
    first = source.build()
    second = source.build(force=True)
    assert not second.reused
    assert second.image_ref == first.image_ref
    assert second.image_id != first.image_id

    source.write("data", "2")
    other = source.build()
    assert not other.reused
    assert other.image_ref != first.image_ref
    assert source.host.image(first.image_ref) is not None


def test_a_foreign_image_under_our_tag_is_no_reason_to_build_nothing(
    source: Source, engine: DockerClient
) -> None:
    plan = plan_build(source.config())
    engine.images.get(base()).tag(*plan.image.split(":"))
    built = source.build()
    assert not built.reused
    assert built.image_id != engine.images.get(base()).id


def test_labels_say_what_the_image_is(source: Source, engine: DockerClient) -> None:
    for command in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "1"],
    ):
        subprocess.run(["git", "-C", str(source.folder), *command], check=True)
    sha = subprocess.run(
        ["git", "-C", str(source.folder), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    source.write(".dockerignore", ".git\n")
    built = source.build()
    labels = engine.images.get(built.image_ref).labels
    built_at = labels.pop("deployer.built-at")
    assert labels == {
        "deployer.service": source.name,
        "deployer.role": "image",
        "deployer.content": built.digest,
        "deployer.git-sha": sha,
        "deployer.git-dirty": "true",
    }
    assert built_at.endswith("+00:00")


def test_what_is_in_the_folder_is_what_is_in_the_image(source: Source, engine: DockerClient) -> None:
    source.write("면접/이력서.txt", "hello")
    source.write("run", "#!/bin/sh\n").chmod(0o700)
    source.write("kept/in.txt", "in")
    source.write("left/out.txt", "out")
    source.write(os.fsdecode(b"latin-\xe9"), "latin")
    source.write("x" * 200, "long")
    (source.folder / "empty").mkdir()
    (source.folder / "link").symlink_to("면접/이력서.txt")
    (source.folder / "dangling").symlink_to("/nowhere/at/all")
    source.write(".dockerignore", "left\nkept\n!kept/in.txt\nDockerfile\n.dockerignore\n")

    found = exported(engine, source.build().image_ref)

    assert {name: content for name, (member, content) in found.items() if member.isreg()} == {
        "면접/이력서.txt": b"hello",
        "run": b"#!/bin/sh\n",
        "kept/in.txt": b"in",
        os.fsdecode(b"latin-\xe9"): b"latin",
        "x" * 200: b"long",
    }
    assert sorted(name for name, (member, _) in found.items() if member.isdir()) == ["empty", "kept", "면접"]
    assert {name: member.linkname for name, (member, _) in found.items() if member.issym()} == {
        "link": "면접/이력서.txt",
        "dangling": "/nowhere/at/all",
    }
    assert {name for name, (member, _) in found.items() if member.isreg() and member.mode & 0o111} == {"run"}
    assert {(member.uid, member.gid) for member, _ in found.values()} == {(0, 0)}


def test_the_dockerfile_may_lie_outside_and_what_prepare_makes_is_sent(
    source: Source, engine: DockerClient
) -> None:
    source.write("files/data", "1")
    built = source.build(context="files", prepare=[["sh", "-c", "echo made > files/made.txt"]])
    found = exported(engine, built.image_ref)
    assert {name: content for name, (_, content) in found.items()} == {"data": b"1", "made.txt": b"made\n"}


def test_a_dockerfile_template_is_given_the_config_and_the_base(source: Source, engine: DockerClient) -> None:
    source.write("files/data", "1")
    source.write("Dockerfile.j2", "FROM {{ base }}\nENV NAME={{ config.service.name }}\nCOPY data /\n")
    built = source.build(context="files", dockerfile="Dockerfile.j2", base=base())
    assert f"NAME={source.name}" in engine.images.get(built.image_ref).attrs["Config"]["Env"]


def test_a_large_context_needs_little_memory(source: Source) -> None:
    """The measure is the peak of a process that does nothing else, which is less than what it sends.

    By /proc: the peak that `getrusage` gives is not below that of the process it was forked from.
    """
    with (source.folder / "zeros").open("wb") as file:
        file.truncate(times(160, 300) * 1_000_000)
    source.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n")
    script = f"""
import re
from pathlib import Path
from deployer.config.schema import Config
from deployer.events import ignore
from deployer.host.engine import Engine
from deployer.image.build import build
service = {{"name": {source.name!r}, "port": 80, "build": {{}}}}
config = Config.of({{"service": service}}).located(Path({str(source.folder / "config.yaml")!r}))
build(Engine(), config, ignore)
print(re.search(r"VmHWM:\\s+([0-9]+) kB", Path("/proc/self/status").read_text())[1])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 120_000_000


# -- failing ----------------------------------------------------------------


def test_a_failing_step_is_named_with_the_tail_of_its_output(source: Source, engine: DockerClient) -> None:
    source.write("Dockerfile", f"FROM {base()}\nENV A=1\nRUN seq 100 >&2; exit 7\n")
    with pytest.raises(BuildFailed) as raised:
        source.build()
    assert "RUN seq 100" in raised.value.message
    assert "code: 7" in raised.value.message
    assert raised.value.details == tuple(str(number) for number in range(101 - TAIL, 101))
    # No container of the failed step is left behind.
    used = [each["ImageID"] for each in engine.api.containers(all=True)]
    ours = [each["Id"] for each in source.host.images({"deployer.service": source.name})]
    assert set(used).isdisjoint(ours)


def test_a_mistake_in_the_dockerfile_is_reported_with_its_own_line(source: Source) -> None:
    source.write("Dockerfile", "FROM scratch\n\nRUNN x\n")
    with pytest.raises(BuildFailed, match=r"parse error line 3: .*RUNN"):
        source.build()


def test_a_missing_base_is_named_with_its_remedy(source: Source) -> None:
    source.write("Dockerfile", "ARG BASE\nFROM ${BASE} AS one\n")
    with pytest.raises(ImageMissing, match="the base image localhost:1/none:1 of") as raised:
        source.build(base="localhost:1/none:1")
    assert raised.value.remedy is not None
    assert "scripts/base-image" in raised.value.remedy
    assert "docs/air-gapped.md" in raised.value.remedy


def test_a_missing_dockerfile_is_a_mistake_in_the_config(source: Source) -> None:
    with pytest.raises(ConfigError, match=r"service\.build\.dockerfile: .*Nope cannot be read"):
        source.build(dockerfile="Nope")


def test_a_file_that_changes_under_way_ends_the_build(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source.write("data", "1")
    send = source.host.build

    def change_and_send(*arguments: Any, **options: Any) -> Iterator[dict[str, Any]]:
        path.write_text("2")
        return send(*arguments, **options)

    monkeypatch.setattr(source.host, "build", change_and_send)
    with pytest.raises(BuildFailed, match="data changed while it was sent"):
        source.build()
    assert source.host.images({"deployer.service": source.name}) == []


# -- other images -----------------------------------------------------------


def test_an_image_from_a_dockerfile_alone_is_built_once(engine: DockerClient, host: Engine) -> None:
    name = names.service_name()
    said: list[Event] = []
    try:
        text = f"FROM {base()}\nENV WHO={name}\n"
        first = build_dockerfile(host, name, text, {"deployer.role": "x"}, said.append)
        second = build_dockerfile(host, name, text, {"deployer.role": "x"}, said.append)
        assert first == second
        assert [event.reused for event in said if isinstance(event, BuildFinished)] == [False, True]
        assert engine.images.get(first).labels == {"deployer.role": "x"}
    finally:
        support.remove(engine, name)


def test_a_present_image_is_taken_as_it_is(engine: DockerClient, host: Engine) -> None:
    assert ensure_image(host, base(), ignore) == engine.images.get(base()).id


def test_an_image_that_is_nowhere_is_named_with_the_reason(host: Engine) -> None:
    with socket.socket() as nobody:
        # Bound but not listening: nobody answers, and nobody else can take the port meanwhile.
        nobody.bind(("127.0.0.1", 0))
        ref = f"localhost:{nobody.getsockname()[1]}/shop:1"
        with pytest.raises(ImageMissing, match=f"image {ref} is not on the engine .*refused") as raised:
            ensure_image(host, ref, ignore)
    assert raised.value.remedy is not None


# -- pruning ----------------------------------------------------------------


@pytest.fixture
def releases(source: Source) -> list[Built]:
    """Four, of which each has a megabyte of its own; the newest last."""
    built = []
    for number in range(4):
        (source.folder / "data").write_bytes(os.urandom(1_000_000))
        built.append(source.build())
        # The engine lists ages in whole seconds: two releases of one second have no order.
        image = source.host.image(built[-1].image_ref)
        assert image is not None, number
        _await_next_second(image["Created"])
    return built


def _await_next_second(created: str) -> None:
    import time
    from datetime import UTC, datetime

    while datetime.now(UTC).isoformat()[:19] <= created[:19]:
        time.sleep(0.02)


def tags(host: Engine, service: str) -> set[str]:
    images = host.images({"deployer.service": service})
    return {tag for image in images for tag in image["RepoTags"] or ()}


def test_prune_keeps_the_newest_the_used_the_protected_and_the_foreign(
    source: Source, releases: list[Built], engine: DockerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    used, protected, old, _ = releases
    container = engine.containers.create(used.image_ref, ["none"], name=f"{source.name}-stopped")
    foreign_container = engine.containers.create(base(), ["true"], name=f"{source.name}-foreign")
    other = build_dockerfile(source.host, f"{source.name}-other", f"FROM {base()}\nENV A=1\n", {}, ignore)
    said: list[Event] = []
    try:
        pruned = prune(source.host, source.name, said.append, keep=1, protected={protected.image_ref})
        assert [removal.tags for removal in pruned.removed] == [(old.image_ref,)]
        assert tags(source.host, source.name) == {each.image_ref for each in releases} - {old.image_ref}
        assert source.host.image(other) is not None
        assert source.host.container(f"{source.name}-foreign") is not None
        # Others may build and prune at the same time: the file is the least, the image the most.
        assert 1_000_000 <= pruned.bytes_freed <= old.size

        # One that is taken into use after it was looked for stays as well.
        monkeypatch.setattr(source.host, "containers", list)
        again = prune(source.host, source.name, ignore, keep=1, protected={protected.image_ref})
        assert (again.removed, again.bytes_freed) == ((), 0)
        assert source.host.image(used.image_ref) is not None
    finally:
        container.remove()
        foreign_container.remove()
    assert [event.kind for event in said] == ["image_pruned", "pruned"]


def test_prune_takes_what_failed_builds_and_forced_ones_left(source: Source, engine: DockerClient) -> None:
    source.write(
        "Dockerfile", f"FROM {base()} AS one\nCOPY Dockerfile /\nFROM {base()}\nCOPY no-such-file /\n"
    )
    with pytest.raises(BuildFailed):
        source.build()
    source.write("Dockerfile", COPY)
    first = source.build()
    source.build(force=True)
    ours = {"deployer.service": source.name}
    assert len(source.host.images(ours, dangling=True)) >= 2
    pruned = prune(source.host, source.name, ignore, keep=0)
    assert first.image_id in {removal.image for removal in pruned.removed}
    assert source.host.images(ours) == []
    assert engine.images.get(base()) is not None


# -- the commands -----------------------------------------------------------


def run(source: Source, *arguments: str) -> str:
    source.write(
        "config.yaml",
        json.dumps({"service": {"name": source.name, "port": 80, "build": {"inputs": ["data"]}}}),
    )
    done = nursery.run("deployer", arguments, cwd=source.folder, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_build_command_plans_builds_and_reuses(source: Source) -> None:
    source.write("data", "1")
    plan = json.loads(run(source, "build", "--plan", "--json"))
    assert (plan["files"], plan["bytes"], plan["reused"]) == (1, 1, False)
    assert run(source, "build").strip() == plan["image"]
    assert json.loads(run(source, "build", "--json").splitlines()[-1])["reused"] is True
    assert "nothing to build" in run(source, "build", "--plan")
    assert "it would be built" in run(source, "build", "--plan", "--force")


def test_the_prune_command_plans_and_prunes(source: Source) -> None:
    source.write("data", "1")
    image = run(source, "build").strip()
    nothing: dict[str, list[str]] = {"repairs": [], "containers": [], "removals": []}
    assert json.loads(run(source, "prune", "--plan", "--json")) == nothing
    assert image in run(source, "prune", "--plan", "--keep", "0")
    done = json.loads(run(source, "prune", "--keep", "0", "--json").splitlines()[-1])
    assert [removal["tags"] for removal in done["removed"]] == [[image]]
    assert source.host.image(image) is None
