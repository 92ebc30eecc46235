"""Draws docs/pictures/stack.svg, the whole of a stack, from the templates that its config renders.

    python scripts/stack_picture.py > docs/pictures/stack.svg

What stands in a box is read from the templates: where a part is off, its box and its arrows are not there.
The same templates give the same bytes; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deployer.config.load import load
from deployer.stack.template import templates

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "stack.yaml"
Document = Mapping[str, Any]

WIDTH, HEIGHT = 1180, 700
COLOURS = {
    "people": "#64748b",
    "network": "#7c3aed",
    "edge": "#0284c7",
    "compute": "#ea580c",
    "data": "#2563eb",
    "watch": "#be185d",
}


TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" orient="auto">'
    '<path d="M0,0 L8,4 L0,8 z" fill="#334155"/></marker></defs>'
)


@dataclass(frozen=True, slots=True)
class Box:
    """A thing: where it is drawn, what it says."""

    x: int
    y: int
    title: str
    lines: tuple[str, ...]
    colour: str
    width: int = 230

    @property
    def height(self) -> int:
        return 34 + 18 * len(self.lines)


@dataclass(frozen=True, slots=True)
class Arrow:
    """From the side of one box to the side of another, with a word on it."""

    start: str
    end: str
    text: str
    down: bool = False


def main() -> int:
    """Print the picture of the example's stack."""
    sys.stdout.write(picture({each.kind: each.document() for each in templates(load(EXAMPLE, environ={}))}))
    return 0


def picture(stacks: Mapping[str, Document]) -> str:
    """The SVG of some stacks, by their kind."""
    found = dict(boxes(stacks))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        "<title>The stack, drawn from its templates</title>",
        TIP,
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#f8fafc"/>',
        *frames(stacks),
    ]
    for arrow in arrows(stacks):
        if arrow.start in found and arrow.end in found:
            lines += drawn_arrow(found[arrow.start], found[arrow.end], arrow)
    for box in found.values():
        lines += drawn_box(box)
    return "\n".join([*lines, "</svg>", ""])


def boxes(stacks: Mapping[str, Document]) -> Iterator[tuple[str, Box]]:
    """What there is, in the templates."""
    main_ = stacks["main"]
    yield "visitors", Box(30, 60, "Visitors", ("browsers, HTTPS only",), "people", 170)
    yield "admins", Box(30, 330, "Admins", _admins(main_), "people", 170)
    zones = first(stacks.get("zone", {}), "AWS::Route53::HostedZone")
    names = [each for each in each_of(main_, "AWS::Route53::RecordSet") if "AliasTarget" in each]
    if zones or names:
        shown = dict.fromkeys(str(each["Name"]) for each in names)
        yield "names", Box(260, 30, "Route 53", (*shown, "A and AAAA"), "network", 190)
    if "certificate" in stacks:
        yield "certificate", Box(260, 150, "Certificate (ACM)", ("us-east-1, DNS",), "network", 190)
    if cdn := first(main_, "AWS::CloudFront::Distribution"):
        yield "cdn", Box(500, 60, "CloudFront", _behaviours(cdn["DistributionConfig"]), "edge", 290)
    if bucket := first(main_, "AWS::S3::Bucket"):
        yield "bucket", Box(880, 60, "S3", (str(bucket["BucketName"]), "private, OAC, versions"), "data")
    if instance := first(main_, "AWS::EC2::Instance"):
        disk = instance["BlockDeviceMappings"][0]["Ebs"]
        said = (
            f"{instance['InstanceType']}, Amazon Linux 2023",
            f"{disk['VolumeSize']} GB {disk['VolumeType']}, IMDSv2, Elastic IP",
            "edge, API (blue, green), Jenkins, Portainer",
        )
        yield "instance", Box(500, 320, "EC2", said, "compute", 290)
    if database := first(main_, "AWS::RDS::DBInstance"):
        engine = f"{database['Engine']} {database['EngineVersion']}, {database['DBInstanceClass']}"
        kept = (engine, _kept(database))
        yield "database", Box(880, 330, "RDS", kept, "data")
    yield from _watching(stacks)


def _watching(stacks: Mapping[str, Document]) -> Iterator[tuple[str, Box]]:
    main_ = stacks["main"]
    alarms = [each for stack in stacks.values() for each in each_of(stack, "AWS::CloudWatch::Alarm")]
    groups = each_of(main_, "AWS::Logs::LogGroup")
    said = [f"{len(alarms)} alarms"] if alarms else []
    said += [f"{len(groups)} log groups, {groups[0]['RetentionInDays']} days"] if groups else []
    if said:
        yield "watch", Box(500, 540, "CloudWatch", tuple(said), "watch", 290)
    mails = [
        each["Endpoint"]
        for topic in each_of(main_, "AWS::SNS::Topic")
        for each in topic.get("Subscription", ())
    ]
    if each_of(main_, "AWS::SNS::Topic"):
        yield "topic", Box(880, 540, "SNS", tuple(mails) or ("nobody yet",), "watch")
    if budget := first(main_, "AWS::Budgets::Budget"):
        amount = budget["Budget"]["BudgetLimit"]["Amount"]
        yield "budget", Box(880, 630, "Budget", (f"{amount:g} USD a month",), "watch")
    if any(parameter.get("NoEcho") for parameter in main_.get("Parameters", {}).values()):
        yield "secrets", Box(260, 540, "Parameter store", ("secrets, SecureString",), "network", 190)


