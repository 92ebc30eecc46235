"""`.dockerignore`: against the SDK's own walk on generated trees, and against what `docker build` sent."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path, PurePath

import pytest
from docker.utils.build import exclude_paths

from deployer.errors import ConfigError
from deployer.image.ignore import Ignore, Pattern
from tests.support.scale import times

FOLDERS = ("a", "b", "dd", "node_modules")
FILES = ("c.py", "e.txt", ".h", "README.md", "[x].py")


def grow(rng: random.Random, folder: Path, depth: int = 0) -> None:
    """A random tree: names of folders hold no dot, those of files do."""
    for name in rng.sample(FILES, rng.randint(0, 3)):
        (folder / name).write_text("x")
    if depth < 3:
        for name in rng.sample(FOLDERS, rng.randint(1, 3)):
            (folder / name).mkdir()
            grow(rng, folder / name, depth + 1)


def pattern(rng: random.Random) -> str:
    """A random line.

    The SDK and Docker differ where `!` names a folder, so here it only ever names files; what Docker does
    with folders is in the table below.
    """
    parts = [rng.choice((*FOLDERS, "*", "**", "?", "[ab]", "d*", "*d")) for _ in range(rng.randint(0, 2))]
    again = rng.random() < 0.35
    files = (*FILES[:-1], "*.py", "?.*", ".*", "README.*")
    last = rng.choice(files if again else (*files, *FOLDERS, "*", "**", "*/", "[a-d]", "[ab]?*"))
    line = "/".join([*parts, last])
    return ("!" if again else "") + rng.choice(("", "", "/", "./", "x/../")) + line


def test_generated_trees_are_walked_as_the_sdk_walks_them(tmp_path: Path) -> None:
    for seed in range(times(150, 2000)):
        rng = random.Random(seed)
        root = tmp_path / str(seed)
        root.mkdir()
        grow(rng, root)
        lines = [pattern(rng) for _ in range(rng.randint(1, 6))]
        sdk = exclude_paths(str(root), list(lines))
        # The SDK always brings these two back.
        ours = Ignore.parse("\n".join([*lines, "!Dockerfile", "!.dockerignore"])).walk(root)
        assert sorted(ours) == sorted(set(sdk) - forgotten(lines, sdk)), (seed, lines)


def forgotten(lines: list[str], kept: Iterable[str]) -> set[str]:
    """What the SDK keeps of folders that it has left out, where Docker does not: the table below has a case.

    It compares as many names of a path as the pattern has, and `**/a` has one more than the `a` it matches.
    """
    deep = [Pattern.parse(line) for line in lines if "**/" in line and not line.startswith("!")]
    back = [Pattern.parse(line) for line in lines if line.startswith("!")]
    return {
        path
        for path in kept
        if any(
            pattern.matches(str(above)) and len(above.parts) < len(PurePath(pattern.text).parts)
            for pattern in deep
            for above in list(PurePath(path).parents)[:-1]
        )
        and not any(pattern.matches(path) for pattern in back)
    }


TREE = ("a/c", "a/d", "a/deep/e.py", "a/deep/f.txt", "b/x.py", "top.py", "#note")
A = TREE[:4]

# What `docker build` leaves out, read off images that it made (without BuildKit).
IGNORED = {
    "nothing": ("", ()),
    "! on a folder comes too late for a file ignored before": ("a/c\n!a", ("a/c",)),
    "! on a file in an ignored folder": ("a\n!a/c", ("a/d", "a/deep/e.py", "a/deep/f.txt")),
    "! on a folder in an ignored folder": ("a\n!a/deep", ("a/c", "a/d")),
    "! that begins with ** opens no ignored folder": ("*\n!**/*.py", (*A, "b/x.py", "#note")),
    "nor does one with * before the folder": ("a\n!*/deep", A),
    "** and a ! that names nothing in the folder": ("**/a\n!a/none", A),
    "** and a ! that names one of its files": ("**/a\n!a/d", ("a/c", "a/deep/e.py", "a/deep/f.txt")),
    "the last line wins": ("!a\na", A),
    "** is any number of folders, or none": ("**/*.py", ("a/deep/e.py", "b/x.py", "top.py")),
    "** in the middle": ("a/**/e.py", ("a/deep/e.py",)),
    "** at the end": ("a/**", A),
    "slashes at both ends mean nothing": ("/a/deep/", ("a/deep/e.py", "a/deep/f.txt")),
    "paths are cleaned": ("b/.././a//deep", ("a/deep/e.py", "a/deep/f.txt")),
    "outside of the context, and its root": ("../a\n.\n/", ()),
    "* stays in one folder": ("*.py\na/*.py", ("top.py",)),
    "? is one character": ("?/?", ("a/c", "a/d")),
    "[^...] is any other character": ("[^a]", ("b/x.py",)),
    "[!...] is not": ("[!b]/*", ("b/x.py",)),
    "a range": ("a/[a-c]", ("a/c",)),
    "a backslash takes the next character as it is": ("\\#note\n\\a/\\*", ("#note",)),
    "a comment begins in the first column": ("#note\n  #note", ("#note",)),
    "case matters": ("A", ()),
    "spaces around do not": ("  a  \n!  a/c", ("a/d", "a/deep/e.py", "a/deep/f.txt")),
    "nor do the line ends of Windows, nor a byte order mark": ("\ufeffa\r\n!a/c\r\n", A[1:]),
}


@pytest.mark.parametrize(("lines", "ignored"), IGNORED.values(), ids=IGNORED)
def test_files_that_docker_build_leaves_out(tmp_path: Path, lines: str, ignored: tuple[str, ...]) -> None:
    for name in TREE:
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("x")
    found = [name for name in Ignore.parse(lines).walk(tmp_path) if (tmp_path / name).is_file()]
    assert sorted(found) == sorted(set(TREE) - set(ignored))


def test_links_are_not_entered(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").write_text("x")
    (tmp_path / "link").symlink_to("there")
    assert list(Ignore().walk(tmp_path)) == ["link", "there", "there/file"]


def test_patterns_cover_what_lies_below_them() -> None:
    rules = Ignore.parse("a\n!a/keep")
    assert [rules.covers(path) for path in ("a", "a/x/y", "a/keep", "a/keep/z", "b/a")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_every_malformed_line_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        Ignore.parse("ok\n!\n[a\n[]\n[z-a]\n[-a]\nend\\\n", "ctx/.dockerignore")
    assert [line.partition(" ")[0] for line in raised.value.details] == [
        f"ctx/.dockerignore:{number}:" for number in (2, 3, 4, 5, 6, 7)
    ]
