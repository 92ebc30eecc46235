"""Every status that CloudFormation knows means something, and those that need a person say what to do."""

from __future__ import annotations

import pytest

from deployer.errors import Locked, StackStuck
from deployer.stack import naming, standing, status
from deployer.stack.standing import Condition, Standing


def statuses() -> list[str]:
    import botocore.session

    model = botocore.session.get_session().get_service_model("cloudformation")
    return list(model.shape_for("StackStatus").enum)


def stack(name: str) -> Standing:
    return Standing("arn:1", "shop", "ap-northeast-2", name, "its reason", "2026-11-28")


EXPECTED = {
    "REVIEW_IN_PROGRESS": Condition.ABSENT,
    "DELETE_COMPLETE": Condition.ABSENT,
    "ROLLBACK_COMPLETE": Condition.DEAD,
    "CREATE_COMPLETE": Condition.READY,
    "UPDATE_COMPLETE": Condition.READY,
    "UPDATE_ROLLBACK_COMPLETE": Condition.READY,
    "IMPORT_COMPLETE": Condition.READY,
    "IMPORT_ROLLBACK_COMPLETE": Condition.READY,
}


@pytest.mark.parametrize("name", statuses())
def test_every_status_has_a_condition(name: str) -> None:
    found = stack(name).condition
    if name in EXPECTED:
        assert found is EXPECTED[name]
    else:
        assert found is (Condition.BUSY if name.endswith("_IN_PROGRESS") else Condition.STUCK)


@pytest.mark.parametrize("name", [name for name in statuses() if stack(name).condition is Condition.STUCK])
def test_who_is_stuck_is_told_the_way_out(name: str) -> None:
    with pytest.raises(StackStuck, match=name) as error:
        standing.refuse_stuck(stack(name))
    assert error.value.details == ("its reason",)
    assert "shop" in str(error.value.remedy) or "deployer infra destroy" in str(error.value.remedy)


def test_a_rollback_that_failed_is_to_be_continued() -> None:
    with pytest.raises(StackStuck) as error:
        standing.refuse_stuck(stack("UPDATE_ROLLBACK_FAILED"))
    assert "continue-update-rollback --stack-name shop --region ap-northeast-2" in str(error.value.remedy)


def test_who_is_busy_is_left_alone() -> None:
    with pytest.raises(Locked, match="UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"):
        standing.refuse_busy(stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
    standing.refuse_busy(stack("UPDATE_COMPLETE"))
    standing.refuse_stuck(stack("UPDATE_COMPLETE"))


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("SiteBucket", "SITE_BUCKET"),
        ("DatabaseURL", "DATABASE_URL"),
        ("VPCId", "VPC_ID"),
        ("Region", "REGION"),
        ("Ipv4Address", "IPV4_ADDRESS"),
    ],
)
def test_outputs_as_variables(key: str, name: str) -> None:
    assert naming.shell_name(key) == name
    assert status.as_shell({key: "it's; $(rm)"}) == [f"{name}='it'\"'\"'s; $(rm)'"]


def test_what_differs_is_named() -> None:
    deployed = {"Resources": {"A": {"Type": "x"}, "B": {"Type": "y"}}, "Description": "old"}
    wanted = {
        "Resources": {"A": {"Type": "x"}, "C": {"Type": "y"}},
        "Outputs": {"O": 1},
        "Description": "new",
    }
    assert status.differences(deployed, wanted) == ["B", "C", "Outputs"]
    assert status.differences(deployed, deployed) == []
