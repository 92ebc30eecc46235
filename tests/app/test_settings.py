from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from app import Settings, SettingsError
from app.settings import PREFIX, SETTINGS
from tests.app.conftest import ROOT, environment


def test_an_empty_environment_is_enough() -> None:
    settings = Settings.from_environ({})
    assert settings.database.startswith("sqlite:////")
    assert (settings.workers, settings.port, settings.language) == (1, 8000, "en")


OTHERS = {
    "SNAPSHOTS": "/var/snapshots", "LANGUAGE": "ko", "GEMINI_KEY": "a-key", "SDK": "google-genai",
    "MODEL": "gemini-x", "MODEL_ENDPOINT": "http://127.0.0.1:9/", "MODEL_TIMEOUT": "7", "TEMPERATURE": "1.5",
    "PER_MINUTE": "5", "PER_DAY": "20", "MAX_WAIT": "9", "PLAIN_WAIT": "8", "MAX_BODY": "2048",
    "MAX_RESUME": "4096", "MAX_AUDIO": "8192", "RETENTION_DAYS": "3", "ORIGIN_SECRET": "0123456789abcdef",
    "ORIGIN_SECRET_PREVIOUS": "fedcba9876543210", "CORS_ORIGINS": "https://a.example, http://b.example:81",
    "RATE": "60", "TRUSTED_HOPS": "2", "PORT": "81", "METRICS_PORT": "82", "WORKERS": "2", "THREADS": "48",
    "VERSION": "9.9", "GIT_SHA": "abc", "BUILT_AT": "2026-01-01T00:00:00Z",
}  # fmt: skip


def test_every_setting_is_read_and_is_another_than_without_it(tmp_path: Path) -> None:
    path = str(tmp_path / "x.sqlite3")
    settings = Settings.from_environ(
        {"INTERVIEW_DATABASE": path, **{PREFIX + k: v for k, v in OTHERS.items()}}
    )
    assert set(OTHERS) | {"DATABASE"} == set(SETTINGS)
    standard = Settings.from_environ({})
    same = [
        field.name
        for field in fields(Settings)
        if getattr(settings, field.name) == getattr(standard, field.name)
    ]
    assert same == []
    assert settings.origin_secrets == ("0123456789abcdef", "fedcba9876543210")
    assert settings.cors_origins == ("https://a.example", "http://b.example:81")
    assert settings.max_following == 16


@pytest.mark.parametrize(
    "address",
    ["mysql+pymysql://u:p@db/name", "sqlite:////tmp/x.sqlite3"],
)
def test_a_database_can_be_an_address(address: str) -> None:
    assert Settings.from_environ({"INTERVIEW_DATABASE": address}).database == address


def test_an_empty_value_counts_as_not_set() -> None:
    assert Settings.from_environ({"INTERVIEW_THREADS": "", "INTERVIEW_GIT_SHA": ""}) == Settings.from_environ(
        {}
    )


def test_all_problems_are_told_at_once_and_by_name(tmp_path: Path) -> None:
    wrong = {
        "INTERVIEW_DATABASE": "relative.sqlite3",
        "INTERVIEW_LANGUAGE": "fr",
        "INTERVIEW_THREADS": "0",
        "INTERVIEW_PORT": "８０",
        "INTERVIEW_MAX_BODY": "-1",
        "INTERVIEW_THREDS": "4",
        "INTERVIEW_TEMPERATURE": "hot",
        "INTERVIEW_MODEL_ENDPOINT": "gemini",
        "INTERVIEW_ORIGIN_SECRET": "short",
        "INTERVIEW_CORS_ORIGINS": "*",
        "INTERVIEW_SDK": "openai",
    }
    with pytest.raises(SettingsError) as caught:
        Settings.from_environ(wrong)
    assert {problem.partition(":")[0] for problem in caught.value.problems} == set(wrong)


@pytest.mark.parametrize("place", ["missing/x.sqlite3", "."])
def test_a_database_that_cannot_be_a_file_is_refused(tmp_path: Path, place: str) -> None:
    with pytest.raises(SettingsError, match="INTERVIEW_DATABASE"):
        Settings.from_environ({"INTERVIEW_DATABASE": str(tmp_path / place)})


def test_the_server_says_what_is_wrong_without_a_traceback(settings: Settings) -> None:
    run = subprocess.run(  # its exit status is what is tested
        [sys.executable, "-m", "gunicorn", "--config", "app/gunicorn.conf.py"],
        cwd=ROOT,
        env=environment(settings, INTERVIEW_THREADS="many"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 1
    assert "INTERVIEW_THREADS: 'many'" in run.stderr
    assert "Traceback" not in run.stderr


def test_secrets_are_not_in_what_a_failure_may_print() -> None:
    secrets = {
        "INTERVIEW_DATABASE": "mysql+pymysql://u:hunter2hunter2@db/name",
        "INTERVIEW_GEMINI_KEY": "key-hunter2hunter2",
        "INTERVIEW_ORIGIN_SECRET": "origin-hunter2hunter2",
    }
    assert "hunter2" not in repr(Settings.from_environ(secrets))
