"""Change sets by script: pages, no changes in both its wordings, refusals, what is left behind: nothing."""

from __future__ import annotations

import datetime as dt

import pytest
from botocore.exceptions import EndpointConnectionError

from deployer.errors import CloudForbidden, CloudUnreachable, ExitStatus, Locked, StackFailed, StackStuck
from deployer.stack import changeset, plan
from deployer.stack.parameters import PublicParameter, SecretParameter, StackOutput
from tests.support.formation import (
    CHANGE_SET,
    IDENTITY,
    Refusal,
    Script,
    absent,
    change_set,
    resource,
    stack,
    template,
)

ADDED = resource("Topic", "AWS::SNS::Topic", "Add")


@pytest.fixture
def script() -> Script:
    made = Script()
    made.answer("describe_stacks", stack("CREATE_COMPLETE"))
    return made


def test_every_page_is_read(script: Script) -> None:
    pages = [
        change_set(*[resource(f"T{page}{n}", "AWS::SNS::Topic", "Add") for n in range(3)])
        for page in range(3)
    ]
    script.answer(
        "describe_change_set",
        {"Status": "CREATE_PENDING"},
        {"Status": "CREATE_IN_PROGRESS"},
        {**pages[0], "NextToken": "1"},
        {**pages[1], "NextToken": "2"},
        pages[2],
    )
    found = plan.prepare(script.work(template()), template())
    assert [each.resource for each in found.changes] == [f"T{page}{n}" for page in range(3) for n in range(3)]
    assert [words.get("NextToken") for words in script.words("describe_change_set")] == [None] * 3 + [
        "1",
        "2",
    ]
    made = script.words("create_change_set")[0]
    assert made["ChangeSetType"] == "UPDATE"
    assert made["Capabilities"] == ["CAPABILITY_IAM"]
    assert made["Tags"] == [{"Key": "team", "Value": "a"}]


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. Submit different information to create one.",
        "No updates are to be performed.",
    ],
)
def test_no_changes_is_no_failure(script: Script, reason: str) -> None:
    script.answer("describe_change_set", change_set(status="FAILED", StatusReason=reason))
    assert plan.prepare(script.work(template()), template()).action == "nothing"
    assert script.words("delete_change_set") == [{"ChangeSetName": CHANGE_SET, "StackName": "shop"}]


def test_no_changes_may_be_said_at_once(script: Script) -> None:
    script.answer("create_change_set", Refusal("ValidationError", "No updates are to be performed."))
    assert plan.prepare(script.work(template()), template()).action == "nothing"


def test_what_is_found_wrong_before_is_told_by_resource(script: Script) -> None:
    reason = "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]."
    script.answer("describe_change_set", change_set(status="FAILED", StatusReason=reason))
    script.answer(
        "describe_events",
        {
            "OperationEvents": [
                {
                    "EventId": "1",
                    "LogicalResourceId": "Database",
                    "ValidationStatusReason": "db.t3.nano is no class",
                    "ValidationPath": "/Resources/Database/Properties/DBInstanceClass",
                }
            ]
        },
    )
    with pytest.raises(StackFailed, match="EarlyValidation") as error:
        plan.prepare(script.work(template()), template())
    assert error.value.details == (
        "Database: db.t3.nano is no class (/Resources/Database/Properties/DBInstanceClass)",
    )
    assert error.value.exit_status == ExitStatus.STACK
    assert script.words("describe_events") == [
        {"ChangeSetName": CHANGE_SET, "Filters": {"FailedEvents": True}}
    ]
    assert script.words("delete_change_set")


def test_who_may_not_ask_why_still_gets_the_reason(script: Script) -> None:
    script.answer("describe_change_set", change_set(status="FAILED", StatusReason="Transform failed"))
    script.answer("describe_events", Refusal("AccessDenied", "no", 403))
    with pytest.raises(StackFailed, match="Transform failed"):
        plan.prepare(script.work(template()), template())


