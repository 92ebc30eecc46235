"""What cfn-lint does not see in a template of ours, as complaints; each is shown to complain in the tests."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]

MANAGED = {
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": "CachingDisabled",
    "658327ea-f89d-4fab-a63d-7e88639e58f6": "CachingOptimized",
    "216adef6-5c7f-47e4-b989-5492eafa07d3": "AllViewer",
    "67f7725c-6f97-4210-82d7-5512b31e9d03": "SecurityHeadersPolicy",
}
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
BARE = {"cloudwatch:PutMetricData"}
"""Actions that know no resources."""


def of_type(document: Document, kind: str) -> dict[str, Any]:
    """Properties of all resources of a type, by their logical names."""
    return {
        name: each.get("Properties", {})
        for name, each in document["Resources"].items()
        if each["Type"] == kind
    }


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def references(value: Any) -> Iterator[str]:
    """Logical names that a value refers to."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0]
            elif key == "Fn::Sub" and isinstance(inner, str):
                yield from (piece.partition("}")[0].partition(".")[0] for piece in inner.split("${")[1:])
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def dangling(document: Document) -> list[str]:
    """References to nothing, parameters that nobody uses."""
    known = {*document["Resources"], *document.get("Parameters", {})}
    used = {name for name in references([document["Resources"], document["Outputs"]]) if "::" not in name}
    depended = {name for each in document["Resources"].values() for name in listed(each.get("DependsOn", []))}
    return sorted(
        [f"{name} is nowhere" for name in (used | depended) - known]
        + [f"{name} is used nowhere" for name in set(document.get("Parameters", {})) - used]
    )


def rights(document: Document) -> Iterator[str]:
    """Statements that give more than they must."""
    policies = [
        (name, policy["PolicyDocument"])
        for name, role in of_type(document, "AWS::IAM::Role").items()
        for policy in role.get("Policies", ())
    ]
    for kind in ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy"):
        policies += [(name, each["PolicyDocument"]) for name, each in of_type(document, kind).items()]
    for name, role in of_type(document, "AWS::IAM::Role").items():
        if role.get("ManagedPolicyArns"):
            yield f"{name}: has a policy of AWS's"
        trusted = [each["Principal"] for each in role["AssumeRolePolicyDocument"]["Statement"]]
        if trusted != [{"Service": "ec2.amazonaws.com"}]:
            yield f"{name}: is trusted to {trusted}"
    for name, policy in policies:
        for statement in policy["Statement"]:
            if statement["Effect"] == "Allow":
                yield from (f"{name}: {each}" for each in _allowed(statement))


def _allowed(statement: Mapping[str, Any]) -> Iterator[str]:
    actions = listed(statement["Action"])
    if "NotAction" in statement or "NotResource" in statement:
        yield "allows all but something"
    for action in actions:
        if "*" in action:
            yield f"allows {action}"
        if action.startswith(("iam:", "sts:", "kms:", "ec2:")) or action == "ssm:PutParameter":
            yield f"allows {action}"
    resources = [json.dumps(each) for each in listed(statement["Resource"])]
    if '"*"' in resources and not (set(actions) <= BARE and "Condition" in statement):
        yield f"allows {actions} on everything"
    if any("parameter" in each and "*" in each for each in resources):
        yield "allows every parameter"
    principal = statement.get("Principal")
    if principal == "*" or (isinstance(principal, dict) and "*" in str(principal)):
        yield "allows everybody"
    if principal and "Condition" not in statement:
        yield f"allows {principal} without a condition"


def doors(document: Document, *, edge: int, admins: set[str], ports: set[int]) -> Iterator[str]:
    """Open ports that should not be: the edge is for CloudFront, the database for the instance."""
    rules = [
        (name, rule)
        for name, group in of_type(document, "AWS::EC2::SecurityGroup").items()
        for rule in group.get("SecurityGroupIngress", ())
    ]
    rules += list(of_type(document, "AWS::EC2::SecurityGroupIngress").items())
    for name, rule in rules:
        port = rule.get("FromPort")
        where = f"{name}: {port}"
        if rule.get("IpProtocol") != "tcp" or port != rule.get("ToPort"):
            yield f"{where} is more than one port of TCP"
        source = rule.get("CidrIp")
        if source is not None and (source not in admins or ipaddress.ip_network(source).prefixlen < 8):
            yield f"{where} is open to {source}"
        if "CidrIpv6" in rule:
            yield f"{where} is open to {rule['CidrIpv6']}"
        if port == edge and "SourcePrefixListId" not in rule:
            yield f"{where} is open to others than CloudFront"
        if port == 3306 and "SourceSecurityGroupId" not in rule:
            yield f"{where} is open to others than the instance"
        if port not in {edge, 3306, *ports}:
            yield f"{where} is open"
    for name, database in of_type(document, "AWS::RDS::DBInstance").items():
        if database.get("PubliclyAccessible") is not False:
            yield f"{name}: has a public address"


