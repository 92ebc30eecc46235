"""What the environment may say to the app, checked all at once; `SETTINGS` is the list."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar, get_args
from urllib.parse import urlsplit

from app.languages import Language

T = TypeVar("T", bound=str)
Sdk = Literal["google-generativeai", "google-genai"]
VERSION = "0.1.0"
PREFIX = "INTERVIEW_"

SETTINGS: Mapping[str, str] = {
    "DATABASE": "path of the SQLite file, or mysql+pymysql://user:password@host/name "
    "(/data/interview.sqlite3, else one in the temporary folder)",
    "SNAPSHOTS": "folder for the snapshots that `migrate` takes first (that of the SQLite file)",
    "LANGUAGE": "ko | en (en): used when neither the request nor the interview says",
    "GEMINI_KEY": "the API key; without one the offline interviewer asks",
    "SDK": "google-generativeai | google-genai (google-generativeai)",
    "MODEL": "the model's id (gemini-flash-latest)",
    "MODEL_ENDPOINT": "URL of the model's API (the SDK's own)",
    "MODEL_TIMEOUT": "5..600 seconds without a word from the model (60); twice that for all of an answer",
    "TEMPERATURE": "0..2 (0.4)",
    "PER_MINUTE": "1..1000 requests to the model in any 60 seconds, all processes together (15)",
    "PER_DAY": "1..1000000 requests to the model from midnight to midnight Pacific time (1000)",
    "MAX_WAIT": "0..3600 seconds that a client may wait for its turn at the model; 429 beyond (120)",
    "PLAIN_WAIT": "1..600 seconds after which a client without a stream gets 202 instead of a result (50)",
    "MAX_BODY": "1024..67108864 bytes of a JSON body (262144)",
    "MAX_RESUME": "1024..104857600 bytes of a resume file (6291456)",
    "MAX_AUDIO": "1024..104857600 bytes of a recording (6291456)",
    "RETENTION_DAYS": "1..3650 days after which an interview is deleted (30)",
    "ORIGIN_SECRET": "when set, requests without it in X-Origin-Secret are refused",
    "ORIGIN_SECRET_PREVIOUS": "the one before, still accepted while it is changed",
    "CORS_ORIGINS": "origins whose pages may call, separated by commas (none)",
    "RATE": "0..100000 requests a minute from one address; 0: no limit (300)",
    "TRUSTED_HOPS": "0..10 proxies in front, whose X-Forwarded-For is believed (1)",
    "PORT": "1..65535 (8000)",
    "METRICS_PORT": "0..65535, where /metrics is served; 0: nowhere (9100)",
    "WORKERS": "1..64 processes (1)",
    "THREADS": "40..4096 requests and streams that are served at once, per worker (1100)",
    "VERSION": "the release's version (the package's)",
    "GIT_SHA": "its commit (unknown)",
    "BUILT_AT": "when it was built, RFC 3339 (unknown)",
}
RESERVED_THREADS = 32
"""Threads of a worker that those who wait for a model never take."""


class SettingsError(Exception):
    """The environment is wrong; `problems` has one sentence for each thing to mend."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("bad settings:\n" + "\n".join(f"  {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """The app's settings; sizes are bytes, times seconds. `database` is an SQLAlchemy URL."""

    database: str = field(repr=False)
    snapshots: Path | None = None
    language: Language = "en"
    gemini_key: str = field(default="", repr=False)
    sdk: Sdk = "google-generativeai"
    model: str = "gemini-flash-latest"
    model_endpoint: str = ""
    model_timeout: float = 60.0
    temperature: float = 0.4
    per_minute: int = 15
    per_day: int = 1000
    max_wait: int = 120
    plain_wait: int = 50
    max_body: int = 256 * 1024
    max_resume: int = 6 * 1024 * 1024
    max_audio: int = 6 * 1024 * 1024
    retention_days: int = 30
    origin_secrets: tuple[str, ...] = field(default=(), repr=False)
    cors_origins: tuple[str, ...] = ()
    rate: int = 300
    trusted_hops: int = 1
    port: int = 8000
    metrics_port: int = 9100
    workers: int = 1
    threads: int = 1100
    version: str = VERSION
    git_sha: str = "unknown"
    built_at: str = "unknown"

    @property
    def max_following(self) -> int:
        """How many may wait for a model in one worker."""
        return max(1, self.threads - RESERVED_THREADS)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read `INTERVIEW_*`; an empty value counts as not set.

        :raises SettingsError: with every problem at once. No value of a secret is in it.
        """
        reader = _Reader(environ)
        settings = cls(
            database=reader.database(),
            snapshots=Path(reader.text("SNAPSHOTS")) if reader.text("SNAPSHOTS") else None,
            language=reader.choice("LANGUAGE", get_args(Language), cls.language),
            gemini_key=reader.text("GEMINI_KEY"),
            sdk=reader.choice("SDK", get_args(Sdk), cls.sdk),
            model=reader.text("MODEL", cls.model),
            model_endpoint=reader.url("MODEL_ENDPOINT"),
            model_timeout=reader.number("MODEL_TIMEOUT", 60, 5, 600),
            temperature=reader.fraction("TEMPERATURE", cls.temperature, 0.0, 2.0),
            per_minute=reader.number("PER_MINUTE", cls.per_minute, 1, 1000),
            per_day=reader.number("PER_DAY", cls.per_day, 1, 1_000_000),
            max_wait=reader.number("MAX_WAIT", cls.max_wait, 0, 3600),
            plain_wait=reader.number("PLAIN_WAIT", cls.plain_wait, 1, 600),
            max_body=reader.number("MAX_BODY", cls.max_body, 1024, 64 * 1024 * 1024),
            max_resume=reader.number("MAX_RESUME", cls.max_resume, 1024, 100 * 1024 * 1024),
            max_audio=reader.number("MAX_AUDIO", cls.max_audio, 1024, 100 * 1024 * 1024),
            retention_days=reader.number("RETENTION_DAYS", cls.retention_days, 1, 3650),
            origin_secrets=reader.secrets("ORIGIN_SECRET", "ORIGIN_SECRET_PREVIOUS"),
            cors_origins=reader.origins("CORS_ORIGINS"),
            rate=reader.number("RATE", cls.rate, 0, 100_000),
            trusted_hops=reader.number("TRUSTED_HOPS", cls.trusted_hops, 0, 10),
            port=reader.number("PORT", cls.port, 1, 65535),
            metrics_port=reader.number("METRICS_PORT", cls.metrics_port, 0, 65535),
            workers=reader.number("WORKERS", cls.workers, 1, 64),
            threads=reader.number("THREADS", cls.threads, 40, 4096),
            version=reader.text("VERSION", cls.version),
            git_sha=reader.text("GIT_SHA", cls.git_sha),
            built_at=reader.text("BUILT_AT", cls.built_at),
        )
        if reader.problems:
            raise SettingsError(reader.problems)
        return settings


class _Reader:
    """Reads the environment and collects what is wrong with it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        known = ", ".join(sorted(PREFIX + name for name in SETTINGS))
        self.problems = [
            f"{name}: unknown setting; known are {known}"
            for name in sorted(environ)
            if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in SETTINGS
        ]

    def text(self, name: str, default: str = "") -> str:
        return self._environ.get(PREFIX + name) or default

    def wrong(self, name: str, what: str) -> None:
        self.problems.append(f"{PREFIX}{name}: {what}")

    def database(self) -> str:
        value = self.text("DATABASE") or str(default_database())
        if "://" in value:
            if not value.startswith(("sqlite:////", "mysql+pymysql://")):
                self.wrong(
                    "DATABASE", "is no path, sqlite:////path or mysql+pymysql://user:password@host/name"
                )
            if not value.startswith("sqlite:////"):
                return value
            value = value.removeprefix("sqlite:///")
        path = Path(value)
        if not path.is_absolute():
            self.wrong("DATABASE", f"{value!r} is not an absolute path")
        elif not path.parent.is_dir():
            self.wrong("DATABASE", f"the folder {path.parent} does not exist; create or mount it")
        elif path.is_dir():
            self.wrong("DATABASE", f"{path} is a folder; name a file in it")
        return f"sqlite:///{path}"

    def choice(self, name: str, choices: tuple[T, ...], default: T) -> T:
        value = self.text(name, default)
        for choice in choices:
            if value == choice:
                return choice
        self.wrong(name, f"{value!r} is none of {', '.join(choices)}")
        return default

    def number(self, name: str, default: int, low: int, high: int) -> int:
        text = self.text(name, str(default))
        if text.isascii() and text.isdigit() and len(text) <= 12 and low <= int(text) <= high:
            return int(text)
        self.wrong(name, f"{text!r} is not a whole number from {low} to {high}")
        return default

    def fraction(self, name: str, default: float, low: float, high: float) -> float:
        text = self.text(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = low - 1
        if low <= value <= high:
            return value
        self.wrong(name, f"{text!r} is not a number from {low:g} to {high:g}")
        return default

    def url(self, name: str) -> str:
        value = self.text(name)
        parts = urlsplit(value)
        if value and (parts.scheme not in ("http", "https") or not parts.netloc):
            self.wrong(name, f"{value!r} is not a URL that begins with http:// or https://")
        return value.rstrip("/")

    def secrets(self, *names: str) -> tuple[str, ...]:
        """Those that are set; each long enough not to be guessed."""
        found = [(name, self.text(name)) for name in names if self.text(name)]
        for name, value in found:
            if len(value) < 16 or not value.isascii() or not value.isprintable():
                self.wrong(
                    name, "must be 16 printable ASCII characters or more, as of `openssl rand -hex 32`"
                )
        if found and found[0][0] != names[0]:
            self.wrong(names[1], f"is set although {PREFIX}{names[0]} is not")
        return tuple(value for _, value in found)

    def origins(self, name: str) -> tuple[str, ...]:
        values = tuple(filter(None, (value.strip() for value in self.text(name).split(","))))
        for value in values:
            parts = urlsplit(value)
            if parts.scheme not in ("http", "https") or value != f"{parts.scheme}://{parts.netloc}":
                self.wrong(name, f"{value!r} is not an origin such as https://example.com")
        return values


def default_database() -> Path:
    """/data is the image's volume; outside an image nothing needs to be prepared."""
    data = Path("/data")
    if data.is_dir() and os.access(data, os.W_OK):
        return data / "interview.sqlite3"
    return Path(tempfile.gettempdir()) / f"interview-{os.getuid()}.sqlite3"
