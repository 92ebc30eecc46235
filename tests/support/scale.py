"""How often the engine tests do what they do: once in `make test`, in full in `make soak`."""

from __future__ import annotations

import os

SOAK = bool(os.environ.get("DEPLOYER_SOAK"))


def times(quick: int, soak: int) -> int:
    """`quick` in `make test`, `soak` in `make soak`."""
    return soak if SOAK else quick
