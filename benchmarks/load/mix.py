"""Which clients send requests, how many of them, how fast, and to which paths."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mix:
    """Numbers of clients of each kind; 0 leaves a kind out.

    `rate` is in requests a second, shared by keepalive, oneshot and post clients in proportion to their
    numbers; 0 is as fast as the answers come. The other kinds have a pace of their own: the next request
    follows the answer. A client that is behind does not catch up: it has one request in flight at most.
    """

    keepalive: int = 8  # GET over a connection that stays open
    oneshot: int = 4  # GET over a connection of its own, `Connection: close`
    post: int = 4  # POST of a unique id; every other client over a connection that stays open
    pausing: int = 3  # GET over a connection that stays open, with `pause` seconds in between
    slow: int = 4  # a request that takes long
    stream: int = 4  # server-sent events, complete with `event: done`
    upload: int = 2  # a body that takes `upload_seconds` to send
    rate: float = 400.0
    pause: float = 2.0
    upload_bytes: int = 256 * 1024
    upload_seconds: float = 2.0
    get_paths: tuple[str, ...] = ("/", "/api/anything")
    post_path: str = "/orders"
    orders_path: str | None = "/orders"  # answers the ids recorded; None where the service cannot tell
    slow_path: str = "/slow?s=3"
    stream_path: str = "/stream?s=6"
    upload_path: str = "/upload"


LIGHT = Mix(keepalive=2, oneshot=2, post=2, pausing=1, slow=1, stream=1, upload=1, rate=60.0)
MODERATE = Mix()
HEAVY = Mix(keepalive=24, oneshot=8, post=8, pausing=6, slow=8, stream=8, upload=4, rate=1200.0)
PRESETS = {"light": LIGHT, "moderate": MODERATE, "heavy": HEAVY}
