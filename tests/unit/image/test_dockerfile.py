"""Our labels in every stage, and line numbers as the author knows them."""

from __future__ import annotations

import pytest

from deployer.image.dockerfile import labelled, renumbered

OURS = "LABEL deployer.service=shop deployer.role=image"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("FROM a\nRUN x\n", ["FROM a", OURS, "RUN x"]),
        ("FROM a", ["FROM a", OURS]),
        (
            "ARG BASE\n\n  from ${BASE} AS one\nRUN x\nFROM one\n",
            ["ARG BASE", "", "  from ${BASE} AS one", OURS, "RUN x", "FROM one", OURS],
        ),
        ("FROM \\\n  # why\n\n  a AS b\nRUN x\n", ["FROM \\", "  # why", "", "  a AS b", OURS, "RUN x"]),
        ('FROM a\nRUN echo "\\\nFROM b"\n', ["FROM a", OURS, 'RUN echo "\\', 'FROM b"']),
        ("# FROM a\nFROM b\n", ["# FROM a", "FROM b", OURS]),
        (
            "# escape=`\nFROM `\n a\nRUN x \\\nFROM b\n",
            ["# escape=`", "FROM `", " a", OURS, "RUN x \\", "FROM b", OURS],
        ),
        (
            "# a comment\n# escape=`\nFROM a`\nRUN x\n",
            ["# a comment", "# escape=`", "FROM a`", OURS, "RUN x"],
        ),
        ("FROMAGE a\n", ["FROMAGE a"]),
    ],
)
def test_every_stage_is_labelled(text: str, wanted: list[str]) -> None:
    assert labelled(text, "shop").splitlines() == wanted


def test_line_numbers_are_those_of_the_authors_file() -> None:
    text = "FROM a\nRUN x\nFROM b\nRUNN y\n"
    sent = labelled(text, "shop")
    assert sent.splitlines()[5] == "RUNN y"
    assert renumbered("dockerfile parse error line 6: unknown instruction: RUNN", sent) == (
        "dockerfile parse error line 4: unknown instruction: RUNN"
    )
    assert renumbered("line 6 of something else", sent) == "line 6 of something else"
