"""The README's pictures, and the terminal that they are taken from."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from scripts import terminal

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"


def test_the_terminals_picture_asks_nobody_for_anything() -> None:
    text = (PICTURES / "rollout.svg").read_text("utf-8")
    ET.fromstring(text)  # noqa: S314  (it is ours)
    assert set(re.findall(r"https?://[^\"\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in text
    assert "@font-face" not in text


def test_the_terminals_picture_shows_that_nothing_was_lost() -> None:
    text = "".join(ET.parse(PICTURES / "rollout.svg").getroot().itertext())  # noqa: S314
    assert re.search(r"lost\s=\s0", text)


def test_the_pages_picture_is_light() -> None:
    content = (PICTURES / "interview.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert len(content) < 300_000


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("one\r\ntwo\r\n", ["one", "two"]),
        ("wait\r\x1b[2Kdone\r\n", ["done"]),
        ("a\r\nb\r\n\x1b[1A\x1b[2Kc\r\n", ["a", "c"]),
        ("\x1b[?25l\x1b[32mok\x1b[0m\x1b[?25h", ["\x1b[32mok\x1b[0m"]),
        ("text\r\n\r\n \x1b[0m\r\n", ["text"]),
    ],
    ids=["lines", "erased", "up", "colour", "empty"],
)
def test_a_screen_shows_what_is_left(written: str, lines: list[str]) -> None:
    assert terminal.screen(written) == lines


def test_a_command_on_a_terminal_knows_that_it_is_on_one(tmp_path: Path) -> None:
    script = "import os, sys; print(sys.stdout.isatty(), os.get_terminal_size().columns); sys.exit(3)"
    code, written = terminal.run([sys.executable, "-c", script], columns=72, cwd=tmp_path)
    assert (code, terminal.screen(written)) == (3, ["True 72"])
