"""Secrets of the stack by script: generated once, refused before AWS does, and never told."""

from __future__ import annotations

import pytest

from deployer.stack import secrets
from tests.support.formation import Refusal, Script, template


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("gemini-key", "any thing, 한국어\n", ""),
        ("gemini-key", "", "0 bytes"),
        ("gemini-key", "x" * 4097, "4,097 bytes"),
        ("gemini-key", "k\udcff", "UTF-16"),
        ("database-password", "eight-8!", ""),
        ("database-password", "with/slash8", "8 to 41"),
        ("database-password", "with space8", "8 to 41"),
        ("database-password", "short", "8 to 41"),
        ("origin-secret", "x" * 20, ""),
        ("origin-secret", "x" * 19, "20 letters"),
        ("origin-secret", "x" * 20 + "\n", "20 letters"),
    ],
)
def test_values_that_aws_would_refuse_later_are_refused_now(name: str, value: str, said: str) -> None:
    found = secrets.wrong(name, value)
    assert said in found
    assert bool(said) == bool(found)


def test_generated_secrets_are_made_once_and_fit_for_a_database() -> None:
    script = Script()
    script.answer("get_parameters", {"Parameters": []})
    script.answer("put_parameter", {"Version": 1})
    names = ("origin-secret", "database-password", "gemini-key")
    work = script.work(template(), secrets_prefix="/shop", secrets=names)
    assert secrets.make_missing(work) == ["/shop/origin-secret", "/shop/database-password"]
    for words in script.words("put_parameter"):
        assert (words["Type"], words["Overwrite"]) == ("SecureString", False)
        assert 20 <= len(words["Value"]) <= 41
        assert not set(words["Value"]) & set("/@\" '")
        assert words["Value"] not in str(script.events)
    assert any("gemini-key" in each for each in script.sentences())


def test_a_secret_that_somebody_makes_meanwhile_is_left() -> None:
    script = Script()
    script.answer("put_parameter", Refusal("ParameterAlreadyExists", "there"))
    assert not secrets.put(script.cloud(), "ap-northeast-2", "/shop/a", "canary", replace=False)
    with pytest.raises(Exception, match="ParameterAlreadyExists") as error:
        secrets.put(script.cloud(), "ap-northeast-2", "/shop/a", "canary")
    assert "canary" not in str(error.value)
