"""What a change set means for a person, from data: replacements, interruptions, losses, secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.stack import change

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "changes.yaml").read_text())


def answer(short: dict[str, Any]) -> dict[str, Any]:
    """A resource change as DescribeChangeSet has it."""
    details = []
    for name, recreation, evaluation, source, entity, before, after in short.get("details", []):
        target = {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation}
        target |= {"Path": f"/Properties/{name}"}
        target |= {key: value for key, value in (("BeforeValue", before), ("AfterValue", after)) if value}
        detail = {"Target": target, "Evaluation": evaluation, "ChangeSource": source}
        details.append(detail | ({"CausingEntity": entity} if entity else {}))
    made = {
        "Action": short["action"],
        "LogicalResourceId": short["name"],
        "PhysicalResourceId": "p-1",
        "ResourceType": short["type"],
        "Details": details,
    }
    made |= {"Replacement": short["replacement"]} if "replacement" in short else {}
    return made | ({"PolicyAction": short["policy"]} if "policy" in short else {})


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_changes(case: dict[str, Any]) -> None:
    found = change.settled([change.read(answer(each), case.get("template", {})) for each in case["changes"]])
    assert [each.resource for each in found] == [each["resource"] for each in case["expect"]]
    for each, expected in zip(found, case["expect"], strict=True):
        assert each.replacement == expected.get("replacement", "no")
        if "causes" in expected:
            assert sorted(cause.sentence() for cause in each.causes) == expected["causes"]
        assert expected.get("interrupts", "") in "; ".join(each.interruptions)
        assert bool(each.interruptions) == ("interrupts" in expected) or each.loss or each.replaces
        assert expected.get("loss", "") in each.loss
        assert bool(each.loss) == bool(expected.get("loss"))
        assert expected.get("never", "\0") not in str(each.as_dict())


def test_what_is_lost_stands_first() -> None:
    raw = [
        {"name": "A", "type": "AWS::SNS::Topic", "action": "Add"},
        {"name": "Z", "type": "AWS::S3::Bucket", "action": "Remove"},
        {"name": "M", "type": "AWS::SNS::Topic", "action": "Remove"},
    ]
    found = change.settled([change.read(answer(each), {}) for each in raw])
    assert [each.resource for each in found] == ["Z", "M", "A"]
