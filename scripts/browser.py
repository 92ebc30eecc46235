"""A headless Chromium, steered over its DevTools pipe: no driver and no package is needed for that."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from types import TracebackType
from typing import Any, Self, cast

PATIENCE = 30.0
"""Seconds that a page may take to become what it is waited for to be."""


class BrowserError(Exception):
    """There is no Chromium, it ended, or the page did not do what was asked."""


class Browser:
    """One Chromium with a profile of its own, for as long as the `with` block lasts."""

    def __init__(self) -> None:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        if program is None:
            raise BrowserError("there is no chromium on this machine")
        self._folder = tempfile.TemporaryDirectory(prefix="pictures-", ignore_cleanup_errors=True)
        # Chromium reads commands from descriptor 3 and answers on 4; both ends start out above them.
        (their_in, self._out), (self._in, their_out) = _pipe(), _pipe()
        self._process = subprocess.Popen(
            [
                *("bash", "-c", f'exec "$@" 3<&{their_in} 4>&{their_out}', "bash", program),
                *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
                *("--no-first-run", "--disable-extensions", "--disable-background-networking"),
                *("--hide-scrollbars", "--font-render-hinting=none", "--remote-debugging-pipe"),
                f"--user-data-dir={self._folder.name}",
            ],
            pass_fds=(their_in, their_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(their_in)
        os.close(their_out)
        self._buffer = b""
        self._last = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._out)  # Chromium ends with its pipe
        os.close(self._in)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()

    def page(self, url: str, *, width: int, height: int, scale: float = 1.0) -> Page:
        """Open a page in a window of `width` by `height` CSS pixels; `scale` device pixels each."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = Page(self, session, width, height, scale)
        page.call("Page.navigate", {"url": url})
        page.wait("document.readyState === 'complete' && location.href !== 'about:blank'")
        return page

    def call(self, method: str, params: dict[str, Any], session: str | None = None) -> dict[str, Any]:
        """One command of the DevTools protocol; its result. :raises BrowserError: it was refused."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']['message']}")
                return cast(dict[str, Any], answer["result"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            chunk = os.read(self._in, 1 << 20)
            if not chunk:
                raise BrowserError("chromium ended")
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        return cast(dict[str, Any], json.loads(message))


class Page:
    """One page in the browser."""

    def __init__(self, browser: Browser, session: str, width: int, height: int, scale: float) -> None:
        self._browser = browser
        self._session = session
        self.width = width
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", size)

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """A DevTools command for this page."""
        return self._browser.call(method, params, self._session)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        found = self.call(
            "Runtime.evaluate", {"expression": script, "awaitPromise": True, "returnByValue": True}
        )
        if "exceptionDetails" in found:
            raise BrowserError(f"{script}: {found['exceptionDetails']}")
        return found["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        found = self.run(f"""new Promise((done) => {{
            const end = Date.now() + {PATIENCE * 1000};
            const look = () =>
                ({condition}) ? done(true) : Date.now() > end ? done(false) : setTimeout(look, 50);
            look();
        }})""")
        if not found:
            raise BrowserError(f"did not come true within {PATIENCE:.0f} s: {condition}")

    def picture(self, height: int | None = None) -> bytes:
        """A PNG of the page from its top; the whole page where no `height` (CSS pixels) is given."""
        height = height or self.run("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": self.width, "height": height, "scale": 1}
        answer = self.call(
            "Page.captureScreenshot", {"format": "png", "clip": clip, "captureBeyondViewport": True}
        )
        return base64.b64decode(answer["data"])


def _pipe() -> tuple[int, int]:
    """A pipe whose descriptors are above those that Chromium wants."""
    ends = os.pipe()
    reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return reading, writing
