"""The proxy in front of the service."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from deployer.config.model import Conflict, Section
from deployer.config.sections.kinds import (
    Address,
    Duration,
    Port,
    Subnet,
    UrlFolder,
    Wait,
    Word,
)


class Tls(Section, frozen=True, kw_only=True):
    """HTTPS at the edge with a certificate from files, for those without a CDN."""

    port: Annotated[Port, Meta(description="Port for HTTPS.")] = 443
    certificate: Annotated[
        Path,
        Meta(
            description="PEM file with the certificate and its chain, relative to the config's own folder.",
            examples=["tls/shop.pem"],
        ),
    ]
    key: Annotated[
        Path | None,
        Meta(
            description="PEM file with the private key, if the certificate's file lacks it.",
            examples=["tls/shop.key"],
        ),
    ] = None
    redirect: Annotated[
        bool, Meta(description="Answer plain HTTP on `edge.port` with a redirect to HTTPS.")
    ] = True


class Edge(Section, frozen=True, kw_only=True):
    """The proxy in front of the service, which stays up while releases come and go."""

    port: Annotated[Port, Meta(description="Port on which the host serves.")] = 8080
    address: Annotated[Address, Meta(description="Address on which the host serves.")] = "0.0.0.0"
    image: Annotated[
        Word | None,
        Meta(
            description="Ready image of the edge; else one is built from `edge.base`.",
            examples=["shop-edge:1"],
        ),
    ] = None
    base: Annotated[
        Word | None,
        Meta(
            description="Debian image the edge's own image is built from.", examples=["debian:bookworm-slim"]
        ),
    ] = None
    subnet: Annotated[
        Subnet | None,
        Meta(
            description="Private network of the two slots, a /28 or larger; else a free one is found.",
            examples=["10.213.7.0/24"],
        ),
    ] = None
    tls: Annotated[Tls | None, Meta(description="HTTPS with a certificate from files.")] = None
    api_prefix: Annotated[
        UrlFolder,
        Meta(description="With a `site`: paths below this go to the service, all others to the site."),
    ] = "/api/"
    hold: Annotated[
        Annotated[Duration, Meta(ge=1)],
        Meta(description="How long maintenance keeps a request waiting before it answers 503."),
    ] = 30.0
    retry_after: Annotated[
        Annotated[Duration, Meta(ge=1)],
        Meta(description="Retry-After of the 503 in maintenance, in whole seconds."),
    ] = 30.0
    connect_timeout: Annotated[
        Annotated[Duration, Meta(ge=0.01)], Meta(description="Time to connect to the service.")
    ] = 1.0
    read_timeout: Annotated[Wait, Meta(description="Time to wait for the service's answer.")] = 60.0
    stream_timeout: Annotated[
        Wait, Meta(description="Silence allowed in a long-lived answer (`service.streams`) or a WebSocket.")
    ] = 3600.0
    max_connections: Annotated[
        Annotated[int, Meta(ge=10)],
        Meta(description="Connections served at once; more wait.", extra={"unit": "connections"}),
    ] = 2000
    check_interval: Annotated[
        Annotated[Duration, Meta(ge=0.01)], Meta(description="Time between health checks.")
    ] = 0.2
    check_timeout: Annotated[
        Annotated[Duration, Meta(ge=0.01)], Meta(description="Time a health check may take.")
    ] = 1.0
    check_rise: Annotated[
        Annotated[int, Meta(ge=1)],
        Meta(description="Good checks in a row until a release counts as ready.", extra={"unit": "checks"}),
    ] = 2
    check_fall: Annotated[
        Annotated[int, Meta(ge=1)],
        Meta(description="Failed checks in a row until it counts as down.", extra={"unit": "checks"}),
    ] = 3

    @classmethod
    def conflicts(cls, said: Mapping[str, Any]) -> Iterator[Conflict]:
        """What is wrong between keys: see `Section.conflicts`."""
        tls = said.get("tls")
        if tls is not None and tls.port == said.get("port"):
            yield "tls", f"port {tls.port} is edge.port already; HTTPS needs a port of its own"
