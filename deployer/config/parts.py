"""The sections of the file, each made when the file has it or when somebody asks for it."""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
from collections.abc import Iterator
from typing import Any, Generic, Never, Self, TypeVar, cast, overload

PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
REQUIRED = object()
"""In place of a default: the file must have the section."""
T = TypeVar("T")
_making = threading.RLock()
"""Hosts are worked on in threads, and the environment is everybody's."""


class Part(Generic[T]):
    """A section, as an attribute of the class that holds them all.

    What a command does not need is not imported, and pydantic does not work it out: all sections take three
    times as long as the two or three that most files have.

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
        """What `value`, as the file gives it, is. :raises ValidationError: it is not as it must be."""
        if value is None:
            return cast(T, None)
        with _making, _no_plugins():
            kind = self.kind
            validate = getattr(kind, "model_validate", None)
            if validate is None:  # a list
                from pydantic import TypeAdapter

                validate = TypeAdapter(kind).validate_python
            made: T = validate(value)
            return made


@contextlib.contextmanager
def _no_plugins() -> Iterator[None]:
    """Within: pydantic does not look through every installed package for plugins, which takes 20 ms."""
    before = os.environ.get(PLUGINS)
    os.environ[PLUGINS] = "__all__"
    try:
        yield
    finally:
        # The commands that a pipeline runs are to see what the person set, and nothing else.
        if before is None:
            del os.environ[PLUGINS]
        else:
            os.environ[PLUGINS] = before
