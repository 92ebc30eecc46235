"""Which interviewer there is: rules without a key, a model with one."""

from __future__ import annotations

from app.interviewer import Interviewer
from app.interviewer.gemini import GenaiWire
from app.interviewer.gemini_legacy import LegacyWire
from app.interviewer.model import ModelInterviewer
from app.interviewer.offline import OfflineInterviewer
from app.interviewer.wire import ModelConfig


def choose(config: ModelConfig) -> Interviewer:
    """The interviewer for a configuration; nothing is imported or connected yet."""
    if not config.api_key:
        return OfflineInterviewer()
    wire = GenaiWire(config) if config.sdk == "google-genai" else LegacyWire(config)
    return ModelInterviewer(wire, config)
