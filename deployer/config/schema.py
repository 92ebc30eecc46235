"""What `config.yaml` may say: typed, frozen, each key with its meaning, unit and default.

This module is the one source of the reference (`docs/configuration.md`, `deployer config docs`), of the
JSON Schema for editors and of the validation. `load` reads a file into a `Config`.

Units: durations are float seconds, sizes are int bytes; both may be written as people do ("5m", "1g").
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from deployer.config import references, units

# --- kinds of values -------------------------------------------------------------------------------------


def _matching(pattern: str, complaint: str, **schema: Any) -> tuple[AfterValidator, WithJsonSchema]:
    """Text that matches `pattern` as a whole; `complaint` says what it must be, in words."""

    def check(value: str) -> str:
        # `re` keeps what it has compiled; a command needs few of these, and would wait for all of them.
        if not re.fullmatch(pattern, value):
            raise ValueError(complaint)
        return value

    return AfterValidator(check), WithJsonSchema({"type": "string", "pattern": f"^({pattern})$", **schema})


def _private_subnet(value: str) -> str:
    import ipaddress

    try:
        network = ipaddress.ip_network(value)
    except ValueError:
        raise ValueError("must be a network such as 10.213.7.0/24") from None
    if network.version != 4 or not network.is_private:
        raise ValueError("must be a private IPv4 network, as in 10.213.7.0/24")
    if network.prefixlen > 28:
        raise ValueError(f"must be a /28 or larger, to hold the slots; this is a /{network.prefixlen}")
    return value


def _ip_address(value: str) -> str:
    import ipaddress

    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        raise ValueError("must be an IPv4 address such as 0.0.0.0 or 127.0.0.1") from None
    return value


def _no_reference(value: str) -> str:
    if references.mentioned(value):
        raise ValueError("a secret reference is only resolved in 'env'; use --set for other keys")
    return value


def _secret_text(value: str) -> str:
    references.parse(value)
    return value


_DURATION = {"type": "string", "pattern": r"^\s*(\d+(\.\d+)?|\.\d+)\s*(ms|s|m|h|d)?\s*$"}
_SIZE = {"type": "string", "pattern": r"^\s*(\d+(\.\d+)?|\.\d+)\s*([kKmMgGtT]?[iI]?[bB]?)\s*$"}
# Unquoted YAML numbers and booleans are taken as they are written: an editor must not complain either.
_SCALAR = WithJsonSchema({"type": ["string", "number", "boolean"]})
# Some paths become words of the edge's configuration, so they hold nothing that it would read as syntax.
_URL_PATH = r"/[A-Za-z0-9._~%:@!,;=+*/-]*"

Duration = Annotated[
    float,
    BeforeValidator(units.parse_duration),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, _DURATION]}),
]
Size = Annotated[
    int,
    BeforeValidator(units.parse_size),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 0}, _SIZE]}),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Text = Annotated[str, AfterValidator(_no_reference), _SCALAR]
SecretText = Annotated[str, AfterValidator(_secret_text), _SCALAR]
Word = Annotated[str, Field(min_length=1), AfterValidator(_no_reference)]
Command = Annotated[list[Text], Field(min_length=1)]
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
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^(\d{1,2}%|100%|\d+)$"},
            ]
        }
    ),
]
DockerAddress = Annotated[
    str, *_matching(r"unix:///\S+|(tcp|ssh)://\S+", "must begin with unix:///, tcp:// or ssh://")
]
LogSize = Annotated[
    str,
    *_matching(r"[1-9]\d*[kmg]?", "must be a size such as 512k, 10m or 1g"),
    WithJsonSchema({"type": ["string", "integer"]}),
]
ControllerUrl = Annotated[
    str,
    *_matching(
        r"https?://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/-]*)?",
        "must be an address without a user, query or '#', as in https://ci.example.org/jenkins",
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
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1},
                {"type": "string", "pattern": r"^([1-9]\d?%|100%|[1-9]\d*)$"},
            ]
        }
    ),
]
Subnet = Annotated[str, AfterValidator(_private_subnet)]
Address = Annotated[str, AfterValidator(_ip_address)]
Wait = Annotated[Duration, Field(gt=0)]
"""A duration that must not be 0."""
Variables = dict[VariableName, SecretText]


class Section(BaseModel):
    """A mapping of the file: immutable, and strict about its keys."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        # The loader hands scalars over as they are written ("1.10" stays "1.10" in env); the types decide.
        coerce_numbers_to_str=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        # Built once, as part of `Config`, rather than each on its own: it halves the time to load a config.
        defer_build=True,
    )


