"""What is sent for a build, and which changes of it make a different image."""

from __future__ import annotations

import io
import os
import socket
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.errors import BuildFailed, ConfigError
from deployer.image import context
from deployer.image.context import DOCKERFILE, BuildContext, read

TEXT = "FROM scratch\nCOPY . /\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    (folder / "src" / "empty").mkdir(parents=True)
    (folder / "src" / "main.py").write_text("print(1)\n")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o700)
    (folder / "link").symlink_to("src/main.py")
    (folder / "local.log").write_text("noise")
    (folder / ".dockerignore").write_text("*.log\n")
    return folder


def unpacked(sent: BuildContext) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(sent.stream()))) as tar:
        return {member.name: member for member in tar}


def text_in(sent: BuildContext, name: str) -> str:
    with tarfile.open(fileobj=io.BytesIO(b"".join(sent.stream()))) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read().decode()


def test_everything_arrives_that_is_not_ignored(root: Path) -> None:
    members = unpacked(read(root, TEXT))
    kinds = {
        name: (member.type, member.mode, member.size, member.linkname) for name, member in members.items()
    }
    assert kinds == {
        "link": (tarfile.SYMTYPE, 0o777, 0, "src/main.py"),
        "run": (tarfile.REGTYPE, 0o755, 10, ""),
        "src": (tarfile.DIRTYPE, 0o755, 0, ""),
        "src/empty": (tarfile.DIRTYPE, 0o755, 0, ""),
        "src/main.py": (tarfile.REGTYPE, 0o644, 9, ""),
        DOCKERFILE: (tarfile.REGTYPE, 0o644, len(TEXT), ""),
        ".dockerignore": (tarfile.REGTYPE, 0o644, len(f"*.log\n\n{DOCKERFILE}\n"), ""),
    }
    assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(0, 0, "")}


def test_the_tar_ends_as_a_tar_does(root: Path) -> None:
    raw = b"".join(read(root, TEXT).stream())
    assert len(raw) % 512 == 0
    assert raw.endswith(bytes(1024))


def test_files_and_bytes_are_counted(root: Path) -> None:
    found = read(root, TEXT)
    assert (found.files, found.size) == (4, len("print(1)\n") + len("#!/bin/sh\n") + len("*.log\n"))


def test_the_builder_is_told_to_drop_what_was_made_for_it(root: Path) -> None:
    assert text_in(read(root, TEXT), ".dockerignore") == f"*.log\n\n{DOCKERFILE}\n"
    (root / ".dockerignore").unlink()
    (root / "local.log").unlink()
    assert text_in(read(root, TEXT), ".dockerignore") == f".dockerignore\n{DOCKERFILE}\n"


def test_a_file_with_the_reserved_name_does_not_become_the_dockerfile(root: Path) -> None:
    (root / DOCKERFILE).write_text("FROM nowhere\n")
    sent = read(root, TEXT)
    assert text_in(sent, DOCKERFILE) == TEXT
    assert DOCKERFILE not in [entry.name for entry in sent.entries]


def _touch(root: Path) -> None:
    os.utime(root / "src" / "main.py", (1, 1))


def _rewrite(root: Path) -> None:
    (root / "src" / "main.py").write_bytes((root / "src" / "main.py").read_bytes())


def _chmod_without_x(root: Path) -> None:
    (root / "src" / "main.py").chmod(0o600)


def _write_ignored(root: Path) -> None:
    (root / "local.log").write_text("more noise")
    (root / "other.log").write_text("noise")


@pytest.mark.parametrize("change", [_touch, _rewrite, _chmod_without_x, _write_ignored])
def test_the_digest_and_the_tar_stay_after(root: Path, change: Callable[[Path], None]) -> None:
    before = read(root, TEXT)
    raw = b"".join(before.stream())
    change(root)
    after = read(root, TEXT)
    assert after.digest == before.digest
    assert b"".join(after.stream()) == raw


def _one_byte(root: Path) -> None:
    (root / "src" / "main.py").write_text("print(2)\n")


def _executable(root: Path) -> None:
    (root / "src" / "main.py").chmod(0o755)


def _renamed(root: Path) -> None:
    (root / "run").rename(root / "ran")


