"""What a month costs, from the templates and the dated table of prices: an estimate, never a bill.

    estimate([(template.document(), template.region) for template in templates(config)]).total

First the templates are counted (so many hours, GB, alarms), then the counts are priced: ten alarms are free
in all, not in each stack.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from deployer.stack.prices import Prices, RegionPrices, prices

Document = Mapping[str, Any]
"""A template, as `deployer.stack.document.parse` gives it."""


class Item(Struct, frozen=True):
    """One line.

    :ivar service: as the architecture document calls it, where it does.
    :ivar what: the thing and how much of it.
    :ivar monthly: USD a month, without what is free for ever; None where the table has no price.
    :ivar first_year: the same, without what is free in an (older) account's first twelve months.
    :ivar note: what is free, and until when.
    """

    service: str
    what: str
    monthly: float | None
    first_year: float | None
    note: str = ""

    def as_dict(self) -> dict[str, object]:
        return {
            "service": self.service,
            "what": self.what,
            "monthly": None if self.monthly is None else round(self.monthly, 2),
            "first_year": None if self.first_year is None else round(self.first_year, 2),
            "note": self.note,
        }


class Estimate(Struct, frozen=True):
    """A month."""

    items: tuple[Item, ...]

    @property
    def total(self) -> float:
        """USD; what has no price is not in it (`unknown`)."""
        return sum(item.monthly or 0 for item in self.items)

    @property
    def first_year(self) -> float:
        """USD, in the first twelve months of an account from before 15 July 2025."""
        return sum(item.first_year or 0 for item in self.items)

    @property
    def unknown(self) -> tuple[str, ...]:
        """What the table has no price of."""
        return tuple(item.what for item in self.items if item.monthly is None)

    def by_service(self) -> dict[str, float]:
        """USD a month for each service, in order of the items."""
        sums: dict[str, float] = {}
        for item in self.items:
            sums[item.service] = sums.get(item.service, 0.0) + (item.monthly or 0.0)
        return sums


class Difference(Struct, frozen=True):
    """What a change of templates makes of the month.

    :ivar lines: what changes, USD before, USD after; None where it is not there, or has no price.
    """

    before: float
    after: float
    lines: tuple[tuple[str, float | None, float | None], ...]

    @property
    def change(self) -> float:
        """USD a month more, or less where it is negative."""
        return self.after - self.before

    def as_dict(self) -> dict[str, object]:
        return {
            "before": round(self.before, 2),
            "after": round(self.after, 2),
            "change": round(self.change, 2),
            "lines": [
                {
                    "what": what,
                    "before": old if old is None else round(old, 2),
                    "after": new if new is None else round(new, 2),
                }
                for what, old, new in self.lines
            ],
        }


def estimate(stacks: Iterable[tuple[Document, str]]) -> Estimate:
    """The month of some stacks, each with its region."""
    counts: dict[str, Counter[tuple[str, str]]] = {}
    for document, region in stacks:
        counts.setdefault(region, Counter()).update(_count(document))
    return Estimate(tuple(_priced(counts, prices())))


def difference(before: Iterable[tuple[Document, str]], after: Iterable[tuple[Document, str]]) -> Difference:
    """What changes from some stacks (none, say) to others."""
    old, new = estimate(before), estimate(after)
    left = {item.what: item.monthly for item in old.items}
    right = {item.what: item.monthly for item in new.items}
    names = [*left, *(name for name in right if name not in left)]
    changed = [(name, left.get(name), right.get(name)) for name in names]
    return Difference(
        old.total,
        new.total,
        tuple(line for line in changed if line[1] != line[2] or (line[0] in left) != (line[0] in right)),
    )


_COUNTED = {
    "AWS::EC2::EIP": "address",
    "AWS::S3::Bucket": "bucket",
    "AWS::CloudFront::Distribution": "distribution",
    "AWS::CloudFront::Function": "function",
    "AWS::CloudFront::MonitoringSubscription": "additional_metrics",
    "AWS::Route53::HostedZone": "zone",
    "AWS::Logs::LogGroup": "logs",
    "AWS::CloudWatch::Alarm": "alarm",
}
"""What is charged by its number, or by a use that the template cannot know."""


def _count(document: Document) -> Counter[tuple[str, str]]:
    """How much of what a template holds: (kind, detail) and the amount."""
    found: Counter[tuple[str, str]] = Counter()
    metrics = set()
    for resource in document.get("Resources", {}).values():
        kind, given = str(resource.get("Type")), resource.get("Properties", {})
        if kind in _COUNTED:
            found[_COUNTED[kind], ""] += 1
        if kind == "AWS::EC2::Instance":
            found["instance", str(given.get("InstanceType"))] += 1
            for disk in given.get("BlockDeviceMappings", ()):
                found["disk", ""] += int(disk.get("Ebs", {}).get("VolumeSize", 0))
        elif kind == "AWS::RDS::DBInstance":
            copies = 2 if given.get("MultiAZ") else 1
            found["database", str(given.get("DBInstanceClass"))] += copies
            found["database_disk", ""] += copies * int(given.get("AllocatedStorage", 0))
        elif kind == "AWS::CloudWatch::Alarm" and not str(given.get("Namespace")).startswith("AWS/"):
            # What an alarm looks at, and AWS does not measure itself.
            metrics.add((given.get("Namespace"), given.get("MetricName")))
    if metrics:
        found["metric", ""] += len(metrics)
    return found


def _priced(counts: Mapping[str, Counter[tuple[str, str]]], table: Prices) -> Iterable[Item]:
    for region, found in counts.items():
        yield from _regional(found, region, table.regions.get(region), table)
    whole: Counter[tuple[str, str]] = sum(counts.values(), Counter())
    yield from _everywhere(whole, table)


def _regional(
    found: Counter[tuple[str, str]], region: str, known: RegionPrices | None, table: Prices
) -> Iterable[Item]:
    """What AWS charges by region."""
    year, usage = table.first_year, table.usage

    def hourly(service: str, what: str, amount: int, rate: float | None, free: float) -> Item:
        return _hourly(service, what, rate, amount, table.hours, free)

    def rate_of(name: str) -> float | None:
        return getattr(known, name) if known else None

    for (kind, detail), amount in found.items():
        if kind == "instance":
            rate = known.instance.get(detail) if known else None
            free = year.hours if detail in year.instances else 0
            yield hourly("EC2", f"{detail}, {region}", amount, rate, free)
        elif kind == "database":
            rate = known.database.get(detail) if known else None
            free = year.hours if detail in year.databases else 0
            yield hourly("RDS", f"{detail}, {region}", amount, rate, free)
        elif kind == "disk":
            yield _metered("EC2", f"disk, {amount} GB gp3", rate_of("disk"), amount, year=year.disk)
        elif kind == "database_disk":
            what = f"database's disk, {amount} GB gp3"
            yield _metered("RDS", what, rate_of("database_disk"), amount, year=year.database_disk)
        elif kind == "address":
            yield hourly("EC2", "public IPv4 address", amount, rate_of("address"), year.address_hours)
        elif kind == "bucket":
            what = f"storage, {usage.storage:g} GB"
            yield _metered("S3", what, rate_of("storage"), usage.storage, year=year.storage)
            yield _metered(
                "S3", f"{usage.puts:,} PUT", _per(1000, rate_of("puts")), usage.puts, year=year.puts
            )
            yield _metered(
                "S3", f"{usage.gets:,} GET", _per(1000, rate_of("gets")), usage.gets, year=year.gets
            )
        elif kind == "logs":
            what = f"logs, {usage.logs:g} GB in {amount} groups"
            yield _metered("CloudWatch", what, rate_of("logs"), usage.logs, always=table.free.logs)


def _per(many: int, rate: float | None) -> float | None:
    return None if rate is None else rate / many


def _everywhere(found: Counter[tuple[str, str]], table: Prices) -> Iterable[Item]:
    """What costs the same everywhere, or is free up to a limit in all regions together."""
    usage, free = table.usage, table.free
    if found["distribution", ""]:
        yield _metered(
            "CloudFront",
            f"transfer, {usage.transfer:g} GB",
            table.transfer,
            usage.transfer,
            always=free.transfer,
        )
        rate = table.requests / 10_000
        yield _metered(
            "CloudFront", f"{usage.requests:,} requests", rate, usage.requests, always=free.requests
        )
    if found["function", ""]:
        rate = table.functions / 1_000_000
        text = f"function, {usage.functions:,} calls"
        yield _metered("CloudFront", text, rate, usage.functions, always=free.functions)
    if amount := found["additional_metrics", ""]:
        yield _metered(
            "CloudWatch", "CloudFront's additional metrics (p99)", table.additional_metrics, amount
        )
    if amount := found["zone", ""]:
        yield _metered("Route 53", "hosted zone", table.zone, amount)
    if amount := found["metric", ""]:
        yield _metered("CloudWatch", f"{amount} metrics", table.metric, amount, always=free.metrics)
    if amount := found["alarm", ""]:
        yield _metered("CloudWatch", f"{amount} alarms", table.alarm, amount, always=free.alarms)


def _hourly(service: str, what: str, rate: float | None, amount: int, hours: int, free_hours: float) -> Item:
    if rate is None:
        return Item(service, what, None, None, "not in the table of prices")
    used = amount * hours
    note = f"{free_hours:g} h free in the first year" if free_hours else ""
    many = f"{amount} x {what}" if amount > 1 else what
    return Item(service, many, rate * used, rate * max(used - free_hours, 0), note)


def _metered(
    service: str, what: str, rate: float | None, amount: float, *, always: float = 0, year: float = 0
) -> Item:
    if rate is None:
        return Item(service, what, None, None, "not in the table of prices")
    charged = max(amount - always, 0)
    note = f"{always:,.10g} free" if always else f"{year:,.10g} free in the first year" if year else ""
    return Item(service, what, rate * charged, rate * max(charged - year, 0), note)
