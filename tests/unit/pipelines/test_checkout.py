"""What lies in the workspace."""

from __future__ import annotations

from pathlib import Path

from pipelines.checkout import UNKNOWN, look
from tests.support.odd_names import SHOWN, commit_oddly


def test_a_subject_that_is_not_utf_8_can_be_shown_everywhere(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("1")
    commit_oddly(tmp_path)
    found = look(tmp_path, {})
    assert (found.subject, found.branch, found.changes) == (SHOWN, "main", 0)
    assert found.commit != UNKNOWN
    assert found.text.encode()