def _below(description: str, **default: Any) -> Any:
    """A section that need not be given. What it is then is validated as a part of the whole.

    A default that is a section already would have pydantic build that section a second time, on its own.
    """
    return Field(default=default, validate_default=True, description=description)


# --- sections --------------------------------------------------------------------------------------------


class Build(Section):
    """How the image is made from a folder of sources."""

    context: Path = Field(
        default=Path(), description="Folder sent to the engine, relative to the config's own folder."
    )
    dockerfile: Path = Field(
        default=Path("Dockerfile"),
        description="Dockerfile, relative to the config's own folder; one ending in .j2 is rendered with "
        "`config` and `base` first.",
    )
    target: Word | None = Field(
        default=None,
        description="Stage of the Dockerfile to build; the last one if not given.",
        examples=["runtime"],
    )
    base: Word | None = Field(
        default=None,
        description="Base image, given to the Dockerfile as build argument BASE.",
        examples=["debian:bookworm-slim"],
    )
    args: dict[VariableName, Text] = Field(
        default_factory=dict,
        description="Further build arguments. They stay in the image's history: never a secret.",
        examples=[{"JAVA_VERSION": "17"}],
    )
    prepare: list[Command] = Field(
        default_factory=list,
        description="Commands run on the deployer's machine, in the config's folder, before the build.",
        examples=[[["scripts/wheelhouse"]]],
    )
    inputs: list[Word] = Field(
        default_factory=list,
        description="Globs relative to the context; only what matches is sent and decides whether to build "
        "anew. Empty: everything .dockerignore lets through.",
        examples=[["app/**", "build/wheelhouse/**"]],
    )


