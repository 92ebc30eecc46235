"""Applying and following by script: what moto never does. No part of it waits for real."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from deployer.errors import CloudUnreachable, ExitStatus, Interrupted, Locked, PreflightError, StackFailed
from deployer.stack.apply import apply
from deployer.stack.follow import Following
from deployer.stack.parameters import StackOutput
from deployer.stack.plan import Consent, StackPlan
from tests.support.formation import (
    BEFORE,
    BEGUN,
    CHANGE_SET,
    DATABASE,
    DONE,
    IDENTITY,
    MADE,
    Refusal,
    Script,
    absent,
    change_set,
    happened,
    resource,
    stack,
    template,
    told,
)

ADDED = resource("Topic", "AWS::SNS::Topic", "Add")
REPLACED = resource("Queue", "AWS::SQS::Queue", "Modify", Replacement="True")
LOST = resource("Bucket", "AWS::S3::Bucket", "Remove", PolicyAction="Delete")


def agree(*given: Consent) -> Any:
    def answer(_: Sequence[StackPlan], __: Mapping[Consent, Sequence[str]]) -> Collection[Consent]:
        return given

    return answer


def updating(*changes: Mapping[str, Any], end: str = "UPDATE_COMPLETE", **fields: Any) -> Script:
    """A stack that is there, an update with these changes, and how it ends."""
    script = Script()
    ready, busy = stack("CREATE_COMPLETE"), stack("UPDATE_IN_PROGRESS")
    script.answer("describe_stacks", ready, ready, ready, busy, busy, stack(end, **fields))
    script.answer("describe_change_set", change_set(*changes))
    return script


def test_the_change_set_that_was_planned_is_executed_and_followed_in_order() -> None:
    script = updating(ADDED)
    first = told(BEFORE, BEGUN)
    script.answer(
        "describe_stack_events",
        told(BEFORE),
        first,
        told(BEFORE, BEGUN, MADE),
        told(BEFORE, BEGUN, MADE, DONE),
    )
    applied = apply(script.work(template()), agree())
    assert applied.outcomes == {"shop": "update"}
    executed = script.words("execute_change_set")[0]
    assert (executed["ChangeSetName"], executed["ClientRequestToken"][:9]) == (CHANGE_SET, "deployer-")
    assert executed["RetainExceptOnCreate"] is True
    told_events = [
        each.sentence().split("|")[1].split()[0] for each in script.events if "|" in each.sentence()
    ]
    assert told_events == ["UPDATE_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_COMPLETE"]
    # What was executed is CloudFormation's to delete.
    assert script.words("delete_change_set") == []
    assert script.words("update_termination_protection")[0]["EnableTerminationProtection"] is True


def test_events_of_many_pages_come_once() -> None:
    script = updating(ADDED)
    many = [happened(f"T{number}", "CREATE_COMPLETE") for number in range(30)]
    newest = [DONE, *many[::-1], BEGUN, BEFORE]
    script.answer(
        "describe_stack_events",
        told(BEFORE),
        {"StackEvents": newest[:20], "NextToken": "1"},
        {"StackEvents": newest[20:]},
        {"StackEvents": newest[:20], "NextToken": "1"},
        {"StackEvents": newest[20:]},
    )
    apply(script.work(template()), agree())
    names = [each.sentence().split()[3] for each in script.events if " | " in each.sentence()]
    assert names == ["shop", *[f"T{number}" for number in range(30)], "shop"]


def test_a_failure_shows_the_resources_own_reason_first() -> None:
    script = updating(ADDED, end="UPDATE_ROLLBACK_COMPLETE")
    script.answer(
        "describe_stack_events",
        told(BEFORE),
        told(
            BEFORE,
            BEGUN,
            happened("Other", "CREATE_FAILED", "Resource creation cancelled"),
            happened("Role", "CREATE_FAILED", "User x is not authorized to perform: iam:CreateRole"),
            happened(
                "shop", "UPDATE_ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Role]."
            ),
            happened("shop", "UPDATE_ROLLBACK_COMPLETE"),
        ),
    )
    with pytest.raises(StackFailed) as error:
        apply(script.work(template()), agree())
    assert error.value.message.startswith("shop: Role (AWS::SNS::Topic): User x is not authorized")
    assert error.value.details == ("the stack is in UPDATE_ROLLBACK_COMPLETE: the stack is as it was before",)
    assert "right" in str(error.value.remedy)
    assert error.value.exit_status == ExitStatus.STACK


@pytest.mark.parametrize(
    ("change", "needed", "others"),
    [(REPLACED, Consent.REPLACEMENT, Consent.DATA_LOSS), (LOST, Consent.DATA_LOSS, Consent.REPLACEMENT)],
)
def test_nothing_is_replaced_or_lost_without_consent(
    change: dict[str, Any], needed: Consent, others: Consent
) -> None:
    script = updating(change)
    with pytest.raises(PreflightError) as error:
        apply(script.work(template()), agree(others))
    assert f"--accept {needed.value}" in str(error.value.remedy)
    assert script.words("execute_change_set") == []
    assert script.words("delete_change_set")
    script = updating(change)
    script.answer("describe_stack_events", told(BEFORE), told(BEFORE, BEGUN, DONE))
    assert apply(script.work(template()), agree(needed)).outcomes == {"shop": "update"}


def test_a_stack_that_somebody_changed_after_the_plan_is_not_changed() -> None:
    script = updating(ADDED)
    script.answer("describe_stack_events", told(BEFORE))
    script.answer("execute_change_set", Refusal("InvalidChangeSetStatus", "is OBSOLETE"))
    with pytest.raises(StackFailed, match="changed by somebody else"):
        apply(script.work(template()), agree())
    assert script.words("delete_change_set")


def test_an_interrupt_while_it_runs_deletes_nothing_and_hides_nothing() -> None:
    script = updating(ADDED)
    script.answer("describe_stack_events", told(BEFORE), Interrupted(15))
    with pytest.raises(Interrupted):
        apply(script.work(template()), agree())
    assert script.words("delete_change_set") == []
    assert "goes on by itself" in script.sentences()[-1]


def test_a_change_set_that_cannot_be_deleted_does_not_hide_the_reason() -> None:
    script = updating(LOST)
    script.answer("delete_change_set", Refusal("InvalidChangeSetStatus", "no"))
    with pytest.raises(PreflightError, match="lose data"):
        apply(script.work(template()), agree())
    assert "is left" in script.sentences()[-1]


def test_each_stack_is_given_what_the_one_before_gives() -> None:
    script = Script()
    first = template("certificate")
    second = template(parameters={"CertificateArn": StackOutput("certificate", "CertificateArn")})
    made = stack("CREATE_COMPLETE", Outputs=[{"OutputKey": "CertificateArn", "OutputValue": "arn:1"}])
    # Settling and planning both, and the first again; that it is made; the second, and what the first gives.
    script.answer("describe_stacks", *[absent()] * 6, made, absent(), made, absent(), made)
    script.answer("describe_change_set", change_set(ADDED))
    script.answer("describe_stack_events", told(), told(happened("shop", "CREATE_COMPLETE")))
    applied = apply(script.work(first, second), agree())
    assert applied.outcomes == {"shop-certificate": "create", "shop": "create"}
    given = [words["Parameters"] for words in script.words("create_change_set")]
    assert given == [[], [{"ParameterKey": "CertificateArn", "ParameterValue": "arn:1"}]]
    assert [words["StackName"] for words in script.words("execute_change_set")] == [
        "shop-certificate",
        "shop",
    ]


def test_what_a_failed_creation_left_is_deleted_and_made_again() -> None:
    script = Script()
    dead, gone = stack("ROLLBACK_COMPLETE"), stack("DELETE_COMPLETE")
    made = stack("CREATE_COMPLETE")
    script.answer("describe_stacks", dead, dead, dead, gone, absent(), made)
    script.answer("describe_change_set", change_set(ADDED))
    past = happened("shop", "ROLLBACK_COMPLETE")
    away = told(past, happened("shop", "DELETE_IN_PROGRESS"), happened("shop", "DELETE_COMPLETE"))
    there = told(happened("shop", "REVIEW_IN_PROGRESS"), happened("shop", "CREATE_COMPLETE"))
    script.answer("describe_stack_events", told(past), away, told(), there)
    applied = apply(script.work(template()), agree())
    assert applied.outcomes == {"shop": "create"}
    assert [words["StackName"] for words in script.words("delete_stack")] == [IDENTITY]
    assert script.words("create_change_set")[0]["ChangeSetType"] == "CREATE"


def test_a_killed_apply_is_followed_by_the_next_which_then_finds_nothing_to_do() -> None:
    script = Script()
    busy, done = stack("UPDATE_IN_PROGRESS"), stack("UPDATE_COMPLETE")
    script.answer("describe_stacks", busy, busy, done)
    begun = {**BEGUN, "ClientRequestToken": "deployer-20261128-090000-aaaaaaaa"}
    running, ended = told(BEFORE, begun), told(BEFORE, begun, MADE, DONE)
    script.answer("describe_stack_events", running, running, running, ended)
    script.answer("create_change_set", Refusal("ValidationError", "No updates are to be performed."))
    assert apply(script.work(template()), agree()).outcomes == {"shop": "nothing"}
    assert [each for each in script.sentences() if "following it" in each]
    assert script.words("execute_change_set") == []


def test_somebody_elses_work_is_waited_for_only_as_long_as_allowed() -> None:
    script = Script()
    script.answer("describe_stacks", stack("UPDATE_IN_PROGRESS"))
    script.answer("describe_stack_events", told(BEFORE, {**BEGUN, "ClientRequestToken": "Console-1"}))
    with pytest.raises(Locked, match="UPDATE_IN_PROGRESS"):
        apply(script.work(template()), agree())
    assert script.slept == []
    with pytest.raises(Locked, match="still"):
        apply(script.work(template(), lock_wait=60.0), agree())
    assert 60.0 <= sum(script.slept) < 70.0


def following(script: Script) -> Following:
    return Following(script.formation(), IDENTITY, script.events.append)


def test_throttling_and_cut_networks_while_following_are_sat_out() -> None:
    script = Script()
    script.answer("describe_stacks", Refusal("Throttling", "Rate exceeded"), stack("UPDATE_COMPLETE"))
    script.answer("describe_stack_events", ConnectTimeoutError(endpoint_url="https://x"), told(BEGUN, DONE))
    found = following(script).end()
    assert found is not None
    assert found.status == "UPDATE_COMPLETE"
    assert sum("trying again" in each for each in script.sentences()) == 1


def test_a_network_that_stays_away_is_an_error_in_the_end() -> None:
    script = Script()
    script.answer("describe_stacks", ConnectTimeoutError(endpoint_url="https://x"))
    with pytest.raises(CloudUnreachable):
        following(script).end()
    assert sum(script.slept) > 300


def test_the_last_event_may_come_after_the_status() -> None:
    script = Script()
    script.answer("describe_stacks", stack("UPDATE_COMPLETE"))
    script.answer("describe_stack_events", told(BEGUN), told(BEGUN), told(BEGUN, DONE))
    followed = following(script)
    followed.end()
    assert followed.events[-1]["EventId"] == DONE["EventId"]


def test_who_interrupts_is_told_that_it_goes_on() -> None:
    script = Script()
    script.answer("describe_stacks", Interrupted(2))
    with pytest.raises(Interrupted):
        following(script).end()
    assert "goes on by itself" in script.sentences()[-1]


def test_a_certificate_that_waits_for_its_record_says_so_and_again_after_a_while() -> None:
    script = Script()
    busy = stack("CREATE_IN_PROGRESS")
    script.answer("describe_stacks", *[busy] * 250, stack("CREATE_COMPLETE"))
    record = (
        "Content of DNS Record is: {Name: _a.shop.example.org.,Type: CNAME,Value: _b.acm-validations.aws.}"
    )
    type_ = "AWS::CertificateManager::Certificate"
    waiting = happened("Certificate", "CREATE_IN_PROGRESS", record, type=type_)
    end = happened("shop", "CREATE_COMPLETE")
    script.answer("describe_stack_events", *[told(BEGUN, waiting)] * 250, told(BEGUN, waiting, end))
    following(script).end()
    said = [each for each in script.sentences() if "_a.shop.example.org. CNAME _b" in each]
    assert len(said) == 2  # once, and once more after ten minutes of twelve and a half
    assert said[1].startswith("still waiting")


def test_a_protected_database_is_not_removed_by_an_update() -> None:
    gone = resource(
        "Database", "AWS::RDS::DBInstance", "Remove", PhysicalResourceId="db-1", PolicyAction="Snapshot"
    )
    script = updating(gone)
    script.answer("get_template", {"TemplateBody": json.dumps({"Resources": {"Database": DATABASE}})})
    with pytest.raises(PreflightError, match="refuses to be deleted") as error:
        apply(script.work(template()), agree(*Consent))
    assert error.value.details == ("shop: Database (db-1) has deletion protection",)
    assert script.words("execute_change_set") == []
    assert len(script.words("delete_change_set")) == 1


def test_what_an_update_could_not_delete_is_told_though_it_ended_well() -> None:
    script = updating(ADDED)
    left = happened("Old", "DELETE_FAILED", "in use")
    script.answer("describe_stack_events", told(BEFORE), told(BEFORE, BEGUN, MADE, left, DONE))
    applied = apply(script.work(template()), agree())
    assert applied.outcomes == {"shop": "update"}
    assert any("in use" in each and "outside of the stack" in each for each in script.sentences())
