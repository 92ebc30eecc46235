"""Files that are compressed on their way: the same bytes each time, and of the content that was planned."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest

from deployer.errors import PreflightError
from deployer.site.files import LocalFile, digest
from deployer.site.manifest import Entry
from deployer.site.plan import Plan, Sending
from deployer.site.store import Headers, Upload
from deployer.site.transfer import Meter, compress

BACK: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "br": brotli.decompress}
encodings = pytest.mark.parametrize("encoding", BACK)


def planned(folder: Path, encoding: str) -> tuple[Plan, Path]:
    """A plan that sends one file of some megabytes, which was read just now."""
    source = folder / "data.json"
    source.write_bytes(b"[1, 2, 3]" * 300_000)
    file = LocalFile("data.json", str(source))
    digest([file])
    entry = Entry(0, "", "", Headers("application/json", content_encoding=encoding), file.md5.hex())
    return Plan({"data.json": entry}, [Sending(file, entry, "new", "file", None)]), source


def compressed(plan: Plan, folder: Path) -> bytes:
    folder.mkdir()
    compress(plan, folder)
    return Path(str(plan.sends[0].file.source)).read_bytes()


@encodings
def test_the_same_content_gives_the_same_bytes(tmp_path: Path, encoding: str) -> None:
    plan, source = planned(tmp_path, encoding)
    body = compressed(plan, tmp_path / "one")
    assert BACK[encoding](body) == source.read_bytes()
    assert plan.files["data.json"].size == len(body)
    assert compressed(planned(tmp_path, encoding)[0], tmp_path / "two") == body


def test_the_meter_counts_what_is_sent_again_and_files_that_hold_nothing() -> None:
    def sending(name: str, size: int) -> Sending:
        return Sending(
            LocalFile(name, b"", size), Entry(size, "", "", Headers("text/plain"), ""), "new", "file", None
        )

    told: list[str] = []
    meter = Meter([sending("a", 1000), sending("b", 3000), sending("empty", 0)], told.append)
    a, b = (Upload(name, b"", size, b"", Headers("text/plain")) for name, size in (("a", 1000), ("b", 3000)))
    began = meter._began
    meter(a, 1000)
    meter(b, 1000)
    assert meter.text(began + 2) == "2 of 3 files, 2 kB of 3.9 kB, 1000 B/s, 2 s left"
    meter(a, -1000)
    assert meter.text(began + 2).startswith("1 of 3 files, 1000 B of 3.9 kB")
    meter(a, 1000)
    meter(b, 2000)
    assert meter.text(began + 4) == "3 of 3 files, 3.9 kB of 3.9 kB, 1000 B/s, 0 s left"


@encodings
def test_what_has_changed_since_it_was_read_is_refused(tmp_path: Path, encoding: str) -> None:
    plan, source = planned(tmp_path, encoding)
    source.write_bytes(b"[1, 2, 4]" * 300_000)
    with pytest.raises(PreflightError, match=r"data\.json was changed while it was being deployed"):
        compressed(plan, tmp_path / "one")
