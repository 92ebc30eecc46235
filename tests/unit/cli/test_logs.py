"""What a container printed, however the engine cuts it into pieces."""

from __future__ import annotations

import pytest

from deployer.cli.logs import _lines
from deployer.cli.serving import texts

SAID = "한국어 one\n\ntwo \xff\nlast".encode()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_characters_and_lines_survive_being_cut(size: int) -> None:
    chunks = [SAID[at : at + size] for at in range(0, len(SAID), size)]
    assert "".join(texts(chunks)).encode() == SAID
    assert list(_lines(chunks)) == ["한국어 one", "", "two \xff", "last"]


def test_what_is_no_text_is_marked_and_does_not_stop_the_rest() -> None:
    assert list(_lines([b"a\xed", b"\nb\xed\x95"])) == ["a�", "b�"]
