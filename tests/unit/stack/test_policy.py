"""Every right and every open port, in every kind of stack; and what cfn-lint misses."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from deployer.config.sections.notify import CloudWatchEnd
from deployer.events import CommandFailed
from deployer.sinks.end import Run
from deployer.sinks.metrics import metrics_of
from deployer.stack.layout import layout
from deployer.stack.template import templates
from tests.support import rules, scale
from tests.support.stack import PARTS, Choice, config, every_two, product

Document = dict[str, Any]
ROOT = Path(__file__).resolve().parents[3]
ADMINS = {"203.0.113.7/32", "198.51.100.0/24", "192.30.252.0/22"}
PORTS = {22, 9090, 9000}


def documents(choice: Choice) -> dict[str, Document]:
    return {each.kind: each.document() for each in templates(config(choice))}


def complaints(document: Document) -> list[str]:
    return [
        *rules.dangling(document),
        *rules.rights(document),
        *rules.doors(document, edge=8080, admins=ADMINS, ports=PORTS),
        *rules.cdn(document),
        *rules.waiting(document),
    ]


def test_no_stack_gives_more_than_it_must() -> None:
    choices = [*every_two(), *(product(PARTS) if scale.SOAK else ())]
    found = {}
    for choice in choices:
        for kind, document in documents(choice).items():
            if said := complaints(document):
                found[kind, str(choice)] = said
    assert found == {}
    assert len(choices) > 12


@pytest.mark.parametrize("choice", [{}, {"cdn": "off", "site": "elsewhere"}], ids=["made", "own"])
def test_the_role_may_do_all_that_a_deploy_asks_of_cloudfront(choice: Choice) -> None:
    source = (ROOT / "deployer/site/cloudfront.py").read_text()
    called = {
        *re.findall(r"self\._client\.(?!get_paginator)(\w+)\(", source),
        *re.findall(r'get_paginator\("(\w+)"', source),
    }
    assert "list_invalidations" in called
    wanted = {"cloudfront:" + "".join(word.title() for word in name.split("_")) for name in called}
    main = documents(choice)["main"]
    statements = [
        statement
        for role in rules.of_type(main, "AWS::IAM::Role").values()
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert wanted <= {action for statement in statements for action in statement["Action"]}


def test_what_the_issue_names_is_all_there() -> None:
    made = documents({"names": "made"})
    main = made["main"]
    assert list(made) == ["zone", "certificate", "main", "metrics"]
    bucket = rules.of_type(main, "AWS::S3::Bucket")["Bucket"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    instance = rules.of_type(main, "AWS::EC2::Instance")["Instance"]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert [disk["Ebs"]["VolumeType"] for disk in instance["BlockDeviceMappings"]] == ["gp3"]
    database = rules.of_type(main, "AWS::RDS::DBInstance")["Database"]
    assert (database["EngineVersion"], database["StorageEncrypted"]) == ("11.4", True)
    password = "{{resolve:ssm-secure:/preview/database-password:${DatabasePasswordVersion}}}"
    assert database["MasterUserPassword"] == {"Fn::Sub": password}
    assert main["Parameters"]["OriginSecret"]["NoEcho"] is True
    records = rules.of_type(main, "AWS::Route53::RecordSet").values()
    assert {(each["Name"], each["Type"]) for each in records} == {
        ("previewai.store", "A"),
        ("previewai.store", "AAAA"),
        ("www.previewai.store", "A"),
        ("www.previewai.store", "AAAA"),
        ("origin.previewai.store", "A"),
    }
    alarms = {
        each["MetricName"]
        for document in made.values()
        for each in rules.of_type(document, "AWS::CloudWatch::Alarm").values()
    }
    assert alarms == {
        "StatusCheckFailed",
        "CPUUtilization",
        "CPUCreditBalance",
        "mem_used_percent",
        "swap_used_percent",
        "disk_used_percent",
        "FreeStorageSpace",
        "FailedDeploys",
        "5xxErrorRate",
        "OriginLatency",
    }
    assert all("RetentionInDays" in each for each in rules.of_type(main, "AWS::Logs::LogGroup").values())


def test_the_alarm_for_failed_deploys_watches_what_the_deployer_puts() -> None:
    (found,) = (
        each
        for each in rules.of_type(documents({"names": "made"})["main"], "AWS::CloudWatch::Alarm").values()
        if each["Namespace"] == CloudWatchEnd(region="ap-northeast-2").namespace
    )
    failed = CommandFailed("rollout", 1.0, 8, "BadRelease", "never ready")
    put = {metric.name for metric in metrics_of(failed, Run("1", "rollout", "shop"))}
    assert found["MetricName"] in put
    assert [each["Name"] for each in found["Dimensions"]] == ["Service"]


def test_the_instance_reads_its_own_secrets_and_no_others() -> None:
    found = layout(config({"secrets": "more"}))
    main = documents({"secrets": "more"})["main"]
    statements = main["Resources"]["Role"]["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
    resources = next(each["Resource"] for each in statements if each["Sid"] == "Secrets")
    names = [each["Fn::Sub"].rpartition(":parameter")[2] for each in resources]
    assert names == [f"/prod/shop/{name}" for name in found.secrets]
    assert found.secrets == ("origin-secret", "database-password", "gemini-key")


MAIN = documents({"names": "made"})["main"]


def changed(path: str, value: object) -> Document:
    """The usual stack with one value changed; a path of keys and indexes."""
    document = copy.deepcopy(MAIN)
    at: Any = document
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(" ")]
    for step in way:
        at = at[step]
    at[last] = value
    return document


ROLE = "Resources Role Properties Policies 0 PolicyDocument Statement"
CDN = "Resources Distribution Properties DistributionConfig"


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (f"{ROLE} 0 Action", "s3:*", "Role: allows s3:*"),
        (f"{ROLE} 0 Action", "iam:PassRole", "Role: allows iam:PassRole"),
        (f"{ROLE} 0 Resource", "*", "on everything"),
        (f"{ROLE} 3 Resource", "arn:aws:ssm:r:1:parameter/preview/*", "allows every parameter"),
        ("Resources Role Properties ManagedPolicyArns", ["arn:aws:iam::aws:policy/X"], "policy of AWS's"),
        ("Resources BucketPolicy Properties PolicyDocument Statement 1 Principal", "*", "allows everybody"),
        ("Resources EdgeDoor Properties SecurityGroupIngress 0 CidrIp", "0.0.0.0/0", "open to 0.0.0.0/0"),
        ("Resources EdgeDoor Properties SecurityGroupIngress 0 ToPort", 9000, "more than one port"),
        ("Resources AdminDoor Properties SecurityGroupIngress 0 FromPort", 23, "more than one port"),
        ("Resources DatabaseDoor Properties SecurityGroupIngress 0 CidrIpv6", "::/0", "open to ::/0"),
        ("Resources PublicSubnet Properties MapPublicIpOnLaunch", False, "cannot reach anything"),
        ("Resources Database Properties PubliclyAccessible", True, "public address"),
        (f"{CDN} Origins 1 DomainName", "203.0.113.9", "is an address"),
        (f"{CDN} Origins 1 CustomOriginConfig OriginReadTimeout", 500, "waits 500 s"),
        (f"{CDN} Origins 1 CustomOriginConfig HTTPPort", 81, "port 81"),
        (f"{CDN} Origins 1 OriginCustomHeaders", [], "is shown no secret"),
        (f"{CDN} CacheBehaviors 0 CachePolicyId", "658327ea-f89d-4fab-a63d-7e88639e58f6", "CachingOptimized"),
        (f"{CDN} CacheBehaviors 0 OriginRequestPolicyId", "00000000", "unknown"),
        (f"{CDN} CacheBehaviors 0 TargetOriginId", "apo", "goes nowhere"),
        (f"{CDN} CacheBehaviors 0 Compress", True, "is compressed"),
        (f"{CDN} CacheBehaviors 0 FunctionAssociations", [{}], "has a function"),
        (f"{CDN} DefaultCacheBehavior ViewerProtocolPolicy", "allow-all", "plain HTTP"),
        (f"{CDN} CustomErrorResponses 1 ResponsePagePath", "/index.html", "becomes a page"),
        (
            f"{CDN} ViewerCertificate AcmCertificateArn",
            "arn:aws:acm:ap-northeast-2:1:certificate/x",
            "is in ap",
        ),
        (f"{CDN} ViewerCertificate MinimumProtocolVersion", "TLSv1", "older"),
        ("Resources Name1A Properties AliasTarget HostedZoneId", "Z1", "another zone"),
        ("Resources Instance DependsOn", ["Nobody"], "Nobody is nowhere"),
        ("Parameters Unused", {"Type": "String"}, "Unused is used nowhere"),
    ],
)
def test_each_rule_complains(path: str, value: object, complaint: str) -> None:
    assert complaints(MAIN) == []
    assert any(complaint in said for said in complaints(changed(path, value)))