def _retargeted(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").symlink_to("src/other.py")


def _link_to_file(root: Path) -> None:
    (root / "link").unlink()
    (root / "link").write_text("src/main.py")


def _empty_folder(root: Path) -> None:
    (root / "src" / "empty").rmdir()


def _moved_boundary(root: Path) -> None:
    (root / "src" / "main.py").rename(root / "src" / "empty" / "main.py")


def _rules(root: Path) -> None:
    (root / ".dockerignore").write_text("*.log\n# said why\n")


@pytest.mark.parametrize(
    "change",
    [
        _one_byte,
        _executable,
        _renamed,
        _retargeted,
        _link_to_file,
        _empty_folder,
        _moved_boundary,
        _rules,
    ],
)
def test_the_digest_changes_after(root: Path, change: Callable[[Path], None]) -> None:
    before = read(root, TEXT).digest
    change(root)
    assert read(root, TEXT).digest != before


def test_rules_that_ignore_themselves_may_change_freely(root: Path) -> None:
    (root / ".dockerignore").write_text("*.log\n.dockerignore\n")
    before = read(root, TEXT).digest
    (root / ".dockerignore").write_text("# said why\n*.log\n.dockerignore\n")
    assert read(root, TEXT).digest == before


def test_the_time_in_the_tar_follows_the_content(root: Path) -> None:
    """Or a web server would give two versions of a file with the same length the same ETag."""
    before = unpacked(read(root, TEXT))["src/main.py"]
    _one_byte(root)
    after = unpacked(read(root, TEXT))["src/main.py"]
    assert after.size == before.size
    assert after.mtime != before.mtime
    assert min(before.mtime, after.mtime) >= 946684800


def test_names_may_be_long_and_anything(root: Path) -> None:
    names = ["면접.txt", "a b\n.txt", "x" * 200, os.fsdecode(b"latin-\xe9")]
    for name in names:
        (root / name).write_text(name, errors="surrogateescape")
    (root / "to-latin").symlink_to(names[-1])
    with tarfile.open(
        fileobj=io.BytesIO(b"".join(read(root, TEXT).stream())), encoding="utf-8", errors="surrogateescape"
    ) as tar:
        members = {member.name: member for member in tar}
        assert set(names) <= set(members)
        assert members["to-latin"].linkname == names[-1]


def test_inputs_limit_what_is_sent(root: Path) -> None:
    (root / "src" / "skip.txt").write_text("x")
    sent = read(root, TEXT, ["src/**/*.py", "run"])
    assert [entry.name for entry in sent.entries] == ["run", "src", "src/main.py"]
    sent = read(root, TEXT, ["src", "!src/*.txt"])
    assert [entry.name for entry in sent.entries] == ["src", "src/empty", "src/main.py"]


def test_inputs_that_match_nothing_are_named(root: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        read(root, TEXT, ["src", "scr/**", "[", "local.log"])
    assert [detail.split(": ")[1] for detail in raised.value.details] == ["scr/**", "[", "local.log"]


def test_folders_above_a_file_that_was_brought_back_are_sent(root: Path) -> None:
    (root / ".dockerignore").write_text("*\n!src/main.py\n")
    assert [entry.name for entry in read(root, TEXT).entries] == ["src", "src/main.py"]


def test_a_folder_that_is_not_there_is_a_mistake_in_the_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"service\.build\.context: .*nowhere is not a folder"):
        read(tmp_path / "nowhere", TEXT)


def test_sockets_and_pipes_are_refused_by_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "queue")
    with pytest.raises(BuildFailed, match=r"queue is a named pipe") as raised:
        read(tmp_path, TEXT)
    assert raised.value.remedy is not None
    assert ".dockerignore" in raised.value.remedy
    (tmp_path / "queue").unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        # Bound by a relative name: a socket's path has room for a hundred bytes only.
        here = Path.cwd()
        os.chdir(tmp_path)
        try:
            listener.bind("control")
        finally:
            os.chdir(here)
        with pytest.raises(BuildFailed, match=r"control is a socket"):
            read(tmp_path, TEXT)
        (tmp_path / ".dockerignore").write_text("control\n")
        assert [entry.name for entry in read(tmp_path, TEXT).entries] == [".dockerignore"]


@pytest.mark.parametrize(
    "now", ["print(2)\n", "print(1)", "print(1)\n\n", None], ids=["other", "shorter", "longer", "gone"]
)
def test_a_file_that_changes_before_it_is_sent_ends_the_build(root: Path, now: str | None) -> None:
    sent = read(root, TEXT)
    if now is None:
        (root / "src" / "main.py").unlink()
    else:
        (root / "src" / "main.py").write_text(now)
    with pytest.raises(BuildFailed, match=r"src/main\.py (changed while it was sent|cannot be read)"):
        b"".join(sent.stream())


def test_a_large_file_is_sent_in_small_pieces(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(20 * 1024**2)
    told: list[int] = []
    sizes = [len(piece) for piece in read(tmp_path, TEXT).stream(told.append)]
    assert max(sizes) <= 2 * context.PIECE
    assert sum(sizes) > 20 * 1024**2
    assert told == sorted(told)
    assert told[-1] == 20 * 1024**2


def test_a_dockerfile_alone_needs_no_folder() -> None:
    assert set(unpacked(context.alone(TEXT))) == {DOCKERFILE, ".dockerignore"}


def test_what_holds_a_secret_is_kept_back(root: Path, tmp_path: Path) -> None:
    (root / "keys").mkdir()
    (root / "keys" / "token").write_text("secret")
    before = read(root, TEXT)
    secret = [root / "keys" / "token", root / "src" / ".." / "run", root / "nothing", tmp_path / "elsewhere"]
    sent = read(root, TEXT, secret=secret)
    assert sent.kept_back == ("keys/token", "run")
    assert "keys/token" not in unpacked(sent)
    assert "run" not in unpacked(sent)
    assert before.kept_back == ()
    # Another secret is no other image.
    (root / "keys" / "token").write_text("changed")
    assert read(root, TEXT, secret=secret).digest == sent.digest
