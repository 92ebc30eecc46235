from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from deployer.config import document
from deployer.config.document import Mapping, Scalar, Sequence
from deployer.errors import ConfigError

Write = Callable[..., Path]


@pytest.fixture(params=["C", "Python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML with and without libyaml: the same words, wherever it is installed."""
    if request.param == "Python":
        monkeypatch.delattr(yaml, "CSafeLoader")


def lines(node: document.Node, above: str = "") -> dict[str, int]:
    """The line of every key and item."""
    found: dict[str, int] = {}
    if isinstance(node, Mapping):
        for value in node.entries.values():
            found |= {value.place.key: value.place.line} | lines(value)
    elif isinstance(node, Sequence):
        for item in node.items:
            found |= {item.place.key: item.place.line} | lines(item)
    return found


@pytest.mark.usefixtures("parser")
def test_every_key_and_item_knows_its_line() -> None:
    text = (
        "\n# a comment\na:\n  b: 1\n  c:\n    - x\n    - {d: 2,\n       e: 3}\n\nf: |\n  long\n  text\ng: 1\n"
    )
    tree, problems = document.parse(text, "c.yaml")
    assert problems == []
    assert lines(tree) == {
        "a": 3,
        "a.b": 4,
        "a.c": 5,
        "a.c[0]": 6,
        "a.c[1]": 7,
        "a.c[1].d": 7,
        "a.c[1].e": 8,
        "f": 10,
        "g": 13,
    }


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    "text", ["1.10", "yes", "0755", "2024-01-01", "1:30", "0x1F", "text", "'null'", '""', "1_000"]
)
def test_scalars_stay_as_written(text: str) -> None:
    tree, _ = document.parse(f"a: {text}", "c.yaml")
    node = tree.entries["a"]
    assert isinstance(node, Scalar)
    assert node.text == text.strip("'\"")


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("text", ["", "~", "null"])
def test_only_a_bare_null_is_none(text: str) -> None:
    tree, _ = document.parse(f"a: {text}", "c.yaml")
    node = tree.entries["a"]
    assert isinstance(node, Scalar)
    assert node.text is None


@pytest.mark.usefixtures("parser")
def test_anchors_aliases_and_merge_keys_work() -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {<<: [*x, *y], a: 9}\nw: *x\n"
    tree, problems = document.parse(text, "c.yaml")
    assert problems == []
    z, w = tree.entries["z"], tree.entries["w"]
    assert isinstance(z, Mapping)
    assert isinstance(w, Mapping)
    assert {key: node.text for key, node in z.entries.items() if isinstance(node, Scalar)} == {
        "a": "9",
        "b": "2",
        "c": "4",
    }
    assert list(w.entries) == ["a", "b"]


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:\n\tb: 1", "c.yaml:2:1: is not valid YAML: a tab may not indent; use spaces"),
        ("a:\n  b: 1\n\tc: 2", "c.yaml:3:1: is not valid YAML: a tab may not indent; use spaces"),
        ("a: @b", "c.yaml:1:4: is not valid YAML: a value may not begin with '@'; put it in quotes"),
        ("a: *b", "c.yaml:1:4: is not valid YAML: an alias '*name' needs its '&name' before it"),
        (
            "a: 1\n b: 2",
            (
                "c.yaml:2:3: is not valid YAML: a ':' where none may stand; "
                "indent as the lines around it, or put the value in quotes"
            ),
        ),
        (
            "a: 1\n---\nb: 2",
            "c.yaml:2:1: is not valid YAML: must be a single document, without '---' in between",
        ),
        ("a: 1\nb: \x01", "c.yaml:2: holds a character that YAML does not allow"),
        ("", "c.yaml: is empty"),
        ("# nothing\n", "c.yaml: is empty"),
        ("- a\n- b", "c.yaml:1: must be a mapping of keys to values, as in 'service:'"),
        ("shop", "c.yaml:1: must be a mapping of keys to values, as in 'service:'"),
        ("a: " + "[" * 5000, "c.yaml:1: is nested more than 40 levels deep"),
        ("a: &a [*a]", "c.yaml:1: is too large once its anchors are expanded"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        document.parse(text, "c.yaml")
    assert caught.value.message.split("; what is open")[0] == said


@pytest.mark.usefixtures("parser")
def test_an_open_bracket_is_told_with_the_line_it_began_in() -> None:
    with pytest.raises(ConfigError) as caught:
        document.parse("a: 1\nb: [1,\nc\nd: 2\n", "c.yaml")
    assert caught.value.message.startswith("c.yaml:")
    assert caught.value.message.endswith("; what is open there began in line 2")


@pytest.mark.usefixtures("parser")
def test_aliases_of_aliases_do_not_fill_the_memory() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    with pytest.raises(ConfigError, match="is too large once its anchors are expanded"):
        document.parse(text, "c.yaml")


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3", "c.yaml:5: b.c: is given twice, first in line 3"),
        ("a: !foo 1", "c.yaml:1: a: the tag '!foo' means nothing here"),
        ("a:\n  ? [x]\n  : 1", "c.yaml:2: a: a key must be a word before a ':'"),
        ("~: 1", "c.yaml:1: a key must be a word before a ':'"),
        ("a:\n  <<: 5", "c.yaml:2: a: '<<' takes a mapping, as in '<<: *name'"),
    ],
)
def test_what_is_wrong_with_keys_is_collected(text: str, said: str) -> None:
    _, problems = document.parse(text, "c.yaml")
    assert [str(problem) for problem in problems] == [said]


def test_a_file_that_cannot_be_read_is_named(folder: Path, write: Write) -> None:
    (folder / "latin.yaml").write_bytes(b"a: 1\nb: \xe4\n")
    (folder / "big.yaml").write_bytes(b"#" * (document.MAX_BYTES + 1))
    write("a: 1", "plain.yaml")
    said = {}
    for name in ("missing.yaml", ".", "latin.yaml", "big.yaml", "plain.yaml/below"):
        with pytest.raises(ConfigError) as caught:
            document.read(Path(name))
        said[name] = caught.value.message
    assert said == {
        "missing.yaml": "missing.yaml: no such file",
        ".": ".: is a folder, not a config file",
        "latin.yaml": "latin.yaml:2: is not UTF-8 text",
        "big.yaml": "big.yaml: is larger than 1 MB, which is no config of ours",
        "plain.yaml/below": "plain.yaml/below: cannot be read (Not a directory)",
    }


def test_a_byte_order_mark_is_no_part_of_the_first_key(folder: Path) -> None:
    (folder / "bom.yaml").write_bytes(b"\xef\xbb\xbfservice: 1\n")
    tree, _ = document.parse(document.read(Path("bom.yaml")), "bom.yaml")
    assert list(tree.entries) == ["service"]
