"""What a controller keeps, and what it does by itself: jobs, builds, the queue, who may ask.

The state behind `tests.support.jenkins_double`, which is how it is asked. Of Python's standard library alone,
since both stand in for the war in the controller's image.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import threading
import time
import xml.etree.ElementTree as ET
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLUGINS = {
    "flow-definition": "workflow-job@1590.v49101d088542",
    "definition": "workflow-cps@4370.v49a_6937566b_6",
    "scm": "git@5.10.1",
    "com.cloudbees.jenkins.GitHubPushTrigger": "github@1.47.0",
}
"""The attribute `plugin` that a controller writes into every job that it saves."""


NOTE = b"\x1b[8mha:////4FzXnqFJBGkrhCsG5LL1UbJ0rOyEfQ3YjmLhA2mJq3cKAAAAoh+LCAAAAAAAAP9tjTEOAiEQRT9r\x1b[0m"
"""A console note as it lies in the log; what is in it only a controller can read."""


def _parsed(text: str) -> ET.Element:
    # A controller writes XML 1.1, which Python's parser does not take; what it writes is 1.0 too.
    return ET.fromstring(re.sub(r"^<\?xml[^>]*\?>", "", text.lstrip()))  # noqa: S314  (our own)


@dataclass
class Build:
    """A build; its script writes into it and returns its result."""

    job: str
    number: int
    url: str
    queue_id: int
    parameters: dict[str, str]
    result: str | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    executing: bool = True
    began: float = field(default_factory=time.time)
    log: bytearray = field(default_factory=bytearray)
    padding: int = 0
    """Bytes of a console that is too long to keep: lines of 100 bytes, before what the script says."""

    def say(self, *lines: str) -> None:
        for line in lines:
            # At once: a line that is there is there with its note.
            self.log += NOTE * line.startswith("[Pipeline]") + line.encode() + b"\n"

    @property
    def size(self) -> int:
        return self.padding + len(self.log)

    @property
    def whole(self) -> int:
        """Bytes up to the end of the last line that has one."""
        log = bytes(self.log)
        return self.padding + max(log.rfind(b"\n"), log.rfind(b"\r")) + 1

    def read(self, start: int, end: int) -> Iterator[bytes]:
        """What lies in the log between two bytes of it."""
        line = b"x" * 99 + b"\n"
        while start < min(self.padding, end):
            piece = (line * 656)[start % 100 :][: min(65_536, self.padding - start, end - start)]
            yield piece
            start += len(piece)
        if start < end:
            yield bytes(self.log[start - self.padding : end - self.padding])

    def described(self) -> dict[str, Any]:
        return {
            "_class": "org.jenkinsci.plugins.workflow.job.WorkflowRun",
            "number": self.number,
            "url": self.url,
            "building": self.result is None,
            "result": self.result,
            "queueId": self.queue_id,
            "timestamp": int(self.began * 1000),
            "duration": 0 if self.result is None else 1234,
            "fullDisplayName": f"{self.job} #{self.number}",
        }


@dataclass
class Item:
    """A place in the queue; it becomes a build, or is cancelled."""

    number: int
    job: str
    parameters: dict[str, str]
    since: float = field(default_factory=time.time)
    cancelled: bool = False
    build: Build | None = None
    forgotten: bool = False

    @property
    def waits(self) -> bool:
        return self.build is None and not self.cancelled


@dataclass
class Job:
    """A job as the controller keeps it."""

    config: str
    builds: list[Build] = field(default_factory=list)

    @property
    def tree(self) -> ET.Element:
        return _parsed(self.config)

    def text(self, path: str) -> str:
        return self.tree.findtext(path) or ""

    @property
    def parameters(self) -> dict[str, str]:
        found = {}
        for entry in self.tree.iterfind(".//parameterDefinitions/*"):
            default = entry.findtext("defaultValue") or entry.findtext(".//string") or ""
            found[entry.findtext("name") or ""] = default
        return found


class JenkinsState(ABC):
    """A controller's jobs, builds, queue and users, and what is set up for a test.

    :param home: where jobs outlive the process.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.user, self.password, self.token = "admin", "correct horse", "11" + secrets.token_hex(16)
        self.readers: dict[str, str] = {"reader": "reads only"}
        self.executors = 1
        self.offline: str | None = None
        self.why_waiting: str | None = None
        """What the queue says instead of its own words."""
        self.monitors: dict[str, Any] = {}
        self.webhook_secret: str | None = None
        self.script: Callable[[Build], str] = lambda _: "SUCCESS"
        self.lock = threading.RLock()
        self.jobs: dict[str, Job] = {}
        self.items: dict[int, Item] = {}
        self.session = secrets.token_hex(4)
        self._sessions: set[str] = set()
        self._home = home
        self._load()

    @property
    @abstractmethod
    def url(self) -> str:
        """Under which its builds are found: the protocol's to say."""

    def forget_sessions(self) -> None:
        """As a process does that is started anew."""
        self.session, self._sessions = secrets.token_hex(4), set()

    # -- who asks ------------------------------------------------------------------------------------

    def known(self, user: str, secret: str) -> bool:
        return (user == self.user and secret in (self.password, self.token)) or self.readers.get(
            user
        ) == secret

    def new_session(self) -> str:
        session = secrets.token_hex(8)
        self._sessions.add(session)
        return session

    def crumb(self, user: str, session: str) -> str:
        return hashlib.sha256(f"{user} {session} {self.session}".encode()).hexdigest()

    def valid_crumb(self, user: str, session: str, crumb: str) -> bool:
        return session in self._sessions and hmac.compare_digest(crumb, self.crumb(user, session))

    # -- jobs ----------------------------------------------------------------------------------------

    def save(self, name: str, config: str) -> None:
        """Keep a job as a controller does: read into objects, and written anew with what they add."""
        root = _parsed(config)
        for element in root.iter():
            if element.tag in PLUGINS and "plugin" not in element.attrib:
                element.set("plugin", PLUGINS[element.tag])
        if root.find("actions") is None:
            root.insert(0, ET.Element("actions"))
        if root.find("keepDependencies") is None:
            ET.SubElement(root, "keepDependencies").text = "false"
        ET.indent(root)
        text = "<?xml version='1.1' encoding='UTF-8'?>\n" + ET.tostring(root, encoding="unicode")
        with self.lock:
            if name in self.jobs:
                self.jobs[name].config = text
            else:
                self.jobs[name] = Job(text)
        if self._home:
            folder = self._home / "jobs" / name
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "config.xml").write_text(text, encoding="utf-8")

    def _load(self) -> None:
        if self._home:
            for path in sorted((self._home / "jobs").glob("*/config.xml")):
                self.jobs[path.parent.name] = Job(path.read_text(encoding="utf-8"))

    def remove(self, name: str) -> None:
        with self.lock:
            del self.jobs[name]
        if self._home:
            (self._home / "jobs" / name / "config.xml").unlink()

    # -- queue and builds ----------------------------------------------------------------------------

    def enqueue(self, job: str, parameters: dict[str, str]) -> tuple[Item, bool]:
        """Its item, and whether it is a new one."""
        with self.lock:
            for item in self.items.values():
                if item.waits and (item.job, item.parameters) == (job, parameters):
                    return item, False
            item = Item(len(self.items) + 1, job, parameters)
            self.items[item.number] = item
            self.dispatch()
            return item, True

    def running(self) -> list[Build]:
        return [b for job in self.jobs.values() for b in job.builds if b.result is None]

    def why(self, item: Item) -> str:
        if self.why_waiting is not None:
            return self.why_waiting
        if self.offline is not None:
            return "‘Jenkins’ is offline"
        ours = [build for build in self.running() if build.job == item.job]
        if ours and "DisableConcurrentBuilds" in self.jobs[item.job].config:
            return f"Build #{ours[-1].number} is already in progress (ETA: N/A)"
        return "Waiting for next available executor"

    def dispatch(self) -> None:
        """Give free executors to what waits."""
        with self.lock:
            for item in self.items.values():
                if not item.waits or self.offline is not None:
                    continue
                busy = [build for build in self.running() if build.executing]
                if len(busy) >= self.executors or "already in progress" in self.why(item):
                    continue
                job = self.jobs[item.job]
                number = len(job.builds) + 1
                url = f"{self.url}/job/{item.job}/{number}/"
                item.build = Build(item.job, number, url, item.number, {**job.parameters, **item.parameters})
                job.builds.append(item.build)
                threading.Thread(target=self._run, args=(item.build,), daemon=True).start()

    def _run(self, build: Build) -> None:
        result = self.script(build)
        if build.stopped.is_set():
            build.say("Aborted by admin")
            result = "ABORTED"
        build.say(f"Finished: {result}")
        build.result = result
        self.dispatch()

    # -- webhook -------------------------------------------------------------------------------------

    def deliver(self, event: str, body: bytes, signature: str) -> int:
        """The status that a delivery of GitHub gets; a push starts the jobs of its repository."""
        if self.webhook_secret is not None:
            expected = hmac.new(self.webhook_secret.encode(), body, "sha256").hexdigest()
            if not hmac.compare_digest(signature, f"sha256={expected}"):
                return 400
        if event == "push":
            repository = json.loads(body)["repository"]["clone_url"]
            for name, job in list(self.jobs.items()):
                if "GitHubPushTrigger" in job.config and repository in job.config:
                    self.enqueue(name, {})
        return 200