def test_a_template_that_is_refused_at_once(script: Script) -> None:
    script.answer("create_change_set", Refusal("ValidationError", "Template format error: no Resources"))
    with pytest.raises(
        Exception, match=r"create change set of shop in ap-northeast-2: .*Template format error"
    ):
        plan.prepare(script.work(template()), template())


def test_rights_and_throttling_and_networks_are_told_apart(script: Script) -> None:
    work = script.work(template())
    script.answer("create_change_set", Refusal("AccessDenied", "not authorized", 403))
    with pytest.raises(CloudForbidden):
        plan.prepare(work, template())
    script.answer("create_change_set", Refusal("Throttling", "Rate exceeded"))
    with pytest.raises(CloudUnreachable, match="Rate exceeded"):
        plan.prepare(work, template())
    script.answer("create_change_set", EndpointConnectionError(endpoint_url="https://x"))
    with pytest.raises(CloudUnreachable):
        plan.prepare(work, template())


def test_an_interrupted_plan_leaves_no_change_set(script: Script) -> None:
    script.answer("describe_change_set", {"Status": "CREATE_PENDING"}, KeyboardInterrupt("by the test"))
    with pytest.raises(KeyboardInterrupt):
        plan.prepare(script.work(template()), template())
    assert [words["ChangeSetName"] for words in script.words("delete_change_set")] == [CHANGE_SET]


def test_a_plan_of_what_is_not_there_leaves_no_empty_stack(script: Script) -> None:
    script.answer("describe_stacks", absent(), stack("REVIEW_IN_PROGRESS"))
    script.answer("describe_change_set", change_set(ADDED))
    work = script.work(template())
    made = plan.plans(work)
    assert made[0].action == "create"
    assert script.words("create_change_set")[0]["ChangeSetType"] == "CREATE"
    plan.discard(work, made)
    assert script.words("delete_stack") == [{"StackName": IDENTITY}]


def test_nor_does_one_that_cloudformation_does_not_take(script: Script) -> None:
    script.answer("describe_stacks", absent(), stack("REVIEW_IN_PROGRESS"))
    script.answer("describe_change_set", change_set(status="FAILED", StatusReason="Transform failed"))
    script.answer("describe_events", {"OperationEvents": []})
    with pytest.raises(StackFailed, match="Transform failed"):
        plan.prepare(script.work(template()), template())
    assert script.words("delete_stack") == [{"StackName": IDENTITY}]


def test_a_plan_never_deletes_a_stack_that_somebody_made_meanwhile(script: Script) -> None:
    script.answer("describe_stacks", absent(), stack("CREATE_IN_PROGRESS"))
    script.answer("describe_change_set", change_set(ADDED))
    work = script.work(template())
    plan.discard(work, plan.plans(work))
    assert script.words("delete_stack") == []


def test_what_a_review_left_is_planned_as_new(script: Script) -> None:
    script.answer("describe_stacks", stack("REVIEW_IN_PROGRESS"))
    script.answer("describe_change_set", change_set(ADDED))
    assert plan.prepare(script.work(template()), template()).action == "create"
    assert script.words("create_change_set")[0]["ChangeSetType"] == "CREATE"


def test_what_a_failed_creation_left_is_planned_from_the_template(script: Script) -> None:
    script.answer("describe_stacks", stack("ROLLBACK_COMPLETE"))
    found = plan.prepare(script.work(template()), template())
    assert (found.action, [each.resource for each in found.changes]) == ("recreate", ["Topic"])
    assert "deleted first" in " ".join(found.lines())
    assert script.words("create_change_set") == []


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("UPDATE_IN_PROGRESS", Locked),
        ("DELETE_IN_PROGRESS", Locked),
        ("UPDATE_ROLLBACK_FAILED", StackStuck),
        ("DELETE_FAILED", StackStuck),
    ],
)
def test_other_states_are_refused_before_anything_is_made(script: Script, status: str, kind: type) -> None:
    script.answer("describe_stacks", stack(status, StackStatusReason="its reason"))
    with pytest.raises(kind, match=status):
        plan.plans(script.work(template()))
    assert script.words("create_change_set") == []


