"""The front end: bucket, store, headers, distribution."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from deployer.config.sections.kinds import (
    AsciiText,
    BucketName,
    Distribution,
    Glob,
    KeyPrefix,
    MetadataName,
    Origin,
    Port,
    RedirectTarget,
    SecretText,
    Section,
    Share,
    Text,
    UrlPrefix,
    Wait,
    Word,
)


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
