"""What the schema found wrong, with file, line and key, and with the key that may have been meant."""

from __future__ import annotations

import difflib

from deployer.config import document, outline
from deployer.config.document import Location, Mapping, Problem
from deployer.config.model import fields
from deployer.config.reading import Flaw


def explain(found: list[Flaw], tree: Mapping) -> list[Problem]:
    """One problem for each flaw of what the merged `tree` says."""
    return [
        document.problem_at(tree, flaw.location, flaw.words + (_hint(flaw.location) if flaw.unknown else ""))
        for flaw in found
    ]


def _hint(location: Location) -> str:
    """The key that may have been meant: a near name beside it, else the same name elsewhere."""
    section = outline.section_at(location[:-1])
    key = str(location[-1])
    beside = list(fields(section)) if section else []
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