class Service(Section):
    """The container that is deployed."""

    name: Name = Field(
        description="Name of the service; its containers, images and volumes carry it.", examples=["shop"]
    )
    image: Word | None = Field(
        default=None, description="Ready image to run. Give either this or `build`.", examples=["shop:1"]
    )
    build: Build | None = Field(
        default=None,
        validate_default=True,
        description="How to build the image. Give either this or `image`.",
    )
    port: Port = Field(description="Port the service listens on, inside its container.", examples=[8080])
    health: UrlPath = Field(
        default="/", description="Readiness path: a 2xx or 3xx answer means that requests may come."
    )
    env: Variables = Field(
        default_factory=dict,
        description="Environment of the container, and of its hooks. Values are text as written; secrets are "
        "references: ${env:NAME}, ${file:/path} or ${ssm:/path}, and $${ stands for a plain ${.",
        examples=[{"MODE": "live", "DB_PASSWORD": "${env:DB_PASSWORD}"}],
    )
    command: Command | None = Field(
        default=None,
        description="Command in place of the image's own.",
        examples=[["serve", "--port", "8080"]],
    )
    user: Text | None = Field(
        default=None,
        description="User to run as, `name`, `uid` or `uid:gid`; else the image's own.",
        examples=["10001:10001"],
    )
    volumes: list[Volume] = Field(
        default_factory=list,
        description="Volumes as name:/path or name:/path:ro; two releases share them during a rollout.",
        examples=[["shop-data:/data"]],
    )
    networks: list[DockerName] = Field(
        default_factory=list,
        description="Further existing networks of the engine to join, for a database say.",
        examples=[["database"]],
    )
    memory: Annotated[Size, Field(ge=6 * 1024**2)] | None = Field(
        default=None, description="Memory limit of the container; none if not given.", examples=["256m"]
    )
    cpus: Annotated[float, Field(gt=0)] | None = Field(
        default=None,
        description="Limit of processor time; none if not given.",
        json_schema_extra={"unit": "processors"},
        examples=[1.5],
    )
    read_only: bool = Field(default=False, description="Mount the root file system read-only.")
    tmpfs: list[Folder] = Field(
        default_factory=list, description="Folders held in memory, for a read-only root.", examples=[["/tmp"]]
    )
    init: bool = Field(
        default=True, description="Run an init as process 1, which reaps children and passes signals on."
    )
    stop_timeout: Duration = Field(default=30.0, description="Time between SIGTERM and SIGKILL.")
    labels: dict[Word, Text] = Field(
        default_factory=dict,
        description="Further labels of the container; deployer.* is reserved.",
        examples=[{"team": "shop"}],
    )
    log_max_size: LogSize = Field(
        default="10m", description="Size at which the engine rotates the container's log."
    )
    log_max_files: Annotated[int, Field(ge=1)] = Field(
        default=3, description="Rotated logs kept per container.", json_schema_extra={"unit": "files"}
    )
    streams: list[UrlPrefix] = Field(
        default_factory=list,
        description="Path prefixes of long-lived answers (SSE), which get `rollout.drain_streams` to end.",
        examples=[["/api/stream/"]],
    )

    @field_validator("build")
    @classmethod
    def _image_or_build(cls, build: Build | None, info: ValidationInfo) -> Build | None:
        # A field's validator rather than the model's: it speaks up even when other keys are wrong too.
        if "image" in info.data and (build is None) == (info.data["image"] is None):
            raise PydanticCustomError(
                "of_parent",
                "give either 'image' or 'build'" + ("" if build is None else ", not both"),
            )
        return build

    @field_validator("volumes")
    @classmethod
    def _targets_differ(cls, volumes: list[str]) -> list[str]:
        _all_differ([volume.split(":")[1] for volume in volumes], "two volumes are mounted at")
        return volumes

    @field_validator("tmpfs")
    @classmethod
    def _tmpfs_apart(cls, tmpfs: list[str], info: ValidationInfo) -> list[str]:
        _all_differ(
            tmpfs + [v.split(":")[1] for v in info.data.get("volumes", ())], "two things are mounted at"
        )
        return tmpfs

    @field_validator("labels")
    @classmethod
    def _labels_not_ours(cls, labels: dict[str, str]) -> dict[str, str]:
        for label in labels:
            if label.startswith("deployer."):
                raise ValueError(f"'{label}': labels that begin with 'deployer.' are the deployer's own")
        return labels


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


class SiteRule(Section):
    """Headers of the files that a pattern matches; what later rules say counts."""

    match: Glob = Field(
        description="Pattern of paths: `*` and `?` stay within a name, `**` is any number of folders; one "
        "without '/' is matched against the name alone, in every folder.",
        examples=["assets/**"],
    )
    cache_control: Text | None = Field(
        default=None,
        description="Cache-Control.",
        examples=["public, max-age=3600"],
    )
    content_type: Text | None = Field(
        default=None,
        description="Content-Type in place of the one that goes with the name's ending.",
        examples=["application/manifest+json"],
    )
    encoding: Literal["br", "gzip", "none"] | None = Field(
        default=None,
        description="Compress before sending, and say so in Content-Encoding; `none` takes back what an "
        "earlier rule said. Every visitor gets it compressed.",
        examples=["gzip"],
    )
    metadata: dict[MetadataName, AsciiText] = Field(
        default_factory=dict,
        description="Further metadata of the object (x-amz-meta-*).",
        examples=[{"team": "front"}],
    )


class SiteStore(Section):
    """A store with S3's protocol on the host's own engine, for those without an AWS account."""

    port: Port = Field(default=8333, description="Port of 127.0.0.1 on which the store answers.")


_BUCKETLESS = "is about a bucket, and `site.origin` says that the site is served from elsewhere"


