"""Objects as requests and answers show them: their headers, and lists of keys to delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.parsers.expat import ExpatError, ParserCreate

from deployer.errors import CloudError
from deployer.site.store import Found, Headers

META = "x-amz-meta-"
REDIRECT = "x-amz-website-redirect-location"
FOREIGN = ("content-disposition", "content-language", "expires")
"""What S3 keeps with an object besides, and we never send."""


def request_headers(headers: Headers) -> dict[str, str]:
    """As they are sent with a PUT or a copy.

    :raises CloudError: a value that HTTP cannot carry.
    """
    sent = {"content-type": headers.content_type}
    if headers.cache_control:
        sent["cache-control"] = headers.cache_control
    if headers.content_encoding:
        sent["content-encoding"] = headers.content_encoding
    if headers.redirect:
        sent[REDIRECT] = headers.redirect
    sent.update((META + name.lower(), value) for name, value in headers.metadata)
    for name, value in sent.items():
        if not (name + value).isascii() or not (name + value).isprintable():
            raise CloudError(
                f"header {name}: '{value}' holds signs that HTTP cannot carry",
                remedy="write it in ASCII, percent-encoded if need be",
            )
    return sent


def found(answer: Mapping[str, str]) -> Found:
    """What the headers of a HEAD or a GET say."""
    metadata = sorted((name[len(META) :], value) for name, value in answer.items() if name.startswith(META))
    headers = Headers(
        content_type=answer.get("content-type", ""),
        cache_control=answer.get("cache-control", ""),
        content_encoding=answer.get("content-encoding", ""),
        redirect=answer.get(REDIRECT, ""),
        metadata=tuple(metadata),
        foreign=tuple((name, answer[name]) for name in FOREIGN if name in answer),
    )
    return Found(headers, int(answer.get("content-length", 0)), etag(answer))


def etag(answer: Mapping[str, str]) -> str:
    """Without its quotes."""
    return answer.get("etag", "").strip('"')


def deletion(keys: Sequence[str]) -> bytes:
    """The body of a request that deletes many objects, and asks for failures only."""
    from html import escape  # xml.sax has one too, which brings half of the mail and the web with it

    objects = "".join(f"<Object><Key>{escape(key, quote=False)}</Key></Object>" for key in keys)
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<Delete xmlns="{namespace}">{objects}<Quiet>true</Quiet></Delete>'.encode()


def writable(key: str) -> bool:
    """Whether XML can hold a key as it is: it knows no control characters, and makes line ends the same."""
    return not any(sign < " " or sign in "\x7f\ufffe\uffff" for sign in key)


def undeleted(body: bytes) -> list[str]:
    """Which keys the answer says could not be deleted, each with why.

    :raises ValueError: it is no such answer.
    """
    failures: list[str] = []
    fields: dict[str, str] = {}
    text: list[str] = []

    def end(name: str) -> None:
        if name == "Error":
            key, code, message = (fields.get(name, "") for name in ("Key", "Code", "Message"))
            failures.append(f"{key}: {code} {message}")
        fields[name] = "".join(text)
        text.clear()

    parser = ParserCreate()
    parser.StartElementHandler = lambda _name, _attributes: text.clear()
    parser.CharacterDataHandler = text.append
    parser.EndElementHandler = end
    try:
        parser.Parse(body, True)
    except ExpatError as error:
        raise ValueError(f"an answer that is no XML: {error}") from None
    return failures
