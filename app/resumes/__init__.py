"""From an uploaded resume's bytes to its text, safely: PDF, DOCX, HWPX or plain text.

    read(data) -> Resume     or ResumeError, whatever the bytes are

formats     which of them it is, by its first bytes; the text of plain text
reading     the process of its own in which everything else is parsed, and who may start one
child       what runs in that process; `pdf` and `office` are imported there only
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Format = Literal["pdf", "docx", "hwpx", "text"]


@dataclass(frozen=True)
class Limits:
    """What a resume may cost.

    :param size: bytes of the file.
    :param pages: pages of a PDF.
    :param text: characters, once cleaned.
    :param memory: bytes of address space that the process that parses a file may have.
    :param cpu: seconds of processor time that it may have; :param seconds: by the clock.
    :param children: how many such processes there may be at once, for each process of the app.
    :param wait: seconds to wait for leave to start one.
    """

    size: int = 10 * 2**20
    pages: int = 50
    text: int = 20_000
    memory: int = 256 * 2**20
    cpu: int = 10
    seconds: float = 20.0
    children: int = 2
    wait: float = 10.0

    @property
    def raw(self) -> int:
        """Characters before cleaning, above which a file has too much text whatever cleaning takes away."""
        return 4 * self.text


@dataclass(frozen=True)
class Resume:
    """What was read.

    :param text: cleaned by `app.plain.clean`; empty where `document` is given.
    :param document: the PDF itself where it has no text layer (a scan); else None.
    """

    text: str
    format: Format
    document: bytes | None = None


class ResumeError(Exception):
    """A file that is not read; `code` names the sentences in `app.messages`, `values` what they mention.

    resume-empty            no bytes, or nothing to read in them
    resume-too-large        more bytes than `Limits.size`
    resume-unknown-format   none of the four formats
    resume-encrypted        it takes a password
    resume-broken           the format's beginning, but not the format
    resume-too-many-pages   more than `Limits.pages`
    resume-too-much-text    more than `Limits.text`
    resume-too-costly       it took more memory or time than it may have
    resume-busy             not this file's fault: too many are being read; it may be sent again
    """

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(f"{code}: {values}" if values else code)
        self.code = code
        self.values = values


def read(data: bytes, *, limits: Limits = Limits()) -> Resume:
    """Read a resume; blocks for up to `limits.wait + limits.seconds`. Safe to call from many threads.

    :param data: the file; its name and declared type are not asked for, as they prove nothing.
    :raises ResumeError: it cannot be read, or not now. Nothing else is raised, whatever the bytes are.
    """
    # Late, since the child imports this package too and shall not pay for a web framework.
    from app.resumes.reading import read_file

    return read_file(data, limits)