def test_change_sets_of_killed_plans_are_cleared_and_others_left(script: Script) -> None:
    now = dt.datetime.now(dt.UTC)
    old = now - dt.timedelta(hours=2)
    known = [("deployer-old", old), ("deployer-new", now), ("somebodys", old)]
    summaries = [
        {
            "ChangeSetId": f"arn:aws:cloudformation:{name}",
            "ChangeSetName": name,
            "StackName": "shop",
            "CreationTime": at,
            "ExecutionStatus": "AVAILABLE",
        }
        for name, at in known
    ]
    script.answer(
        "list_change_sets", {"Summaries": summaries[:1], "NextToken": "1"}, {"Summaries": summaries[1:]}
    )
    changeset.discard_stale(script.formation(), "shop")
    gone = [words["ChangeSetName"] for words in script.words("delete_change_set")]
    assert gone == ["arn:aws:cloudformation:deployer-old"]


def test_a_change_set_that_is_gone_already_is_no_error(script: Script) -> None:
    script.answer("delete_change_set", Refusal("ChangeSetNotFound", "gone", 404))
    changeset.discard(script.formation(), "shop", CHANGE_SET)


def test_parameters_come_from_where_the_template_says(script: Script) -> None:
    wanted = template(
        parameters={
            "CertificateArn": StackOutput("certificate", "CertificateArn"),
            "ImageId": PublicParameter("/aws/image"),
            "OriginSecret": SecretParameter("/shop/origin-secret"),
        }
    )
    outputs = [{"OutputKey": "CertificateArn", "OutputValue": "arn:aws:acm:1"}]
    present = [{"ParameterKey": "ImageId", "ParameterValue": "ami-1"}]
    script.answer("describe_stacks", stack("CREATE_COMPLETE", Parameters=present, Outputs=outputs))
    script.answer("get_parameter", {"Parameter": {"Name": "/shop/origin-secret", "Value": "canary"}})
    script.answer("describe_change_set", change_set(ADDED))
    found = plan.prepare(script.work(template("certificate"), wanted), wanted)
    assert script.words("create_change_set")[0]["Parameters"] == [
        {"ParameterKey": "CertificateArn", "ParameterValue": "arn:aws:acm:1"},
        {"ParameterKey": "ImageId", "UsePreviousValue": True},
        {"ParameterKey": "OriginSecret", "ParameterValue": "canary"},
    ]
    assert script.words("get_parameter") == [{"Name": "/shop/origin-secret", "WithDecryption": True}]
    assert "canary" not in f"{found!r} {found.as_dict()} {found.lines()}"


def test_what_is_not_there_yet_is_named_and_planned_from_the_template(script: Script) -> None:
    wanted = template(parameters={"CertificateArn": StackOutput("certificate", "CertificateArn")})
    script.answer("describe_stacks", absent())
    found = plan.prepare(script.work(template("certificate"), wanted), wanted)
    assert found.action == "create"
    assert found.notes == ("CertificateArn comes from the certificate stack, when that is applied",)
    assert script.words("create_change_set") == []


def test_a_part_that_is_added_shows_what_would_be_removed_too(script: Script) -> None:
    wanted = template(
        resources={"Other": {"Type": "AWS::SNS::Topic"}},
        parameters={"CertificateArn": StackOutput("certificate", "CertificateArn")},
    )
    script.answer("describe_stacks", stack("CREATE_COMPLETE"))
    found = plan.prepare(script.work(template("certificate"), wanted), wanted)
    assert [(each.action, each.resource) for each in found.changes] == [("remove", "Topic"), ("add", "Other")]
    assert found.change_set is None