def waiting(document: Document) -> Iterator[str]:
    """An instance that its stack waits for, and that has no way out before its address is given to it.

    The address is associated when the instance is complete, and it is complete when it has fetched packages.
    """
    for name, resource in document["Resources"].items():
        if resource["Type"] != "AWS::EC2::Instance":
            continue
        subnet = resource["Properties"]["SubnetId"]
        ours = document["Resources"].get(subnet["Ref"], {}) if isinstance(subnet, dict) else None
        if ours is not None and not ours["Properties"].get("MapPublicIpOnLaunch"):
            yield f"{name}: cannot reach anything while it prepares itself"


def cdn(document: Document) -> Iterator[str]:
    """What is wrong with a distribution and cfn-lint lets pass."""
    for each in of_type(document, "AWS::CloudFront::Distribution").values():
        config = each["DistributionConfig"]
        for origin in config["Origins"]:
            yield from _origin(origin)
        behaviours = [config["DefaultCacheBehavior"], *config.get("CacheBehaviors", ())]
        origins = {origin["Id"]: origin for origin in config["Origins"]}
        for behaviour in behaviours:
            target = origins.get(behaviour["TargetOriginId"])
            if target is None:
                yield f"{behaviour.get('PathPattern', '*')}: goes nowhere"
            else:
                yield from _behaviour(behaviour, "CustomOriginConfig" in target)
        for answer in config.get("CustomErrorResponses", ()):
            if answer.get("ResponsePagePath") or answer.get("ResponseCode"):
                yield f"{answer['ErrorCode']} of the API becomes a page"
        certificate = config["ViewerCertificate"]
        arn = certificate.get("AcmCertificateArn")
        if isinstance(arn, str) and ":us-east-1:" not in arn:
            yield f"the certificate is in {arn.split(':')[3]}"
        if arn and not str(certificate.get("MinimumProtocolVersion")).startswith("TLSv1.2_"):
            yield "TLS is older than 1.2"
        if config["HttpVersion"] not in ("http3", "http2and3"):
            yield "there is no HTTP/3"
    for name, record in of_type(document, "AWS::Route53::RecordSet").items():
        if "AliasTarget" in record and record["AliasTarget"]["HostedZoneId"] != CLOUDFRONT_ZONE:
            yield f"{name}: its alias is in another zone than CloudFront's"
    parameter = document.get("Parameters", {}).get("CertificateArn")
    if parameter and ":us-east-1:" not in parameter["AllowedPattern"]:
        yield "a certificate of another region would be taken"


def _origin(origin: Mapping[str, Any]) -> Iterator[str]:
    name = origin["DomainName"]
    if isinstance(name, str):
        try:
            ipaddress.ip_address(name)
            yield f"{origin['Id']}: {name} is an address"
        except ValueError:
            pass
        if ".s3-website" in name:
            yield f"{origin['Id']}: is a website, which takes no access control"
    if "S3OriginConfig" in origin and "OriginAccessControlId" not in origin:
        yield f"{origin['Id']}: has no access control"
    custom = origin.get("CustomOriginConfig")
    if custom is None:
        return
    if not 30 <= custom["OriginReadTimeout"] <= 120:
        yield f"{origin['Id']}: waits {custom['OriginReadTimeout']} s"
    if custom["HTTPPort"] not in (80, 443) and custom["HTTPPort"] < 1024:
        yield f"{origin['Id']}: port {custom['HTTPPort']} is not asked"
    if "X-Origin-Secret" not in [each["HeaderName"] for each in origin.get("OriginCustomHeaders", ())]:
        yield f"{origin['Id']}: is shown no secret"


def _behaviour(behaviour: Mapping[str, Any], api: bool) -> Iterator[str]:
    where = behaviour.get("PathPattern", "*")
    ids = ("CachePolicyId", "OriginRequestPolicyId", "ResponseHeadersPolicyId")
    policies = {MANAGED.get(behaviour[key], "unknown") for key in ids if key in behaviour}
    wanted = {"CachingDisabled", "AllViewer"} if api else {"CachingOptimized", "SecurityHeadersPolicy"}
    if policies != wanted:
        yield f"{where}: has the policies {sorted(policies)}"
    if behaviour["Compress"] is api:
        yield f"{where}: is {'' if api else 'not '}compressed"
    if bool(behaviour.get("FunctionAssociations")) is api:
        yield f"{where}: has {'a' if api else 'no'} function"
    if len(behaviour["AllowedMethods"]) != (7 if api else 2):
        yield f"{where}: allows {behaviour['AllowedMethods']}"
    if behaviour["ViewerProtocolPolicy"] == "allow-all":
        yield f"{where}: is served over plain HTTP"
