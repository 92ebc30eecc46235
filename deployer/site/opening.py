"""From a config to what a command works with: the store, the distribution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from deployer.aws.account import Account
from deployer.config.schema import Config
from deployer.errors import ConfigError
from deployer.events import Emit
from deployer.site.s3 import open_store
from deployer.site.work import SiteOperation


@contextmanager
def open_site(
    config: Config, environ: Mapping[str, str], emit: Emit, lock_wait: float = 0.0, *, start: bool = False
) -> Iterator[SiteOperation]:
    """What the commands of a site work with, as long as the block lasts. Nothing is sent yet.

    :param lock_wait: seconds to wait while somebody else is at it.
    :param start: make the site's own store run, where it has one; otherwise it must run already.
    :raises ConfigError: there is no bucket, or a secret cannot be had.
    :raises CredentialsMissing: there are no credentials.
    :raises EngineError: the site's own store cannot be had.
    """
    site = config.site
    if site is None or site.bucket is None:
        raise ConfigError("the config has no site.bucket", remedy="say which bucket the site is deployed to")
    distribution = None
    if site.distribution is not None:
        from deployer.site.cloudfront import open_distribution

        distribution = open_distribution(site, environ)
    account = _own(config, environ, emit, start) if site.store else None
    store = open_store(site, environ, account)
    try:
        prefix = config.edge.api_prefix
        yield SiteOperation(site, config.root, store, emit, distribution, lock_wait, prefix)
    finally:
        store.close()


def _own(config: Config, environ: Mapping[str, str], emit: Emit, start: bool) -> Account:
    """The address and the keys of the store on the host's engine."""
    from deployer.host.engine import Engine
    from deployer.site import embedded

    engine = Engine(config.host.docker, environ)
    try:
        return embedded.ensure(engine, config, emit) if start else embedded.standing(engine, config)
    finally:
        engine.close()
