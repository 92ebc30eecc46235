"""The picture of the whole is made from the templates, and is the one that they make now."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from deployer.config.load import load
from deployer.stack.template import templates
from scripts import stack_picture
from tests.support.stack import config


def drawn(choice: dict[str, str]) -> str:
    made = templates(config(choice))
    text = stack_picture.picture({each.kind: each.document() for each in made})
    return " ".join(ET.fromstring(text).itertext())  # noqa: S314  (it is ours)


def test_the_picture_is_up_to_date() -> None:
    path = stack_picture.EXAMPLE.parents[1] / "docs" / "pictures" / "stack.svg"
    made = templates(load(stack_picture.EXAMPLE, environ={}))
    now = stack_picture.picture({each.kind: each.document() for each in made})
    assert path.read_text("utf-8") == now, "python scripts/stack_picture.py > docs/pictures/stack.svg"


def test_what_is_off_is_not_in_it() -> None:
    whole = drawn({"names": "made"})
    for word in (
        "Route 53",
        "Certificate",
        "CloudFront",
        "S3",
        "EC2",
        "RDS",
        "3306",
        "8080",
        "22, 9090, 9000",
    ):
        assert word in whole
    assert "RDS" not in drawn({"database": "off"})
    assert "EC2" not in drawn({"instance": "off"})
    assert "8080" not in drawn({"cdn": "off"})
    assert "no way in" in drawn({"doors": "none"})
