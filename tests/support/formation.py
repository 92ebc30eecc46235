"""CloudFormation as a test tells it, for what moto cannot: failures, replacements, pages, throttling.

    script = Script()
    script.answer("describe_stacks", stack("UPDATE_IN_PROGRESS"), stack("UPDATE_COMPLETE"))
    work = script.work(template)

It is the SDK's own client, cut off right before the network. Requests are checked by the SDK as always,
answers against the same description of the service: what AWS could not say, no test can.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.validate import validate_parameters

from deployer.events import Event
from deployer.stack.cloud import Cloud
from deployer.stack.formation import Formation, Pace
from deployer.stack.parameters import Source
from deployer.stack.template import Template
from deployer.stack.work import Work

REGION = "ap-northeast-2"
IDENTITY = f"arn:aws:cloudformation:{REGION}:123456789012:stack/shop/11111111-2222-3333-4444-555555555555"
CHANGE_SET = f"arn:aws:cloudformation:{REGION}:123456789012:changeSet/deployer-1/1"
BODY: dict[str, Any] = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
MISSING = "Stack with id shop does not exist"

Answer = Mapping[str, Any] | BaseException
_numbers = itertools.count(1)


class Refusal(Exception):
    """An answer that says no."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


class Script:
    """What each operation answers: one after the other, the last one for ever; and what was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.events: list[Event] = []
        self.slept: list[float] = []
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        self.answer("list_change_sets", {"Summaries": []})
        self.answer("get_template", {"TemplateBody": json.dumps(BODY)})
        for operation in ("delete_change_set", "delete_stack", "execute_change_set"):
            self.answer(operation, {})
        self.answer("update_termination_protection", {"StackId": IDENTITY})
        self.answer("create_change_set", {"Id": CHANGE_SET, "StackId": IDENTITY})

    def answer(self, operation: str, *answers: Answer) -> None:
        """From now on, this operation answers these."""
        self._answers[operation] = list(answers)

    def words(self, operation: str) -> list[dict[str, Any]]:
        """What was asked of an operation, each time."""
        return [words for name, words in self.asked if name == operation]

    def sentences(self) -> list[str]:
        """What was told."""
        return [event.sentence() for event in self.events]

    def cloud(self) -> Cloud:
        """The account."""
        return Cloud(self._client, Pace(self._sleep, lambda: sum(self.slept)))

    def formation(self) -> Formation:
        """CloudFormation in the region."""
        return self.cloud().formation(REGION)

    def work(self, *templates: Template, **settings: Any) -> Work:
        """What the commands of these stacks work with."""
        return Work("shop", REGION, templates, self.cloud(), self.events.append, **settings)

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        assert len(self.slept) < 2000, f"it never ends: {self.asked[-5:]}"

    def _client(self, service: str, region: str) -> Any:
        client = boto3.client(
            service, region_name=region, aws_access_key_id="test", aws_secret_access_key="test"
        )

        def say(model: Any, params: Any, **_: Any) -> Any:
            # Before it is sent: what was asked is in the body as a form, the words are kept by `provide`.
            return self._said(model)

        def keep(params: dict[str, Any], model: Any, **_: Any) -> None:
            name = next(
                key for key, value in client.meta.method_to_api_mapping.items() if value == model.name
            )
            self.asked.append((name, dict(params)))

        client.meta.events.register("before-parameter-build.*.*", keep)
        client.meta.events.register_first("before-call.*.*", say)
        return client

    def _said(self, model: Any) -> tuple[AWSResponse, Any]:
        name = self.asked[-1][0]
        known = self._answers[name]
        assert known, f"nobody told the script what {name} answers"
        answer = known.pop(0) if len(known) > 1 else known[0]
        if isinstance(answer, Refusal):
            error = {"Code": answer.code, "Message": answer.message}
            metadata = {"HTTPStatusCode": answer.status}
            return AWSResponse("", answer.status, {}, None), {"Error": error, "ResponseMetadata": metadata}
        if isinstance(answer, BaseException):
            raise answer
        if model.output_shape is not None:
            validate_parameters(answer, model.output_shape)
        return AWSResponse("", 200, {}, None), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200}}


def template(
    kind: str = "main",
    resources: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Source] | None = None,
    region: str = REGION,
) -> Template:
    """A stack of the config."""
    body = {"Resources": resources or BODY["Resources"]}
    if parameters:
        body["Parameters"] = {name: {"Type": "String"} for name in parameters}
    name = "shop" if kind == "main" else f"shop-{kind}"
    return Template(
        kind, name, region, json.dumps(body), parameters or {}, ("CAPABILITY_IAM",), {"team": "a"}
    )


def stack(status: str, **fields: Any) -> dict[str, Any]:
    """What describe_stacks answers of the stack."""
    found = {
        "StackId": IDENTITY,
        "StackName": "shop",
        "StackStatus": status,
        "CreationTime": dt.datetime(2026, 11, 28, 9, tzinfo=dt.UTC),
        **fields,
    }
    return {"Stacks": [found]}


def absent() -> Refusal:
    """What describe_stacks says of one that is not there."""
    return Refusal("ValidationError", MISSING)


def happened(resource: str, status: str, reason: str = "", **fields: Any) -> dict[str, Any]:
    """A stack event, each with an id of its own; `shop` is the stack itself."""
    type_ = "AWS::CloudFormation::Stack" if resource == "shop" else fields.pop("type", "AWS::SNS::Topic")
    return {
        "StackId": IDENTITY,
        "StackName": "shop",
        "EventId": f"event-{next(_numbers)}",
        "LogicalResourceId": resource,
        "PhysicalResourceId": IDENTITY if resource == "shop" else f"p-{resource}",
        "ResourceType": type_,
        "ResourceStatus": status,
        "Timestamp": dt.datetime(2026, 11, 28, 9, 1, tzinfo=dt.UTC),
        **({"ResourceStatusReason": reason} if reason else {}),
        **fields,
    }


def told(*oldest_first: Mapping[str, Any]) -> dict[str, Any]:
    """What describe_stack_events answers, all on one page."""
    return {"StackEvents": list(oldest_first)[::-1]}


def change_set(*changes: Mapping[str, Any], status: str = "CREATE_COMPLETE", **fields: Any) -> dict[str, Any]:
    """What describe_change_set answers."""
    listed: Sequence[Any] = [{"Type": "Resource", "ResourceChange": dict(each)} for each in changes]
    return {"Status": status, "ChangeSetId": CHANGE_SET, "Changes": listed, **fields}


def resource(name: str, type_: str, action: str, **fields: Any) -> dict[str, Any]:
    """A resource's change."""
    return {"LogicalResourceId": name, "ResourceType": type_, "Action": action, **fields}


BEFORE = happened("shop", "CREATE_COMPLETE")
BEGUN = happened("shop", "UPDATE_IN_PROGRESS", "User Initiated")
DONE = happened("shop", "UPDATE_COMPLETE")
MADE = happened("Topic", "CREATE_COMPLETE")
DATABASE = {"Type": "AWS::RDS::DBInstance", "Properties": {"DeletionProtection": True}}
