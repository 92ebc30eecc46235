"""The proxy in front of the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
)

from deployer.config.sections.kinds import (
    Address,
    Duration,
    Port,
    Section,
    Subnet,
    UrlFolder,
    Wait,
    Word,
)


class Tls(Section):
    """HTTPS at the edge with a certificate from files, for those without a CDN."""

    port: Port = Field(default=443, description="Port for HTTPS.")
    certificate: Path = Field(
        description="PEM file with the certificate and its chain, relative to the config's own folder.",
        examples=["tls/shop.pem"],
    )
    key: Path | None = Field(
        default=None,
        description="PEM file with the private key, if the certificate's file lacks it.",
        examples=["tls/shop.key"],
    )
    redirect: bool = Field(
        default=True, description="Answer plain HTTP on `edge.port` with a redirect to HTTPS."
    )


class Edge(Section):
    """The proxy in front of the service, which stays up while releases come and go."""

    port: Port = Field(default=8080, description="Port on which the host serves.")
    address: Address = Field(default="0.0.0.0", description="Address on which the host serves.")
    image: Word | None = Field(
        default=None,
        description="Ready image of the edge; else one is built from `edge.base`.",
        examples=["shop-edge:1"],
    )
    base: Word | None = Field(
        default=None,
        description="Debian image the edge's own image is built from.",
        examples=["debian:bookworm-slim"],
    )
    subnet: Subnet | None = Field(
        default=None,
        description="Private network of the two slots, a /28 or larger; else a free one is found.",
        examples=["10.213.7.0/24"],
    )
    tls: Tls | None = Field(default=None, description="HTTPS with a certificate from files.")
    api_prefix: UrlFolder = Field(
        default="/api/",
        description="With a `site`: paths below this go to the service, all others to the site.",
    )
    hold: Annotated[Duration, Field(ge=1)] = Field(
        default=30.0, description="How long maintenance keeps a request waiting before it answers 503."
    )
    retry_after: Annotated[Duration, Field(ge=1)] = Field(
        default=30.0, description="Retry-After of the 503 in maintenance, in whole seconds."
    )
    connect_timeout: Annotated[Duration, Field(ge=0.01)] = Field(
        default=1.0, description="Time to connect to the service."
    )
    read_timeout: Wait = Field(default=60.0, description="Time to wait for the service's answer.")
    stream_timeout: Wait = Field(
        default=3600.0,
        description="Silence allowed in a long-lived answer (`service.streams`) or a WebSocket.",
    )
    max_connections: Annotated[int, Field(ge=10)] = Field(
        default=2000,
        description="Connections served at once; more wait.",
        json_schema_extra={"unit": "connections"},
    )
    check_interval: Annotated[Duration, Field(ge=0.01)] = Field(
        default=0.2, description="Time between health checks."
    )
    check_timeout: Annotated[Duration, Field(ge=0.01)] = Field(
        default=1.0, description="Time a health check may take."
    )
    check_rise: Annotated[int, Field(ge=1)] = Field(
        default=2,
        description="Good checks in a row until a release counts as ready.",
        json_schema_extra={"unit": "checks"},
    )
    check_fall: Annotated[int, Field(ge=1)] = Field(
        default=3,
        description="Failed checks in a row until it counts as down.",
        json_schema_extra={"unit": "checks"},
    )

    @field_validator("tls")
    @classmethod
    def _ports_differ(cls, tls: Tls | None, info: ValidationInfo) -> Tls | None:
        if tls is not None and tls.port == info.data.get("port"):
            raise ValueError(f"port {tls.port} is edge.port already; HTTPS needs a port of its own")
        return tls
