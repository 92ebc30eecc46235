"""Credentials: those that stand in the environment or a file are read here, all others come from the SDK.

    source = credentials.find(given, environ)
    source().access_key             # before each request: temporary ones are renewed in time

The SDK's own chain is botocore's: environment, assumed role, web identity, SSO, shared credentials file,
process, config file, container, instance. Importing it costs a third of a second, so its plain cases are
answered without it, exactly where it would find them too; whatever is more than two keys in one place is
left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from deployer.aws.account import Credentials
from deployer.aws.session import mapped, sdk_session
from deployer.errors import CredentialsMissing

Source = Callable[[], Credentials]
"""Gives credentials that are good now; asked anew for each request. Raises CredentialsMissing."""


def find(given: Credentials | None, environ: Mapping[str, str]) -> Source:
    """The credentials that the config gives, else those that AWS's tools would use.

    :param environ: read for the plain cases; the SDK reads the process's own.
    :raises CredentialsMissing: there are none.
    """
    found = given or static(environ)
    if found is None:
        return _chain()
    return lambda: found


def static(environ: Mapping[str, str]) -> Credentials | None:
    """The keys of the environment or the credentials file, where botocore takes them as they are."""
    access_key, secret_key = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        token = environ.get("AWS_SESSION_TOKEN") or environ.get("AWS_SECURITY_TOKEN") or ""
        return Credentials(access_key, secret_key, token)
    if access_key or "AWS_WEB_IDENTITY_TOKEN_FILE" in environ:
        return None
    profile = profile_name(environ)
    if not _plain(_section(config_file(environ), profile if profile == "default" else f"profile {profile}")):
        return None
    keys = _section(_file(environ, "AWS_SHARED_CREDENTIALS_FILE", "credentials"), profile)
    if not _plain(keys) or not keys.get("aws_access_key_id") or not keys.get("aws_secret_access_key"):
        return None
    return Credentials(
        keys["aws_access_key_id"],
        keys["aws_secret_access_key"],
        keys.get("aws_session_token") or keys.get("aws_security_token") or "",
    )


def profile_name(environ: Mapping[str, str]) -> str:
    """The profile that AWS's tools take."""
    return environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"


def region(environ: Mapping[str, str]) -> str:
    """The region that AWS's tools take; empty where none is said."""
    said = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if said:
        return said
    profile = profile_name(environ)
    section = _section(config_file(environ), profile if profile == "default" else f"profile {profile}")
    return section.get("region", "")


def config_file(environ: Mapping[str, str]) -> Path:
    """Where profiles are configured."""
    return _file(environ, "AWS_CONFIG_FILE", "config")


def _file(environ: Mapping[str, str], variable: str, name: str) -> Path:
    home = environ.get("HOME", "~")
    said = environ.get(variable) or f"~/.aws/{name}"
    return Path(said.replace("~", home, 1) if said.startswith("~/") else said).expanduser()


def _section(path: Path, name: str) -> dict[str, str]:
    """A profile's settings; empty where there is no such file or profile."""
    if not path.is_file():
        return {}
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError):
        return {"source_profile": "unreadable"}  # the SDK says what is wrong with it
    return dict(parser[name]) if parser.has_section(name) else {}


def _plain(section: Mapping[str, str]) -> bool:
    """Nothing in a profile makes credentials of others: a role, SSO, a process."""
    return not any(
        name.startswith(("role_", "source_", "credential_", "sso_", "web_identity_")) for name in section
    )


def _chain() -> Source:
    with mapped("looking for AWS credentials"):
        found = sdk_session().get_credentials()
    if found is None:
        raise CredentialsMissing(
            "no AWS credentials are to be found",
            remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role; or access_key and "
            "secret_key in config.yaml as references to secrets",
        )

    def renewed() -> Credentials:
        with mapped("renewing the AWS credentials"):
            frozen = found.get_frozen_credentials()
        return Credentials(frozen.access_key, frozen.secret_key, frozen.token or "")

    return renewed
