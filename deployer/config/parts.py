"""The sections of the file, each made when the file has it or when somebody asks for it."""

from __future__ import annotations

import importlib
import threading
from typing import Any, Generic, Never, Self, TypeVar, cast, overload

from deployer.config import reading

REQUIRED = object()
"""In place of a default: the file must have the section."""
T = TypeVar("T")
_making = threading.Lock()
"""Hosts are worked on in threads, and all are to see the same section."""


class Part(Generic[T]):
    """A section, as an attribute of the class that holds them all.

    What a command does not need is not imported.

    :param home: where its type is: `module:name`, below `deployer.config.sections`.
    :param default: what the file's place is taken by where it says nothing; None for no section at all.
    """

    def __init__(self, home: str, description: str, default: object = REQUIRED) -> None:
        self.home = home
        self.description = description
        self.default = default
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, holder: None, owner: type) -> Self: ...

    @overload
    def __get__(self, holder: object, owner: type) -> T: ...

    def __get__(self, holder: object | None, owner: type) -> Self | T:
        if holder is None:
            return self
        made: dict[str, T] = vars(holder)["made"]
        if self.name not in made:
            with _making:
                if self.name not in made:
                    made[self.name] = self.make(self.default)
        return made[self.name]

    def __set__(self, holder: object, value: Never) -> None:
        raise AttributeError(f"a config does not change: {self.name}")

    @property
    def kind(self) -> Any:
        """Its type: a section's class, or a list of them with what must hold for all."""
        module, _, name = self.home.partition(":")
        return getattr(importlib.import_module(f"deployer.config.sections.{module}"), name)

    def make(self, value: object) -> T:
        """What `value`, as the file gives it, is. :raises Invalid: it is not as it must be."""
        return cast(T, None if value is None else reading.made(self.kind, value))
