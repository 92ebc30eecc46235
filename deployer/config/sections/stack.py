"""What stands in an AWS account: each part is made, left out, or replaced by one that exists."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

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
    Section,
    Subnet,
    SubnetId,
    Text,
    VpcId,
    Word,
    ZoneId,
    all_differ,
    below,
)

Percent = Annotated[float, Field(gt=0, le=100)]
Days = Annotated[int, Field(ge=1, le=3653)]
_RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)


def _retention(days: int) -> int:
    if days not in _RETENTIONS:
        raise ValueError(f"must be one of {', '.join(str(each) for each in _RETENTIONS)}: AWS knows no other")
    return days


Retention = Annotated[int, AfterValidator(_retention), WithJsonSchema({"enum": list(_RETENTIONS)})]


class StackDns(Section):
    """Names of the domain."""

    enabled: bool = Field(
        default=True, description="Whether names are made in Route 53; without, make them where yours are."
    )
    zone: ZoneId | None = Field(
        default=None,
        description="Hosted zone that exists; else one is made, and the registrar must be told its servers.",
        examples=["Z0123456789ABCDEFGHIJ"],
    )


class StackNetwork(Section):
    """Where the instance and the database stand, and who may reach them."""

    vpc: VpcId | None = Field(
        default=None,
        description="VPC that exists; else one is made, without a NAT gateway. With it go `subnet` and "
        "`database_subnets`.",
        examples=["vpc-0a1b2c3d"],
    )
    subnet: SubnetId | None = Field(
        default=None,
        validate_default=True,
        description="Public subnet of `vpc` for the instance; it must give public addresses by itself.",
        examples=["subnet-0a1b2c3d"],
    )
    database_subnets: list[SubnetId] = Field(
        default_factory=list,
        description="Subnets of `vpc` for the database, in two zones at least.",
        examples=[["subnet-0a1b2c3d", "subnet-1a2b3c4d"]],
    )
    cidr: Subnet = Field(
        default="10.20.0.0/20", description="Addresses of the VPC that is made, a /24 or larger."
    )
    admins: list[Network] = Field(
        default_factory=list,
        description="From where admins reach `admin_ports`; empty: nobody does.",
        examples=[["203.0.113.7/32"]],
    )
    admin_ports: list[Port] | None = Field(
        default=None,
        description="Ports for `admins`; else those of SSH, Jenkins and Portainer: `ssh.port`, "
        "`jenkins.port`, `jenkins.portainer.port`.",
        examples=[[22, 9090, 9000]],
    )
    webhooks: list[Network] = Field(
        default_factory=list,
        description="From where Jenkins' port alone is reached besides: GitHub's hooks, as "
        "api.github.com/meta lists them.",
        examples=[["192.30.252.0/22", "185.199.108.0/22", "140.82.112.0/20", "143.55.64.0/20"]],
    )
    prefix_list: PrefixListId | None = Field(
        default=None,
        description="CloudFront's prefix list in this region; else it is looked up by its name.",
        examples=["pl-22a6434b"],
    )

    @field_validator("subnet")
    @classmethod
    def _with_its_vpc(cls, subnet: str | None, info: ValidationInfo) -> str | None:
        if "vpc" in info.data and (subnet is None) != (info.data["vpc"] is None):
            raise PydanticCustomError("of_parent", "'vpc' and 'subnet' go together")
        return subnet

    @field_validator("database_subnets")
    @classmethod
    def _two_zones(cls, subnets: list[str], info: ValidationInfo) -> list[str]:
        if subnets and info.data.get("vpc") is None:
            raise ValueError("go with 'vpc'; the VPC that is made has its own")
        if len(subnets) == 1:
            raise ValueError("must be two at least, in two zones")
        all_differ(subnets, "named twice is")
        return subnets

    @field_validator("cidr")
    @classmethod
    def _room(cls, cidr: str) -> str:
        if int(cidr.rpartition("/")[2] or 32) > 24 or int(cidr.rpartition("/")[2]) < 16:
            raise ValueError("must be between a /16 and a /24")
        return cidr


class StackBucket(Section):
    """The bucket of the site, `site.bucket`: private, versioned."""

    enabled: bool = Field(
        default=True, description="Whether there is one; without, CloudFront serves the API alone."
    )
    exists: bool = Field(
        default=False,
        description="It exists and is left as it is: its policy must let CloudFront read (docs/stack.md).",
    )
    keep_versions: Days = Field(
        default=30,
        description="For how long versions that were replaced or deleted are kept.",
        json_schema_extra={"unit": "days"},
    )


class StackCdn(Section):
    """CloudFront: the one HTTPS entry, `edge.api_prefix` to the API and all else to the bucket."""

    enabled: bool = Field(
        default=True,
        description="Whether it is made; one that exists is `site.distribution`, and is still let in.",
    )
    price_class: Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"] = Field(
        default="PriceClass_200", description="Which edges serve; 100 has none in Asia."
    )
    origin: HostAddress | None = Field(
        default=None,
        description="Name of the API's host, where no instance is made here.",
        examples=["api.example.org"],
    )
    read_timeout: Annotated[int, Field(ge=30, le=120)] = Field(
        default=60,
        description="How long the API may be silent, in a stream too; above 60 AWS has to raise a quota.",
        json_schema_extra={"unit": "seconds"},
    )


class StackInstance(Section):
    """The machine that runs the service, its edge and Jenkins."""

    enabled: bool = Field(
        default=True, description="Whether it is made; else name the API's host in `cdn.origin`."
    )
    type: InstanceType = Field(default="t3.small", description="Instance type, of the x86 kind.")
    image: ImageId | None = Field(
        default=None,
        description="Machine image; else the newest Amazon Linux 2023 of the day on which it is made. Debian "
        "and Ubuntu cannot tell that they are ready: `wait: false` with them.",
        examples=["ami-0123456789abcdef0"],
    )
    disk: Annotated[int, Field(ge=8, le=16384)] = Field(
        default=30, description="Size of its gp3 disk.", json_schema_extra={"unit": "GB"}
    )
    key_pair: Word | None = Field(
        default=None, description="Key pair of EC2 for the first login, as ec2-user.", examples=["ops"]
    )
    profile: AwsName | None = Field(
        default=None,
        description="Instance profile that exists; else one with the fewest rights is made.",
        examples=["shop-host"],
    )
    credits: Literal["standard", "unlimited"] = Field(
        default="standard",
        description="What a t instance does without credits: become slow, or cost more.",
    )
    groups: list[GroupId] = Field(
        default_factory=list,
        description="Further security groups it belongs to.",
        examples=[["sg-0a1b2c3d"]],
    )
    wait: bool = Field(
        default=True,
        description="Whether the stack waits until the machine has prepared itself, 15 minutes at most.",
    )


class StackDatabase(Section):
    """MariaDB on RDS, reachable from the instance alone."""

    enabled: bool = Field(default=True, description="Whether it is made; else the service has its own.")
    version: Literal["10.11", "11.4", "11.8"] = Field(
        default="11.4", description="Release with long support; its minor versions come by themselves."
    )
    instance: DatabaseClass = Field(default="db.t3.micro", description="Instance class.")
    storage: Annotated[int, Field(ge=20, le=65536)] = Field(
        default=20, description="Size of its gp3 disk.", json_schema_extra={"unit": "GB"}
    )
    name: DatabaseName | None = Field(
        default=None, description="Database that is made in it; else named as the service.", examples=["shop"]
    )
    user: DatabaseName = Field(default="app", description="Its user.")
    backups: Annotated[int, Field(ge=1, le=35)] = Field(
        default=7, description="For how long backups are kept.", json_schema_extra={"unit": "days"}
    )
    standby: bool = Field(default=False, description="A second one in another zone; twice the price.")
    protected: bool = Field(default=True, description="Whether it refuses to be deleted.")
    tls: bool = Field(default=False, description="Whether connections without TLS are refused.")


class StackSecrets(Section):
    """Parameters of the store (SecureString) that the instance may read."""

    prefix: ParameterPath | None = Field(
        default=None, description="Where they are; else /<stack's name>.", examples=["/shop"]
    )
    names: list[ParameterName] = Field(
        default_factory=list,
        description="Further secrets that the service or Jenkins needs; docs/stack.md has the others.",
        examples=[["gemini-key", "jenkins-password"]],
    )

    @field_validator("names")
    @classmethod
    def _differ(cls, names: list[str]) -> list[str]:
        all_differ(names, "named twice is")
        for name in names:
            if name in ("origin-secret", "database-password"):
                raise ValueError(f"'{name}' is there anyway")
        return names


class StackAlarms(Section):
    """Who is told when something is not well, and what that means."""

    enabled: bool = Field(default=True, description="Whether there are alarms.")
    emails: list[Email] = Field(
        default_factory=list,
        description="Who is told; each must confirm once, by a link in a mail.",
        examples=[["ops@example.org"]],
    )
    topic: AwsArn | None = Field(
        default=None,
        description="SNS topic that exists, in the stack's region; else one is made.",
        examples=["arn:aws:sns:ap-northeast-2:123456789012:ops"],
    )
    cpu: Percent = Field(
        default=85, description="Processor use over 15 minutes.", json_schema_extra={"unit": "percent"}
    )
    credits: Annotated[int, Field(ge=1)] = Field(
        default=30,
        description="Processor credits left of a t instance.",
        json_schema_extra={"unit": "credits"},
    )
    memory: Percent = Field(default=90, description="Memory in use.", json_schema_extra={"unit": "percent"})
    swap: Percent = Field(default=60, description="Swap in use.", json_schema_extra={"unit": "percent"})
    disk: Percent = Field(default=85, description="Disk in use.", json_schema_extra={"unit": "percent"})
    errors: Percent = Field(
        default=2,
        description="Share of answers that are 5xx, over 10 minutes, at CloudFront.",
        json_schema_extra={"unit": "percent"},
    )
    p99: Annotated[int, Field(ge=0)] = Field(
        default=3000,
        description="Time until the answer begins that 99 of 100 requests stay below, over 15 minutes, at "
        "CloudFront; 0 for no such alarm, whose metric costs extra.",
        json_schema_extra={"unit": "milliseconds"},
    )
    database_storage: Annotated[int, Field(ge=1)] = Field(
        default=4, description="Free space of the database.", json_schema_extra={"unit": "GB"}
    )
    namespace: Text = Field(
        default="Deployer", description="Namespace of the metrics that the deployer itself sends."
    )
    failed_deploys: Text = Field(
        default="FailedDeploys",
        description="Metric there that counts deploys that failed, with the dimension Service.",
    )


class StackLogs(Section):
    """Log groups."""

    enabled: bool = Field(default=True, description="Whether there are any, and the instance sends to them.")
    keep: Retention = Field(
        default=30, description="For how long they are kept.", json_schema_extra={"unit": "days"}
    )


class StackBudget(Section):
    """A limit for the month's costs of the whole account."""

    limit: Annotated[float, Field(ge=0)] = Field(
        default=30,
        description="Tells at 80% spent and at 100% expected; 0 for none.",
        json_schema_extra={"unit": "USD"},
    )


