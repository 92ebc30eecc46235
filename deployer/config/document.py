"""YAML text as a tree that remembers where each key stands.

Scalars stay text as written (`1.10`, `yes`, `0755`); the schema decides what they mean, so YAML's guesses
never change a value on its way into `env`. Only an unquoted null is None.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from deployer.errors import ConfigError

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 40
MAX_NODES = 50_000
"""After expanding anchors: a page of aliases of aliases may otherwise fill the memory."""

_NULL = "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge", "map", "seq")
)


class Place(Struct, frozen=True):
    """Where something was written.

    :ivar source: the file as the person named it, or `--set a.b=...`.
    :ivar line: 1-based; 0 where there are no lines.
    :ivar key: the dotted path as written there, environments included.
    """

    source: str
    line: int = 0
    key: str = ""

    def below(self, key: str, line: int | None = None) -> Place:
        """The place of `key` inside the mapping here; a key such as `[0]` is an item of a list."""
        dotted = f"{self.key}{key}" if key.startswith("[") or not self.key else f"{self.key}.{key}"
        return replace(self, line=self.line if line is None else line, key=dotted)


class Scalar(Struct, frozen=True):
    """Text as written, or None for a null. `place` is that of the key it stands behind."""

    text: str | None
    place: Place


class Sequence(Struct, frozen=True):
    """A list."""

    items: tuple[Node, ...]
    place: Place


class Mapping(Struct, frozen=True):
    """Keys with their values; each value's place is its key's."""

    entries: dict[str, Node]
    place: Place


Node = Scalar | Sequence | Mapping

Location = tuple[str | int, ...]
"""A path into the tree, as ("rollout", "smoke", 0, "path")."""


class Problem(Struct, frozen=True, order=True):
    """One thing that is wrong; prints as `file:line: path.to.key: what`."""

    order: int
    line: int
    text: str

    def __str__(self) -> str:
        return self.text


def problem(place: Place, message: str, *, key: str | None = None, order: int = 0) -> Problem:
    """A problem at `place`.

    :param key: the path to name where it differs from the place's, as for a key that is missing.
    :param order: problems of a lower order are listed first, whatever their line.
    """
    named = place.key if key is None else key
    where = f"{place.source}:{place.line}: " if place.line else f"{place.source}: "
    if place.source.startswith("--set"):
        # `--set edge.port=...` names the key already.
        named = "" if place.source == f"--set {named}=..." else named
        order += 1
    return Problem(order, place.line, where + (f"{named}: " if named else "") + message)


def problem_at(tree: Mapping, location: Location, message: str) -> Problem:
    """A problem with the key at `location`; where the file lacks it, in the line of what should hold it."""
    node, depth = _deepest(tree, location)
    # A mapping of the base may hold keys of an environment: a place without a key is named by the path.
    place = node.place if node.place.key or not depth else node.place.below(_dotted(location[:depth]))
    rest = location[depth:]
    return problem(place, message, key=place.below(_dotted(rest)).key if rest else None)


def invalid(source: str, problems: list[Problem]) -> ConfigError:
    """All problems of a config as one error."""
    lines = [str(found) for found in sorted(set(problems))]
    count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    return ConfigError(
        f"{source}: {count}",
        details=lines,
        remedy="`deployer config docs` explains every key.",
    )


def read(path: Path) -> str:
    """The text of a config file.

    :raises ConfigError: missing, unreadable, too large, or not UTF-8.
    """
    try:
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder, not a config file", remedy="name the file in it")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file", remedy="name another with --config, or write one: `deployer config docs`"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror or 'unreadable'})") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: is larger than 1 MB, which is no config of ours")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8 text") from None


def parse(text: str, source: str) -> tuple[Mapping, list[Problem]]:
    """The tree of a config file's text, and what is wrong with its keys (given twice, not text).

    :raises ConfigError: it is no YAML, or no mapping.
    """
    place = Place(source)
    node, problems = parse_value(text, place)
    if isinstance(node, Mapping):
        return node, problems
    if isinstance(node, Scalar) and node.text is None:
        raise ConfigError(f"{source}: is empty", remedy="`deployer config docs` shows what may stand in it.")
    raise ConfigError(f"{source}:1: must be a mapping of keys to values, as in 'service:'")


def parse_value(text: str, place: Place) -> tuple[Node, list[Problem]]:
    """The tree of any YAML text that stands at `place`; lines are counted only where the place is a file.

    :raises ConfigError: it is no YAML.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_deep_nesting(text, place)
        root = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, place, text) from None
    except yaml.YAMLError as error:
        # Characters that YAML does not know: the reader has counted them, not their lines.
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1
        where = place.source if _is_set(place) else f"{place.source}:{line}"
        raise ConfigError(f"{where}: holds a character that YAML does not allow") from None
    if root is None:
        return Scalar(None, place), []
    builder = _Builder(counts_lines=not _is_set(place))
    return builder.build(root, place, depth=0), builder.problems


