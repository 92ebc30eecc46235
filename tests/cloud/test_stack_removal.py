"""Destroying by script: what is kept, what refuses, and in which order. No part of it waits for real."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from deployer.errors import PreflightError, StackFailed
from deployer.stack import removal
from deployer.stack.work import Work
from tests.support.formation import BEFORE, DATABASE, Script, absent, happened, stack, template, told


def destroying(script: Script) -> Work:
    script.answer(
        "list_stack_resources",
        {"StackResourceSummaries": [summary("Bucket", "AWS::S3::Bucket", "shop-site")]},
    )
    return script.work(template(resources={"Bucket": {"Type": "AWS::S3::Bucket"}}))


def summary(name: str, type_: str, physical: str) -> dict[str, Any]:
    return {
        "LogicalResourceId": name,
        "PhysicalResourceId": physical,
        "ResourceType": type_,
        "ResourceStatus": "CREATE_COMPLETE",
        "LastUpdatedTimestamp": BEFORE["Timestamp"],
    }


def test_a_bucket_that_holds_something_is_kept_and_the_rest_deleted() -> None:
    script = Script()
    work = destroying(script)
    script.answer("list_object_versions", {"DeleteMarkers": [{"Key": "old"}]})
    protected = stack("CREATE_COMPLETE", EnableTerminationProtection=True)
    failed, gone = stack("DELETE_FAILED"), stack("DELETE_COMPLETE")
    script.answer("describe_stacks", protected, protected, failed, gone)
    begun, full = happened("shop", "DELETE_IN_PROGRESS"), happened("Bucket", "DELETE_FAILED", "is not empty")
    first = [BEFORE, begun, full, happened("shop", "DELETE_FAILED")]
    second = [*first, happened("shop", "DELETE_IN_PROGRESS"), happened("shop", "DELETE_COMPLETE")]
    script.answer("describe_stack_events", told(BEFORE), told(*first), told(*first), told(*second))
    shown: list[removal.Removal] = []

    def yes(found: Sequence[removal.Removal]) -> bool:
        shown.extend(found)
        return True

    removal.destroy(work, ["main"], yes)
    assert shown[0].kept == ("Bucket (shop-site), since it holds something",)
    assert [words.get("RetainResources") for words in script.words("delete_stack")] == [None, ["Bucket"]]
    assert script.words("update_termination_protection")[0]["EnableTerminationProtection"] is False


def test_what_else_cannot_be_deleted_is_an_error_with_its_reason() -> None:
    script = Script()
    work = destroying(script)
    script.answer("list_object_versions", {})
    ready = stack("CREATE_COMPLETE")
    script.answer("describe_stacks", ready, ready, stack("DELETE_FAILED"))
    failed = [happened("Bucket", "DELETE_FAILED", "Access Denied"), happened("shop", "DELETE_FAILED")]
    script.answer("describe_stack_events", told(BEFORE), told(BEFORE, *failed))
    with pytest.raises(StackFailed, match="Access Denied"):
        removal.destroy(work, ["main"], lambda _: True)
    assert len(script.words("delete_stack")) == 1


def with_database(status: str, *, protected: bool = True) -> tuple[Script, Work]:
    """A stack with a database whose template protects it, and whether RDS does."""
    script = Script()
    script.answer("describe_stacks", stack(status))
    script.answer("get_template", {"TemplateBody": json.dumps({"Resources": {"Database": DATABASE}})})
    found = summary("Database", "AWS::RDS::DBInstance", "db-1")
    script.answer("list_stack_resources", {"StackResourceSummaries": [found]})
    script.answer("describe_db_instances", {"DBInstances": [{"DeletionProtection": protected}]})
    script.answer("modify_db_instance", {})
    return script, script.work(template(resources={"Database": DATABASE}))


@pytest.mark.parametrize(
    ("status", "way"), [("CREATE_COMPLETE", "infra apply"), ("DELETE_FAILED", "aws rds")]
)
def test_a_database_that_is_protected_refuses_before_anything_goes(status: str, way: str) -> None:
    script, work = with_database(status)
    with pytest.raises(PreflightError, match="refuses") as error:
        removal.destroy(work, ["main"], lambda _: True)
    assert error.value.details == ("shop: Database (db-1) has deletion protection",)
    assert way in str(error.value.remedy)
    assert script.words("delete_stack") == []


def test_one_whose_protection_was_taken_off_by_hand_goes() -> None:
    script, work = with_database("DELETE_FAILED", protected=False)
    script.answer("describe_stacks", stack("DELETE_FAILED"), stack("DELETE_FAILED"), stack("DELETE_COMPLETE"))
    script.answer("describe_stack_events", told(BEFORE), told(BEFORE, happened("shop", "DELETE_COMPLETE")))
    removal.destroy(work, ["main"], lambda _: True)
    assert script.words("modify_db_instance") == []
    assert len(script.words("delete_stack")) == 1


@pytest.mark.parametrize("status", ["CREATE_FAILED", "ROLLBACK_FAILED"])
def test_one_that_never_served_is_opened_so_that_what_failed_can_be_taken_away(status: str) -> None:
    script, work = with_database(status)
    script.answer("describe_stacks", stack(status), stack(status), stack("DELETE_COMPLETE"))
    script.answer("describe_stack_events", told(BEFORE), told(BEFORE, happened("shop", "DELETE_COMPLETE")))
    shown: list[str] = []

    def agreed(todo: Sequence[removal.Removal]) -> bool:
        shown.extend(line for each in todo for line in each.lines())
        return True

    removal.destroy(work, ["main"], agreed)
    assert any("db-1, which never served" in line for line in shown)
    opened = {"DBInstanceIdentifier": "db-1", "DeletionProtection": False, "ApplyImmediately": True}
    assert script.words("modify_db_instance") == [opened]
    assert len(script.words("delete_stack")) == 1


def test_a_killed_destroy_is_followed_by_the_next() -> None:
    script = Script()
    work = destroying(script)
    busy, gone = stack("DELETE_IN_PROGRESS"), stack("DELETE_COMPLETE")
    script.answer("describe_stacks", busy, busy, gone, absent())
    begun = {**happened("shop", "DELETE_IN_PROGRESS"), "ClientRequestToken": "deployer-1"}
    done = told(BEFORE, begun, happened("shop", "DELETE_COMPLETE"))
    script.answer(
        "describe_stack_events", told(BEFORE, begun), told(BEFORE, begun), told(BEFORE, begun), done
    )
    assert removal.destroy(work, ["main"], lambda _: True) == []
    assert script.words("delete_stack") == []


def test_stacks_go_in_the_opposite_order_and_only_with_consent() -> None:
    script = Script()
    script.answer("describe_stacks", stack("CREATE_COMPLETE"))
    script.answer("list_stack_resources", {"StackResourceSummaries": []})
    work = script.work(template("zone"), template("certificate"), template())
    order = [each.place.kind for each in removal.prepare(work)]
    assert order == ["metrics", "main", "certificate", "zone"]
    with pytest.raises(PreflightError, match="nobody has agreed") as error:
        removal.destroy(work, [], lambda _: False)
    assert error.value.remedy == "--yes shop"
    assert script.words("delete_stack") == []
