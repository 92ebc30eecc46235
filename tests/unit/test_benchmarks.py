"""What a benchmark's run makes of its figures; the figures themselves are measured, never asserted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest

from benchmarks import page
from benchmarks.figures import Figure, Section
from benchmarks.namesakes import rewrite
from benchmarks.pairs import Latency


def test_the_median_is_what_meets_a_target() -> None:
    assert Figure("drain", [0.2, 9.0, 0.4], "s", 1.0).row() == [
        "drain",
        "0.40 s",
        "0.20 to 9.00",
        "3",
        "≤ 1 s",
        "met",
    ]
    assert Figure("drain", [1.1], "s", 1.0).row()[-1] == "missed"
    assert Figure("drain", [1.1], "s").row()[-2:] == ["", ""]


def test_percentiles() -> None:
    found = Latency.of([number / 1000 for number in range(200, 0, -1)])
    assert (found.p50, found.p99) == (101, 199)


def test_a_run_replaces_what_the_last_one_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "benchmarks.md"
    others = "### Peers\n\nTheir figures."
    path.write_text(f"before\n{page.BEGIN}\n\n### Edge\n\nold figures\n\n{others}\n\n{page.END}\nafter\n")
    monkeypatch.setattr(page, "PATH", path)
    page.write([Section.of("Edge", "How.", [Figure("memory", [5.0], "MiB", 10)])], "a machine", "1.0")
    text = path.read_text()
    assert text.startswith(f"before\n{page.BEGIN}\n")
    assert text.endswith(f"{page.END}\nafter\n")
    assert "| memory | 5.00 MiB | 5.00 to 5.00 | 1 | ≤ 10 MiB | met |" in text
    assert "old figures" not in text
    assert "### Edge\n\n*Measured on 2" in text
    assert f"\n\n{others}\n\n{page.END}" in text


def test_a_page_without_markers_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "benchmarks.md"
    path.write_text("all by hand\n")
    monkeypatch.setattr(page, "PATH", path)
    with pytest.raises(ValueError, match="lacks the markers"):
        page.write([], "a machine", "1.0")
    assert path.read_text() == "all by hand\n"


def test_the_page_has_the_markers() -> None:
    text = page.PATH.read_text(encoding="utf-8")
    assert text.index(page.BEGIN) < text.index(page.END)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_simulated_hosts_have_names_of_their_own_however_the_bytes_come(size: int) -> None:
    said = b"POST /containers/create?name=t1-abcd00-edge 28100 t1-abcd0 t1-abcd00"

    async def passed() -> bytes:
        source, out = asyncio.StreamReader(), bytearray()
        for start in range(0, len(said), size):
            source.feed_data(said[start : start + size])
        source.feed_eof()

        class Sink:
            def write(self, piece: bytes) -> None:
                out.extend(piece)

            async def drain(self) -> None: ...
            def can_write_eof(self) -> bool:
                return False

        pairs = [(b"t1-abcd00", b"t1-abcd07"), (b"28100", b"28107")]
        await rewrite(source, cast(asyncio.StreamWriter, Sink()), pairs)
        return bytes(out)

    assert asyncio.run(passed()) == b"POST /containers/create?name=t1-abcd07-edge 28107 t1-abcd0 t1-abcd07"
