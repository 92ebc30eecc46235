"""What is prepared for CloudWatch, before anything is sent."""

from __future__ import annotations

from deployer.aws.account import Account
from deployer.events import Note
from deployer.sinks.cloudwatch import CloudWatch
from deployer.sinks.end import Happening, Run
from deployer.sinks.wanted import Wanted


def test_what_is_not_utf_8_is_no_reason_to_tell_nothing() -> None:
    end = CloudWatch(Wanted(), Run("1", "rollout", "shop"), Account(), namespace="", group="g", timeout=1.0)
    (sending,) = end.prepare([Happening(0.0, Note("caf\udce9 cannot be read"))])
    assert sending.events == 1