class _Builder:
    """Turns PyYAML's nodes into ours, collecting problems on the way."""

    def __init__(self, *, counts_lines: bool) -> None:
        self.problems: list[Problem] = []
        self._counts_lines = counts_lines
        self._nodes = 0
        self._open: set[int] = set()

    def build(self, node: yaml.Node, place: Place, depth: int) -> Node:
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH or id(node) in self._open:
            raise ConfigError(
                f"{place.source}:{self._line(node)}: is too large once its anchors are expanded"
            )
        if node.tag not in _TAGS:
            self.problems.append(problem(place, f"the tag '{node.tag}' means nothing here"))
        self._open.add(id(node))
        try:
            return self._content(node, place, depth)
        finally:
            self._open.discard(id(node))

    def _content(self, node: Any, place: Place, depth: int) -> Node:
        if node.id == "mapping":
            return Mapping(self._entries(node, place, depth), place)
        if node.id == "sequence":
            return Sequence(
                tuple(
                    self.build(item, place.below(f"[{index}]", self._line(item)), depth + 1)
                    for index, item in enumerate(node.value)
                ),
                place,
            )
        return Scalar(None if node.tag == _NULL else node.value, place)

    def _entries(self, node: Any, place: Place, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            if key.tag == _MERGE:
                for name, child in self._merged(value, place, depth):
                    merged.setdefault(name, child)
                continue
            if key.id != "scalar" or key.tag == _NULL:
                self.problems.append(
                    problem(replace(place, line=self._line(key)), "a key must be a word before a ':'")
                )
                continue
            here = place.below(key.value, self._line(key))
            if key.value in entries:
                first = entries[key.value].place.line
                self.problems.append(
                    problem(here, "is given twice" + (f", first in line {first}" if first else ""))
                )
                continue
            entries[key.value] = self.build(value, here, depth + 1)
        return {**merged, **entries}

    def _merged(self, node: Any, place: Place, depth: int) -> Iterator[tuple[str, Node]]:
        """What `<<: *anchor` or `<<: [*one, *two]` brings; the first one given wins."""
        for source in node.value if node.id == "sequence" else [node]:
            if source.id != "mapping":
                self.problems.append(
                    problem(replace(place, line=self._line(node)), "'<<' takes a mapping, as in '<<: *name'")
                )
                continue
            built = self.build(source, place, depth + 1)
            if isinstance(built, Mapping):
                yield from built.entries.items()

    def _line(self, node: Any) -> int:
        return node.start_mark.line + 1 if self._counts_lines else 0


def _refuse_deep_nesting(text: str, place: Place) -> None:
    """The composer recurses in C: a page of '[' would end the process rather than raise."""
    import yaml

    def refusal(mark: yaml.Mark) -> ConfigError:
        where = place.source if _is_set(place) else f"{place.source}:{mark.line + 1}"
        return ConfigError(f"{where}: is nested more than {MAX_DEPTH} levels deep")

    depth = 0
    event: Any
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > MAX_DEPTH:
                raise refusal(event.start_mark)
    except yaml.MarkedYAMLError as error:
        # Newer parsers have a limit of their own, which their look ahead meets first.
        if "nesting depth" in (error.problem or "") and error.problem_mark:
            raise refusal(error.problem_mark) from None
        raise


def _syntax_error(error: yaml.MarkedYAMLError, place: Place, text: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    said = _in_words(error, text)
    if _is_set(place) or mark is None:
        return ConfigError(f"{place.source}: is not valid YAML: {said}")
    began = error.context_mark
    if began and began.line != mark.line and "document" not in (error.context or ""):
        said += f"; what is open there began in line {began.line + 1}"
    return ConfigError(f"{place.source}:{mark.line + 1}:{mark.column + 1}: is not valid YAML: {said}")


def _in_words(error: yaml.MarkedYAMLError, text: str) -> str:
    """What the parser said, in the same words whether it is the one in C or the one in Python."""
    said = error.problem or "cannot be understood"
    if "single document" in (error.context or ""):
        return "must be a single document, without '---' in between"
    if "undefined alias" in said:
        return "an alias '*name' needs its '&name' before it"
    if "mapping values are not allowed" in said:
        return "a ':' where none may stand; indent as the lines around it, or put the value in quotes"
    if "tab character" in said:
        return "a tab may not indent; use spaces"
    mark = error.problem_mark
    if "cannot start any token" in said and mark is not None:
        rest = text.split("\n")[mark.line][mark.column :]
        if rest.startswith("\t"):
            return "a tab may not indent; use spaces"
        return f"a value may not begin with '{rest[:1]}'; put it in quotes"
    return said


def _deepest(tree: Node, location: Location) -> tuple[Node, int]:
    """The node of the longest part of `location` that exists in the file, and that part's length."""
    node = tree
    for count, step in enumerate(location):
        if isinstance(node, Mapping) and isinstance(step, str) and step in node.entries:
            node = node.entries[step]
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return node, count
    return node, len(location)


def _dotted(location: Location) -> str:
    text = ""
    for step in location:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _is_set(place: Place) -> bool:
    return place.source.startswith("--set")
