"""The scanner finds the same texts wherever the JSON is cut, and what nobody wrote never comes out of it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from typing import Any

import pytest

from app.interviewer.partial import MAX_DEPTH, Piece, Scanner

DOCUMENT = {
    "summary": 'Said "go" \\ then\n\tleft; 한글, é, 😀, </data>',
    "empty": "",
    "numbers": [1, -2.5e10, True, False, None, "after"],
    "questions": [
        {"text": "첫 번째", "tags": [], "more": {}},
        {"text": "second 🏳️‍🌈", "basis": None, "score": 4},
    ],
    "nested": [[["deep"], []], {"a": {"b": ["c", {"d": "e"}]}}],
    "~/key": "odd",
}


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> dict[tuple[str | int, ...], str]:
    """The strings of a document by their places."""
    match value:
        case dict():
            return {k: v for name, each in value.items() for k, v in leaves(each, (*path, name)).items()}
        case list():
            return {k: v for n, each in enumerate(value) for k, v in leaves(each, (*path, n)).items()}
        case str():
            return {path: value}
    return {}


def scanned(pieces: Iterable[str]) -> dict[tuple[str | int, ...], str]:
    """What the scanner says that the strings are; each must have an end, and just one."""
    scanner, found, ended = Scanner(), dict[tuple[str | int, ...], str](), set[tuple[str | int, ...]]()
    for text in pieces:
        for piece in scanner.feed(text):
            assert piece.path not in ended
            found[piece.path] = found.get(piece.path, "") + piece.text
            if piece.end:
                ended.add(piece.path)
    assert ended == set(found)
    return found


@pytest.mark.parametrize("escaped", [True, False])
@pytest.mark.parametrize("indent", [None, 2])
def test_it_finds_all_texts_wherever_the_document_is_cut(escaped: bool, indent: int | None) -> None:
    text = json.dumps(DOCUMENT, ensure_ascii=escaped, indent=indent)
    expected = leaves(DOCUMENT)
    assert scanned([text]) == expected
    assert scanned(text) == expected
    for cut in range(len(text)):
        assert scanned([text[:cut], text[cut:]]) == expected


@pytest.mark.parametrize("seed", range(50))
def test_it_agrees_with_json_on_random_documents(seed: int) -> None:
    random_ = random.Random(seed)

    def value(depth: int) -> Any:
        match random_.randrange(8 if depth else 4):
            case 0 | 1:
                return "".join(
                    random_.choice('ab"\\/\b\f\n\r\té한😀{}[],:\u2028') for _ in range(random_.randrange(9))
                )
            case 2:
                return random_.choice([0, -1, 1.5e-7, 10**20, True, False, None])
            case 3:
                return random_.choice([{}, [], ""])
            case 4 | 5:
                return [value(depth - 1) for _ in range(random_.randrange(4))]
        marks = ["", "한", '"', "\\", "/"]
        return {f"k{n}" + random_.choice(marks): value(depth - 1) for n in range(random_.randrange(4))}

    document = value(6)
    text = json.dumps(document, ensure_ascii=random_.random() < 0.5, indent=random_.choice([None, 1]))
    pieces = []
    while text:
        size = random_.randint(1, 12)
        pieces.append(text[:size])
        text = text[size:]
    assert scanned(pieces) == leaves(document)


def test_a_text_is_told_as_it_arrives() -> None:
    scanner = Scanner()
    assert list(scanner.feed('{"summary": "Ha')) == [Piece(("summary",), "Ha", end=False)]
    assert list(scanner.feed("l\\u00e")) == [Piece(("summary",), "l", end=False)]
    assert list(scanner.feed("9")) == [Piece(("summary",), "é", end=False)]
    assert list(scanner.feed("\\ud83d")) == []
    assert list(scanner.feed('\\ude00"')) == [Piece(("summary",), "😀", end=True)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r'"\ud83dx"', "\ufffdx"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd😀"),
        (r'"\ude00"', "\ufffd"),
        (r'"\ud83d"', "\ufffd"),
        (r'"\ud83d\n"', "\ufffd\n"),
    ],
)
def test_half_of_a_surrogate_pair_is_replaced(text: str, expected: str) -> None:
    assert scanned(text) == {(): expected}


@pytest.mark.parametrize(
    "text",
    [
        "no json", '{"a" "b"}', '{"a": "b" "c"}', "{a: 1}", '["a"}', '{"a": "b"]', '"\\x41"', '"\\u12g4"',
        '"a\nb"', "]", "}", ",", ":", '{"a":: "b"}', '{,"a": "b"}', '["a",, "b"]', "'a'", "[" * 100_000,
        '{"a":' * 100_000, '"' + "\\" * 9, "", "\x00", "\ufeff{}",
    ],
)  # fmt: skip
def test_what_is_no_json_ends_it_quietly(text: str) -> None:
    pieces = [piece for character in text for piece in Scanner().feed(character)]
    scanner = Scanner()
    found = [piece for character in text for piece in scanner.feed(character)]
    assert len(pieces) + len(found) <= 8
    assert all(piece.text in text for piece in found)


def test_it_goes_as_deep_as_it_says_and_no_deeper() -> None:
    for depth, seen in ((MAX_DEPTH, True), (MAX_DEPTH + 1, False)):
        text = "[" * depth + '"deep"' + "]" * depth
        assert bool(list(Scanner().feed(text))) is seen


def test_a_key_without_end_ends_it() -> None:
    scanner = Scanner()
    assert list(scanner.feed('{"' + "k" * 10_000 + '": "text"}')) == []
