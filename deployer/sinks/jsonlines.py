"""Events as JSON lines, for programs."""

from __future__ import annotations

import json
from typing import TextIO

from deployer.events import Event


class JsonLines:
    """Writes each event as one line."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def emit(self, event: Event) -> None:
        self.stream.write(json.dumps(event.as_dict(), ensure_ascii=False, default=str) + "\n")
        self.stream.flush()
