"""The values of a template's parameters, asked for where they come from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from deployer.aws.refusals import answered
from deployer.aws.session import mapped
from deployer.errors import CloudError
from deployer.stack.cloud import Cloud
from deployer.stack.parameters import PrefixList, PublicParameter, SecretParameter, SecretVersion, StackOutput
from deployer.stack.standing import Condition, Standing
from deployer.stack.template import Template

Outputs = Callable[[str], Mapping[str, str]]
"""From the kind of one of our stacks to its outputs; empty where it has none yet."""


class Inputs(Struct, frozen=True):
    """What a template is given.

    :ivar values: by parameter; None keeps the stack's present value.
    :ivar missing: parameters whose value is not there yet, and where it will come from.
    """

    values: Mapping[str, str | None] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Inputs(values of {sorted(self.values)}, missing={self.missing!r})"

    def listed(self) -> list[dict[str, Any]]:
        """As CreateChangeSet takes them."""
        return [
            {"ParameterKey": key, "UsePreviousValue": True}
            if value is None
            else {"ParameterKey": key, "ParameterValue": value}
            for key, value in sorted(self.values.items())
        ]


def gather(cloud: Cloud, template: Template, found: Standing | None, outputs: Outputs) -> Inputs:
    """Ask for every parameter's value.

    :param found: the stack as it stands, whose present values may be kept.
    :raises CloudError: something cannot be asked, or a parameter of AWS's is not there.
    """
    values: dict[str, str | None] = {}
    missing: dict[str, str] = {}
    present = found.parameters if found and found.condition is not Condition.ABSENT else {}
    for name, source in template.parameters.items():
        value: str | None = None
        match source:
            case StackOutput(kind, output):
                value = outputs(kind).get(output)
                if value is None:
                    missing[name] = f"the {kind} stack"
            case SecretParameter(path):
                value = parameter(cloud, template.region, path)
                if value is None:
                    missing[name] = path
            case SecretVersion(path):
                value = parameter(cloud, template.region, path, version=True)
                if value is None:
                    missing[name] = path
            case PublicParameter(path):
                if name not in present:
                    value = parameter(cloud, template.region, path)
                    if value is None:
                        raise CloudError(f"there is no public parameter {path} in {template.region}")
            case PrefixList(called):
                value = prefix_list(cloud, template.region, called)
        if name not in missing:
            values[name] = value
    return Inputs(values, missing)


def parameter(cloud: Cloud, region: str, path: str, *, version: bool = False) -> str | None:
    """A parameter of the store, decrypted, or the number of its version; None where there is none."""
    try:
        with mapped(f"reading parameter {path} in {region}"):
            found = cloud.client("ssm", region).get_parameter(Name=path, WithDecryption=not version)
    except CloudError as error:
        if answered(error)[0] in ("ParameterNotFound", "ParameterVersionNotFound"):
            return None
        raise
    return str(found["Parameter"]["Version" if version else "Value"])


def prefix_list(cloud: Cloud, region: str, name: str) -> str:
    """The id of a prefix list that AWS manages. :raises CloudError: the region has none of that name."""
    with mapped(f"looking for prefix list {name} in {region}"):
        found = cloud.client("ec2", region).describe_managed_prefix_lists(
            Filters=[{"Name": "prefix-list-name", "Values": [name]}]
        )["PrefixLists"]
    if not found:
        raise CloudError(
            f"{region} has no prefix list {name}", remedy="give its id in stack.network.prefix_list"
        )
    return str(found[0]["PrefixListId"])
