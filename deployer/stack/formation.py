"""CloudFormation in one region: stacks, their templates, resources and events."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from deployer.aws.refusals import answered
from deployer.aws.session import mapped
from deployer.errors import CloudError
from deployer.stack import standing
from deployer.stack.document import parse
from deployer.stack.standing import Standing

Document = Mapping[str, Any]
"""A template as a mapping."""


class Pace(Struct, frozen=True):
    """How time passes; tests have their own."""

    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


class Resource(Struct, frozen=True):
    """A resource of a stack: its name in the template, its name in AWS, type and status."""

    name: str
    physical: str
    type: str
    status: str


class Formation:
    """Asks; every answer of AWS that says no is an error of ours.

    :param client: boto3's, for CloudFormation.
    """

    def __init__(self, client: Any, region: str, pace: Pace | None = None) -> None:
        self._client = client
        self.region = region
        self.pace = pace or Pace()

    def ask(self, operation: str, stack: str, **words: Any) -> Any:
        """One request about a stack. :raises CloudError: it is refused."""
        with mapped(f"{operation.replace('_', ' ')} of {stack} in {self.region}"):
            return getattr(self._client, operation)(**words)

    def standing(self, stack: str) -> Standing | None:
        """The stack of this name or id; None where there is none."""
        try:
            found = self.ask("describe_stacks", stack, StackName=stack)["Stacks"]
        except CloudError as error:
            if answered(error)[0] == "ValidationError" and "does not exist" in answered(error)[1]:
                return None
            raise
        return standing.read(found[0], self.region) if found else None

    def template(self, stack: str) -> Document:
        """What the stack was made of."""
        body = self.ask("get_template", stack, StackName=stack)["TemplateBody"]
        return body if isinstance(body, Mapping) else parse(str(body), stack)

    def resources(self, stack: str) -> list[Resource]:
        """What the stack consists of."""
        return [
            Resource(
                str(each["LogicalResourceId"]),
                str(each.get("PhysicalResourceId") or ""),
                str(each["ResourceType"]),
                str(each["ResourceStatus"]),
            )
            for page in self._pages("list_stack_resources", stack)
            for each in page["StackResourceSummaries"]
        ]

    def events(self, stack: str) -> Iterator[Mapping[str, Any]]:
        """What happened to the stack, the newest first; each page is asked for when it is reached."""
        for page in self._pages("describe_stack_events", stack):
            yield from page["StackEvents"]

    def _pages(self, operation: str, stack: str) -> Iterator[Mapping[str, Any]]:
        words = {"StackName": stack}
        while True:
            page = self.ask(operation, stack, **words)
            yield page
            if not page.get("NextToken"):
                return
            words["NextToken"] = page["NextToken"]
