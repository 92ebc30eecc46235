"""Events without the secrets that others have put into them, before anybody is told."""

from __future__ import annotations

import dataclasses
from typing import Any

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
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        old = {each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.init}
        new = {name: _hidden(item, mask) for name, item in old.items()}
        return value if new == old else dataclasses.replace(value, **new)
    return value
