"""Something slow that the engine does by itself, while its caller goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor


@contextlib.contextmanager
def meanwhile(task: Callable[[], None]) -> Iterator[None]:
    """Do `task` in a thread; it has ended when the block has, however that ends.

    :raises Exception: what the block raises, else what the task does.
    """
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(task)
        yield
        done.result()
