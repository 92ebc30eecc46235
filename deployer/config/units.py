"""Durations and sizes as people write them: "500ms", "5m", "512m", "1.5 GB".

A duration is held as float seconds, a size as int bytes. Sizes count in steps of 1024, as Docker does
for `--memory`: "1g", "1GB" and "1GiB" are the same 1073741824 bytes.
"""

from __future__ import annotations

import re

_NUMBER = r"(?P<number>\d+(?:\.\d+)?|\.\d+)"
_DURATION = re.compile(_NUMBER + r"\s*(?P<unit>ms|s|m|h|d)?", re.IGNORECASE)
_SIZE = re.compile(_NUMBER + r"\s*(?:(?P<unit>[kmgt])(?:i?b)?|b)?", re.IGNORECASE)

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}

_LONGEST, _LARGEST = 2**31, 2**53
"""No duration (68 years) and no size (8 PiB) is as much: clocks and files cannot be either."""

DURATION_HELP = "a duration such as 500ms, 30s, 5m, 1h or a number of seconds"
SIZE_HELP = "a size such as 512k, 512m, 2g or a number of bytes"


def parse_duration(value: object) -> float:
    """Seconds in `value`: "500ms", "30s", "5m", "1h", "2d", or a number of seconds.

    :raises ValueError: it is none of these, or is negative.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if 0 <= value < _LONGEST:
            return float(value)
    elif isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        seconds = float(match["number"]) * _SECONDS[(match["unit"] or "s").lower()]
        if seconds < _LONGEST:
            return round(seconds, 6)
    raise ValueError(f"must be {DURATION_HELP}")


def parse_size(value: object) -> int:
    """Bytes in `value`: "512k", "512m", "2g", "1.5 GB", or a number of bytes.

    :raises ValueError: it is none of these, or is negative.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value < _LARGEST:
            return value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        size = float(match["number"]) * _BYTES.get((match["unit"] or "").lower(), 1)
        if size < _LARGEST:
            return int(size)
    raise ValueError(f"must be {SIZE_HELP}")


def format_duration(seconds: float) -> str:
    """The shortest exact way to write `seconds`, which `parse_duration` reads back: "500ms", "5m", "90s"."""
    if seconds and seconds < 1:
        return f"{_plain(seconds * 1000)}ms"
    for unit in ("d", "h", "m"):
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{_plain(seconds / _SECONDS[unit])}{unit}"
    return f"{_plain(seconds)}s"


def format_size(size: int) -> str:
    """The shortest exact way to write `size` bytes, which `parse_size` reads back: "512m", "1536k"."""
    for unit in ("t", "g", "m", "k"):
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{unit}"
    return str(size)


def humanize_size(size: float) -> str:
    """`size` bytes for a person to read, rounded to three figures or so: "1.5 GB", "64 MB", "900 B"."""
    sign, size = ("-", -size) if size < 0 else ("", size)
    for unit in ("TB", "GB", "MB", "kB"):
        step = _BYTES[unit[0].lower()]
        if size >= step:
            number = size / step
            return f"{sign}{_plain(round(number, 1) if number < 100 else round(number))} {unit}"
    return f"{sign}{size:.0f} B"


def _plain(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")
