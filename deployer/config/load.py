"""From a file, an environment and `--set` to a `Config`: read, merge, validate; every problem at once."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping as MappingABC
from collections.abc import Sequence as SequenceABC
from pathlib import Path

from msgspec import Struct

from deployer.config import document
from deployer.config.document import Mapping, Node, Place, Problem, Scalar, Sequence, problem
from deployer.config.reading import Invalid
from deployer.config.schema import Config
from deployer.errors import ConfigError

DEFAULT_NAME = "config.yaml"
ENVIRONMENTS = "environments"
TEXTS = frozenset({"env", "labels", "args", "credentials", "metadata", "redirects"})
"""Mappings whose keys are the operator's own: dots belong to the key, a null is no way to say 'default'."""


_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
"""It becomes a part of names of files, units and messages, and an argument in crontabs."""


class Source(Struct, frozen=True):
    """A config file that has been read: its base and its environments, not yet merged or validated.

    :ivar name: the file as the person named it.
    :ivar path: where it is.
    :ivar problems: what is already known to be wrong.
    """

    name: str
    path: Path
    base: Mapping
    environments: dict[str, Node]
    problems: tuple[Problem, ...]


def load(
    path: Path | None = None,
    *,
    env: str | None = None,
    sets: SequenceABC[str] = (),
    environ: MappingABC[str, str] = os.environ,
) -> Config:
    """The config of `path`, with the environment `env` merged over its base, and `sets` over both.

    :param path: the file; else DEPLOYER_CONFIG, else config.yaml in the current folder.
    :param env: the environment; else DEPLOYER_ENV, else none.
    :param sets: `a.b.c=value` each, the value in YAML.
    :raises ConfigError: with every problem in `details`, as `config.yaml:12: service.prot: unknown key`.
    """
    return assemble(open_source(find(path, environ)), env or environ.get("DEPLOYER_ENV") or None, sets)


def find(path: Path | None, environ: MappingABC[str, str]) -> Path:
    """The config file to read.

    :raises ConfigError: none was named, and there is no config.yaml here.
    """
    named = path or environ.get("DEPLOYER_CONFIG")
    if named:
        return Path(named)
    here = Path(DEFAULT_NAME)
    if not here.is_file():
        raise ConfigError(
            f"there is no {DEFAULT_NAME} in {Path.cwd()}",
            remedy="name one with --config, or write one: `deployer config docs`",
        )
    return here


def open_source(path: Path) -> Source:
    """Read a file.

    :raises ConfigError: it cannot be read, or is no YAML mapping.
    """
    root, problems = document.parse(document.read(path), str(path))
    base = dict(root.entries)
    environments = base.pop(ENVIRONMENTS, None)
    named: dict[str, Node] = {}
    if isinstance(environments, Mapping):
        named = environments.entries
        problems += [
            problem(node.place, "must be a mapping, like the whole file")
            for node in named.values()
            if isinstance(node, Sequence) or (isinstance(node, Scalar) and node.text is not None)
        ]
        problems += [
            problem(node.place, "an environment's name must be letters, digits, '-' and '_'")
            for name, node in named.items()
            if not _ENVIRONMENT.fullmatch(name)
        ]
    elif environments is not None and not _is_null(environments):
        problems.append(problem(environments.place, "must be a mapping of names to parts of a config"))
    return Source(str(path), path, Mapping(base, root.place), named, tuple(problems))


def assemble(source: Source, env: str | None = None, sets: SequenceABC[str] = ()) -> Config:
    """Merge and validate.

    :raises ConfigError: as `load`.
    """
    tree, problems = merged(source, env, sets)
    try:
        config = Config.of({key: plain(value) for key, value in tree.entries.items()})
    except Invalid as error:
        from deployer.config import complaints

        problems += complaints.explain(error.found, tree)
        raise document.invalid(source.name, problems) from None
    if problems:
        raise document.invalid(source.name, problems)
    return config.located(source.path, env)


