"""Sound, as files: what a microphone of the tests hears, and what arrived of it."""

from __future__ import annotations

import io
import math
import wave
from array import array


def tone(*, seconds: float, hertz: float = 440.0, rate: int = 48_000) -> bytes:
    """A WAV file of one steady tone."""
    turn = 2 * math.pi * hertz / rate
    samples = (round(12_000 * math.sin(turn * number)) for number in range(round(seconds * rate)))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(array("h", samples).tobytes())
    return out.getvalue()


def heard(content: bytes) -> tuple[int, int, float, int]:
    """Of a WAV file: channels, samples a second, seconds, and the loudest sample."""
    with wave.open(io.BytesIO(content)) as file:
        samples = array("h", file.readframes(file.getnframes()))
        loudest = max(map(abs, samples), default=0)
        return file.getnchannels(), file.getframerate(), file.getnframes() / file.getframerate(), loudest
