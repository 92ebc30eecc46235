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
from deployer.site.store import Headers
from deployer.site.transfer import compress

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


@encodings
def test_what_has_changed_since_it_was_read_is_refused(tmp_path: Path, encoding: str) -> None:
    plan, source = planned(tmp_path, encoding)
    source.write_bytes(b"[1, 2, 4]" * 300_000)
    with pytest.raises(PreflightError, match=r"data\.json was changed while it was being deployed"):
        compressed(plan, tmp_path / "one")
