"""From a config to what a command works with: the store, the distribution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from deployer.config.schema import Config
from deployer.errors import ConfigError
from deployer.events import Emit
from deployer.site.s3 import open_store
from deployer.site.work import SiteOperation


@contextmanager
def open_site(
    config: Config, environ: Mapping[str, str], emit: Emit, lock_wait: float = 0.0
) -> Iterator[SiteOperation]:
    """What the commands of a site work with, as long as the block lasts. Nothing is sent yet.

    :param lock_wait: seconds to wait while somebody else is at it.
    :raises ConfigError: there is no bucket, or a secret cannot be had.
    :raises CredentialsMissing: there are no credentials.
    """
    site = config.site
    if site is None or site.bucket is None:
        raise ConfigError("the config has no site.bucket", remedy="say which bucket the site is deployed to")
    distribution = None
    if site.distribution is not None:
        from deployer.site.cloudfront import open_distribution

        distribution = open_distribution(site, environ)
    store = open_store(site, environ)
    try:
        yield SiteOperation(site, config.root, store, emit, distribution, lock_wait)
    finally:
        store.close()
