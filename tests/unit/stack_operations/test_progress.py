"""Events of a stack: which belong together, which are new, and which says why it failed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from deployer.stack import progress, waiting
from deployer.stack.remedy import remedy

STACK = "arn:aws:cloudformation:ap-northeast-2:123456789012:stack/shop/1"
TYPES = {
    "shop": "AWS::CloudFormation::Stack",
    "Database": "AWS::RDS::DBInstance",
    "Host": "AWS::EC2::Instance",
}


def event(
    number: int, resource: str, status: str, reason: str = "", begun: str = "deployer-1"
) -> dict[str, Any]:
    return {
        "StackId": STACK,
        "StackName": "shop",
        "EventId": f"e{number}",
        "LogicalResourceId": resource,
        "PhysicalResourceId": STACK if resource == "shop" else f"p-{resource}",
        "ResourceType": TYPES.get(resource, "AWS::SNS::Topic"),
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "ClientRequestToken": begun,
        "Timestamp": dt.datetime(2026, 11, 28, 9, 0, number, tzinfo=dt.UTC),
    }


BEFORE = [
    event(1, "shop", "CREATE_IN_PROGRESS", "User Initiated", "Console-1"),
    event(2, "Host", "CREATE_FAILED", "of another time"),
    event(3, "shop", "CREATE_COMPLETE"),
]
FAILED = [
    event(4, "shop", "UPDATE_IN_PROGRESS", "User Initiated"),
    event(5, "Topic", "CREATE_IN_PROGRESS"),
    event(6, "Topic", "CREATE_FAILED", "Resource creation cancelled"),
    event(7, "Database", "UPDATE_FAILED", "Cannot upgrade mariadb from 10.11 to 11.8"),
    event(8, "Host", "UPDATE_FAILED", "Resource update cancelled"),
    event(
        9, "shop", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to update: [Database]."
    ),
    event(10, "Topic", "DELETE_FAILED", "User is not authorized to perform: sns:DeleteTopic"),
    event(11, "shop", "UPDATE_ROLLBACK_COMPLETE"),
]


def test_the_first_failure_is_the_resources_own() -> None:
    found = progress.failures(FAILED)
    assert found[0].sentence() == "Database (AWS::RDS::DBInstance): Cannot upgrade mariadb from 10.11 to 11.8"
    assert [each.resource for each in found] == ["Database", "Topic"]


def test_an_operation_ends_where_the_next_begins() -> None:
    found = progress.last_operation([*BEFORE, *FAILED][::-1])
    assert [each["EventId"] for each in found] == [each["EventId"] for each in FAILED]
    assert progress.begun_by(found, "deployer-")
    assert not progress.begun_by(progress.last_operation(BEFORE[::-1]), "deployer-")
    assert not progress.begun_by([], "deployer-")


def test_a_stack_that_fails_by_itself_says_so() -> None:
    events = [
        event(1, "shop", "UPDATE_IN_PROGRESS"),
        event(2, "shop", "UPDATE_ROLLBACK_IN_PROGRESS", "Parameter validation failed: no such image"),
    ]
    assert progress.failures(events)[0].reason == "Parameter validation failed: no such image"


def test_events_come_once_and_in_order_and_none_from_before() -> None:
    seen = {"e4", "e5"}
    found = progress.unseen([*BEFORE, *FAILED][::-1], seen, "e3")
    assert [each["EventId"] for each in found] == ["e6", "e7", "e8", "e9", "e10", "e11"]


def test_one_that_turns_up_late_is_told_too() -> None:
    seen = {each["EventId"] for each in FAILED} - {"e7"}
    assert [each["EventId"] for each in progress.unseen(FAILED[::-1], seen)] == ["e7"]


def test_reading_ends_soon_behind_what_was_seen() -> None:
    asked: list[str] = []

    def endless() -> Any:
        for number in range(1000, 0, -1):
            asked.append(f"e{number}")
            yield {"EventId": f"e{number}"}

    found = progress.unseen(endless(), {f"e{number}" for number in range(991)})
    assert len(found) == 10
    assert len(asked) < 100


def test_what_is_told_says_how_bad_it_is() -> None:
    levels = {each["EventId"]: progress.told(each).level for each in FAILED}
    assert levels == {"e4": "info", "e5": "info", "e6": "info", "e7": "error", "e8": "info", "e9": "warning",
                      "e10": "error", "e11": "info"}  # fmt: skip
    assert "Cannot upgrade" in progress.told(FAILED[3]).sentence()


CERTIFICATE = {
    **event(1, "Certificate", "CREATE_IN_PROGRESS"),
    "ResourceType": "AWS::CertificateManager::Certificate",
    "ResourceStatusReason": "Content of DNS Record is: {Name: _a79865eb4.shop.example.org.,Type: CNAME,"
    "Value: _424c7224e.acm-validations.aws.}",
}


def test_a_certificate_that_waits_says_for_which_record() -> None:
    told = waiting.explanation(CERTIFICATE, {"Resources": {"Certificate": {"Properties": {}}}})
    assert told is not None
    assert "_a79865eb4.shop.example.org. CNAME _424c7224e.acm-validations.aws." in told
    assert "make" in told
    ours = {"DomainValidationOptions": [{"DomainName": "shop.example.org", "HostedZoneId": "Z1"}]}
    told = waiting.explanation(CERTIFICATE, {"Resources": {"Certificate": {"Properties": ours}}})
    assert told is not None
    assert "by itself" in told
    assert "registrar" in told


def test_others_that_take_long_say_how_long_and_most_say_nothing() -> None:
    database = {**event(1, "Database", "CREATE_IN_PROGRESS"), "PhysicalResourceId": ""}
    assert "minutes" in str(waiting.explanation(database, {}))
    assert waiting.explanation({**database, "PhysicalResourceId": "db-1"}, {}) is None
    assert waiting.explanation(event(1, "Topic", "CREATE_IN_PROGRESS"), {}) is None
    assert waiting.explanation(event(1, "Database", "CREATE_COMPLETE"), {}) is None


def test_reasons_that_are_met_often_have_a_remedy() -> None:
    assert "is there" in str(remedy("shop-site already exists in stack arn:aws:..."))
    assert "right" in str(remedy("User: arn:aws:iam::1:user/x is not authorized to perform: iam:CreateRole"))
    assert "quota" in str(remedy("The maximum number of addresses has been reached."))
    assert remedy("nobody has seen this before") is None
