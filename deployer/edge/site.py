"""How the edge sends visitors to the site: to a bucket as CloudFront does, or to a server of somebody's own.

What the edge does with a path stands in `templates/haproxy/bucket.cfg.j2`, and once more, for CloudFront, in
`templates/aws/viewer-request.js.j2`; a test holds the two together.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from msgspec import Struct
from msgspec.structs import asdict, replace

from deployer.config.schema import Config
from deployer.config.sections.site import Site
from deployer.render import render

STORE_ADDRESS = "127.0.0.1"
"""Where the host's own store (`site.store`) answers: only the host itself is to ask it."""

_URL = ":/?#[]@!$&()*+,;=~%"
"""What may stand in an address as it is, beside letters, digits and the few that `quote` always leaves."""


class Route(Struct, frozen=True):
    """The way to the site, in words that haproxy.cfg takes as they are.

    :param host: what it is asked as, name and port.
    :param address: name and port to connect to.
    :param name: the name alone, which its certificate must have.
    :param moves: it is a name that DNS answers for, and answers may change.
    :param bucket: it is a bucket: the edge does what CloudFront would.
    :param base: what stands in front of every path, beginning with a slash, ending without one.
    :param index: the page of a folder.
    :param redirects: path and target, both quoted.
    """

    host: str
    address: str
    name: str
    tls: bool
    moves: bool
    bucket: bool = False
    base: str = ""
    index: str = ""
    spa: bool = False
    redirects: tuple[tuple[str, str], ...] = ()


def route(site: Site | None) -> Route | None:
    """The way to the site; None where everything goes to the service."""
    if site is None:
        return None
    if site.bucket is None:
        return _to(str(site.origin))
    if site.store:
        where = f"http://{STORE_ADDRESS}:{site.store.port}"
    else:
        where = site.endpoint or _aws(site.bucket, site.region)
    # AWS wants the bucket in the host's name; in the path, as others do, where no certificate fits that.
    base = "" if urlsplit(where).netloc.startswith(f"{site.bucket}.s3.") else f"/{site.bucket}"
    return replace(
        _to(where),
        bucket=True,
        base=f"{base}/{site.prefix}".rstrip("/"),
        index=_format(_index(site)),
        spa=site.spa,
        redirects=tuple((_quoted(path), _quoted(_format(to))) for path, to in redirects(site).items()),
    )


def settings(config: Config) -> object:
    """All of `site` that an edge is made from, as JSON has it."""
    found = route(config.site)
    if found is None or not found.bucket:
        return {"origin": config.site.origin} if config.site else None
    return asdict(found)


def redirects(site: Site) -> Mapping[str, str]:
    """Where the config's redirects lead, by the path as it reads when its percent signs are resolved."""
    read = ((unquote(path), quote(target, safe=_URL)) for path, target in site.redirects.items())
    return {path: target for path, target in read if path.isprintable()}


def viewer_request(site: Site) -> str:
    """The CloudFront Function of the site's behaviour, which does to a path what the edge does."""
    return render("aws/viewer-request.js.j2", index=_index(site), spa=site.spa, redirects=redirects(site))


def _index(site: Site) -> str:
    return quote(site.index)


def _quoted(word: str) -> str:
    """A word of haproxy.cfg in which nothing has a meaning, as a shell would quote it."""
    return "'" + word.replace("'", r"'\''") + "'"


def _format(text: str) -> str:
    """Text where HAProxy expects a format, in which a percent sign begins a variable."""
    return text.replace("%", "%%")


def _aws(bucket: str, region: str | None) -> str:
    domain = "amazonaws.com.cn" if (region or "").startswith("cn-") else "amazonaws.com"
    host = f"s3.{region}.{domain}" if region else f"s3.{domain}"
    # A wildcard certificate stands for one label only.
    return f"https://{host}" if "." in bucket else f"https://{bucket}.{host}"


def _to(origin: str) -> Route:
    parts = urlsplit(origin)
    tls, name = parts.scheme == "https", parts.hostname or ""
    return Route(
        host=parts.netloc,
        address=f"{name}:{parts.port or (443 if tls else 80)}",
        name=name,
        tls=tls,
        moves=_is_domain(name),
    )


def _is_domain(host: str) -> bool:
    """Whether a host is a name that DNS answers for, rather than an address or a name of this machine."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." in host
    return False
