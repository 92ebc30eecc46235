from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app import Settings, SettingsError
from tests.app.conftest import ROOT, environment


def test_an_empty_environment_is_enough() -> None:
    settings = Settings.from_environ({})
    assert settings.database.is_absolute()
    assert (settings.workers, settings.threads, settings.port, settings.language) == (1, 16, 8000, "en")


def test_every_setting_is_read(tmp_path: Path) -> None:
    database = tmp_path / "x.sqlite3"
    settings = Settings.from_environ(
        {
            "INTERVIEW_DATABASE": str(database),
            "INTERVIEW_LANGUAGE": "ko",
            "INTERVIEW_MAX_BODY": "2048",
            "INTERVIEW_PORT": "81",
            "INTERVIEW_WORKERS": "2",
            "INTERVIEW_THREADS": "3",
            "INTERVIEW_VERSION": "9.9",
            "INTERVIEW_GIT_SHA": "abc",
            "INTERVIEW_BUILT_AT": "2026-01-01T00:00:00Z",
        }
    )
    assert settings == Settings(database, "ko", 2048, 81, 2, 3, "9.9", "abc", "2026-01-01T00:00:00Z")


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