class Stack(Section):
    """From an AWS account and a domain to the running system."""

    name: Name | None = Field(
        default=None,
        description="Name of the stack, which all it makes carries; else the service's.",
        examples=["shop"],
    )
    region: Region = Field(
        default="ap-northeast-2",
        description="Where all stands but what CloudFront wants in us-east-1.",
    )
    domain: DomainName | None = Field(
        default=None,
        description="Name visitors go to; without one, CloudFront's own.",
        examples=["shop.example.org"],
    )
    aliases: list[DomainName] = Field(
        default_factory=list,
        description="Further names that show the same.",
        examples=[["www.shop.example.org"]],
    )
    certificate: CertificateArn | None = Field(
        default=None,
        description="Certificate that exists, in us-east-1; else one is made, for `domain` and `aliases`.",
        examples=["arn:aws:acm:us-east-1:123456789012:certificate/0a1b2c3d"],
    )
    tags: dict[Word, Text] = Field(
        default_factory=dict, description="Tags of all that is made.", examples=[{"team": "shop"}]
    )
    dns: StackDns = below("Names of the domain.")
    network: StackNetwork = below("Where the instance and the database stand, and who may reach them.")
    bucket: StackBucket = below("The bucket of the site, `site.bucket`: private, versioned.")
    cdn: StackCdn = below("CloudFront: the one HTTPS entry.")
    instance: StackInstance = below("The machine that runs the service, its edge and Jenkins.")
    database: StackDatabase = below("MariaDB on RDS, reachable from the instance alone.")
    secrets: StackSecrets = below("Parameters of the store that the instance may read.")
    alarms: StackAlarms = below("Who is told when something is not well, and what that means.")
    logs: StackLogs = below("Log groups.")
    budget: StackBudget = below("A limit for the month's costs of the whole account.")

    @field_validator("aliases")
    @classmethod
    def _beside_a_domain(cls, aliases: list[str], info: ValidationInfo) -> list[str]:
        if aliases and info.data.get("domain") is None:
            raise ValueError("are further names of 'domain', which is not given")
        all_differ([info.data.get("domain"), *aliases], "named twice is")
        return aliases
