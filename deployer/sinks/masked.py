"""Events without the secrets that others have put into them, before anybody is told."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from deployer.events import Emit, Event
from deployer.sinks.mask import Mask


def masking(emit: Emit, mask: Mask) -> Emit:
    """A sink that is told the same, with **** for each secret."""

    def tell(event: Event) -> None:
        emit(_hidden(event, mask))

    return tell


def _hidden(value: Any, mask: Mask) -> Any:
    if isinstance(value, str):
        return mask.text(value)
    if isinstance(value, tuple):
        return tuple(_hidden(item, mask) for item in value)
    if isinstance(value, Struct):
        old = asdict(value)
        new = {name: _hidden(item, mask) for name, item in old.items()}
        return value if new == old else replace(value, **new)
    return value
