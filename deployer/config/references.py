"""References to secrets inside values: `${env:NAME}`, `${file:/path}`, `${ssm:/path}`; `$${` is a plain `${`.

Parsing only, without looking anything up: a config holds references, `secrets` resolves them late.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

SCHEMES = {
    "env": re.compile(r"[A-Za-z_][A-Za-z0-9_]*"),
    "file": re.compile(r"/[^\0]+"),
    "ssm": re.compile(r"/[A-Za-z0-9_./-]+"),
}
_WANTED = {"env": "the name of a variable", "file": "an absolute path", "ssm": "a path beginning with '/'"}
_PIECE = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")
_MENTION = re.compile(r"(?<!\$)\$\{(?:env|file|ssm):")


class Reference(Struct, frozen=True):
    """One `${scheme:name}`; printing it gives that form back, never what it stands for."""

    scheme: str
    name: str

    def __str__(self) -> str:
        return f"${{{self.scheme}:{self.name}}}"


def parse(text: str) -> list[str | Reference]:
    """The literal pieces and the references of `text`, in order, escapes undone.

    :raises ValueError: a reference is malformed or of an unknown kind; the message shows the reference only.
    """
    pieces: list[str | Reference] = []
    position = 0
    for match in _PIECE.finditer(text):
        pieces.append(text[position : match.start()])
        position = match.end()
        pieces.append("${" if match[1] is None else _reference(match[1], closed=bool(match[2])))
    pieces.append(text[position:])
    return [piece for piece in pieces if piece != ""]


def references(value: object) -> Iterator[Reference]:
    """Every reference in the texts of a value made of mappings and lists; malformed ones are passed over."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from references(item)
    elif isinstance(value, str) and "${" in value:
        try:
            yield from (piece for piece in parse(value) if isinstance(piece, Reference))
        except ValueError:
            return  # a plain text that only looks like one


def has_reference(text: str) -> bool:
    """Whether `text` holds at least one well-formed reference."""
    try:
        return any(isinstance(piece, Reference) for piece in parse(text))
    except ValueError:
        return False


def mentioned(text: str) -> bool:
    """Whether `text` looks like it wants a reference resolved, well-formed or not."""
    return _MENTION.search(text) is not None


def _reference(body: str, *, closed: bool) -> Reference:
    # A broken reference may be a piece of a literal secret: no more of it is shown than a known kind or a
    # plain name.
    scheme, colon, name = body.partition(":")
    if not closed:
        raise ValueError("a reference '${' lacks its '}'; write $${ for a plain ${")
    if not colon:
        hint = f"${{env:{body}}}" if SCHEMES["env"].fullmatch(body) else "${env:NAME}"
        raise ValueError(f"'${{' begins a reference; write {hint}, or $${{ for a plain ${{")
    if scheme not in SCHEMES:
        near = difflib.get_close_matches(scheme, SCHEMES, n=1)
        known = f"did you mean '{near[0]}'?" if near else "known are env, file and ssm"
        raise ValueError(f"holds an unknown kind of reference; {known}")
    if not SCHEMES[scheme].fullmatch(name):
        raise ValueError(f"'${{{scheme}:...}}' needs {_WANTED[scheme]} after '{scheme}:'")
    return Reference(scheme, name)
