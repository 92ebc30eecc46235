from __future__ import annotations

from pathlib import Path

import pytest

from deployer.config import secrets
from deployer.config.references import Reference, has_reference, mentioned, parse
from deployer.errors import ConfigError

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("plain", ["plain"]),
        ("${env:A}", [Reference("env", "A")]),
        ("a${env:A}b${file:/x y}c", ["a", Reference("env", "A"), "b", Reference("file", "/x y"), "c"]),
        ("${ssm:/shop/db-password}", [Reference("ssm", "/shop/db-password")]),
        ("$${env:A}", ["${", "env:A}"]),
        ("$$${env:A}", ["$", "${", "env:A}"]),
        ("$", ["$"]),
        ("$A $(b) {c} }", ["$A $(b) {c} }"]),
    ],
)
def test_text_is_taken_apart(text: str, pieces: list[object]) -> None:
    assert parse(text) == pieces


@pytest.mark.parametrize(
    "text",
    [
        "${",
        "${A}",
        "${env:}",
        "${env:1A}",
        "${env:A",
        "${file:rel}",
        "${ssm:x}",
        "${vault:/x}",
        "${}",
        "${:a}",
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\$\{|unknown kind"):
        parse(text)
    assert not has_reference(text)


def test_what_wants_to_be_a_reference_is_noticed() -> None:
    assert [mentioned(text) for text in ("x${env:A}", "${file:", "$${env:A}", "${HOME}", "plain")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_references_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    text = f"a ${{env:A}} b ${{file:{tmp_path}/secret}} c $${{env:A}}"
    assert secrets.resolve(text, {"A": "1"}) == "a 1 b from a file c ${env:A}"


def test_what_is_resolved_is_not_resolved_again() -> None:
    assert secrets.resolve("${env:A}", {"A": "${env:B}", "B": SECRET}) == "${env:B}"


def test_an_empty_variable_is_a_value() -> None:
    assert secrets.resolve("${env:A}", {"A": ""}) == ""


@pytest.mark.parametrize(
    ("content", "secret"),
    [("x\n", "x"), ("x\r\n", "x"), ("x\n\n", "x\n"), ("x", "x"), ("", ""), (" x ", " x ")],
)
def test_the_last_newline_of_a_file_is_no_part_of_the_secret(
    tmp_path: Path, content: str, secret: str
) -> None:
    (tmp_path / "s").write_bytes(content.encode())
    assert secrets.resolve(f"${{file:{tmp_path}/s}}", {}) == secret


def test_a_further_kind_of_store_may_be_given() -> None:
    assert secrets.resolve("${ssm:/a}", {}, resolvers={"ssm": {"/a": "x"}.__getitem__}) == "x"


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("${env:MISSING}", "is not set in the environment"),
        ("${file:/nonexistent/x}", "cannot be read (No such file or directory)"),
        ("${file:/tmp}", "cannot be read (Is a directory)"),
    ],
)
def test_a_secret_that_cannot_be_had_names_its_key_and_reference(reference: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        secrets.resolve(f"{SECRET}{reference}", {"OTHER": SECRET}, key="service.env.A")
    assert caught.value.message == f"service.env.A: {reference} {reason}"
    assert caught.value.exit_status == 3


def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff" + SECRET.encode())
    (tmp_path / "large").write_bytes(b"x" * (secrets.MAX_FILE + 1))
    for name, reason in (("binary", "is not UTF-8 text"), ("large", "is larger than 1 MB")):
        with pytest.raises(ConfigError) as caught:
            secrets.resolve(f"${{file:{tmp_path}/{name}}}", {})
        assert caught.value.message == f"${{file:{tmp_path}/{name}}} {reason}"


def test_all_secrets_that_are_missing_are_listed_at_once() -> None:
    values = {"A": "${env:X}", "B": "plain", "C": "${env:OK}", "D": "${env:Y}"}
    with pytest.raises(ConfigError) as caught:
        secrets.resolve_all(values, {"OK": SECRET})
    assert caught.value.message == "service.env: 2 secrets cannot be had"
    assert caught.value.details == (
        "service.env.A: ${env:X} is not set in the environment",
        "service.env.D: ${env:Y} is not set in the environment",
    )
    assert secrets.resolve_all({"B": "plain", "C": "${env:OK}"}, {"OK": SECRET}) == {
        "B": "plain",
        "C": SECRET,
    }


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("DB_PASSWORD", True),
        ("API_TOKEN", True),
        ("SIGNING_KEY", True),
        ("password", True),
        ("spring.datasource.password", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("GOOGLE_CREDENTIALS", True),
        ("KEYBOARD", False),
        ("MONKEY", False),
        ("PASSENGERS", False),
        ("TOKENS_PER_MINUTE", False),
        ("MODE", False),
    ],
)
def test_secrets_are_known_by_their_names(name: str, secret: bool) -> None:
    assert secrets.looks_secret(name) is secret


@pytest.mark.parametrize(
    ("name", "text", "shown", "literal"),
    [
        ("DB_PASSWORD", SECRET, "****", True),
        ("DB_PASSWORD", "", "", False),
        ("DB_PASSWORD", "${env:P}", "${env:P}", False),
        ("DB_PASSWORD", f"{SECRET}${{env:P}}", "****${env:P}", False),
        ("DB_PASSWORD", f"$${{{SECRET}", "********", True),
        ("DB_PASSWORD", f"${{{SECRET}", "****", True),
        ("MODE", "live", "live", False),
        ("DB", f"mysql://shop:{SECRET}@db/shop", "mysql://shop:****@db/shop", True),
        ("DB", "mysql://shop:${env:P}@db/shop", "mysql://shop:${env:P}@db/shop", False),
        ("DB", "mysql://shop@db/shop", "mysql://shop@db/shop", False),
        ("URL", "https://a.example:80/x@y", "https://a.example:80/x@y", False),
    ],
)
def test_what_is_shown_holds_no_secret(name: str, text: str, shown: str, literal: bool) -> None:
    assert secrets.mask(name, text) == shown
    assert secrets.holds_literal_secret(name, text) is literal
