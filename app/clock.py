"""Times: whole milliseconds since the epoch in the database, RFC 3339 for people."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def shown(milliseconds: int) -> str:
    """A time as RFC 3339, in whole seconds."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).isoformat()