def arrows(stacks: Mapping[str, Document]) -> Iterator[Arrow]:
    """Who asks whom, and what lets it in."""
    main_ = stacks["main"]
    yield Arrow("visitors", "names", "")
    yield Arrow("names", "cdn", "alias")
    yield Arrow("certificate", "cdn", "TLS")
    yield Arrow("cdn", "bucket", "/*")
    for group in each_of(main_, "AWS::EC2::SecurityGroup"):
        for rule in group.get("SecurityGroupIngress", ()):
            if "SourcePrefixListId" in rule:
                yield Arrow("cdn", "instance", f"{rule['FromPort']}, with a secret header", down=True)
            elif "SourceSecurityGroupId" in rule:
                yield Arrow("instance", "database", str(rule["FromPort"]))
    ports = _admin_ports(main_)
    if ports:
        yield Arrow("admins", "instance", ", ".join(str(port) for port in ports))
    yield Arrow("instance", "watch", "metrics, logs", down=True)
    yield Arrow("watch", "topic", "tells")


def frames(stacks: Mapping[str, Document]) -> Iterator[str]:
    """The network, where it is ours, with its door groups in words."""
    if first(stacks["main"], "AWS::EC2::VPC"):
        cidr = first(stacks["main"], "AWS::EC2::VPC")["CidrBlock"]
        yield '<rect x="480" y="270" width="660" height="220" rx="10" fill="#fff7ed" stroke="#fdba74"/>'
        yield f'<text x="495" y="292" font-size="13" fill="#9a3412">VPC {cidr}</text>'


def drawn_box(box: Box) -> Iterator[str]:
    """One box."""
    colour = COLOURS[box.colour]
    place = f'x="{box.x}" y="{box.y}" width="{box.width}" height="{box.height}"'
    yield f'<rect {place} rx="8" fill="#ffffff" stroke="{colour}" stroke-width="2"/>'
    yield _text(box.x + 12, box.y + 22, box.title, f'font-size="15" font-weight="bold" fill="{colour}"')
    for number, line in enumerate(box.lines):
        yield _text(box.x + 12, box.y + 42 + 18 * number, line, 'font-size="12.5" fill="#1e293b"')


def _text(x: int, y: int, words: str, looks: str) -> str:
    return f'<text x="{x}" y="{y}" {looks}>{escape(words)}</text>'


def drawn_arrow(start: Box, end: Box, arrow: Arrow) -> Iterator[str]:
    """One arrow: from right to left edge, or from bottom to top."""
    if arrow.down:
        x1 = x2 = start.x + start.width // 2
        y1, y2 = start.y + start.height, end.y
    else:
        x1, x2 = start.x + start.width, end.x
        y1, y2 = start.y + start.height // 2, end.y + end.height // 2
    way = f'd="M{x1},{y1} L{x2},{y2}"'
    yield f'<path {way} stroke="#334155" stroke-width="1.5" fill="none" marker-end="url(#tip)"/>'
    if arrow.text:
        x, y = (x1 + 8, y2 - 14) if arrow.down else ((x1 + x2) // 2, (y1 + y2) // 2 - 7)
        anchor = "start" if arrow.down else "middle"
        yield _text(x, y, arrow.text, f'font-size="12" text-anchor="{anchor}" fill="#334155"')


def each_of(document: Document, kind: str) -> list[dict[str, Any]]:
    """Properties of all resources of a type."""
    resources = document.get("Resources", {}).values()
    return [each.get("Properties", {}) for each in resources if each["Type"] == kind]


def first(document: Document, kind: str) -> dict[str, Any]:
    """Properties of the first; empty where there is none."""
    return next(iter(each_of(document, kind)), {})


def _behaviours(cdn: Mapping[str, Any]) -> tuple[str, ...]:
    others = cdn.get("CacheBehaviors", ())
    lines = [f"{each['PathPattern']}  not cached, to the {each['TargetOriginId']}" for each in others]
    target = cdn["DefaultCacheBehavior"]["TargetOriginId"]
    http = {"http2and3": "HTTP/2, HTTP/3", "http3": "HTTP/3"}.get(cdn["HttpVersion"], cdn["HttpVersion"])
    tls = cdn["ViewerCertificate"].get("MinimumProtocolVersion", "").replace("_2021", "+")
    return (*lines, f"/*  {'cached, ' if lines else ''}to the {target}", f"{http}, {tls}".rstrip(", "))


def _kept(database: Mapping[str, Any]) -> str:
    encrypted = "encrypted, " if database["StorageEncrypted"] else ""
    return f"{encrypted}backups {database['BackupRetentionPeriod']} days"


def _admin_ports(document: Document) -> list[int]:
    rules = [
        rule
        for group in each_of(document, "AWS::EC2::SecurityGroup")
        for rule in group.get("SecurityGroupIngress", ())
    ]
    return list(dict.fromkeys(rule["FromPort"] for rule in rules if "CidrIp" in rule))


def _admins(document: Document) -> tuple[str, ...]:
    networks = dict.fromkeys(
        str(rule["CidrIp"])
        for group in each_of(document, "AWS::EC2::SecurityGroup")
        for rule in group.get("SecurityGroupIngress", ())
        if "CidrIp" in rule
    )
    return tuple(networks)[:3] or ("no way in",)


if __name__ == "__main__":
    raise SystemExit(main())
