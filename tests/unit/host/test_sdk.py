"""What the SDK and the libraries below it raise, in our words."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import docker.errors
import pytest
import requests
import urllib3
from docker.utils.json_stream import json_stream

from deployer.errors import Conflict, EngineError, EngineUnreachable, ImageError, ImageMissing, NotFound
from deployer.host.sdk import mapped

NEVER_HERE = {
    # A TLS connection to a proxy, through another: requests refuses such a proxy's address itself.
    urllib3.exceptions.ProxySchemeUnsupported
}


def kinds(module: ModuleType) -> list[type[Exception]]:
    """The exceptions that a module defines, warnings not among them."""
    own = [found for found in vars(module).values() if inspect.isclass(found)]
    return [
        found
        for found in own
        if issubclass(found, Exception)
        and not issubclass(found, Warning)
        and found.__module__ == module.__name__
        and found not in NEVER_HERE
    ]


KINDS = [
    kind
    for module in (docker.errors, requests.exceptions, urllib3.exceptions)
    for kind in dict.fromkeys(kinds(module))
]


WORDS: dict[type[Exception], tuple[object, ...]] = {
    # What is made from other things than words.
    requests.exceptions.JSONDecodeError: ("no", "{", 0),
    urllib3.exceptions.IncompleteRead: (1, 2),
    urllib3.exceptions.InvalidChunkLength: (SimpleNamespace(tell=lambda: 0, length_remaining=0), b"x"),
}


def made(kind: type[Exception]) -> Exception:
    """One of a kind, whatever it wants to be made from."""
    _, *wanted = inspect.signature(kind.__init__).parameters.values()
    needed = [one for one in wanted if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    return kind(*WORDS.get(kind, [one.name for one in needed]))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_whatever_the_libraries_raise_is_an_error_of_ours(kind: type[Exception]) -> None:
    with pytest.raises((EngineError, ImageError)) as caught, mapped("asking", "unix:///x"):
        raise made(kind)
    assert caught.value.message.startswith("asking: ")
    assert isinstance(caught.value.__cause__, kind)


def test_all_of_them_are_looked_at() -> None:
    assert {docker.errors.StreamParseError, requests.ReadTimeout, urllib3.exceptions.IncompleteRead} < set(
        KINDS
    )
    assert len(KINDS) > 60


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (docker.errors.ImageNotFound, ImageMissing),
        (docker.errors.NotFound, NotFound),
        (docker.errors.APIError, EngineError),
        (requests.ConnectionError, EngineUnreachable),
    ],
)
def test_what_is_told_apart(error: type[Exception], expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught, mapped("asking", "unix:///x"):
        raise error("no")
    assert type(caught.value) is expected


def test_a_name_that_is_taken_is_a_conflict() -> None:
    response = requests.Response()
    response.status_code = 409
    with pytest.raises(Conflict), mapped("creating container shop", "unix:///x"):
        raise docker.errors.APIError("no", response)


def test_an_answer_that_breaks_off_is_an_engine_that_went_away() -> None:
    """A pull, a build and a load are read piece by piece, from below the library that maps such errors."""
    with pytest.raises(EngineUnreachable, match="pulling"), mapped("pulling shop:1", "unix:///x"):
        raise urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead(0 bytes read)")


def test_a_message_that_is_cut_short_is_an_engine_that_went_away() -> None:
    def messages() -> Iterator[str]:
        yield json.dumps({"stream": "Step 1/2"}) + "\n"
        yield '{"stream": "Ste'

    with pytest.raises(EngineUnreachable, match="broke off"), mapped("building an image", "unix:///x"):
        list(json_stream(messages()))
