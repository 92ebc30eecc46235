"""Texts on their way to a model and back: what nobody sees is removed, what comes back is plain text.

A model's text is untrusted. It may have been talked into writing a link or a picture that carries what it
knows to a stranger's server, so addresses stay only where the person wrote the very same one, and nothing
stays that a careless client could take for HTML or Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from app.plain import clean

# Letters and marks without a shape, which `clean` lets pass because Unicode does not call them formats:
# fillers, joiners, and the variation selectors that can carry a hidden message behind one visible sign.
_HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
_MARKDOWN_LINK = re.compile(r"!?\[([^\[\]\n]*)\](?:\(\s*([^()\n]*)\)|\[[^\[\]\n]*\])")
_OPEN = re.compile(r"(?:!?\[[^\[\]\n]*(?:\](?:\(\s*[^()\n]*|\[[^\[\]\n]*)?)?|<(?=[A-Za-z/!?])[^<>]*)\Z")
_TAG = re.compile(r"<(?=[A-Za-z/!?])([^<>]*)>")
_TAG_BEGIN = re.compile(r"<(?=[A-Za-z/!?])")
_DOMAINS = (
    "com|net|org|io|dev|app|kr|co|me|info|biz|xyz|ru|cn|jp|link|site|online|ai|gg|ly|to|page|cloud"
    "|example|test"
)
_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.-]{1,20}://|www\.)[^\s<>‹›\"'“”‘’)\]]+"
    r"|\b(?:mailto|data|javascript|vbscript|file|tel|sms):[^\s<>‹›\"'“”‘’)\]]+"
    r"|(?<![\w@.])(?!(?:asp|vb|ado)\.net\b|socket\.io\b)"
    rf"(?:[a-z0-9-]{{1,63}}\.){{1,8}}(?:{_DOMAINS})(?:[/?#:][^\s<>‹›\"'“”‘’)\]]+)",
    re.IGNORECASE,
)
_OF_THE_WEB = re.compile(r"https?://|[^:]*(?:[/?#]|$)", re.IGNORECASE)  # no `javascript:`, no `data:`
_REMOVED = "[link]"
_OUTER = " \t\n\"'“”‘’«»「」『』…."


def visible(text: str) -> str:
    """What a reader sees of a text: no zero-width, tag, control or filler characters."""
    return clean(_HIDDEN.sub("", text))


def plain(text: str, own: str) -> str:
    """A model's text as plain text: tags and Markdown links undone, addresses removed.

    :param own: what the person wrote; an address that stands in there word for word is kept.
    """
    text = _MARKDOWN_LINK.sub(lambda link: f"{link[1]} {link[2] or ''}".rstrip(), visible(text))
    text = text.replace("](", "] (").replace("![", "! [")  # a link that was cut, or nested in another one
    # A frontend interview speaks of <div> too: the sign is replaced, nothing is lost, nothing is markup.
    text = _TAG_BEGIN.sub("‹", _TAG.sub(r"‹\1›", text))

    def known(address: re.Match[str]) -> str:
        bare = address[0].rstrip(".,;:!?")
        kept = _OF_THE_WEB.match(bare) and _stands_in(bare, own)
        return address[0] if kept else _REMOVED + address[0][len(bare) :]

    return _ADDRESS.sub(known, text).strip()


def shorten(text: str, limit: int) -> str:
    """At most so many characters."""
    return text if len(text) <= limit else text[:limit].rstrip()


def settled(text: str) -> int:
    """How many characters of a growing text stay the same in `plain`, whatever follows: up to the last white
    space that is not in a Markdown link or a tag, complete or still open."""
    still_open = _OPEN.search(text, max(0, len(text) - 1000))
    end = still_open.start() if still_open else len(text)
    wholes = [found.span() for pattern in (_MARKDOWN_LINK, _TAG) for found in pattern.finditer(text)]
    while True:
        end = max(text.rfind(" ", 0, end), text.rfind("\n", 0, end)) + 1
        inside = [begin for begin, after in wholes if begin < end < after]
        if not inside:
            return end
        end = inside[0]


def quotation(quote: str, source: str, limit: int) -> str | None:
    """The place of the source that is quoted, as it stands there; None where it does not.

    White space may differ, and the quotation may have marks of its own around it.
    """
    words = visible(quote[: 4 * limit]).strip(_OUTER).split()
    if len("".join(words)) < 2:
        return None
    found = re.search(r"\s+".join(re.escape(word) for word in words), source)
    return shorten(found[0], limit) if found else None


def joined(texts: Iterable[str]) -> str:
    """All of a person's texts, to look addresses up in."""
    return "\n".join(texts)


def _stands_in(address: str, own: str) -> bool:
    return re.search(rf"(?<![\w/.-]){re.escape(address)}(?![\w/?#&=%-])", own) is not None