def merged(source: Source, env: str | None, sets: SequenceABC[str]) -> tuple[Mapping, list[Problem]]:
    """The tree to validate, and what went wrong on the way to it."""
    problems = list(source.problems)
    tree = source.base
    if env is not None:
        overlay = source.environments.get(env)
        if isinstance(overlay, Mapping):
            tree = merge(tree, overlay)
        elif overlay is None:
            problems.append(_no_environment(source, env))
    for assignment in sets:
        try:
            tree = merge(tree, parse_set(assignment))
        except ConfigError as error:
            problems.append(Problem(1, 0, error.message))
    return without_nulls(tree), problems


def merge(base: Mapping, overlay: Mapping) -> Mapping:
    """`overlay` over `base`: mappings merge key by key, lists and scalars replace, a null removes."""
    entries = dict(base.entries)
    for key, value in overlay.entries.items():
        below = entries.get(key)
        if _is_null(value):
            entries.pop(key, None)
        elif isinstance(value, Mapping):
            # Merging over nothing still drops the nulls inside.
            start = below if isinstance(below, Mapping) else Mapping({}, value.place)
            entries[key] = merge(start, value)
        else:
            entries[key] = value
    return Mapping(entries, base.place)


def parse_set(assignment: str) -> Mapping:
    """The overlay of one `--set a.b.c=value`.

    Below `env` and the other TEXTS the rest of the path is one key, and the value is taken literally.

    :raises ConfigError: no `=`, an empty path, or a value that is no YAML. The value is never repeated.
    """
    path, equals, value = assignment.partition("=")
    steps = path.strip().split(".")
    if not equals:
        # Without '=' the whole may be a secret on its own: show nothing beyond a plain key.
        shown = f" {path}" if all(step.isidentifier() for step in steps) else ""
        raise ConfigError(f"--set{shown}: must be key=value, as in service.port=8081")
    if not all(step.strip() for step in steps):
        raise ConfigError(f"--set {path}=...: the key must be words with dots between, as in service.port")
    texts = next(
        (index for index, step in enumerate(steps) if step in TEXTS and index + 1 < len(steps)), None
    )
    if texts is not None:
        steps = [*steps[: texts + 1], ".".join(steps[texts + 1 :])]
    source = f"--set {path}=..."
    node = _set_value(value, Place(source, key=".".join(steps)), literal=texts is not None)
    for index in range(len(steps) - 1, 0, -1):
        node = Mapping({steps[index]: node}, Place(source, key=".".join(steps[:index])))
    return Mapping({steps[0]: node}, Place(source))


def _set_value(text: str, place: Place, *, literal: bool) -> Node:
    if literal:
        return Scalar(None if text in ("null", "~") else text, place)
    node, problems = document.parse_value(text, place)
    if problems:
        raise ConfigError(str(problems[0]))
    return node


def without_nulls(tree: Mapping) -> Mapping:
    """`key:` with nothing behind it is a key not given, except among the operator's own keys."""
    entries = {
        key: node if key in TEXTS else _clean(node)
        for key, node in tree.entries.items()
        if not _is_null(node)
    }
    return Mapping(entries, tree.place)


def plain(node: Node) -> object:
    """The tree as dicts, lists and text, for the schema to judge."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.text


def _clean(node: Node) -> Node:
    if isinstance(node, Mapping):
        return without_nulls(node)
    if isinstance(node, Sequence):
        return Sequence(tuple(_clean(item) for item in node.items), node.place)
    return node


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.text is None


def _no_environment(source: Source, env: str) -> Problem:
    names = list(source.environments)
    near = difflib.get_close_matches(env, names, n=1)
    if near:
        known = f"; did you mean '{near[0]}'?"
    else:
        known = f"; known are {', '.join(names)}" if names else "; it has no 'environments:'"
    return problem(Place(source.name), f"no environment '{env}'{known}")
