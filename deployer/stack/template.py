"""From the config to CloudFormation: the stacks that make it, in the order in which they are applied.

    zone          us-east-1      the hosted zone, where one is made
    certificate   us-east-1      the certificate of CloudFront, where one is made
    main          stack.region   all the rest
    metrics       us-east-1      alarms on what CloudFront measures, which it does there only

They are destroyed in the opposite order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from deployer.config.schema import Config
from deployer.edge.site import viewer_request
from deployer.errors import TemplateError
from deployer.render import render
from deployer.stack.document import parse
from deployer.stack.layout import (
    DATABASE_PASSWORD,
    GLOBAL_REGION,
    LATEST_IMAGE,
    ORIGIN_FACING,
    ORIGIN_SECRET,
    Layout,
    layout,
)
from deployer.stack.parameters import (
    PrefixList,
    PublicParameter,
    SecretParameter,
    SecretVersion,
    Source,
    StackOutput,
)
from deployer.stack.userdata import user_data

LIMIT = 51_200
"""Bytes that CloudFormation takes as the body of a template."""


class Template(Struct, frozen=True):
    """One stack, rendered.

    :ivar kind: `zone`, `certificate`, `main` or `metrics`.
    :ivar name: the stack's name in CloudFormation.
    :ivar region: where it is applied.
    :ivar body: the YAML text; the same config always gives the same bytes.
    :ivar parameters: for each parameter of the body that has no default, where its value comes from.
    :ivar capabilities: what CloudFormation must be told that we know (CAPABILITY_IAM).
    :ivar tags: of the stack, which hands them on to all it makes.
    """

    kind: str
    name: str
    region: str
    body: str
    parameters: Mapping[str, Source] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The body as a mapping. :raises TemplateError: it is not right YAML."""
        return parse(self.body, self.kind)


def templates(config: Config) -> list[Template]:
    """The stacks of a config, in the order in which they are applied.

    :raises ConfigError: there is no `stack`, or its parts do not go together.
    :raises TemplateError: a template is wrong, or what it makes is larger than CloudFormation takes.
    """
    found = layout(config)
    made = []
    if found.makes_zone:
        made.append(_template(found, "zone", GLOBAL_REGION, {}))
    if found.makes_certificate:
        zone: dict[str, Source] = {"ZoneId": StackOutput("zone", "ZoneId")} if found.makes_zone else {}
        made.append(_template(found, "certificate", GLOBAL_REGION, zone))
    made.append(_main(found))
    if found.stack.cdn.enabled and found.stack.alarms.enabled:
        distribution: dict[str, Source] = {"DistributionId": StackOutput("main", "DistributionId")}
        made.append(_template(found, "metrics", GLOBAL_REGION, distribution))
    return made


def _main(found: Layout) -> Template:
    stack = found.stack
    parameters: dict[str, Source] = {}
    if found.makes_certificate:
        parameters["CertificateArn"] = StackOutput("certificate", "CertificateArn")
    if found.makes_zone:
        parameters["ZoneId"] = StackOutput("zone", "ZoneId")
    if stack.instance.enabled and stack.instance.image is None:
        parameters["ImageId"] = PublicParameter(LATEST_IMAGE)
    if found.lets_cloudfront_in and stack.network.prefix_list is None:
        parameters["CloudFrontPrefixList"] = PrefixList(ORIGIN_FACING)
    if found.api:
        parameters["OriginSecret"] = SecretParameter(f"{found.secrets_prefix}/{ORIGIN_SECRET}")
    if stack.database.enabled:
        parameters["DatabasePasswordVersion"] = SecretVersion(f"{found.secrets_prefix}/{DATABASE_PASSWORD}")
    return _template(
        found,
        "main",
        found.region,
        parameters,
        capabilities=("CAPABILITY_IAM",) if found.makes_role else (),
        function=viewer_request(found.site) if found.site and found.bucket and stack.cdn.enabled else "",
        user_data=user_data(found) if stack.instance.enabled else None,
    )


def _template(
    found: Layout,
    kind: str,
    region: str,
    parameters: Mapping[str, Source],
    *,
    capabilities: tuple[str, ...] = (),
    **values: object,
) -> Template:
    name = found.name if kind == "main" else f"{found.name}-{kind}"
    values = {"it": found, "stack": found.stack, "config": found.config, "parameters": parameters, **values}
    body = render(f"aws/{kind}.yaml.j2", **values)
    size = len(body.encode())
    if size > LIMIT:
        raise TemplateError(
            f"the {kind} stack is {size:,} bytes, and CloudFormation takes {LIMIT:,}",
            remedy="redirects, keys and admins fill it: list fewer",
        )
    tags = {"deployer.stack": found.name, **found.stack.tags}
    return Template(kind, name, region, body, dict(parameters), capabilities, tags)
