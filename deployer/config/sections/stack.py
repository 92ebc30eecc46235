"""What stands in an AWS account: each part is made, left out, or replaced by one that exists."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from deployer.config.model import Checked, Conflict, Section
from deployer.config.sections.kinds import (
    AwsArn,
    AwsName,
    CertificateArn,
    DatabaseClass,
    DatabaseName,
    DomainName,
    Email,
    GroupId,
    HostAddress,
    ImageId,
    InstanceType,
    Name,
    Network,
    ParameterName,
    ParameterPath,
    Port,
    PrefixListId,
    Region,
    Subnet,
    SubnetId,
    Text,
    VpcId,
    Word,
    ZoneId,
    repeated,
)

Percent = Annotated[float, Meta(gt=0, le=100)]
Days = Annotated[int, Meta(ge=1, le=3653)]
_RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)


def _retention(days: int) -> None:
    if days not in _RETENTIONS:
        raise ValueError(f"must be one of {', '.join(str(each) for each in _RETENTIONS)}: AWS knows no other")


Retention = Annotated[int, Checked(_retention), Meta(extra_json_schema={"enum": list(_RETENTIONS)})]


class StackDns(Section, frozen=True, kw_only=True):
    """Names of the domain."""

    enabled: Annotated[
        bool, Meta(description="Whether names are made in Route 53; without, make them where yours are.")
    ] = True
    zone: Annotated[
        ZoneId | None,
        Meta(
            description="Hosted zone that exists; else one is made, and the registrar must be told its "
            "servers.",
            examples=["Z0123456789ABCDEFGHIJ"],
        ),
    ] = None


class StackNetwork(Section, frozen=True, kw_only=True):
    """Where the instance and the database stand, and who may reach them."""

    vpc: Annotated[
        VpcId | None,
        Meta(
            description="VPC that exists; else one is made, without a NAT gateway. With it go `subnet` and "
            "`database_subnets`.",
            examples=["vpc-0a1b2c3d"],
        ),
    ] = None
    subnet: Annotated[
        SubnetId | None,
        Meta(
            description="Public subnet of `vpc` for the instance; it must give public addresses by itself.",
            examples=["subnet-0a1b2c3d"],
        ),
    ] = None
    database_subnets: Annotated[
        list[SubnetId],
        Meta(
            description="Subnets of `vpc` for the database, in two zones at least.",
            examples=[["subnet-0a1b2c3d", "subnet-1a2b3c4d"]],
        ),
    ] = []
    cidr: Annotated[Subnet, Meta(description="Addresses of the VPC that is made, a /24 or larger.")] = (
        "10.20.0.0/20"
    )
    admins: Annotated[
        list[Network],
        Meta(
            description="From where admins reach `admin_ports`; empty: nobody does.",
            examples=[["203.0.113.7/32"]],
        ),
    ] = []
    admin_ports: Annotated[
        list[Port] | None,
        Meta(
            description="Ports for `admins`; else those of SSH, Jenkins and Portainer: `ssh.port`, "
            "`jenkins.port`, `jenkins.portainer.port`.",
            examples=[[22, 9090, 9000]],
        ),
    ] = None
    webhooks: Annotated[
        list[Network],
        Meta(
            description="From where Jenkins' port alone is reached besides: GitHub's hooks, as "
            "api.github.com/meta lists them.",
            examples=[["192.30.252.0/22", "185.199.108.0/22", "140.82.112.0/20", "143.55.64.0/20"]],
        ),
    ] = []
    prefix_list: Annotated[
        PrefixListId | None,
        Meta(
            description="CloudFront's prefix list in this region; else it is looked up by its name.",
            examples=["pl-22a6434b"],
        ),
    ] = None

    @classmethod
    def conflicts(cls, said: Mapping[str, Any]) -> Iterator[Conflict]:
        """What is wrong between keys: see `Section.conflicts`."""
        if {"vpc", "subnet"} <= said.keys() and (said["subnet"] is None) != (said["vpc"] is None):
            yield "", "'vpc' and 'subnet' go together"
        subnets = said.get("database_subnets", ())
        if subnets and said.get("vpc") is None:
            yield "database_subnets", "go with 'vpc'; the VPC that is made has its own"
        elif len(subnets) == 1:
            yield "database_subnets", "must be two at least, in two zones"
        yield from repeated("database_subnets", subnets, "named twice is")
        if "cidr" in said and not 16 <= int(said["cidr"].rpartition("/")[2]) <= 24:
            yield "cidr", "must be between a /16 and a /24"


class StackBucket(Section, frozen=True, kw_only=True):
    """The bucket of the site, `site.bucket`: private, versioned."""

    enabled: Annotated[
        bool, Meta(description="Whether there is one; without, CloudFront serves the API alone.")
    ] = True
    exists: Annotated[
        bool,
        Meta(
            description="It exists and is left as it is: its policy must let CloudFront read (docs/stack.md)."
        ),
    ] = False
    keep_versions: Annotated[
        Days,
        Meta(
            description="For how long versions that were replaced or deleted are kept.",
            extra={"unit": "days"},
        ),
    ] = 30


class StackCdn(Section, frozen=True, kw_only=True):
    """CloudFront: the one HTTPS entry, `edge.api_prefix` to the API and all else to the bucket."""

    enabled: Annotated[
        bool,
        Meta(description="Whether it is made; one that exists is `site.distribution`, and is still let in."),
    ] = True
    price_class: Annotated[
        Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"],
        Meta(description="Which edges serve; 100 has none in Asia."),
    ] = "PriceClass_200"
    origin: Annotated[
        HostAddress | None,
        Meta(
            description="Name of the API's host, where no instance is made here.",
            examples=["api.example.org"],
        ),
    ] = None
    read_timeout: Annotated[
        Annotated[int, Meta(ge=30, le=120)],
        Meta(
            description="How long the API may be silent, in a stream too; above 60 AWS has to raise a quota.",
            extra={"unit": "seconds"},
        ),
    ] = 60


class StackInstance(Section, frozen=True, kw_only=True):
    """The machine that runs the service, its edge and Jenkins."""

    enabled: Annotated[
        bool, Meta(description="Whether it is made; else name the API's host in `cdn.origin`.")
    ] = True
    type: Annotated[InstanceType, Meta(description="Instance type, of the x86 kind.")] = "t3.small"
    image: Annotated[
        ImageId | None,
        Meta(
            description="Machine image; else the newest Amazon Linux 2023 of the day on which it is made. "
            "Debian and Ubuntu cannot tell that they are ready: `wait: false` with them.",
            examples=["ami-0123456789abcdef0"],
        ),
    ] = None
    disk: Annotated[
        Annotated[int, Meta(ge=8, le=16384)], Meta(description="Size of its gp3 disk.", extra={"unit": "GB"})
    ] = 30
    key_pair: Annotated[
        Word | None, Meta(description="Key pair of EC2 for the first login, as ec2-user.", examples=["ops"])
    ] = None
    profile: Annotated[
        AwsName | None,
        Meta(
            description="Instance profile that exists; else one with the fewest rights is made.",
            examples=["shop-host"],
        ),
    ] = None
    credits: Annotated[
        Literal["standard", "unlimited"],
        Meta(description="What a t instance does without credits: become slow, or cost more."),
    ] = "standard"
    groups: Annotated[
        list[GroupId], Meta(description="Further security groups it belongs to.", examples=[["sg-0a1b2c3d"]])
    ] = []
    wait: Annotated[
        bool,
        Meta(
            description="Whether the stack waits until the machine has prepared itself, 15 minutes at most."
        ),
    ] = True


class StackDatabase(Section, frozen=True, kw_only=True):
    """MariaDB on RDS, reachable from the instance alone."""

    enabled: Annotated[bool, Meta(description="Whether it is made; else the service has its own.")] = True
    version: Annotated[
        Literal["10.11", "11.4", "11.8"],
        Meta(description="Release with long support; its minor versions come by themselves."),
    ] = "11.4"
    instance: Annotated[DatabaseClass, Meta(description="Instance class.")] = "db.t3.micro"
    storage: Annotated[
        Annotated[int, Meta(ge=20, le=65536)], Meta(description="Size of its gp3 disk.", extra={"unit": "GB"})
    ] = 20
    name: Annotated[
        DatabaseName | None,
        Meta(description="Database that is made in it; else named as the service.", examples=["shop"]),
    ] = None
    user: Annotated[DatabaseName, Meta(description="Its user.")] = "app"
    backups: Annotated[
        Annotated[int, Meta(ge=1, le=35)],
        Meta(description="For how long backups are kept.", extra={"unit": "days"}),
    ] = 7
    standby: Annotated[bool, Meta(description="A second one in another zone; twice the price.")] = False
    protected: Annotated[bool, Meta(description="Whether it refuses to be deleted.")] = True
    tls: Annotated[bool, Meta(description="Whether connections without TLS are refused.")] = False


class StackSecrets(Section, frozen=True, kw_only=True):
    """Parameters of the store (SecureString) that the instance may read."""

    prefix: Annotated[
        ParameterPath | None, Meta(description="Where they are; else /<stack's name>.", examples=["/shop"])
    ] = None
    names: Annotated[
        list[ParameterName],
        Meta(
            description="Further secrets that the service or Jenkins needs; docs/stack.md has the others.",
            examples=[["gemini-key", "jenkins-password"]],
        ),
    ] = []

    @classmethod
    def conflicts(cls, said: Mapping[str, Any]) -> Iterator[Conflict]:
        """What is wrong between keys: see `Section.conflicts`."""
        yield from repeated("names", said.get("names", ()), "named twice is")
        for name in said.get("names", ()):
            if name in {"origin-secret", "database-password"}:
                yield "names", f"'{name}' is there anyway"


class StackAlarms(Section, frozen=True, kw_only=True):
    """Who is told when something is not well, and what that means."""

    enabled: Annotated[bool, Meta(description="Whether there are alarms.")] = True
    emails: Annotated[
        list[Email],
        Meta(
            description="Who is told; each must confirm once, by a link in a mail.",
            examples=[["ops@example.org"]],
        ),
    ] = []
    topic: Annotated[
        AwsArn | None,
        Meta(
            description="SNS topic that exists, in the stack's region; else one is made.",
            examples=["arn:aws:sns:ap-northeast-2:123456789012:ops"],
        ),
    ] = None
    cpu: Annotated[Percent, Meta(description="Processor use over 15 minutes.", extra={"unit": "percent"})] = (
        85
    )
    credits: Annotated[
        Annotated[int, Meta(ge=1)],
        Meta(description="Processor credits left of a t instance.", extra={"unit": "credits"}),
    ] = 30
    memory: Annotated[Percent, Meta(description="Memory in use.", extra={"unit": "percent"})] = 90
    swap: Annotated[Percent, Meta(description="Swap in use.", extra={"unit": "percent"})] = 60
    disk: Annotated[Percent, Meta(description="Disk in use.", extra={"unit": "percent"})] = 85
    errors: Annotated[
        Percent,
        Meta(
            description="Share of answers that are 5xx, over 10 minutes, at CloudFront.",
            extra={"unit": "percent"},
        ),
    ] = 2
    p99: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description="Time until the answer begins that 99 of 100 requests stay below, over 15 minutes, "
            "at CloudFront; 0 for no such alarm, whose metric costs extra.",
            extra={"unit": "milliseconds"},
        ),
    ] = 3000
    database_storage: Annotated[
        Annotated[int, Meta(ge=1)], Meta(description="Free space of the database.", extra={"unit": "GB"})
    ] = 4
    namespace: Annotated[
        Text, Meta(description="Namespace of the metrics that the deployer itself sends.")
    ] = "Deployer"
    failed_deploys: Annotated[
        Text, Meta(description="Metric there that counts deploys that failed, with the dimension Service.")
    ] = "FailedDeploys"


class StackLogs(Section, frozen=True, kw_only=True):
    """Log groups."""

    enabled: Annotated[bool, Meta(description="Whether there are any, and the instance sends to them.")] = (
        True
    )
    keep: Annotated[Retention, Meta(description="For how long they are kept.", extra={"unit": "days"})] = 30


class StackBudget(Section, frozen=True, kw_only=True):
    """A limit for the month's costs of the whole account."""

    limit: Annotated[
        Annotated[float, Meta(ge=0)],
        Meta(description="Tells at 80% spent and at 100% expected; 0 for none.", extra={"unit": "USD"}),
    ] = 30