class Site(Section):
    """The front end: what goes where visitors ask for anything outside `edge.api_prefix`.

    Either `bucket`, into which `deployer site deploy` puts it, or `origin`, where somebody else serves it.
    """

    origin: Origin | None = Field(
        default=None,
        description="Address of a site that is served from elsewhere, as reached from the host's network. "
        "Give either this or `bucket`.",
        examples=["http://10.0.0.5:8081"],
    )
    bucket: BucketName | None = Field(
        default=None,
        validate_default=True,
        description="Bucket the site is deployed to. Give either this or `origin`.",
        examples=["shop-site"],
    )
    dist: Path = Field(
        default=Path("dist"), description="The built front end, relative to the config's own folder."
    )
    prefix: KeyPrefix = Field(
        default="",
        description="Folder of the bucket the site is kept in; empty for all of the bucket.",
        examples=["shop/"],
    )
    region: Word | None = Field(
        default=None,
        description="Region of the bucket; else what AWS's own settings say.",
        examples=["ap-northeast-2"],
    )
    endpoint: Origin | None = Field(
        default=None,
        description="Address of a store with S3's protocol that is not AWS.",
        examples=["http://127.0.0.1:9000"],
    )
    access_key: SecretText | None = Field(
        default=None,
        description="Access key, a reference; else AWS's usual chain (environment, profile, role).",
        examples=["${env:SITE_ACCESS_KEY}"],
    )
    secret_key: SecretText | None = Field(
        default=None,
        validate_default=True,
        description="Secret key that goes with it, a reference.",
        examples=["${env:SITE_SECRET_KEY}"],
    )
    session_token: SecretText | None = Field(
        default=None,
        description="Session token, a reference, for keys that are lent (STS).",
        examples=["${env:SITE_SESSION_TOKEN}"],
    )
    store: SiteStore | None = Field(
        default=None,
        description="Run a store with S3's protocol on the host's engine and use it, instead of `endpoint`.",
    )
    distribution: Distribution | None = Field(
        default=None,
        description="CloudFront distribution in front of the bucket, told what has changed.",
        examples=["E2ABCDEFGHIJKL"],
    )
    spa: bool = Field(
        default=True,
        description="A path that is no file, and has no dot in its last part, gets `index`: the page's own "
        "router shows it.",
    )
    index: Word = Field(default="index.html", description="The page of a folder.")
    hashed: list[Glob] = Field(
        default=["assets/**/*-????????.*"],
        description="Patterns of files whose name changes with their content, as Vite's assets: sent once, "
        "cached for ever, there for as long as a release that is kept needs them.",
    )
    rules: list[SiteRule] = Field(
        default_factory=list,
        description="Headers by pattern. Without any, hashed files may be cached for a year, pages are asked "
        "about at each visit, anything else for five minutes.",
    )
    redirects: dict[UrlPrefix, RedirectTarget] = Field(
        default_factory=dict,
        description="Paths that lead elsewhere: a small page, and S3's redirect.",
        examples=[{"/old": "/new"}],
    )
    ignore: list[Glob] = Field(
        default=["*.map"],
        description="Patterns of what is neither sent nor, in the bucket, touched.",
    )
    hidden: list[Glob] = Field(
        default=[".well-known/**"],
        description="Patterns of files that are sent though they, or a folder above them, begin with a dot.",
    )
    keep_releases: Annotated[int, Field(ge=2)] = Field(
        default=5,
        description="Releases that are retained, the current one included: the others can be rolled back to, "
        "and open tabs still find their files.",
        json_schema_extra={"unit": "releases"},
    )
    delete_limit: Share = Field(
        default="50%",
        description="What may be deleted at once of the files in the bucket, as a share or a count; more is "
        "refused, since it looks like the wrong folder.",
    )
    parallel: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None,
        description="Requests at once; else what suits the machine.",
        json_schema_extra={"unit": "requests"},
        examples=[16],
    )
    invalidation_wait: Wait = Field(
        default=600.0, description="How long `--wait` waits for the distribution before it only warns."
    )

    @field_validator("bucket")
    @classmethod
    def _origin_or_bucket(cls, bucket: str | None, info: ValidationInfo) -> str | None:
        if "origin" in info.data and (bucket is None) == (info.data["origin"] is None):
            raise PydanticCustomError(
                "of_parent",
                "give either 'bucket' or 'origin'" + ("" if bucket is None else ", not both"),
            )
        return bucket

    @field_validator("secret_key")
    @classmethod
    def _keys_together(cls, secret: str | None, info: ValidationInfo) -> str | None:
        if "access_key" in info.data and (secret is None) != (info.data["access_key"] is None):
            raise ValueError("'access_key' and 'secret_key' go together")
        return secret

    @field_validator("endpoint", "store", "distribution")
    @classmethod
    def _with_a_bucket(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("origin") is not None:
            raise ValueError(_BUCKETLESS)
        return value

    @field_validator("store")
    @classmethod
    def _store_alone(cls, store: SiteStore | None, info: ValidationInfo) -> SiteStore | None:
        for name in ("endpoint", "access_key") if store else ():
            if info.data.get(name) is not None:
                raise ValueError(f"our own store has an address and keys of its own: leave out '{name}'")
        return store


class Smoke(Section):
    """A request the candidate must answer before it gets any traffic."""

    path: UrlPath = Field(
        description="Path to ask for, through the edge's preview route.", examples=["/api/version"]
    )
    status: Annotated[int, Field(ge=100, le=599)] = Field(
        default=200, description="HTTP status that is expected."
    )
    contains: Text | None = Field(
        default=None, description="Text the answer's body must hold.", examples=['"version"']
    )


class Hook(Section):
    """A one-off container of the new image, with the service's env, volumes and networks."""

    name: Name = Field(
        description="Name shown while it runs, and in the container's name.", examples=["migrate"]
    )
    command: Command = Field(
        description="Command to run; a non-zero exit code fails the rollout.",
        examples=[["python3", "-m", "app", "migrate"]],
    )
    timeout: Wait = Field(default=300.0, description="Time it may take before it is killed.")
    env: Variables = Field(
        default_factory=dict,
        description="Environment on top of `service.env`.",
        examples=[{"MODE": "migrate"}],
    )


class Rollout(Section):
    """How a new release takes over."""

    strategy: Literal["blue-green", "recreate"] = Field(
        default="blue-green",
        description="`blue-green` starts the new release beside the old one; `recreate` stops the old one "
        "first, while the edge holds the requests, for hosts without memory for two.",
    )
    ready_timeout: Wait = Field(
        default=60.0, description="Time a candidate may take until its health path answers."
    )
    smoke: list[Smoke] = Field(
        default_factory=list, description="Requests the candidate must pass before the switch."
    )
    before: list[Hook] = Field(default_factory=list, description="Hooks run before the switch: migrations.")
    before_rollback: list[Hook] = Field(
        default_factory=list,
        description="Hooks run before a rollback to a release that is not warm, in its image: whether it can "
        "run on the database as it is now.",
    )
    after: list[Hook] = Field(
        default_factory=list, description="Hooks run after the switch; one that fails is warned of."
    )
    drain: Duration = Field(default=30.0, description="Time running requests of the old release get to end.")
    drain_streams: Duration = Field(
        default=300.0, description="The same for long-lived answers (`service.streams`)."
    )
    observe: Duration = Field(
        default=3.0, description="Time the new release is watched after the switch, 0 for not at all."
    )
    max_errors: Annotated[int, Field(ge=0)] = Field(
        default=5,
        description="5xx answers while observed that are forgiven, however large their share.",
        json_schema_extra={"unit": "answers"},
    )
    max_error_rate: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.05,
        description="Share of 5xx answers while observed, beyond `max_errors`, that rolls it back.",
        json_schema_extra={"unit": "share, 0 to 1"},
    )
    keep_warm: Duration = Field(
        default=3600.0, description="Time the previous release keeps running, for an immediate rollback."
    )
    keep_releases: Annotated[int, Field(ge=1)] = Field(
        default=5, description="Releases whose images are kept.", json_schema_extra={"unit": "releases"}
    )
    lock_wait: Duration = Field(
        default=0.0, description="Time to wait for somebody else's rollout, 0 to refuse at once."
    )
    batch: Batch = Field(
        default="1",
        description="With `hosts`: how many of them change at the same time, a number or a share.",
        examples=["50%"],
    )
    max_failures: Annotated[int, Field(ge=0)] = Field(
        default=0,
        description="With `hosts`: how many may fail before the rollout stops and all go back.",
        json_schema_extra={"unit": "hosts"},
    )
    disk_free: Size = Field(default=1024**3, description="Free space needed on the engine's disk.")
    memory_free: Size | None = Field(
        default=None,
        description="Free memory needed for a second release; else `service.memory`, or what the running "
        "release uses, at least 64m.",
        examples=["256m"],
    )

    @field_validator("before", "before_rollback", "after")
    @classmethod
    def _names_differ(cls, hooks: list[Hook]) -> list[Hook]:
        _all_differ([hook.name for hook in hooks], "two hooks are named")
        return hooks


