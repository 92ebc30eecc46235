"""A bucket over S3's protocol: AWS's own, or any store that speaks it.

    store = open_store(config.site, environ)

Requests of every day are signed and sent by ourselves, since that costs a fifth of what the SDK takes; what
is sent in parts, and credentials beyond two keys, are the SDK's (docs/decisions/0013-s3-client.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from deployer.aws.account import Account, Credentials
from deployer.errors import ConfigError

if TYPE_CHECKING:
    from deployer.config.sections.site import Site
    from deployer.site.s3.store import S3Store


def open_store(site: Site, environ: Mapping[str, str], account: Account | None = None) -> S3Store:
    """The store of a site's bucket. Nothing is sent yet.

    :param environ: for references to secrets, and where the config says nothing: AWS's own variables.
    :param account: address and keys of a store that the config does not name (`site.store`).
    :raises ConfigError: a setting or a secret is missing.
    :raises CredentialsMissing: there are no credentials.
    """
    from deployer.aws import credentials
    from deployer.proxy import proxy
    from deployer.site.s3 import address as addresses
    from deployer.site.s3.client import Client
    from deployer.site.s3.store import AT_ONCE, S3Store

    if site.bucket is None:
        raise ConfigError("site.bucket is not set", remedy="say which bucket the site is deployed to")
    account = account or account_of(site, environ)
    # The SDK reads the process's environment only, so what is found in this one is told to it.
    account = replace(account, credentials=account.credentials or credentials.static(environ))
    address = addresses.address(site.bucket, region=account.region, endpoint=account.endpoint)
    client = Client(
        address,
        credentials.find(account.credentials, environ),
        authorities=environ.get("AWS_CA_BUNDLE", ""),
        proxy=proxy(address.host, environ) if address.secure else None,
    )
    return S3Store(client, account, at_once=site.parallel or AT_ONCE)


def account_of(site: Site, environ: Mapping[str, str]) -> Account:
    """Whose store it is and where, by the config and AWS's own variables.

    :raises ConfigError: a secret cannot be had.
    """
    from deployer.aws import credentials
    from deployer.config.secrets import resolve
    from deployer.site.s3.address import endpoint

    given = None
    if site.access_key is not None and site.secret_key is not None:
        given = Credentials(
            resolve(site.access_key, environ, key="site.access_key"),
            resolve(site.secret_key, environ, key="site.secret_key"),
            resolve(site.session_token or "", environ, key="site.session_token"),
        )
    return Account(
        region=site.region or credentials.region(environ),
        endpoint=endpoint(site.endpoint or "", environ),
        credentials=given,
    )
