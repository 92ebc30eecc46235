"""Checks of the cloud side: CloudFront's behaviours, the bucket, and what visitors get."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from deployer.aws.account import Account
from deployer.aws.refusals import answered
from deployer.aws.session import client, mapped
from deployer.config.schema import Config
from deployer.doctor.finding import Area, Findings
from deployer.doctor.http import get
from deployer.errors import CloudError, CredentialsMissing

AREA = Area("cloud")
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER = ("216adef6-5c7f-47e4-b989-5492eafa07d3", "b689b0a8-53d0-40ab-baf2-68738e2966ac")
"""AWS's own policies: AllViewer, and AllViewerExceptHostHeader."""

_STREAMS = 60
"""Seconds between two heartbeats that CloudFront has to bear at least; its default is 30."""

_PLAIN = re.compile(rb"""(?:src|href|action)\s*=\s*["']http://(?!localhost|127\.|www\.w3\.org)[^"']+""")
_CALLS = re.compile(
    rb"""["'`](http://(?!localhost|127\.|www\.w3\.org|reactjs\.org)[a-zA-Z0-9.-]+[^"'`\s]*)["'`]"""
)


def check_cloud(config: Config, environ: Mapping[str, str], url: str | None) -> Findings:
    """All of them.

    :param url: where visitors go, https://...; None: that is not looked at.
    """
    site = config.site
    if site is None or site.bucket is None:
        yield AREA.skipped("site", "the config deploys no site")
    elif site.store is not None or site.endpoint is not None:
        yield AREA.skipped("bucket", "the store is not AWS's")
    else:
        yield from _with_account(config, environ)
    if site is None or site.distribution is None:
        yield AREA.skipped("distribution", "site.distribution is not set: CloudFront is not looked at")
    elif site.store is not None or site.endpoint is not None or site.bucket is None:
        yield AREA.skipped("distribution", "CloudFront is looked at only with a bucket of AWS's behind it")
    if url is None:
        yield AREA.skipped("visitors", "give --url https://... to have looked at what visitors get")
    else:
        yield from visitors(url, config.edge.api_prefix, config.service.health)


def _with_account(config: Config, environ: Mapping[str, str]) -> Findings:
    from deployer.site.s3 import account_of

    site = config.site
    if site is None or site.bucket is None:
        return
    try:
        account = account_of(site, environ)
        yield from bucket(client("s3", account), site.bucket)
        yield AREA.ok("account", "the credentials are taken")
        if site.distribution:
            front = client("cloudfront", Account(region="us-east-1", credentials=account.credentials))
            yield from distribution(front, site.distribution, config.edge.api_prefix)
    except CredentialsMissing as error:
        yield AREA.skipped("account", error.message)
    except CloudError as error:
        yield AREA.error("account", error.message, error.remedy or "see the message")


def bucket(s3: Any, name: str) -> Findings:
    """Whether anybody but CloudFront can read the bucket."""
    try:
        with mapped(f"looking at bucket {name}"):
            blocks = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    except CloudError as error:
        if answered(error)[0] != "NoSuchPublicAccessBlockConfiguration":
            raise
        blocks = {}
    open_ = [
        key
        for key in ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        if not blocks.get(key)
    ]
    if open_:
        yield AREA.error(
            "bucket",
            f"{name} may be opened to the world: {', '.join(open_)} are off",
            "`aws s3api put-public-access-block` with all four on; CloudFront comes in through OAC",
        )
    else:
        yield AREA.ok("bucket", f"{name} cannot be made public")


def distribution(front: Any, name: str, api_prefix: str) -> Findings:
    """Whether the API passes uncached and whole, and the page's addresses are rewritten."""
    with mapped(f"looking at distribution {name}"):
        found = front.get_distribution_config(Id=name)["DistributionConfig"]
    behaviours = (found.get("CacheBehaviors") or {}).get("Items") or []
    pattern = f"{api_prefix.rstrip('/')}/*"
    api = next((item for item in behaviours if item["PathPattern"].lstrip("/") == pattern.lstrip("/")), None)
    if api is None:
        yield AREA.error(
            "api",
            f"no behaviour is for {pattern}: the API's requests go to the bucket",
            f"add one for {pattern}",
        )
    else:
        yield from _api_behaviour(found, api, pattern)
    default = found["DefaultCacheBehavior"]
    functions = (default.get("FunctionAssociations") or {}).get("Items") or []
    if any(item["EventType"] == "viewer-request" for item in functions):
        yield AREA.ok("rewrite", "a function rewrites the page's addresses")
    else:
        yield AREA.warning(
            "rewrite",
            "no function is on the default behaviour: /some/page of the front end answers 403",
            "associate templates/aws/viewer-request.js",
        )
    # One without a page only says for how long CloudFront keeps the error.
    pages = [
        item
        for item in (found.get("CustomErrorResponses") or {}).get("Items") or ()
        if item.get("ResponsePagePath")
    ]
    if pages:
        codes = [str(item["ErrorCode"]) for item in pages]
        yield AREA.warning(
            "errors",
            f"error responses for {', '.join(codes)} are made pages, the API's too: HTML for JSON",
            "rewrite addresses in a function instead, and remove them",
        )
    else:
        yield AREA.ok("errors", "errors reach the browser as they are")
    plain = [
        what
        for what, behaviour in (("pages", default), (pattern, api or {}))
        if behaviour.get("ViewerProtocolPolicy") == "allow-all"
    ]
    if plain:
        yield AREA.error(
            "https",
            f"over plain HTTP as well: {' and '.join(plain)}",
            "ViewerProtocolPolicy: redirect-to-https on each behaviour, or https-only",
        )
    else:
        yield AREA.ok("https", "plain HTTP is redirected or refused")