class Commands(Section):
    """What a stage of a pipeline runs, and what decides whether it has to run again."""

    commands: list[Command] = Field(
        default_factory=list,
        description="Commands, run one after the other in the pipeline's `folder`; without any the stage has "
        "nothing to do.",
        examples=[[["make"], ["make", "check"]]],
    )
    inputs: list[Word] = Field(
        default_factory=list,
        description="Globs below the folder, written as in .dockerignore: while nothing that they match has "
        "changed, the stage is skipped. Empty: every file that git does not ignore.",
        examples=[["src/**", "Makefile"]],
    )
    outputs: list[Word] = Field(
        default_factory=list,
        description="Paths below the folder that the commands make: the stage is not skipped where one is "
        "missing.",
        examples=[["build/service.jar"]],
    )


class Backend(Section):
    """What the back end's pipeline does before it builds the image."""

    folder: Path = Field(
        default=Path(), description="Folder the commands run in, relative to the config's own folder."
    )
    build: Commands = _below("The stage `build`.")
    test: Commands = _below("The stage `test`.")


class Frontend(Section):
    """How the front end's pipeline makes what it deploys."""

    folder: Path | None = Field(
        default=None,
        description="Folder of package.json, relative to the config's own folder; else the one that holds "
        "`site.dist`.",
        examples=["examples/frontend"],
    )
    install: Commands = _below(
        "The stage `install`.",
        commands=[["npm", "ci"]],
        inputs=["package.json", "package-lock.json", ".npmrc"],
        outputs=["node_modules"],
    )
    build: Commands = _below(
        "The stage `build`; `site.dist` is among its outputs.", commands=[["npm", "run", "build"]]
    )


