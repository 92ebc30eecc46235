"""What a person should know while a resource takes long: pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deployer.stack.formation import Document

_CERTIFICATE = "AWS::CertificateManager::Certificate"
_RECORD = re.compile(r"\{?Name:\s*(?P<name>[^,\s]+),\s*Type:\s*(?P<type>\w+),\s*Value:\s*(?P<value>[^\s,}]+)")
_TIMES = {
    "AWS::CloudFront::Distribution": "a distribution takes 3 to 10 minutes to reach all edges",
    "AWS::RDS::DBInstance": "a database takes 5 to 15 minutes",
    "AWS::CloudFormation::WaitCondition": "the host prepares itself, which takes some minutes",
    "AWS::EC2::Instance": "the host starts, and may prepare itself before it is called ready",
}
REMIND = 600.0
"""Seconds after which it is said again what is waited for."""


def explanation(event: Mapping[str, Any], template: Document) -> str | None:
    """What to say of an event after which nothing happens for long; None for most."""
    type_ = str(event.get("ResourceType", ""))
    if event.get("ResourceStatus") not in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
        return None
    reason = str(event.get("ResourceStatusReason") or "")
    if type_ == _CERTIFICATE:
        record = _RECORD.search(reason)
        return _validation(record, _zone(template, str(event["LogicalResourceId"]))) if record else None
    # Once for each: CloudFormation tells it a second time when the resource has a name.
    return _TIMES.get(type_) if not event.get("PhysicalResourceId") else None


def _validation(record: re.Match[str], automatic: bool) -> str:
    text = f"{record['name']} {record['type']} {record['value']}"
    if automatic:
        return (
            f"the certificate waits until {text} can be looked up; the record is made by itself. Should "
            "this take more than half an hour, the registrar does not know the zone's name servers yet: "
            "`deployer infra outputs` lists them"
        )
    return (
        f"the certificate waits for a DNS record: make {text} where the domain's names are kept, and keep it "
        "there: the certificate is renewed by it. This goes on by itself some minutes after"
    )


def _zone(template: Document, resource: str) -> bool:
    """CloudFormation makes the validation's records itself, in a zone that the template names."""
    found = template.get("Resources", {}).get(resource, {}).get("Properties", {})
    options = found.get("DomainValidationOptions", [])
    return any("HostedZoneId" in each for each in options if isinstance(each, Mapping))
