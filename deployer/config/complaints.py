"""What the schema found wrong, in the operator's words, with file, line and key.

Values are repeated only where they cannot be a secret: never below `env`, `args` or `labels`.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from deployer.config import document, outline, units
from deployer.config.document import Location, Mapping, Problem

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_FIXED = {
    "missing": "is required",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list, as in [one, two]",
    "dict_type": "must be a mapping of names to values",
    "model_type": "must be a mapping of keys to values",
    "model_attributes_type": "must be a mapping of keys to values",
    "path_type": "must be a path",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}
_LIMITS = {
    "greater_than": ("gt", "must be more than"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be less than"),
    "less_than_equal": ("le", "must be at most"),
}


def explain(found: list[ErrorDetails], tree: Mapping) -> list[Problem]:
    """One problem for each thing pydantic found in the merged `tree`."""
    return [_explain(dict(each), tree) for each in found]


def _explain(found: dict[str, Any], tree: Mapping) -> Problem:
    location: Location = found["loc"]
    message = _message(found, location)
    if found["type"] == "of_parent":
        location = location[:-1]
    if location and location[-1] == "[key]":
        location = location[:-1]
    return document.problem_at(tree, location, message)


def _message(found: dict[str, Any], location: Location) -> str:
    kind = found["type"]
    context = found.get("ctx", {})
    if kind == "extra_forbidden":
        return "unknown key" + _hint(location)
    if kind in _LIMITS:
        name, words = _LIMITS[kind]
        return f"{words} {_limit(context[name], location)}"
    if kind == "string_type":
        given = found.get("input")
        if given is None:
            return "has no value; write '' for an empty text"
        return f"must be text, not a {'list' if isinstance(given, list) else 'mapping'}"
    if kind == "literal_error":
        options = outline.field_at(location)
        names = [str(each) for each in getattr(options.annotation, "__args__", ())] if options else []
        near = difflib.get_close_matches(str(found.get("input")), names, n=1)
        return f"must be {' or '.join(names)}" + (f"; did you mean '{near[0]}'?" if near else "")
    if kind == "value_error":
        return str(context["error"])
    return _FIXED.get(kind, str(found["msg"]))


def _limit(value: float, location: Location) -> str:
    field = outline.field_at(location)
    match outline.measure(field) if field else "":
        case "duration":
            return units.format_duration(value)
        case "size":
            return units.format_size(int(value))
    return f"{value:g}"


def _hint(location: Location) -> str:
    """The key that may have been meant: a near name beside it, else the same name elsewhere."""
    section = outline.section_at(location[:-1])
    key = str(location[-1])
    beside = list(section.model_fields) if section else []
    if len(location) == 1:
        beside.append("environments")
    near = difflib.get_close_matches(key.lower().replace("-", "_"), beside, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    elsewhere = [
        found.dotted for found in outline.keys_of() if found.name == key and "[]" not in found.dotted
    ]
    if elsewhere:
        return "; did you mean " + " or ".join(f"'{name}'" for name in elsewhere) + "?"
    return f"; known are {', '.join(beside)}" if beside else ""
