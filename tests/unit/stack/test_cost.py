"""The month: counted from templates, priced by the table, beside the document's figures."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from app.guard import FREE
from deployer.cli.context import Context
from deployer.cli.main import main
from deployer.config.load import load
from deployer.stack.cost import Document, difference, estimate
from deployer.stack.prices import prices
from deployer.stack.template import templates
from tests.support.stack import BASE, config

ROOT = Path(__file__).resolve().parents[3]


def stacks(**more: object) -> list[tuple[Document, str]]:
    return [(each.document(), each.region) for each in templates(config({"names": "made"}, **more))]


def test_the_documents_system_costs_what_its_parts_do() -> None:
    found = estimate(stacks())
    services = found.by_service()
    hours, seoul = prices().hours, prices().regions["ap-northeast-2"]
    machine = hours * (seoul.instance["t3.small"] + seoul.address) + 30 * seoul.disk
    assert services["EC2"] == pytest.approx(machine)
    assert services["RDS"] == pytest.approx(hours * seoul.database["db.t3.micro"] + 20 * seoul.database_disk)
    assert services["Route 53"] == 0.5
    assert services["CloudFront"] == 0
    assert found.total == pytest.approx(sum(services.values()))
    assert found.first_year == pytest.approx(
        found.total - 30 * seoul.disk - hours * seoul.address - services["RDS"] - _free_storage()
    )
    assert found.unknown == ()


def _free_storage() -> float:
    seoul, free = prices().regions["ap-northeast-2"], prices().first_year
    return seoul.storage * 1 + (seoul.puts * free.puts + seoul.gets * free.gets) / 1000


def test_ten_alarms_are_free_in_all_stacks_together() -> None:
    alarms = next(item for item in estimate(stacks()).items if item.what.endswith("alarms"))
    assert (alarms.what, alarms.monthly) == ("10 alarms", 0)
    more = {"Resources": {"A": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Namespace": "AWS/EC2"}}}}
    alarms = next(
        item for item in estimate([*stacks(), (more, "eu-west-1")]).items if item.what.endswith("alarms")
    )
    assert alarms.what == "11 alarms"
    assert alarms.monthly == pytest.approx(0.1)


def test_a_second_database_in_another_zone_doubles_the_price() -> None:
    once, twice = (
        estimate(stacks(stack={"database": {"standby": standby}})).by_service()["RDS"]
        for standby in (False, True)
    )
    assert twice == pytest.approx(2 * once)


@pytest.mark.parametrize(
    "stack", [{"instance": {"type": "x9.huge"}}, {"region": "eu-west-1"}], ids=["type", "region"]
)
def test_what_has_no_price_is_named_and_not_guessed(stack: dict[str, object]) -> None:
    found = estimate(stacks(stack=stack))
    assert any(name.startswith(("x9.huge", "t3.small, eu-west-1")) for name in found.unknown)
    assert found.total < estimate(stacks()).total


def test_the_difference_of_two_templates() -> None:
    before, after = (
        stacks(),
        stacks(stack={"instance": {"type": "t3.medium"}, "database": {"enabled": False}}),
    )
    found = difference(before, after)
    assert found.change == pytest.approx(estimate(after).total - estimate(before).total)
    assert [line[0] for line in found.lines] == [
        "t3.small, ap-northeast-2",
        "db.t3.micro, ap-northeast-2",
        "database's disk, 20 GB gp3",
        "logs, 2 GB in 5 groups",
        "10 alarms",
        "t3.medium, ap-northeast-2",
        "logs, 2 GB in 3 groups",
        "9 alarms",
    ]
    assert difference(before, before).lines == ()
    assert difference([], after).before == 0
    json.dumps(found.as_dict())


def test_the_example_is_a_config_that_can_be_rolled_out(tmp_path: Path) -> None:
    """As docs/first-push-aws.md has it copied: beside what it refers to."""
    for name in ("templates", "scripts", "app", "examples"):
        (tmp_path / name).symlink_to(ROOT / name)
    path = tmp_path / "config.yaml"
    path.write_text((ROOT / "examples" / "stack.yaml").read_text())
    out = io.StringIO()
    assert main(["config", "check", "-c", str(path), "--json"], Context(stdout=out, environ={})) == 0
    config = load(path, environ={})
    # The origin's secret is CloudFront's: a smoke check has none.
    assert [check.path for check in config.rollout.smoke if not check.path.startswith(FREE)] == []


def test_the_command_stands_beside_the_document(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(json.dumps(BASE))

    def said(*words: str) -> str:
        out = io.StringIO()
        assert main(["infra", "cost", *words, "-c", str(path)], Context(stdout=out, environ={})) == 0
        return out.getvalue()

    lines = said().splitlines()
    example = ROOT / "examples" / "stack.yaml"
    out = io.StringIO()
    assert main(["infra", "cost", "-c", str(example)], Context(stdout=out, environ={})) == 0
    shown = "\n".join(f"    {line}".rstrip() for line in out.getvalue().splitlines())
    assert shown in (ROOT / "docs" / "first-push-aws.md").read_text("utf-8"), "show what it prints now"
    assert lines[0].split() == ["USD", "a", "month", "month", "1st", "year", "document"]
    assert next(line for line in lines if line.startswith("EC2")).split()[-1] == "15.00"
    assert f"by hand on {prices().date}" in said()
    found = json.loads(said("--json"))
    assert found["total"] == pytest.approx(sum(item["monthly"] for item in found["items"]), abs=0.05)
    assert found["document"]["EC2"] == 15
    assert "1st year" in said("--set", "stack.instance.type=x9.huge")
    assert "Not in the table" in said("--set", "stack.instance.type=x9.huge")
