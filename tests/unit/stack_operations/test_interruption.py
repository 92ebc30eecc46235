"""The tables name types and properties that CloudFormation has, and none that would replace the resource."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.stack import interruption

PROPERTIES = [(type_, name) for type_, table in interruption.CHANGED.items() for name in table]


def schema(type_: str) -> dict[str, Any]:
    """The resource's schema of CloudFormation, as cfn-lint ships it."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

    found: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("ap-northeast-2", type_).schema
    return found


@pytest.mark.parametrize(("type_", "name"), PROPERTIES)
def test_properties_are_changed_in_place(type_: str, name: str) -> None:
    known = schema(type_)
    assert name in known["properties"]
    assert f"/properties/{name}" not in known.get("createOnlyProperties", [])


@pytest.mark.parametrize("type_", sorted({*interruption.REPLACED, *interruption.DATA}))
def test_types_are_cloudformations(type_: str) -> None:
    assert schema(type_)["typeName"] == type_
