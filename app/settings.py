"""What the environment may say to the app, checked all at once.

INTERVIEW_DATABASE    path of the SQLite file   /data/interview.sqlite3, else one in the temporary folder
INTERVIEW_LANGUAGE    ko | en                   en: used when neither the request nor the interview says
INTERVIEW_MAX_BODY    bytes                     262144: the largest request body that is read
INTERVIEW_PORT        1..65535                  8000
INTERVIEW_WORKERS     1..64                     1
INTERVIEW_THREADS     1..1024                   16: requests that are worked on at once, per worker
INTERVIEW_VERSION     text                      the package's version
INTERVIEW_GIT_SHA     text                      unknown
INTERVIEW_BUILT_AT    RFC 3339 time             unknown
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from app.languages import Language

VERSION = "0.1.0"
PREFIX = "INTERVIEW_"
KNOWN = frozenset(
    PREFIX + name
    for name in (
        "DATABASE", "LANGUAGE", "MAX_BODY", "PORT", "WORKERS", "THREADS", "VERSION", "GIT_SHA", "BUILT_AT",
    )
)  # fmt: skip


class SettingsError(Exception):
    """The environment is wrong; `problems` has one sentence for each thing to mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("bad settings:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """The app's settings; sizes are bytes."""

    database: Path
    language: Language = "en"
    max_body: int = 256 * 1024
    port: int = 8000
    workers: int = 1
    threads: int = 16
    version: str = VERSION
    git_sha: str = "unknown"
    built_at: str = "unknown"

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read `INTERVIEW_*`; an empty value counts as not set.

        :raises SettingsError: with every problem at once.
        """
        problems = [
            f"{name}: unknown setting; known are {', '.join(sorted(KNOWN))}"
            for name in sorted(environ)
            if name.startswith(PREFIX) and name not in KNOWN
        ]
        database = Path(environ.get("INTERVIEW_DATABASE") or default_database())
        if not database.is_absolute():
            problems.append(f"INTERVIEW_DATABASE: {str(database)!r} is not an absolute path")
        elif not database.parent.is_dir():
            problems.append(
                f"INTERVIEW_DATABASE: the folder {database.parent} does not exist; create or mount it"
            )
        elif database.is_dir():
            problems.append(f"INTERVIEW_DATABASE: {database} is a folder; name a file in it")
        language: Language = "en"
        match environ.get("INTERVIEW_LANGUAGE") or language:
            case "ko" | "en" as chosen:
                language = chosen
            case other:
                problems.append(f"INTERVIEW_LANGUAGE: {other!r} is none of {', '.join(get_args(Language))}")

        def number(name: str, default: int, low: int, high: int) -> int:
            text = environ.get(name) or str(default)
            if text.isascii() and text.isdigit() and len(text) <= 12 and low <= int(text) <= high:
                return int(text)
            problems.append(f"{name}: {text!r} is not a whole number from {low} to {high}")
            return default

        settings = cls(
            database=database,
            language=language,
            max_body=number("INTERVIEW_MAX_BODY", cls.max_body, 1024, 64 * 1024 * 1024),
            port=number("INTERVIEW_PORT", cls.port, 1, 65535),
            workers=number("INTERVIEW_WORKERS", cls.workers, 1, 64),
            threads=number("INTERVIEW_THREADS", cls.threads, 1, 1024),
            version=environ.get("INTERVIEW_VERSION") or cls.version,
            git_sha=environ.get("INTERVIEW_GIT_SHA") or cls.git_sha,
            built_at=environ.get("INTERVIEW_BUILT_AT") or cls.built_at,
        )
        if problems:
            raise SettingsError(problems)
        return settings


def default_database() -> Path:
    """/data is the image's volume; outside an image nothing needs to be prepared."""
    data = Path("/data")
    if data.is_dir() and os.access(data, os.W_OK):
        return data / "interview.sqlite3"
    return Path(tempfile.gettempdir()) / f"interview-{os.getuid()}.sqlite3"
