"""Kinds of values that keys may have, each with what it must be in words, and what all sections share.

Durations are float seconds, sizes are int bytes; both may be written as people do ("5m", "1g").
"""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from msgspec import Meta

from deployer.config import references, units
from deployer.config.model import Checked, Conflict, Parsed


def _drawn(**schema: Any) -> Meta:
    """What the JSON Schema has in place of what it would have by the type alone."""
    return Meta(extra_json_schema=schema)


def _matching(pattern: str, complaint: str) -> tuple[Checked, Meta]:
    """Text that matches `pattern` as a whole; `complaint` says what it must be, in words."""

    def check(value: str) -> None:
        # `re` keeps what it has compiled; a command needs few of these, and would wait for all of them.
        if not re.fullmatch(pattern, value):
            raise ValueError(complaint)

    return Checked(check), _drawn(type="string", pattern=f"^({pattern})$")


def _private_subnet(value: str) -> None:
    import ipaddress

    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        raise ValueError("must be a network such as 10.213.7.0/24") from None
    if network.version != 4 or not network.is_private:
        raise ValueError("must be a private IPv4 network, as in 10.213.7.0/24")
    if network.prefixlen > 28:
        raise ValueError(f"must be a /28 or larger, to hold the slots; this is a /{network.prefixlen}")


def _ip_address(value: str) -> None:
    import ipaddress

    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        raise ValueError("must be an IPv4 address such as 0.0.0.0 or 127.0.0.1") from None


def _no_reference(value: str) -> None:
    if references.mentioned(value):
        raise ValueError("a secret reference is only resolved in 'env'; use --set for other keys")


def _network(value: str) -> None:
    import ipaddress

    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        raise ValueError("must be an IPv4 network such as 203.0.113.7/32") from None
    if network.prefixlen < 8:
        raise ValueError(f"must be a /8 or smaller: a /{network.prefixlen} is half the world, or all of it")


def _secret_text(value: str) -> None:
    references.parse(value)


# Unquoted YAML numbers and booleans are taken as they are written: an editor must not complain either.
_SCALAR = _drawn(type=["string", "number", "boolean"])
# Some paths become words of the edge's configuration, so they hold nothing that it would read as syntax.
_URL_PATH = r"/[A-Za-z0-9._~%:@!,;=+*/-]*"

