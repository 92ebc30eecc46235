"""What of the stack is made, what exists, and what all of it is called: a pure function of the config."""

from __future__ import annotations

import re
from ipaddress import IPv4Network

from msgspec import Struct

from deployer.config.schema import Config
from deployer.config.sections.site import Site
from deployer.config.sections.stack import Stack
from deployer.edge.network import POOL
from deployer.errors import ConfigError

GLOBAL_REGION = "us-east-1"
"""Where CloudFront's certificates and metrics are, whatever the region of the rest."""

ORIGIN_FACING = "com.amazonaws.global.cloudfront.origin-facing"
LATEST_IMAGE = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
ORIGIN_SECRET = "origin-secret"  # noqa: S105 -- its name
DATABASE_PASSWORD = "database-password"  # noqa: S105 -- its name


class Layout(Struct, frozen=True):
    """A config's stack, with every default filled in and every part that is off left out.

    :ivar names: where visitors go: the domain and its aliases, or none.
    :ivar bucket: the site's bucket; None where there is none.
    :ivar makes_bucket: it is made here, rather than exists.
    :ivar api: the origin of the API is an instance of ours, a host that is named, or none.
    :ivar origin_name: what CloudFront calls our instance by; None where that is made of its address.
    :ivar admin_ports: what admins reach on the instance.
    """

    config: Config
    stack: Stack
    name: str
    names: tuple[str, ...]
    bucket: str | None
    makes_bucket: bool
    site: Site | None
    api: bool
    origin_name: str | None
    admin_ports: tuple[int, ...]
    secrets_prefix: str

    @property
    def region(self) -> str:
        return self.stack.region

    @property
    def makes_zone(self) -> bool:
        return self.has_names and self.stack.dns.zone is None

    @property
    def makes_certificate(self) -> bool:
        return bool(self.names) and self.stack.cdn.enabled and self.stack.certificate is None

    @property
    def has_names(self) -> bool:
        """Route 53 answers for the names: in a zone of ours, or in one that exists."""
        wanted = self.stack.cdn.enabled or self.stack.instance.enabled
        return bool(self.names) and self.stack.dns.enabled and wanted

    @property
    def makes_vpc(self) -> bool:
        return self.stack.network.vpc is None and (self.stack.instance.enabled or self.stack.database.enabled)

    @property
    def subnets(self) -> tuple[str, ...]:
        """Quarters of the VPC that is made: one for the instance, one to spare, two for the database."""
        import ipaddress

        quarters = ipaddress.ip_network(self.stack.network.cidr).subnets(prefixlen_diff=2)
        return tuple(str(quarter) for quarter in quarters)

    @property
    def makes_role(self) -> bool:
        return self.stack.instance.enabled and self.stack.instance.profile is None

    @property
    def lets_cloudfront_in(self) -> bool:
        """A distribution, ours or one that exists, asks the instance."""
        existing = self.site.distribution if self.site else None
        return self.stack.instance.enabled and (self.stack.cdn.enabled or existing is not None)

    @property
    def burstable(self) -> bool:
        """The instance lives on credits."""
        return re.match(r"t\d", self.stack.instance.type) is not None

    @property
    def makes_topic(self) -> bool:
        """Budgets tell the topic too, so it is there for either."""
        wanted = self.stack.alarms.enabled or self.stack.budget.limit > 0
        return wanted and self.stack.alarms.topic is None

    @property
    def global_topic(self) -> str | None:
        """The config's topic, where CloudFront's alarms can tell it."""
        topic = self.stack.alarms.topic
        return topic if topic and f":{GLOBAL_REGION}:" in topic else None

    @property
    def tells_nobody_of_cloudfront(self) -> bool:
        """There is a topic for all other alarms, and nobody for those on what CloudFront measures."""
        alarms = self.stack.alarms
        made = self.stack.cdn.enabled and alarms.enabled
        return made and bool(alarms.topic) and not self.global_topic and not alarms.emails

    @property
    def is_empty(self) -> bool:
        """Nothing at all is made in the region."""
        stack = self.stack
        parts = (self.makes_bucket, stack.cdn.enabled, stack.instance.enabled, stack.database.enabled)
        return not any((*parts, stack.logs.enabled, stack.alarms.enabled, stack.budget.limit > 0))

    @property
    def database_name(self) -> str:
        """Letters and digits of the stack's name: MariaDB on RDS takes no others."""
        return self.stack.database.name or self.name.replace("-", "_")[:16]

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names below `secrets_prefix`, the generated ones first."""
        ours = []
        if self.stack.instance.enabled or self.api:
            ours.append(ORIGIN_SECRET)
        if self.stack.database.enabled:
            ours.append(DATABASE_PASSWORD)
        return (*ours, *self.stack.secrets.names)

    @property
    def log_groups(self) -> dict[str, str]:
        """Logical names and names of the groups; none where logs are off."""
        if not self.stack.logs.enabled:
            return {}
        groups = {"DeployerLogs": f"/{self.name}/deployer"}
        if self.stack.instance.enabled:
            groups |= {"HostLogs": f"/{self.name}/host", "ContainerLogs": f"/{self.name}/containers"}
        return groups


def layout(config: Config) -> Layout:
    """What the config's stack is.

    :raises ConfigError: there is none, or its parts do not go together; `details` lists every problem.
    """
    stack = config.stack
    if stack is None:
        raise ConfigError(
            "the config has no stack",
            remedy="say what is to stand in the AWS account, `stack: {domain: ...}`: docs/stack.md",
        )
    site = config.site if config.site and config.site.bucket else None
    bucket = site.bucket if site and stack.bucket.enabled else None
    jenkins = config.jenkins
    usual = [config.ssh.port, jenkins.port, *([jenkins.portainer.port] if jenkins.portainer.enabled else [])]
    name = stack.name or config.service.name
    names = (stack.domain, *stack.aliases) if stack.domain else ()
    ours = f"origin.{stack.domain}" if names and stack.dns.enabled and stack.instance.enabled else None
    found = Layout(
        config=config,
        stack=stack,
        name=name,
        names=names,
        bucket=bucket,
        makes_bucket=bucket is not None and not stack.bucket.exists,
        site=site,
        api=stack.cdn.enabled and (stack.instance.enabled or stack.cdn.origin is not None),
        origin_name=ours if stack.instance.enabled else stack.cdn.origin,
        admin_ports=tuple(usual if stack.network.admin_ports is None else stack.network.admin_ports),
        secrets_prefix=stack.secrets.prefix or f"/{name}",
    )
    problems = _problems(found)
    if problems:
        raise ConfigError("the parts of the stack do not go together", details=problems)
    return found


def _problems(found: Layout) -> list[str]:
    stack, problems = found.stack, []
    if stack.cdn.enabled and found.bucket is None and not found.api:
        problems.append("stack.cdn: has neither a bucket (site.bucket) nor an API (stack.instance)")
    if stack.cdn.origin and stack.instance.enabled:
        problems.append("stack.cdn.origin: is for an API elsewhere, and stack.instance makes one here")
    if stack.cdn.origin and _is_address(stack.cdn.origin):
        problems.append("stack.cdn.origin: must be a name; CloudFront takes no address")
    if stack.network.vpc and stack.database.enabled and not stack.network.database_subnets:
        problems.append("stack.network.database_subnets: the database needs two subnets of the VPC")
    if found.site is not None and found.site.store is not None and found.bucket is not None:
        problems.append("site.store: is a store on the host, and the stack's bucket is AWS's: null here")
    if found.site is not None and found.site.region not in (None, stack.region) and found.makes_bucket:
        problems.append(f"site.region: the bucket is made in stack.region, {stack.region}")
    if stack.cdn.enabled and found.config.edge.port in (80, 443) and found.config.edge.tls:
        problems.append("edge.tls: CloudFront asks by plain HTTP, which the edge would redirect for ever")
    if 0 < found.config.edge.port < 1024 and found.config.edge.port not in (80, 443) and found.api:
        problems.append("edge.port: CloudFront asks 80, 443 and ports from 1024 on only")
    if found.api and found.config.edge.hold >= stack.cdn.read_timeout:
        problems.append(f"edge.hold: must be below stack.cdn.read_timeout ({stack.cdn.read_timeout} s)")
    strangers = [name for name in found.names[1:] if not name.endswith(f".{stack.domain}")]
    if strangers and found.makes_zone:
        problems.append(f"stack.aliases: {strangers[0]} is not below {stack.domain}, whose zone is made")
    if stack.alarms.topic and f":{stack.region}:" not in stack.alarms.topic:
        problems.append(f"stack.alarms.topic: must be in stack.region, {stack.region}")
    return problems + _problems_of_machines(found)


def _problems_of_machines(found: Layout) -> list[str]:
    stack, problems = found.stack, []
    arm = re.match(r"[a-z]+\d+g|a1\.", stack.instance.type)
    if arm and stack.instance.enabled and not stack.instance.image:
        problems.append("stack.instance.type: is an ARM machine, and the image that is looked up is for x86")
    if found.tells_nobody_of_cloudfront:
        problems.append(
            f"stack.alarms.emails: is empty, and CloudFront's alarms tell no topic outside of {GLOBAL_REGION}"
        )
    if stack.instance.enabled and found.config.ssh.port != 22:
        problems.append("ssh.port: a new machine's SSH server listens on 22")
    if found.origin_name and found.origin_name in found.names:
        problems.append(f"stack.aliases: {found.origin_name} is where CloudFront finds the API")
    own = [str(POOL), *([found.config.edge.subnet] if found.config.edge.subnet else [])]
    for network in own if stack.instance.enabled and found.makes_vpc else ():
        if IPv4Network(network).overlaps(IPv4Network(stack.network.cidr)):
            problems.append(f"stack.network.cidr: overlaps with the releases' own network, {network}")
    return problems


def _is_address(name: str) -> bool:
    import ipaddress

    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