class Preflight(Section):
    """What the host must have left before a stage that builds; with less, the stage is refused."""

    memory: Size = Field(default=256 * 1024**2, description="Free memory, free swap included.")
    disk: Size = Field(
        default=1024**3,
        description="Free disk in the workspace and where the engine keeps its data. Jenkins takes a node "
        "with less than 1g out of service.",
    )


class Pipelines(Section):
    """What `python -m pipelines` does before it deploys."""

    backend: Backend = _below("The back end's own commands.")
    frontend: Frontend = _below("The front end's own commands.")
    preflight: Preflight = _below("What the host must have left before a build.")
    reports: Path = Field(
        default=Path("build/reports"),
        description="Folder for the JUnit report and the summary, relative to the config's own folder.",
    )


class Portainer(Section):
    """A page over the engine's containers, beside the controller."""

    enabled: bool = Field(default=True, description="Whether `up` makes it too.")
    image: Word = Field(default="portainer/portainer-ce:2.27.9", description="Image of Portainer.")
    port: Port = Field(default=9000, description="Port on which the host serves it, at `jenkins.address`.")


class Jenkins(Section):
    """The Jenkins controller that runs the pipelines: how to make one, and how to reach one."""

    url: ControllerUrl | None = Field(
        default=None,
        description="Address of the controller for `pipelines jenkins`; else the one that `up` makes on this "
        "host.",
        examples=["https://ci.example.org/jenkins"],
    )
    public_url: ControllerUrl | None = Field(
        default=None,
        description="Address under which people and GitHub reach it; else `url`.",
        examples=["https://ci.example.org/"],
    )
    user: Word = Field(default="admin", description="User that `up` makes, and as whom the client asks.")
    token: SecretText | None = Field(
        default=None,
        description="API token of `user`, as a reference; else `password` is used.",
        examples=["${env:JENKINS_TOKEN}"],
    )
    password: SecretText | None = Field(
        default=None,
        description="Password of `user`, as a reference; `up` needs it.",
        examples=["${env:JENKINS_PASSWORD}"],
    )
    repository: Word | None = Field(
        default=None,
        description="Git address that the jobs build; `up` and `run` do without.",
        examples=["https://github.com/example/shop.git"],
    )
    branch: Word = Field(default="main", description="Branch that the jobs build.")
    github_token: SecretText | None = Field(
        default=None,
        description="Token of GitHub, as a reference: for a private repository, and to make the webhook.",
        examples=["${env:GITHUB_TOKEN}"],
    )
    github_api: ControllerUrl = Field(
        default="https://api.github.com", description="Address of GitHub's API, for an own GitHub server."
    )
    webhook_secret: SecretText | None = Field(
        default=None,
        description="Secret that GitHub signs its deliveries with, as a reference; others are then refused.",
        examples=["${env:WEBHOOK_SECRET}"],
    )
    credentials: Variables = Field(
        default_factory=dict,
        description="Secrets for the pipelines, as references: each becomes a credential of kind secret text "
        "whose id is the key.",
        examples=[{"gemini-api-key": "${env:GEMINI_API_KEY}"}],
    )
    base: Word = Field(
        default="jenkins/jenkins:2.568.2-jdk21", description="Controller image that ours is built on."
    )
    node: Word = Field(
        default="node:20.20.2-bookworm-slim", description="Image that Node and npm are taken from."
    )
    aws: Word = Field(default="amazon/aws-cli:2.31.38", description="Image that AWS CLI v2 is taken from.")
    docker: Word = Field(default="docker:28.5.2-cli", description="Image that Docker's client is taken from.")
    wheels: Path | None = Field(
        default=None,
        description="Folder of Python packages to build with, relative to the config's own folder; else the "
        "build asks a package index.",
        examples=["build/wheels-jenkins"],
    )
    address: Address = Field(
        default="127.0.0.1",
        description="Address on which the host serves the controller and its accessories: an admin's way in, "
        "never 0.0.0.0 without a firewall.",
    )
    port: Port = Field(default=9090, description="Port on which the host serves the controller.")
    executors: Annotated[int, Field(ge=1, le=2)] = Field(
        default=1, description="Builds at once; a small host bears one.", json_schema_extra={"unit": "builds"}
    )
    heap: Annotated[Size, Field(ge=256 * 1024**2)] | None = Field(
        default=None,
        description="Largest heap of the controller; else a quarter of the host's memory, 384m to 1g.",
        examples=["512m"],
    )
    socket_group: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="Group id of the engine's socket on its host; else read from the local socket.",
        json_schema_extra={"unit": "group id"},
        examples=[998],
    )
    portainer: Portainer = _below("A page over the engine's containers, beside the controller.")


