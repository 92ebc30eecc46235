"""Credentials are found where botocore finds them; what is more than two keys in one place is left to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deployer.aws import credentials
from deployer.aws.account import Credentials
from deployer.errors import CredentialsMissing

KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}
FILE = "[default]\naws_access_key_id = filed\naws_secret_access_key = s1\n\n[other]\n"
OTHER = "aws_access_key_id = others\naws_secret_access_key = s2\naws_session_token = t2\n"
ROLE = "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = other\n"
PROCESS = "[default]\ncredential_process = /bin/false\n"

CASES = {
    "environment": (KEYS, "", ""),
    "environment with a token": ({**KEYS, "AWS_SESSION_TOKEN": "t"}, "", ""),
    "environment with an old token": ({**KEYS, "AWS_SECURITY_TOKEN": "t"}, "", ""),
    "environment before the file": (KEYS, FILE + OTHER, ""),
    "environment before a profile": ({**KEYS, "AWS_PROFILE": "other"}, FILE + OTHER, ""),
    "file": ({}, FILE, ""),
    "file, with a plain config": ({}, FILE, "[default]\nregion = eu-west-1\n"),
    "profile": ({"AWS_PROFILE": "other"}, FILE + OTHER, "[profile other]\nregion = eu-west-1\n"),
    "old name of the profile": ({"AWS_DEFAULT_PROFILE": "other"}, FILE + OTHER, ""),
    "empty variables": ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, FILE, ""),
}
LEFT = {
    "nothing": ({}, "", ""),
    "role": ({}, FILE + OTHER, ROLE),
    "role in the credentials file": ({}, ROLE, ""),
    "process": ({}, "", PROCESS),
    "keys in the config file": ({}, "", FILE),
    "half of it in the environment": ({"AWS_ACCESS_KEY_ID": "AKIA"}, FILE, ""),
    "web identity": ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "arn:x"}, FILE, ""),
    "a file that is none": ({}, "nonsense", ""),
}


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The process's environment without anything of AWS's, and files that are not there yet."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    return {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def prepare(
    environ: dict[str, str], case: tuple[dict[str, str], str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    variables, shared, config = case
    environ.update(variables)
    if shared:
        Path(environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text(shared)
    if config:
        Path(environ["AWS_CONFIG_FILE"]).write_text(config)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("case", CASES)
def test_plain_ones_are_what_botocore_finds(
    case: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(environ, CASES[case], monkeypatch)
    import botocore.session

    theirs = botocore.session.get_session().get_credentials()
    assert theirs is not None
    frozen = theirs.get_frozen_credentials()
    assert credentials.static(environ) == Credentials(
        frozen.access_key, frozen.secret_key, frozen.token or ""
    )


@pytest.mark.parametrize("case", LEFT)
def test_all_others_are_left_to_it(
    case: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(environ, LEFT[case], monkeypatch)
    assert credentials.static(environ) is None


def test_the_sdk_finds_the_rest(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(environ, LEFT["keys in the config file"], monkeypatch)
    assert credentials.find(None, environ)() == Credentials("filed", "s1")


def test_without_any_it_is_said_what_to_do(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(environ, LEFT["nothing"], monkeypatch)
    with pytest.raises(CredentialsMissing, match="no AWS credentials") as missing:
        credentials.find(None, environ)
    assert "AWS_ACCESS_KEY_ID" in str(missing.value.remedy)


def test_what_cannot_be_used_is_said_without_the_secret(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(environ, ({"AWS_PROFILE": "nobody"}, FILE, ""), monkeypatch)
    with pytest.raises(CredentialsMissing, match="nobody") as missing:
        credentials.find(None, environ)
    assert "s1" not in str(missing.value.as_dict())


def test_those_of_the_config_come_first_and_are_never_shown() -> None:
    given = Credentials("mine", "hush", "token-hush")
    assert credentials.find(given, KEYS)() == given
    assert "hush" not in repr(given)


@pytest.mark.parametrize(
    ("variables", "config", "expected"),
    [
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-2"}, "", "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-2"}, "[default]\nregion = eu-west-3\n", "eu-west-2"),
        ({}, "[default]\nregion = eu-west-3\n", "eu-west-3"),
        ({"AWS_PROFILE": "other"}, "[profile other]\nregion = eu-north-1\n", "eu-north-1"),
        ({}, "", ""),
    ],
)
def test_regions(
    variables: dict[str, str],
    config: str,
    expected: str,
    environ: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare(environ, (variables, "", config), monkeypatch)
    assert credentials.region(environ) == expected
