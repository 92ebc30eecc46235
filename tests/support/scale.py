"""How often the engine tests do what they do: once in `make test`, in full in `make soak`."""

from __future__ import annotations

import os

from benchmarks.load import LIGHT, Mix

QUICK = Mix(keepalive=4, oneshot=2, post=2, pausing=1, slow=0, stream=0, upload=0, rate=60.0)
"""Load without long requests: a test that is not about them need not wait for them."""

SOAK = bool(os.environ.get("DEPLOYER_SOAK"))


def times(quick: int, soak: int) -> int:
    """`quick` in `make test`, `soak` in `make soak`."""
    return soak if SOAK else quick


USUAL = LIGHT if SOAK else QUICK
"""Load for tests that are not about the load itself; in a soak with requests of every kind, but so
few a second that several workers, and a fleet of three hosts, get along on two processors."""
