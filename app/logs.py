"""Logs as JSON lines. Nobody's words, tokens or addresses are in them: they never get there."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

SERVERS = re.compile(r"(Invalid request|Error handling request)\b.*", re.DOTALL)
"""What gunicorn says of one request: behind these words come an address, a path, or what was sent."""


class JsonLines(logging.Formatter):
    """`{"at", "level", "logger", "message"[, "error"]}`; a request becomes members of its own."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        message = SERVERS.sub(r"\1", record.getMessage())
        if record.name == "app.requests":
            line |= json.loads(message)
        else:
            line["message"] = message
        if record.exc_info and record.exc_info[0]:
            # Where it happened, and not what was said: an exception's words may be somebody's.
            line["error"] = record.exc_info[0].__name__
            trace = record.exc_info[2]
            frames = []
            while trace is not None:
                code = trace.tb_frame.f_code
                frames.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
                trace = trace.tb_next
            line["at_code"] = frames[-8:]
        return json.dumps(line, ensure_ascii=False)


def of_server() -> dict[str, Any]:
    """gunicorn's own log in the same form: its `logconfig_dict`."""
    return {
        "root": {"level": "WARNING", "handlers": []},
        "formatters": {"lines": {"()": JsonLines}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "loggers": {"gunicorn.error": {"level": "INFO", "handlers": ["lines"], "propagate": False}},
    }


def set_up() -> None:
    """Send what the app says to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    ours = logging.getLogger("app")
    if not ours.handlers:
        ours.addHandler(handler)
        ours.setLevel(logging.INFO)
        ours.propagate = False
