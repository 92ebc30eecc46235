"""Rendering: the same bytes each time, user-data that is `host prepare`, YAML that says nothing twice."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deployer.cli.context import Context
from deployer.cli.main import main
from deployer.config.load import load
from deployer.config.reading import Invalid
from deployer.config.schema import Config
from deployer.errors import ConfigError, TemplateError
from deployer.fleet.prepare import script
from deployer.stack.document import parse
from deployer.stack.layout import layout
from deployer.stack.parameters import PrefixList, PublicParameter, SecretParameter, SecretVersion, StackOutput
from deployer.stack.template import templates
from deployer.stack.userdata import LIMIT, text
from tests.support.stack import ALL, BASE, config, every_two, merged, settings

ROOT = Path(__file__).resolve().parents[3]


def test_the_same_config_gives_the_same_bytes_in_any_process() -> None:
    code = """
import hashlib
from deployer.stack.template import templates
from tests.support.stack import config, every_two
body = "".join(each.body for choice in every_two()[::4] for each in templates(config(choice)))
print(hashlib.sha256(body.encode()).hexdigest())
"""
    said = set()
    for seed in ("1", "2"):
        environ = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
        )
        said.add(done.stdout)
    assert len(said) == 1


def test_every_parameter_without_a_default_has_a_source() -> None:
    for choice in every_two():
        for each in templates(config(choice)):
            assert set(each.document().get("Parameters", {})) == set(each.parameters), choice


def test_a_config_of_yaml_is_the_same_as_one_in_memory(tmp_path: Path) -> None:
    # A file's scalars are handed over as they are written, and the types decide.
    path = tmp_path / "config.yaml"
    for choice in every_two():
        path.write_text(yaml.safe_dump(settings(choice)))
        assert load(path, environ={}).dump() == config(choice).dump()


def test_where_parameters_come_from() -> None:
    made = {each.kind: each for each in templates(config({"names": "made"}))}
    assert made["certificate"].parameters == {"ZoneId": StackOutput("zone", "ZoneId")}
    assert {each.region for each in made.values()} == {"us-east-1", "ap-northeast-2"}
    assert dict(made["main"].parameters) == {
        "CertificateArn": StackOutput("certificate", "CertificateArn"),
        "ZoneId": StackOutput("zone", "ZoneId"),
        "ImageId": PublicParameter("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"),
        "CloudFrontPrefixList": PrefixList("com.amazonaws.global.cloudfront.origin-facing"),
        "OriginSecret": SecretParameter("/preview/origin-secret"),
        "DatabasePasswordVersion": SecretVersion("/preview/database-password"),
    }
    for each in made.values():
        for source in each.parameters.values():
            if isinstance(source, StackOutput):
                assert source.output in made[source.kind].document()["Outputs"]


def test_the_user_data_is_the_text_of_host_prepare() -> None:
    found = config({"host": "keys"})
    main_ = next(each for each in templates(found) if each.kind == "main").document()
    data = main_["Resources"]["Instance"]["Properties"]["UserData"]["Fn::Base64"]
    assert data == text(layout(found))
    shebang, _, prepared = script(found).partition("\n")
    assert data.startswith(f"{shebang}\n")
    assert prepared in data
    agent = json.loads(data.partition("cloudwatch.json 644 <<'EOF'\n")[2].partition("\nEOF\n")[0])
    assert agent["metrics"]["aggregation_dimensions"] == [["InstanceId"]]
    assert agent["metrics"]["append_dimensions"] == {"InstanceId": "${aws:InstanceId}"}


def test_a_long_user_data_is_packed() -> None:
    found = config({"host": "long"})
    main_ = next(each for each in templates(found) if each.kind == "main").document()
    packed = base64.b64decode(main_["Resources"]["Instance"]["Properties"]["UserData"])
    assert len(packed) <= LIMIT < len(text(layout(found)).encode())
    assert gzip.decompress(packed).decode() == text(layout(found))


def test_a_user_data_that_is_too_long_packed_too_is_refused() -> None:
    keys = [f"ssh-rsa {os.urandom(1500).hex()}" for _ in range(16)]
    with pytest.raises(TemplateError, match=r"EC2 takes 16,384"):
        templates(config(prepare={"keys": keys}))


@pytest.mark.parametrize("level", ALL["host"])
@pytest.mark.parametrize("machine", ["usual", "own"])
def test_the_user_data_is_right_shell(tmp_path: Path, level: str, machine: str) -> None:
    path = tmp_path / "user-data.sh"
    path.write_text(text(layout(config({"host": level, "machine": machine}))))
    shellcheck = Path(sys.executable).with_name("shellcheck")
    asked: list[str | Path] = [shellcheck, "--shell=sh", "--exclude=SC1091", path]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("Resources:\n  A: {Type: x}\n  A: {Type: y}\n", "main:3: 'A' stands twice in one mapping"),
        ("a: !Sub\n  b: 1\n  b: 2\n", "main:3: 'b' stands twice in one mapping"),
        ("a: [", "main:1: did not find expected node content"),
        ("- a", "main: is no mapping"),
    ],
)
def test_wrong_yaml_is_refused(body: str, said: str) -> None:
    with pytest.raises(TemplateError) as caught:
        parse(body, "main")
    assert caught.value.message == said or body == "a: ["


def test_short_tags_become_long_ones() -> None:
    read = parse('a: !GetAtt B.Endpoint.Address\nb: !Sub "${A}"\nc: !Select [0, !GetAZs ""]\nd: 2012-10-17\n')
    assert read == {
        "a": {"Fn::GetAtt": ["B", "Endpoint.Address"]},
        "b": {"Fn::Sub": "${A}"},
        "c": {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
        "d": "2012-10-17",
    }


def test_a_topic_in_us_east_1_is_told_of_cloudfront_too() -> None:
    topic = "arn:aws:sns:us-east-1:123456789012:ops"
    found = config(stack={"region": "us-east-1", "alarms": {"topic": topic, "emails": []}})
    metrics = next(each for each in templates(found) if each.kind == "metrics").document()
    resources = metrics["Resources"].values()
    assert "AWS::SNS::Topic" not in [each["Type"] for each in resources]
    alarms = [each["Properties"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"]
    assert {topic} == {each for alarm in alarms for each in alarm["AlarmActions"]}
    assert len(alarms) == 2


OPS = "arn:aws:sns:ap-northeast-2:123456789012:ops"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"stack": {"cdn": {"origin": "api.example.org"}}}, "stack.cdn.origin"),
        ({"stack": {"cdn": {"origin": "10.0.0.1"}, "instance": {"enabled": False}}}, "takes no address"),
        ({"stack": {"network": {"vpc": "vpc-1", "subnet": "subnet-1"}}}, "two subnets"),
        ({"site": {"store": {}}}, "site.store"),
        ({"stack": {"instance": {"type": "t4g.small"}}}, "ARM"),
        ({"site": {"region": "us-east-1"}}, "site.region"),
        ({"edge": {"hold": 60}}, "edge.hold"),
        ({"edge": {"port": 81}}, "edge.port"),
        ({"stack": {"alarms": {"topic": "arn:aws:sns:us-east-1:123456789012:x"}}}, "stack.alarms.topic"),
        ({"stack": {"domain": "a.kr", "aliases": ["b.kr"]}}, "stack.aliases"),
        ({"stack": {"domain": "a.kr", "aliases": ["origin.a.kr"]}}, "where CloudFront finds the API"),
        ({"stack": {"alarms": {"topic": OPS, "emails": []}}}, "stack.alarms.emails"),
        ({"stack": {"instance": {"type": "a1.medium"}}}, "ARM"),
        ({"stack": {"network": {"cidr": "10.213.0.0/20"}}}, "stack.network.cidr"),
        ({"ssh": {"port": 2222}}, "ssh.port"),
        ({"site": None, "stack": {"instance": {"enabled": False}}}, "neither a bucket"),
    ],
)
def test_parts_that_do_not_go_together_are_named(more: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        layout(Config.of(merged(BASE, more)))
    assert any(said in problem for problem in caught.value.details)


@pytest.mark.parametrize(
    "stack",
    [
        {"network": {"admins": ["0.0.0.0/0"]}},
        {"network": {"vpc": "vpc-1"}},
        {"network": {"database_subnets": ["subnet-1"]}},
        {"certificate": "arn:aws:acm:ap-northeast-2:123456789012:certificate/x"},
        {"database": {"version": "10.6"}},
        {"aliases": ["www.previewai.store"]},
        {"secrets": {"names": ["origin-secret"]}},
        {"region": "Seoul"},
        {"logs": {"keep": 31}},
    ],
)
def test_what_a_section_refuses(stack: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        Config.of({**BASE, "stack": stack})
    assert len(refused.value.found) == 1


def test_a_config_without_a_stack_is_told_what_to_write() -> None:
    with pytest.raises(ConfigError, match="the config has no stack"):
        layout(config(stack=None))


def test_the_command_shows_writes_and_refuses(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(BASE))

    def said(*words: str) -> tuple[int, str]:
        out = io.StringIO()
        code = main(["infra", *words, "-c", str(path)], Context(stdout=out, stderr=out, environ={}))
        return code, out.getvalue()

    whole = said("render")[1]
    assert whole.startswith("# ---- main.yaml ----\n---\nAWSTemplateFormatVersion")
    assert said("render", "user-data")[1].startswith("#!/bin/sh\n")
    assert json.loads(said("render", "main", "--json")[1])["files"]["main.yaml"] in whole
    written = said("render", "--out", str(tmp_path / "made"))[1].split()
    assert [Path(each).name for each in written] == ["main.yaml", "metrics.yaml", "user-data.sh"]
    code, text_ = said("render", "zone")
    assert (code, text_.splitlines()[1]) == (2, "  -> it makes main, metrics, user-data")
    assert "this config makes no 'zone'" in text_
