"""Where the database is: `sqlite:////data/interview.sqlite3` or `mysql+pymysql://user:password@host/name`."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

FORMS = "sqlite:////folder/file or mysql+pymysql://user:password@host/name"
PASSWORD = re.compile(r"(://[^:/@]*):.*@")


class BadAddress(ValueError):
    """No address of a database that we know; the message names the forms and shows no password."""


def parse(text: str) -> URL:
    """Take an address, or an absolute path, which means a SQLite file, apart.

    :raises BadAddress: it is neither.
    """
    try:
        url = URL.create("sqlite", database=text) if text.startswith("/") else make_url(text)
    except (ArgumentError, ValueError):
        raise BadAddress(f"{mask(text)!r} is not {FORMS}") from None
    match url.drivername:
        case "sqlite" if url.database and Path(url.database).is_absolute() and not url.query:
            return url
        case "mysql+pymysql" if url.database and (url.host or "unix_socket" in url.query):
            return url
    raise BadAddress(f"{mask(text)!r} is not {FORMS}")


def mask(text: str) -> str:
    """The address for messages: without password and options; a SQLite file as its path."""
    try:
        url = URL.create("sqlite", database=text) if text.startswith("/") else make_url(text)
    except (ArgumentError, ValueError):
        return PASSWORD.sub(r"\1:***@", text.partition("?")[0])
    if url.drivername == "sqlite" and url.database:
        return url.database
    return url.set(query={}).render_as_string(hide_password=True)


def file_of(url: URL) -> Path | None:
    """The SQLite file; None for a server."""
    return Path(url.database) if url.drivername == "sqlite" and url.database else None
