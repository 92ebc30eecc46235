"""From what a file says, as dicts, lists and text, to sections: every problem at once, in plain words."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from msgspec import Struct

from deployer.config import units
from deployer.config.document import Location
from deployer.config.model import Kind, Section, fields, kind_of

T = TypeVar("T")
_WRONG: Any = object()
"""In place of a value that there is a flaw about."""

_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
_LIMITS = {
    "gt": (operator.gt, "must be more than"),
    "ge": (operator.ge, "must be at least"),
    "lt": (operator.lt, "must be less than"),
    "le": (operator.le, "must be at most"),
}


class Flaw(Struct, frozen=True):
    """Something that is wrong. It never repeats a value, which may be a secret.

    :ivar unknown: there is no such key.
    """

    location: Location
    words: str
    unknown: bool = False

    def below(self, name: str) -> Flaw:
        """The same, seen from one section further up."""
        return Flaw((name, *self.location), self.words, self.unknown)


class Invalid(ValueError):
    """What is said is not as it must be. :ivar found: everything that is wrong."""

    def __init__(self, found: list[Flaw]) -> None:
        super().__init__("; ".join(f"{'.'.join(map(str, each.location))}: {each.words}" for each in found))
        self.found = found


def made(what: type[T], said: object) -> T:
    """A section, or a list of them as an annotated type, of what is said.

    :raises Invalid: with every problem.
    """
    flaws: list[Flaw] = []
    value = _read(kind_of(what), said, (), flaws)
    if flaws:
        raise Invalid(flaws)
    return cast(T, value)


def _read(kind: Kind, said: object, at: Location, flaws: list[Flaw], given: object = None) -> Any:
    """The value, or `_WRONG` with its flaws noted.

    :param given: what it is where the file says nothing of it.
    """
    if said is None and kind.nullable:
        return None
    before = len(flaws)
    try:
        if kind.section is not None:
            return _section(kind.section, said, at, flaws, given)
        value = _value(kind, said, at, flaws)
        if len(flaws) == before:
            _judge(kind, value)
            return value
    except ValueError as error:
        flaws.append(Flaw(at, str(error)))
    return _WRONG


def _value(kind: Kind, said: object, at: Location, flaws: list[Flaw]) -> Any:
    if kind.parse is not None:
        return kind.parse(said)
    if kind.type is list and kind.items:
        if not isinstance(said, list):
            raise ValueError("must be a list, as in [one, two]")
        return [_read(kind.items, each, (*at, index), flaws) for index, each in enumerate(said)]
    if kind.type is dict and kind.items and kind.names:
        if not isinstance(said, Mapping):
            raise ValueError("must be a mapping of names to values")
        return {
            _read(kind.names, name, (*at, name), flaws): _read(kind.items, each, (*at, name), flaws)
            for name, each in said.items()
        }
    if kind.type is Literal:
        return _option(kind.options, said)
    return _scalar(kind.type, said)


def _option(options: tuple[str, ...], said: object) -> str:
    if isinstance(said, str) and said in options:
        return said
    near = difflib.get_close_matches(str(said), options, n=1)
    raise ValueError(f"must be {' or '.join(options)}" + (f"; did you mean '{near[0]}'?" if near else ""))


def _scalar(kind: Any, said: object) -> Any:
    if kind is str:
        if isinstance(said, (str, int, float)) and not isinstance(said, bool):
            return str(said)
        if said is None:
            raise ValueError("has no value; write '' for an empty text")
        raise ValueError(f"must be text, not a {'list' if isinstance(said, list) else 'mapping'}")
    if kind is Path:
        if isinstance(said, (str, Path)):
            return Path(said)
        raise ValueError("must be a path")
    if kind is bool:
        found = said if isinstance(said, bool) else _BOOLEANS.get(str(said).lower())
        if found is None:
            raise ValueError("must be true or false")
        return found
    return _number(kind, said)


def _number(kind: Any, said: object) -> int | float:
    complaint = "must be a whole number" if kind is int else "must be a number"
    if isinstance(said, bool) or not isinstance(said, (str, int, float)):
        raise ValueError(complaint)  # noqa: TRY004 - all that is wrong is a ValueError here
    try:
        value: int | float = kind(said)
        # 8.5 is no whole number, though `int` would take it for one.
        if math.isfinite(value) and (isinstance(said, str) or value == said):
            return value
    except (ValueError, OverflowError):
        pass
    raise ValueError(complaint)


def _judge(kind: Kind, value: Any) -> None:
    for meta in kind.metas:
        for name, (within, words) in _LIMITS.items():
            limit = getattr(meta, name)
            if limit is not None and not within(value, limit):
                raise ValueError(f"{words} {_written(limit, kind)}")
        if meta.min_length is not None and len(value) < meta.min_length:
            raise ValueError("must not be empty")
    for check in kind.checks:
        check(value)


def _written(limit: float, kind: Kind) -> str:
    match kind.measure:
        case "duration":
            return units.format_duration(limit)
        case "size":
            return units.format_size(int(limit))
    return f"{limit:g}"


def _section(section: type[Section], said: object, at: Location, flaws: list[Flaw], given: object) -> Any:
    if isinstance(said, section):
        return said
    if not isinstance(said, Mapping):
        flaws.append(Flaw(at, "must be a mapping of keys to values"))
        return _WRONG
    before = len(flaws)
    known = fields(section)
    right: dict[str, Any] = {}
    for name, field in known.items():
        # What the section around it has it be counts before its own default.
        default = getattr(given, name, field.default)
        if name in said:
            value = _read(field.kind, said[name], (*at, name), flaws, default)
            if value is not _WRONG:
                right[name] = value
        elif field.required and given is None:
            flaws.append(Flaw((*at, name), "is required"))
        else:
            right[name] = default
    flaws += [Flaw((*at, name), "unknown key", unknown=True) for name in said if name not in known]
    flaws += [Flaw((*at, name) if name else at, words) for name, words in section.conflicts(right)]
    if len(flaws) > before:
        return _WRONG
    # What is left out has the section make its own default: a list in it is then no other section's.
    return section(**{name: value for name, value in right.items() if name in said or given is not None})
