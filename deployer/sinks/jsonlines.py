"""Events as JSON lines, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TextIO

from deployer.events import Event


class JsonLines:
    """Writes each event as one line."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def emit(self, event: Event) -> None:
        self.stream.write(line(event.as_dict()))
        self.stream.flush()


def line(record: Mapping[str, Any]) -> str:
    """A record as a line, with its end."""
    return json.dumps(record, ensure_ascii=False, default=str) + "\n"


def moment(at: float) -> str:
    """Seconds since 1970 as a time to the millisecond, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
