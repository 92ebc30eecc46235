"""A headless Chromium, steered over its DevTools pipe: no driver and no package is needed for that."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

PATIENCE = 30.0
"""Seconds that a page may take to become what it is waited for to be."""


REPLACED = ("navigated or closed", "context was destroyed", "Cannot find context", "Promise was collected")
"""What the browser says where a document was replaced while something was asked of it."""


class BrowserError(Exception):
    """There is no Chromium, it ended, or the page did not do what was asked."""


class Browser:
    """One Chromium with a profile of its own, for as long as the `with` block lasts.

    :param options: further options of its command line.
    """

    def __init__(self, *options: str) -> None:
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
                *("--disable-component-update", "--disable-sync", "--no-default-browser-check"),
                f"--user-data-dir={self._folder.name}",
                *options,
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
        self._pages: dict[str, Page] = {}

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

    def page(self, url: str, *, width: int, height: int, scale: float = 1.0, apart: bool = False) -> Page:
        """Open a page in a window of `width` by `height` CSS pixels; `scale` device pixels each.

        :param apart: as if in a browser of its own: it shares no storage with the other pages.
        """
        context = {"browserContextId": self._context()} if apart else {}
        target = self.call("Target.createTarget", {"url": "about:blank", **context})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session, width, height, scale)
        page.call("Runtime.enable", {})
        page.call("Log.enable", {})
        page.go(url)
        return page

    def _context(self) -> str:
        return str(self.call("Target.createBrowserContext", {"disposeOnDetach": True})["browserContextId"])

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
            if "sessionId" in answer and answer["sessionId"] in self._pages:
                self._pages[answer["sessionId"]].hear(answer["method"], answer["params"])

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
        self.complaints: list[str] = []
        """Errors that the page's scripts did not catch, and what the browser forbade or could not load."""
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
        """Wait until a JavaScript expression is true, in this document or one that takes its place."""
        end = time.time() + PATIENCE
        script = f"""new Promise((done) => {{
            const look = () =>
                ({condition}) ? done(true) : Date.now() > {end * 1000} ? done(false) : setTimeout(look, 50);
            look();
        }})"""
        found = None
        while found is None:
            try:
                found = self.run(script)
            except BrowserError as error:
                if time.time() > end or not any(sign in str(error) for sign in REPLACED):
                    raise
        if not found:
            raise BrowserError(f"did not come true within {PATIENCE:.0f} s: {condition}")

    def go(self, url: str) -> None:
        """Open another address, or the same one anew."""
        self.run("window.before = true")
        answer = self.call("Page.navigate", {"url": url})
        if "loaderId" in answer:  # else only the hash is another one
            self.wait("!window.before && document.readyState === 'complete'")

    def reload(self) -> None:
        """Load the page anew."""
        self.run("window.before = true")
        self.call("Page.reload", {})
        self.wait("!window.before && document.readyState === 'complete'")

    def close(self) -> None:
        """Close it: what its scripts have begun ends."""
        target = self.call("Target.getTargetInfo", {})["targetInfo"]["targetId"]
        self._browser.call("Target.closeTarget", {"targetId": target})

    def prefer(self, **features: str) -> None:
        """What the person prefers, by the names of media features: `prefers_color_scheme="dark"`."""
        chosen = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", {"features": chosen})

    # -- as a person does it: with the mouse and the keyboard, on what can be seen --------

    def click(self, selector: str, text: str = "") -> None:
        """Click on the middle of an element, once it is there and holds still.

        :param text: of those that match, the first that says (or is labelled) just this.
        """
        at = self._middle(_element(selector, text))
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", {"type": kind, "button": "left", "clickCount": 1, **at})

    def type(self, selector: str, text: str) -> None:
        """Click into a field and type a text, in place of what is there."""
        self.click(selector)
        # In one go: a page that has just come may put the focus or the caret elsewhere in between.
        self.run(
            f"""(() => {{
                const field = document.querySelector({selector!r});
                field.focus();
                field.select();
                document.execCommand("insertText", false, {json.dumps(text)});
            }})()"""
        )

    def press(self, key: str, *, code: int = 0, control: bool = False, shift: bool = False) -> None:
        """Press a key by its name: `Tab`, `Enter`, `ArrowRight`.

        :param code: its virtual key code, where the browser itself is to act on it.
        """
        code = code or {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32}.get(key, 0)
        text = {"text": "\r"} if key == "Enter" else {"text": " "} if key == " " else {}
        more = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 2 * control + 8 * shift}
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", **more, **text})
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", **more})

    def pick(self, selector: str, *files: Path) -> None:
        """Choose files in a file input."""
        self.wait(f"document.querySelector({selector!r})")
        found = self.call("Runtime.evaluate", {"expression": f"document.querySelector({selector!r})"})
        chosen = {"objectId": found["result"]["objectId"], "files": [str(file) for file in files]}
        self.call("DOM.setFileInputFiles", chosen)

    def drop(self, selector: str, *files: Path) -> None:
        """Drag files from the desktop over an element, and let go."""
        dragged = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
        at = self._middle(_element(selector))
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", {"type": kind, **at, "data": dragged})

    def text(self, selector: str) -> str:
        """What an element says; empty where there is none."""
        return str(self.run(f"document.querySelector({selector!r})?.innerText ?? ''"))

    def texts(self, selector: str) -> Sequence[str]:
        """What elements say."""
        return cast(
            list[str], self.run(f"[...document.querySelectorAll({selector!r})].map((each) => each.innerText)")
        )

    def _middle(self, element: str) -> dict[str, float]:
        """Where to click on an element: once it is there, in sight, holds still, and nothing covers it."""
        script = f"""new Promise((done) => {{
            const end = Date.now() + {PATIENCE * 1000};
            let before = "";
            const look = () => {{
                const element = {element};
                element?.scrollIntoView({{block: "center", behavior: "instant"}});
                const box = element?.getBoundingClientRect();
                const place = box && box.width ? [box.left + box.width / 2, box.top + box.height / 2] : null;
                const hit = place && document.elementFromPoint(...place);
                const ready = hit && (element.contains(hit) || hit.contains(element)) && !element.disabled;
                if (ready && String(place) === before) done(place);
                else if (Date.now() > end) done(null);
                else {{ before = String(place); setTimeout(look, 30); }}
            }};
            look();
        }})"""
        place = self.run(script)
        if not place:
            raise BrowserError(f"nothing to click on within {PATIENCE:.0f} s: {element}")
        return {"x": place[0], "y": place[1]}

    def hear(self, method: str, params: dict[str, Any]) -> None:
        """Take note of what the browser tells of the page."""
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}".strip())
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "assert"}:
            said = (str(each.get("value", each.get("description", ""))) for each in params["args"])
            self.complaints.append(" ".join(said))

    def picture(self, height: int | None = None) -> bytes:
        """A PNG of the page from its top; the whole page where no `height` (CSS pixels) is given."""
        height = height or self.run("document.documentElement.scrollHeight")
        clip = {"x": 0, "y": 0, "width": self.width, "height": height, "scale": 1}
        answer = self.call(
            "Page.captureScreenshot", {"format": "png", "clip": clip, "captureBeyondViewport": True}
        )
        return base64.b64decode(answer["data"])


def _element(selector: str, text: str = "") -> str:
    """JavaScript for an element."""
    if not text:
        return f"document.querySelector({selector!r})"
    return (
        f"[...document.querySelectorAll({selector!r})]"
        f".find((each) => (each.ariaLabel || each.innerText).trim() === {text!r})"
    )


def _pipe() -> tuple[int, int]:
    """A pipe whose descriptors are above those that Chromium wants."""
    ends = os.pipe()
    reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return reading, writing
