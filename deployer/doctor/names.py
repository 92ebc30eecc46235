"""The names that a config needs a host to resolve, and no others: one without the internet is no fault."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from deployer.config.schema import Config
from deployer.doctor.model import GEMINI, variables

BUILDS = "pypi.org"
"""Asked for where images are built: what a build fetches the config does not say, so it is a hint at most."""

_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9._-]+")
"""A name, and no address: that needs nobody to resolve it."""

_GIT = re.compile(r"(?:[^@/]+@)?(?P<host>[^:/]+):(?!//)")
"""How git writes an address of SSH: git@github.com:example/shop.git."""


def needed(config: Config) -> tuple[str, ...]:
    """All of them, each once: of the image's registry, stores, the site, the repository, the model."""
    found = dict.fromkeys(name.lower() for name in _named(config) if _NAME.fullmatch(name))
    return tuple(name for name in found if name != "localhost")


def asked(config: Config) -> tuple[str, ...]:
    """Those, and what is only a hint."""
    hint = (BUILDS,) if config.service.build is not None and not config.hosts else ()
    return (*needed(config), *hint)


def _named(config: Config) -> Iterator[str]:
    registry, slash, _ = (config.service.image or "").partition("/")
    if slash and ("." in registry or ":" in registry):
        yield registry.partition(":")[0]
    site = config.site
    if site is not None:
        for address in (site.origin, site.endpoint):
            yield _host(address or "")
        if site.bucket and site.endpoint is None and site.store is None and not config.hosts:
            # With hosts, the bucket is filled from the machine that the command runs on.
            yield f"s3.{site.region}.amazonaws.com" if site.region else "s3.amazonaws.com"
    if config.jenkins.repository and config.jenkins.url is None and not config.hosts:
        git = _GIT.match(config.jenkins.repository)
        yield git["host"] if git else _host(config.jenkins.repository)
    env = config.service.env
    model = variables(env)
    if model is not None:
        # Where a reference stands for it, that is no name, and whoever calls the model tells.
        yield _host(env.get(model.endpoint) or GEMINI)


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""
