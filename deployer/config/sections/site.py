"""The front end: bucket, store, headers, distribution."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, field

from deployer.config.model import Conflict, Section
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
    Share,
    Text,
    UrlPrefix,
    Wait,
    Word,
)


class SiteRule(Section, frozen=True, kw_only=True):
    """Headers of the files that a pattern matches; what later rules say counts."""

    match: Annotated[
        Glob,
        Meta(
            description="Pattern of paths: `*` and `?` stay within a name, `**` is any number of folders; "
            "one without '/' is matched against the name alone, in every folder.",
            examples=["assets/**"],
        ),
    ]
    cache_control: Annotated[
        Text | None, Meta(description="Cache-Control.", examples=["public, max-age=3600"])
    ] = None
    content_type: Annotated[
        Text | None,
        Meta(
            description="Content-Type in place of the one that goes with the name's ending.",
            examples=["application/manifest+json"],
        ),
    ] = None
    encoding: Annotated[
        Literal["br", "gzip", "none"] | None,
        Meta(
            description="Compress before sending, and say so in Content-Encoding; `none` takes back what an "
            "earlier rule said. Every visitor gets it compressed.",
            examples=["gzip"],
        ),
    ] = None
    metadata: Annotated[
        dict[MetadataName, AsciiText],
        Meta(description="Further metadata of the object (x-amz-meta-*).", examples=[{"team": "front"}]),
    ] = {}


class SiteStore(Section, frozen=True, kw_only=True):
    """A store with S3's protocol on the host's own engine, for those without an AWS account."""

    port: Annotated[Port, Meta(description="Port of 127.0.0.1 on which the store answers.")] = 8333


class Site(Section, frozen=True, kw_only=True):
    """The front end: what goes where visitors ask for anything outside `edge.api_prefix`.

    Either `bucket`, into which `deployer site deploy` puts it, or `origin`, where somebody else serves it.
    """

    origin: Annotated[
        Origin | None,
        Meta(
            description="Address of a site that is served from elsewhere, as reached from the host's "
            "network. Give either this or `bucket`.",
            examples=["http://10.0.0.5:8081"],
        ),
    ] = None
    bucket: Annotated[
        BucketName | None,
        Meta(
            description="Bucket the site is deployed to. Give either this or `origin`.",
            examples=["shop-site"],
        ),
    ] = None
    dist: Annotated[Path, Meta(description="The built front end, relative to the config's own folder.")] = (
        Path("dist")
    )
    prefix: Annotated[
        KeyPrefix,
        Meta(
            description="Folder of the bucket the site is kept in; empty for all of the bucket.",
            examples=["shop/"],
        ),
    ] = ""
    region: Annotated[
        Word | None,
        Meta(
            description="Region of the bucket; else what AWS's own settings say.", examples=["ap-northeast-2"]
        ),
    ] = None
    endpoint: Annotated[
        Origin | None,
        Meta(
            description="Address of a store with S3's protocol that is not AWS.",
            examples=["http://127.0.0.1:9000"],
        ),
    ] = None
    access_key: Annotated[
        SecretText | None,
        Meta(
            description="Access key, a reference; else AWS's usual chain (environment, profile, role).",
            examples=["${env:SITE_ACCESS_KEY}"],
        ),
    ] = None
    secret_key: Annotated[
        SecretText | None,
        Meta(description="Secret key that goes with it, a reference.", examples=["${env:SITE_SECRET_KEY}"]),
    ] = None
    session_token: Annotated[
        SecretText | None,
        Meta(
            description="Session token, a reference, for keys that are lent (STS).",
            examples=["${env:SITE_SESSION_TOKEN}"],
        ),
    ] = None
    store: Annotated[
        SiteStore | None,
        Meta(
            description="Run a store with S3's protocol on the host's engine and use it, instead of "
            "`endpoint`."
        ),
    ] = None
    distribution: Annotated[
        Distribution | None,
        Meta(
            description="CloudFront distribution in front of the bucket, told what has changed.",
            examples=["E2ABCDEFGHIJKL"],
        ),
    ] = None
    spa: Annotated[
        bool,
        Meta(
            description="A path that is no file, and has no dot in its last part, gets `index`: the page's "
            "own router shows it."
        ),
    ] = True
    index: Annotated[Word, Meta(description="The page of a folder.")] = "index.html"
    hashed: Annotated[
        list[Glob],
        Meta(
            description="Patterns of files whose name changes with their content, as Vite's assets: sent "
            "once, cached for ever, there for as long as a release that is kept needs them."
        ),
    ] = field(default_factory=lambda: ["assets/**/*-????????.*"])
    rules: Annotated[
        list[SiteRule],
        Meta(
            description="Headers by pattern. Without any, hashed files may be cached for a year, pages are "
            "asked about at each visit, anything else for five minutes."
        ),
    ] = []
    redirects: Annotated[
        dict[UrlPrefix, RedirectTarget],
        Meta(
            description="Paths that lead elsewhere: a small page, and S3's redirect.",
            examples=[{"/old": "/new"}],
        ),
    ] = {}
    ignore: Annotated[
        list[Glob], Meta(description="Patterns of what is neither sent nor, in the bucket, touched.")
    ] = field(default_factory=lambda: ["*.map"])
    hidden: Annotated[
        list[Glob],
        Meta(
            description="Patterns of files that are sent though they, or a folder above them, begin with a "
            "dot."
        ),
    ] = field(default_factory=lambda: [".well-known/**"])
    keep_releases: Annotated[
        Annotated[int, Meta(ge=2)],
        Meta(
            description="Releases that are retained, the current one included: the others can be rolled "
            "back to, and open tabs still find their files.",
            extra={"unit": "releases"},
        ),
    ] = 5
    delete_limit: Annotated[
        Share,
        Meta(
            description="What may be deleted at once of the files in the bucket, as a share or a count; "
            "more is refused, since it looks like the wrong folder."
        ),
    ] = "50%"
    parallel: Annotated[
        Annotated[int, Meta(ge=1, le=256)] | None,
        Meta(
            description="Requests at once; else what suits the machine.",
            extra={"unit": "requests"},
            examples=[16],
        ),
    ] = None
    invalidation_wait: Annotated[
        Wait, Meta(description="How long `--wait` waits for the distribution before it only warns.")
    ] = 600.0

    @classmethod
    def conflicts(cls, said: Mapping[str, Any]) -> Iterator[Conflict]:
        """What is wrong between keys: see `Section.conflicts`."""
        if {"origin", "bucket"} <= said.keys() and (said["bucket"] is None) == (said["origin"] is None):
            yield "", "give either 'bucket' or 'origin'" + ("" if said["bucket"] is None else ", not both")
        keys = {"access_key", "secret_key"}
        if keys <= said.keys() and (said["secret_key"] is None) != (said["access_key"] is None):
            yield "secret_key", "'access_key' and 'secret_key' go together"
        if said.get("origin") is not None:
            for name in ("endpoint", "store", "distribution"):
                if said.get(name) is not None:
                    yield (
                        name,
                        "is about a bucket, and `site.origin` says that the site is served from elsewhere",
                    )
        if said.get("store") is not None:
            for name in ("endpoint", "access_key"):
                if said.get(name) is not None:
                    yield "store", f"our own store has an address and keys of its own: leave out '{name}'"
