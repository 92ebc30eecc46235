"""What the SDK and the libraries below it raise, in our words."""

from __future__ import annotations

import pytest
import urllib3

from deployer.errors import EngineUnreachable
from deployer.host.sdk import mapped


def test_an_answer_that_breaks_off_is_an_engine_that_went_away() -> None:
    """A pull, a build and a load are read piece by piece, from below the library that maps such errors."""
    with pytest.raises(EngineUnreachable, match="pulling"), mapped("pulling shop:1", "unix:///x"):
        raise urllib3.exceptions.ProtocolError("Connection broken: IncompleteRead(0 bytes read)")
