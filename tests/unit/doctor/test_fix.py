"""A fix is believed when the check has been made once more."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.doctor.examination import fix
from deployer.doctor.finding import Area, Baseline, Finding, Fix

AREA = Area("engine")


class Waste:
    """`gigabytes` that nothing uses, of which a fix removes `removable`."""

    def __init__(self, gigabytes: int, removable: int) -> None:
        self.gigabytes, self.removable = gigabytes, removable

    def check(self) -> Iterator[Finding]:
        yield AREA.ok("other", "is in order")
        if self.gigabytes > 5:
            said = f"{self.gigabytes} GB unused"
            yield AREA.warning("waste", said, "prune", Fix(self.remove, self.check))
        else:
            yield AREA.ok("waste", "little is unused")

    def remove(self) -> str:
        self.gigabytes -= self.removable
        return f"{self.removable} GB removed"

    def found(self) -> Finding:
        return next(each for each in self.check() if each.check == "waste")


def test_what_is_gone_is_fixed() -> None:
    fixed = fix(Waste(8, 8).found())
    assert (fixed.severity.name, fixed.evidence) == ("OK", "8 GB unused; fixed: 8 GB removed")


def test_what_is_left_is_told_and_is_no_news_where_it_was_known() -> None:
    found = Waste(8, 1).found()
    left = fix(found)
    assert (left.severity.name, left.evidence) == ("WARNING", "7 GB unused")
    assert left.remedy == "prune (--fix was not enough: 1 GB removed)"
    assert left.fix is None
    assert Baseline([found.as_dict()]).apply(left).severity.name == "SKIPPED"