# A JSON Schema's `pattern` is about text alone, its `minimum` about numbers alone.
Duration = Annotated[
    float,
    Parsed(units.parse_duration),
    _drawn(type=["number", "string"], minimum=0, pattern=r"^\s*(\d+(\.\d+)?|\.\d+)\s*(ms|s|m|h|d)?\s*$"),
]
Size = Annotated[
    int,
    Parsed(units.parse_size),
    _drawn(
        type=["integer", "string"],
        minimum=0,
        pattern=r"^\s*(\d+(\.\d+)?|\.\d+)\s*([kKmMgGtT]?[iI]?[bB]?)\s*$",
    ),
]
Port = Annotated[int, Meta(ge=1, le=65535)]
Text = Annotated[str, Checked(_no_reference), _SCALAR]
SecretText = Annotated[str, Checked(_secret_text), _SCALAR]
Word = Annotated[str, Meta(min_length=1), Checked(_no_reference)]
Command = Annotated[list[Text], Meta(min_length=1)]
UrlPath = Annotated[
    str,
    *_matching(
        _URL_PATH + r"(\?[A-Za-z0-9._~%:@!,;=+*/?&-]*)?",
        "must be a path that begins with '/', as in /health; no spaces, quotes or '#'",
    ),
]
UrlPrefix = Annotated[
    str,
    *_matching(
        _URL_PATH, "must be a path that begins with '/', as in /stream/; no spaces, quotes, '?' or '#'"
    ),
]
UrlFolder = Annotated[
    str,
    *_matching(r"/[A-Za-z0-9._~%:@!,;=+*/-]*/", "must be a path that begins and ends with '/', as in /api/"),
]
Folder = Annotated[str, *_matching(r"/[^\s:,]+", "must be an absolute path in the container, as in /tmp")]
Volume = Annotated[
    str,
    *_matching(
        r"([A-Za-z0-9][A-Za-z0-9_.-]+|/[^\s:]*):/[^\s:]*(:(ro|rw))?",
        "must be name:/path or name:/path:ro; a folder of the host may stand for the name",
    ),
]
Name = Annotated[
    str,
    *_matching(
        r"[a-z][a-z0-9-]{0,30}",
        "must begin with a lower-case letter and hold only lower-case letters, digits and '-', 31 at most",
    ),
]
DockerName = Annotated[
    str,
    *_matching(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", "must be a name of letters, digits, '_', '.' and '-'"),
]
VariableName = Annotated[
    str,
    *_matching(
        r"[A-Za-z_][A-Za-z0-9_.-]*",
        "is no name of a variable: letters, digits, '_', '.' and '-', beginning with a letter or '_'",
    ),
]
Origin = Annotated[
    str,
    *_matching(
        r"https?://[A-Za-z0-9.-]+(:\d{1,5})?", "must be an address without a path, as in http://10.0.0.5:8081"
    ),
]
BucketName = Annotated[
    str,
    *_matching(
        r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "must be a bucket's name: 3 to 63 lower-case letters, digits, '-' and '.'",
    ),
]
KeyPrefix = Annotated[
    str,
    *_matching(
        r"([A-Za-z0-9_][A-Za-z0-9._-]*/)*", "must be a folder that ends with '/' and does not begin with it"
    ),
]
Glob = Annotated[
    str,
    *_matching(
        r"(?!/)[^\\\[\]{}\x00-\x1f]+", "must be a pattern of *, ? and **, as in assets/**; no leading '/'"
    ),
]
MetadataName = Annotated[
    str, *_matching(r"[a-z0-9][a-z0-9-]*", "must be a name of lower-case letters, digits and '-'")
]
AsciiText = Annotated[str, *_matching(r"[ -~]*", "must be plain ASCII, since it becomes a header"), _SCALAR]
RedirectTarget = Annotated[
    str, *_matching(r"(/|https?://)[^\s\"<>]*", "must be a path that begins with '/', or a whole address")
]
Distribution = Annotated[str, *_matching(r"[A-Z0-9]+", "must be a distribution's id, as in E2ABCDEFGHIJKL")]
Share = Annotated[
    str,
    *_matching(r"\d{1,2}%|100%|\d+", "must be a share such as 50%, or a number of files"),
    _drawn(type=["integer", "string"], minimum=0, pattern=r"^(\d{1,2}%|100%|\d+)$"),
]
DockerAddress = Annotated[
    str, *_matching(r"(unix:///|tcp://)\S+", "must begin with unix:/// or tcp://; for SSH there is `hosts`")
]
LogSize = Annotated[
    str,
    *_matching(r"[1-9]\d*[kmg]?", "must be a size such as 512k, 10m or 1g"),
    _drawn(type=["string", "integer"]),
]
ControllerUrl = Annotated[
    str,
    *_matching(
        r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?",
        "must be an address without a user, query or '#', as in https://ci.example.org/jenkins",
    ),
]
WatchedUrl = Annotated[
    str,
    *_matching(
        r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(" + _URL_PATH + r"(\?[A-Za-z0-9._~%:@!,;=+*/?&-]*)?)?",
        "must be an address, as in https://shop.example.org/api/health; no user, spaces, quotes or '#'",
    ),
]
HostAddress = Annotated[
    str,
    *_matching(
        r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9a-fA-F:]+",
        "must be a host's name or address, as in 10.0.0.11 or web1.example.org",
    ),
]
Login = Annotated[
    str, *_matching(r"[A-Za-z_][A-Za-z0-9_.-]*", "must be the name of a user over there, as in deploy")
]
PackageName = Annotated[
    str, *_matching(r"[A-Za-z0-9][A-Za-z0-9.+_-]*", "must be the name of a package, as in python3.11")
]
Jump = Annotated[
    str,
    *_matching(
        r"([A-Za-z_][A-Za-z0-9_.-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?",
        "must be a host to go through, as in admin@bastion.example.org:22",
    ),
]
Batch = Annotated[
    str,
    *_matching(
        r"[1-9]\d?%|100%|[1-9]\d*", "must be a number of hosts, as in 2, or a share of them, as in 50%"
    ),
    _drawn(type=["integer", "string"], minimum=1, pattern=r"^([1-9]\d?%|100%|[1-9]\d*)$"),
]
EventName = Annotated[
    str, *_matching(r"[a-z_*]+", "must be a kind of event, as in rolled_back, or a pattern, as in command_*")
]
Link = Annotated[
    str,
    *_matching(r"https?://[^\s\"<>|]+", "must be a whole address, as in https://grafana.example.org/d/shop"),
]
MetricNamespace = Annotated[
    str,
    *_matching(
        r"(?!AWS/)[A-Za-z0-9][A-Za-z0-9._/#:-]{0,254}",
        "must be a namespace of CloudWatch: letters, digits and . _ / # : -, and not AWS's own",
    ),
]
DomainName = Annotated[
    str,
    *_matching(
        r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}",
        "must be a domain's name in lower case, as in shop.example.org",
    ),
]
Region = Annotated[
    str, *_matching(r"[a-z]{2}(-[a-z]+)+-[1-9]", "must be a region of AWS, as in ap-northeast-2")
]
Email = Annotated[str, *_matching(r"[^@\s\"<>]+@[^@\s\"<>]+\.[^@\s\"<>]+", "must be an e-mail address")]
AwsArn = Annotated[
    str, *_matching(r"arn:aws:[a-z0-9-]+:[a-z0-9-]*:\d{12}:[A-Za-z0-9:/_.-]+", "must be an ARN, arn:aws:...")
]
CertificateArn = Annotated[
    str,
    *_matching(
        r"arn:aws:acm:us-east-1:\d{12}:certificate/[a-z0-9-]+",
        "must be the ARN of a certificate in us-east-1: CloudFront takes no other",
    ),
]
ZoneId = Annotated[str, *_matching(r"Z[A-Z0-9]+", "must be a hosted zone's id, as in Z0123456789ABCDEFGHIJ")]
VpcId = Annotated[str, *_matching(r"vpc-[0-9a-f]+", "must be a VPC's id, vpc-...")]
SubnetId = Annotated[str, *_matching(r"subnet-[0-9a-f]+", "must be a subnet's id, subnet-...")]
GroupId = Annotated[str, *_matching(r"sg-[0-9a-f]+", "must be a security group's id, sg-...")]
PrefixListId = Annotated[str, *_matching(r"pl-[0-9a-f]+", "must be a prefix list's id, pl-...")]
ImageId = Annotated[str, *_matching(r"ami-[0-9a-f]+", "must be a machine image's id, ami-...")]
ParameterPath = Annotated[
    str, *_matching(r"(/[A-Za-z0-9_.-]+)+", "must be a path of the parameter store, as in /shop")
]
ParameterName = Annotated[
    str, *_matching(r"[A-Za-z0-9_.-]+", "must be a name of letters, digits, '_', '.' and '-'")
]
AwsName = Annotated[
    str, *_matching(r"[A-Za-z0-9_+=,.@-]{1,64}", "must be a name of letters, digits and _+=,.@-")
]
InstanceType = Annotated[
    str, *_matching(r"[a-z0-9-]+\.[a-z0-9-]+", "must be an instance type, as in t3.small")
]
DatabaseClass = Annotated[
    str, *_matching(r"db\.[a-z0-9-]+\.[a-z0-9]+", "must be an instance class, as in db.t3.micro")
]
DatabaseName = Annotated[
    str, *_matching(r"[A-Za-z][A-Za-z0-9_]{0,15}", "must be letters, digits and '_', 16 at most")
]
Network = Annotated[str, Checked(_network)]
"""Part of the IPv4 internet, never all of it."""
Subnet = Annotated[str, Checked(_private_subnet)]
Address = Annotated[str, Checked(_ip_address)]
Wait = Annotated[Duration, Meta(gt=0)]
"""A duration that must not be 0."""
Variables = dict[VariableName, SecretText]


def repeated(key: str, values: Iterable[Any], complaint: str) -> Iterator[Conflict]:
    """A conflict about `key` for the first value that is there a second time."""
    seen = []
    for value in values:
        if value in seen:
            yield key, f"{complaint} '{value}'"
            return
        seen.append(value)