class Ssh(Section):
    """How `hosts` are reached."""

    user: Login | None = Field(
        default=None,
        description="User to log in as; else the one who runs the deployer.",
        examples=["deploy"],
    )
    port: Port = Field(default=22, description="Port of their SSH servers.")
    key: Path | None = Field(
        default=None,
        description="Private key, relative to the config's folder; else those of the agent and of ~/.ssh.",
        examples=["~/.ssh/deploy_ed25519"],
    )
    known_hosts: Path | None = Field(
        default=None,
        description="File with the hosts' own keys, relative to the config's; else ~/.ssh/known_hosts.",
        examples=["known_hosts"],
    )
    jump: Jump | None = Field(
        default=None,
        description="Host that all connections go through, user@host:port.",
        examples=["admin@bastion.example.org"],
    )
    timeout: Wait = Field(default=10.0, description="Time that connecting may take.")


class Machine(Section):
    """A host reached over SSH; what it does not say is as `ssh` says."""

    name: Name = Field(description="What it is called here.", examples=["web1"])
    address: HostAddress = Field(description="Its DNS name or address.", examples=["10.0.0.11"])
    user: Login | None = Field(
        default=None, description="User to log in as; else `ssh.user`.", examples=["deploy"]
    )
    port: Port | None = Field(
        default=None, description="Port of its SSH server; else `ssh.port`.", examples=[22]
    )
    key: Path | None = Field(
        default=None, description="Private key; else `ssh.key`.", examples=["~/.ssh/web1_ed25519"]
    )
    jump: Jump | None = Field(
        default=None,
        description="Host to go through; else `ssh.jump`.",
        examples=["admin@bastion.example.org"],
    )
    docker: Folder = Field(
        default="/var/run/docker.sock", description="Socket of its Docker engine, a path over there."
    )