class Stack(Section, frozen=True, kw_only=True):
    """From an AWS account and a domain to the running system."""

    name: Annotated[
        Name | None,
        Meta(
            description="Name of the stack, which all it makes carries; else the service's.",
            examples=["shop"],
        ),
    ] = None
    region: Annotated[
        Region, Meta(description="Where all stands but what CloudFront wants in us-east-1.")
    ] = "ap-northeast-2"
    domain: Annotated[
        DomainName | None,
        Meta(
            description="Name visitors go to; without one, CloudFront's own.", examples=["shop.example.org"]
        ),
    ] = None
    aliases: Annotated[
        list[DomainName],
        Meta(description="Further names that show the same.", examples=[["www.shop.example.org"]]),
    ] = []
    certificate: Annotated[
        CertificateArn | None,
        Meta(
            description="Certificate that exists, in us-east-1; else one is made, for `domain` and "
            "`aliases`.",
            examples=["arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d"],
        ),
    ] = None
    tags: Annotated[
        dict[Word, Text], Meta(description="Tags of all that is made.", examples=[{"team": "shop"}])
    ] = {}
    dns: Annotated[StackDns, Meta(description="Names of the domain.")] = StackDns()
    network: Annotated[
        StackNetwork, Meta(description="Where the instance and the database stand, and who may reach them.")
    ] = StackNetwork()
    bucket: Annotated[
        StackBucket, Meta(description="The bucket of the site, `site.bucket`: private, versioned.")
    ] = StackBucket()
    cdn: Annotated[StackCdn, Meta(description="CloudFront: the one HTTPS entry.")] = StackCdn()
    instance: Annotated[
        StackInstance, Meta(description="The machine that runs the service, its edge and Jenkins.")
    ] = StackInstance()
    database: Annotated[
        StackDatabase, Meta(description="MariaDB on RDS, reachable from the instance alone.")
    ] = StackDatabase()
    secrets: Annotated[
        StackSecrets, Meta(description="Parameters of the store that the instance may read.")
    ] = StackSecrets()
    alarms: Annotated[
        StackAlarms, Meta(description="Who is told when something is not well, and what that means.")
    ] = StackAlarms()
    logs: Annotated[StackLogs, Meta(description="Log groups.")] = StackLogs()
    budget: Annotated[
        StackBudget, Meta(description="A limit for the month's costs of the whole account.")
    ] = StackBudget()

    @classmethod
    def conflicts(cls, said: Mapping[str, Any]) -> Iterator[Conflict]:
        """What is wrong between keys: see `Section.conflicts`."""
        aliases = said.get("aliases", ())
        if aliases and said.get("domain") is None:
            yield "aliases", "are further names of 'domain', which is not given"
        yield from repeated("aliases", [said.get("domain"), *aliases], "named twice is")
