"""`${ssm:/path}`: what a parameter store answers, and what is said where it does not."""

from __future__ import annotations

import boto3
import pytest

from deployer.config.secrets import resolve
from deployer.errors import ConfigError
from tests.support.s3 import Server


@pytest.fixture
def account(moto: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "AWS_ENDPOINT_URL_SSM": moto.endpoint,
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_DEFAULT_REGION": "ap-northeast-2",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    boto3.client("ssm").put_parameter(
        Name="/shop/password", Value="p@ss$word", Type="SecureString", Overwrite=True
    )


@pytest.mark.usefixtures("account")
def test_a_secret_of_the_store_is_decrypted_and_put_in_place() -> None:
    assert resolve("db://app:${ssm:/shop/password}@db/shop", {}) == "db://app:p@ss$word@db/shop"


@pytest.mark.usefixtures("account")
def test_one_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve("${ssm:/shop/nothing}", {}, key="service.env.X")
    assert (
        caught.value.message
        == "service.env.X: ${ssm:/shop/nothing} is not in the parameter store of ap-northeast-2"
    )


@pytest.mark.usefixtures("account")
def test_without_a_region_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(ConfigError, match="needs a region: set AWS_REGION"):
        resolve("${ssm:/shop/password}", {})


@pytest.mark.usefixtures("account")
def test_a_store_that_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:1")
    with pytest.raises(
        ConfigError, match=r"cannot be read \(reading parameter /shop/password: Could not connect"
    ):
        resolve("${ssm:/shop/password}", {})
