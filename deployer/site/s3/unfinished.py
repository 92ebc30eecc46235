"""Parts of large files whose upload was killed: nobody sees them, and somebody pays for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import quote
from xml.parsers.expat import ExpatError, ParserCreate

AGE = timedelta(days=1)
"""An upload that began longer ago has no command any more that works on it."""


def query(prefix: str) -> str:
    """Asks for the uploads below a prefix that were never ended: the first thousand of them."""
    return f"prefix={quote(prefix, safe='~')}&uploads="


def abandoned(headers: Mapping[str, str], body: bytes) -> list[tuple[str, str]]:
    """Key and id of the uploads in an answer that are older than AGE, by the server's own clock.

    :raises ValueError: it is no such answer.
    """
    now = parsedate_to_datetime(headers.get("date", ""))
    found: list[tuple[str, str]] = []
    fields: dict[str, str] = {}
    text: list[str] = []

    def end(name: str) -> None:
        fields[name] = "".join(text)
        text.clear()
        if name == "Upload" and now - datetime.fromisoformat(fields["Initiated"]) > AGE:
            found.append((fields["Key"], fields["UploadId"]))

    parser = ParserCreate()
    parser.StartElementHandler = lambda _name, _attributes: text.clear()
    parser.CharacterDataHandler = text.append
    parser.EndElementHandler = end
    try:
        parser.Parse(body, True)
    except (ExpatError, KeyError) as error:
        raise ValueError(f"an answer that is no list of uploads: {error}") from None
    return found