def _api_behaviour(found: Mapping[str, Any], api: Mapping[str, Any], pattern: str) -> Findings:
    policy = api.get("CachePolicyId")  # without one the behaviour has times of its own
    if policy == CACHING_DISABLED or (not policy and api.get("MaxTTL") == 0):
        yield AREA.ok("cache", f"{pattern} is not cached")
    else:
        yield AREA.error(
            "cache",
            f"{pattern} is cached: one visitor may get another's answer",
            "CachePolicyId: CachingDisabled",
        )
    if api.get("OriginRequestPolicyId") not in ALL_VIEWER:
        yield AREA.error(
            "headers",
            f"{pattern} drops headers, cookies or queries on the way",
            "OriginRequestPolicyId: AllViewer",
        )
    else:
        yield AREA.ok("headers", f"{pattern} passes everything on")
    methods = set((api.get("AllowedMethods") or {}).get("Items") or ())
    if not {"POST", "PUT", "DELETE"} <= methods:
        yield AREA.error(
            "methods",
            f"{pattern} allows {', '.join(sorted(methods)) or 'GET and HEAD'} only",
            "allow all seven methods",
        )
    else:
        yield AREA.ok("methods", f"{pattern} lets every method through")
    if api.get("Compress"):
        yield AREA.warning(
            "streams", f"{pattern} is compressed, which holds server-sent events back", "Compress: false"
        )
    origins = (found.get("Origins") or {}).get("Items") or []
    origin: dict[str, Any] = next((item for item in origins if item["Id"] == api["TargetOriginId"]), {})
    wait = int((origin.get("CustomOriginConfig") or {}).get("OriginReadTimeout") or 0)
    if wait and wait < _STREAMS:
        yield AREA.warning(
            "streams",
            f"the origin gets {wait} s between two packets of a stream",
            f"OriginReadTimeout: {_STREAMS}",
        )
    elif wait:
        yield AREA.ok("streams", f"streams may be silent for {wait} s")
    if (origin.get("CustomHeaders") or {}).get("Items"):
        yield AREA.ok("secret", "the origin is sent a header of its own")
    else:
        yield AREA.warning(
            "secret",
            "the origin cannot tell CloudFront from anybody else",
            "send a secret header, and let the edge or the security group refuse the rest",
        )


def visitors(url: str, api_prefix: str, health: str) -> Findings:
    """What a browser gets: the page, addresses below it, the API uncached, nothing over plain HTTP."""
    root = url.rstrip("/")
    page = get(f"{root}/", follow=True)
    if page.code != 200 or b"<" not in page.body[:200]:
        yield AREA.error(
            "page",
            f"{root}/ answers {page.said}",
            "`deployer site verify`; then the distribution's origin and its rights",
        )
        return
    yield AREA.ok("page", f"{root}/ answers, {len(page.body)} bytes")
    scripts = re.findall(rb"""(?:src|href)=["']([^"']+\.(?:js|css))["']""", page.body)
    mixed = [match.decode("utf-8", "replace") for match in _PLAIN.findall(page.body)]
    whole = True
    for script in scripts[:20]:
        address = urllib.parse.urljoin(f"{root}/", script.decode())
        asset = get(address, follow=True)
        if asset.code != 200:
            whole = False
            yield AREA.error(
                "assets", f"{address} answers {asset.said}", "`deployer site verify` finds every one"
            )
        mixed += [match.decode("utf-8", "replace") for match in _CALLS.findall(asset.body)]
    if whole:
        yield AREA.ok("assets", f"{len(scripts)} script(s) and style(s) of the page are there")
    if root.startswith("https://") and mixed:
        yield AREA.error(
            "mixed",
            f"an https page asks for {mixed[0]}, which browsers refuse (mixed content)",
            f"call the API by the relative path {api_prefix} and build the front end again",
        )
    else:
        yield AREA.ok("mixed", "nothing is asked for over plain HTTP")
    deep = get(f"{root}/a/page/of/the/app", follow=True)
    if deep.code == 200 and b"<" in deep.body[:200]:
        yield AREA.ok("rewrite", "an address below the page gets the page")
    else:
        yield AREA.warning(
            "rewrite",
            f"{root}/a/page/of/the/app answers {deep.said}",
            "let a viewer-request function rewrite it to /index.html",
        )
    probe = f"{root}{health if health.startswith(api_prefix) else api_prefix}"
    get(probe)
    api = get(probe)  # the second time, a cache would have it
    if "Hit" in api.headers.get("X-Cache", ""):
        yield AREA.error("cache", f"{probe} comes from a cache", "CachingDisabled on the API's behaviour")
    elif api.code in (0, 403, 502, 503, 504):
        yield AREA.error(
            "api",
            f"{probe} answers {api.said}",
            "look whether the origin runs and its security group lets CloudFront in",
        )
    elif b"<html" in api.body[:500].lower():
        yield AREA.error(
            "api",
            f"{probe} answers with a page",
            "the API's behaviour is missing, or error responses are made pages",
        )
    else:
        yield AREA.ok("api", f"{probe} answers {api.code}, not from a cache")