class Prepare(Section):
    """What `deployer host prepare` makes of a host."""

    user: Login = Field(default="deploy", description="User that deploys: may use Docker, and nothing else.")
    keys: list[Text] = Field(
        default_factory=list,
        description="Public keys that may log in as that user; else those of whoever prepares the host.",
        examples=[["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA... jenkins"]],
    )
    swap: Size = Field(default=2 * 1024**3, description="Swap that the host has at least; 0 for none.")
    firewall: bool = Field(
        default=True,
        description="Close all ports that the host itself listens on, but SSH's, the edge's and `ports`.",
    )
    ports: list[Port] = Field(
        default_factory=list,
        description="Further ports that stay open. Those that containers publish are open in any case.",
        examples=[[9100]],
    )


class Host(Section):
    """The Docker engine everything runs on."""

    docker: DockerAddress | None = Field(
        default=None,
        description="Address of the engine, unix:///path or tcp://host:port; else DOCKER_HOST, else the "
        "local socket.",
        examples=["unix:///var/run/docker.sock"],
    )


class Config(Section):
    """A whole config, with its environment merged in."""

    service: Service = Field(description="The container that is deployed.")
    edge: Edge = _below("The proxy in front of the service.")
    site: Site | None = Field(
        default=None, description="The front end beside the API; without it all goes to the service."
    )
    rollout: Rollout = _below("How a new release takes over.")
    host: Host = _below(
        "The Docker engine everything runs on; with `hosts`, the one that images are built on."
    )
    hosts: list[Machine] = Field(
        default_factory=list,
        description="Hosts reached over SSH; with any, commands work on all, or on those of `--host`.",
    )
    ssh: Ssh = _below("How `hosts` are reached.")
    prepare: Prepare = _below("What `deployer host prepare` makes of a host.")
    pipelines: Pipelines = _below("What `python -m pipelines` runs before it deploys.")
    jenkins: Jenkins = _below("The Jenkins controller that runs the pipelines.")

    @field_validator("hosts")
    @classmethod
    def _hosts_differ(cls, hosts: list[Machine]) -> list[Machine]:
        _all_differ([host.name for host in hosts], "two hosts are named")
        return hosts

    _environment: str | None = PrivateAttr(None)
    _path: Path | None = PrivateAttr(None)

    @property
    def environment(self) -> str | None:
        """Name of the environment that was merged in; None for the base."""
        return self._environment

    @property
    def path(self) -> Path | None:
        """The file it was read from, absolute; None for a config made in memory."""
        return self._path

    @property
    def root(self) -> Path:
        """The folder relative paths of the config start from: the file's own, else the current one."""
        return self._path.parent if self._path else Path.cwd()

    def located(self, path: Path | None, environment: str | None = None) -> Config:
        """The same config, knowing where it came from."""
        copy = self.model_copy()
        copy._path = path.absolute() if path else None  # noqa: SLF001 -- one of us
        copy._environment = environment  # noqa: SLF001
        return copy


def _all_differ(values: list[Any], complaint: str) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"{complaint} '{value}'")
