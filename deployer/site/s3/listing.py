"""Listing a bucket: pages as they are answered, and many of them at the same time.

A page says where the next one starts, so that pages must be fetched one by one, unless keys in between are
known: then a listing can start behind each of them. Where such a stretch ends is not decided by comparing
keys, for not every store sorts them as S3 does (SeaweedFS goes folder by folder), but by what is seen: it
goes on until it meets the first key of another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote_plus
from xml.parsers.expat import ExpatError, ParserCreate

from deployer.site.store import Listed

PAGE = 1000
"""Keys of a full page: S3's own limit."""
STRETCH = 900
"""Known keys between two starts: some may be new, and a page shall reach the next start nevertheless."""

Fetch = Callable[[str], bytes]
"""From a query to the XML of a page."""
FetchAll = Callable[[Sequence[str]], list[bytes]]
"""The same for several at once."""


@dataclass(frozen=True, slots=True)
class Page:
    """
    :param token: asks for the next page; empty at the end.
    """

    objects: list[Listed]
    token: str


def everything(
    fetch: Fetch, fetch_all: FetchAll, prefix: str, boundaries: Sequence[str] = ()
) -> list[Listed]:
    """All objects below a prefix, sorted by key.

    :param boundaries: known keys in order.
    :raises ValueError: an answer is no page of a listing.
    """
    starts = ["", *boundaries[STRETCH - 1 : -1 : STRETCH]]
    queries = [_query(prefix, start=start) for start in starts]
    bodies = fetch_all(queries) if len(queries) > 1 else [fetch(queries[0])]
    firsts = [_with_objects(fetch, prefix, parse(body)) for body in bodies]
    # Two starts with nothing between them have the same first key: one of them is enough.
    stretches = {page.objects[0].key: page for page in firsts if page.objects}
    seen: dict[str, Listed] = {}
    for begin, page in stretches.items():
        for listed in _until(fetch, prefix, page, stretches.keys() - {begin}):
            seen[listed.key] = listed
    return [seen[key] for key in sorted(seen)]


def _with_objects(fetch: Fetch, prefix: str, page: Page) -> Page:
    """The page, or the next one with something on it: S3 may answer with none and a token."""
    while page.token and not page.objects:
        page = parse(fetch(_query(prefix, token=page.token)))
    return page


def _until(fetch: Fetch, prefix: str, page: Page, ends: set[str]) -> Iterable[Listed]:
    """The objects of a page and those after it, until one of `ends` is among them."""
    while True:
        yield from page.objects
        if not page.token or any(listed.key in ends for listed in page.objects):
            return
        page = parse(fetch(_query(prefix, token=page.token)))


def _query(prefix: str, *, start: str = "", token: str = "") -> str:
    parameters = {
        "continuation-token": token,
        "encoding-type": "url",
        "list-type": "2",
        "max-keys": str(PAGE),
        "prefix": prefix,
        "start-after": start,
    }
    return "&".join(f"{name}={quote(value, safe='~')}" for name, value in parameters.items() if value)


def parse(page: bytes) -> Page:
    """What a page lists.

    :raises ValueError: it is no page of a listing.
    """
    reader = _Reader()
    parser = ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(page, True)
    except ExpatError as error:
        raise ValueError(f"a listing that is no XML: {error}") from None
    return reader.page()


class _Reader:
    """Expat tells it what a page holds."""

    def __init__(self) -> None:
        self._root = ""
        self._text = ""
        self._object: dict[str, str] = {}
        self._inside = False
        self._found: list[dict[str, str]] = []
        self._about: dict[str, str] = {}

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        self._root = self._root or name
        self._text = ""
        if name == "Contents":
            self._inside, self._object = True, {}

    def text(self, text: str) -> None:
        self._text += text

    def end(self, name: str) -> None:
        if name == "Contents":
            self._inside = False
            self._found.append(self._object)
        elif self._inside:
            self._object[name] = self._text
        else:
            self._about[name] = self._text
        self._text = ""

    def page(self) -> Page:
        if self._root != "ListBucketResult":
            raise ValueError(f"a listing that is a {self._root}")
        read = unquote_plus if self._about.get("EncodingType") == "url" else str
        try:
            objects = [
                Listed(read(each["Key"]), int(each["Size"]), each["ETag"].strip('"')) for each in self._found
            ]
        except KeyError as error:
            raise ValueError(f"a listing without {error}") from None
        more = self._about.get("IsTruncated") == "true"
        token = self._about.get("NextContinuationToken", "")
        if more and not token:
            raise ValueError("a listing that does not say how it goes on")
        return Page(objects, token if more else "")
