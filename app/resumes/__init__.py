"""Placeholder until the real one is merged."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    bytes: int = 10 * 1024 * 1024


@dataclass(frozen=True)
class Resume:
    text: str
    format: str
    document: bytes | None


class ResumeError(Exception):
    def __init__(self, code: str, **values: object) -> None:
        self.code, self.values = code, values


def read(data: bytes, *, limits: Limits = Limits()) -> Resume:
    return Resume(data.decode(), "text", None)
