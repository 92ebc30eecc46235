"""Processes that end with the test session, even where that is killed."""

from __future__ import annotations

BOUND = ("setpriv", "--pdeathsig=KILL")
"""What a command begins with; the thread that starts it must outlive it."""
