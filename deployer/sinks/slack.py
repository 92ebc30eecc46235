"""Slack: a message for a command, kept up to date where Slack lets us.

A bot posts when the command begins and changes that message (chat.postMessage, chat.update). An incoming
webhook can only post: once at the end, and once at the start where `at_start` asks for it.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from deployer.errors import NotDelivered
from deployer.events import CommandStarted, Event, Pruned, RunSettled
from deployer.sinks.end import Happening, Run, Sending
from deployer.sinks.http import Answer, accepted, check_address, post
from deployer.sinks.memory import Memory
from deployer.sinks.slack_message import Message, Writer
from deployer.sinks.story import RUNNING, SUCCEEDED, Story
from deployer.sinks.wanted import Wanted, bare

PASSING = {"internal_error", "fatal_error", "ratelimited", "request_timeout", "service_unavailable"}
"""What the bot's API says of itself when another attempt may go better."""
GONE = {"message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"}
"""What it says of a message that cannot be changed any more: a new one is posted."""


class Line(Struct, frozen=True):
    """How Slack is reached."""

    timeout: float
    environ: Mapping[str, str]

    def post(self, url: str, message: Message, headers: Mapping[str, str]) -> Answer:
        data = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
        return post(url, data, headers, timeout=self.timeout, environ=self.environ)


class Teller(ABC):
    """What both ways have in common: the story, and when it is worth a message."""

    def __init__(self, wanted: Wanted, run: Run, writer: Writer, memory: Memory) -> None:
        self.wanted = wanted
        self._run = run
        self._writer = writer
        self._memory = memory
        self._story: Story | None = None
        self._owed = 0
        self._worth = False
        self._begins = False

    def prepare(self, batch: Sequence[Happening]) -> Sequence[Sending]:
        chosen = [happening.event for happening in batch if self.wanted.has(happening.event)]
        if not self._run.story:
            return self._news(self._writer.news(chosen), len(chosen)) if chosen else ()
        if self._story is None:
            self._story = Story.going_on(self._memory.recall(), self._run.command, batch[0].at)
        if self._is_known(self._story, batch):
            return ()
        for happening in batch:
            self._story.fold(happening.event, happening.at)
        self._owed += len(chosen)
        self._worth = self._worth or any(map(self._worthy, chosen))
        self._begins = any(isinstance(happening.event, CommandStarted) for happening in batch)
        return self._tell(self._story) if self._worth else ()

    def _news(self, message: Message, events: int) -> Sequence[Sending]:
        return (Sending(events, lambda: self._say(message)),)

    @abstractmethod
    def _say(self, message: Message) -> None:
        """Post what is news by itself. :raises NotDelivered: it was not taken."""

    @abstractmethod
    def _tell(self, story: Story) -> Sequence[Sending]:
        """What to send for the story as it now stands."""

    def _worthy(self, event: Event) -> bool:
        """Whether a person is to be told for the sake of this one."""
        inner = bare(event)
        return (
            not self._run.quiet or event.level != "info" or (isinstance(inner, Pruned) and inner.images > 0)
        )

    def _is_known(self, story: Story, batch: Sequence[Happening]) -> bool:
        """How a run of several processes ended is news only where none of them could say it."""
        for happening in batch:
            event = happening.event
            if not isinstance(event, RunSettled):
                return False
            if event.state != SUCCEEDED or self._is_open():
                return story.told
        return True

    def _is_open(self) -> bool:
        """Whether a message stands there that says that something is running."""
        return False

    def _settle(self) -> int:
        """The events that the next message is about."""
        events, self._owed = self._owed, 0
        return events


class SlackWebhook(Teller):
    """An incoming webhook: posts, and never changes what it has posted."""

    def __init__(
        self,
        wanted: Wanted,
        run: Run,
        writer: Writer,
        memory: Memory,
        line: Line,
        url: str,
        *,
        at_start: bool,
    ) -> None:
        super().__init__(wanted, run, writer, memory)
        check_address(url, "webhook")
        self._line = line
        self._url = url
        self._at_start = at_start

    def _tell(self, story: Story) -> Sequence[Sending]:
        starts = self._at_start and self._begins and story.state == RUNNING and not self._memory.recall()
        if story.state == RUNNING and not starts:
            self._memory.keep(story.as_dict())
            return ()
        story.told = story.told or story.state != RUNNING
        kept, message = story.as_dict(), self._writer.story(story)

        def send() -> None:
            self._say(message)
            self._memory.keep(kept)

        return (Sending(self._settle(), send, whole=True),)

    def _say(self, message: Message) -> None:
        answer = self._line.post(self._url, message, {})
        accepted(answer, _word(answer.body))


class SlackBot(Teller):
    """An app's bot: one message, changed as the command goes on."""

    def __init__(
        self,
        wanted: Wanted,
        run: Run,
        writer: Writer,
        memory: Memory,
        line: Line,
        api: str,
        token: str,
        channel: str,
    ) -> None:
        super().__init__(wanted, run, writer, memory)
        if not re.fullmatch(r"[!-~]+", token):
            raise NotDelivered("token is none: it has spaces, or is empty")
        self._line = line
        self._api = api.rstrip("/")
        self._token = token
        self._channel = channel
        kept = memory.recall()
        self._message_at: tuple[str, str] | None = (kept["channel"], kept["ts"]) if kept.get("ts") else None
        self._shown: Message | None = None

    def _say(self, message: Message) -> None:
        self._new(message)

    def _tell(self, story: Story) -> Sequence[Sending]:
        message = self._writer.story(story)
        if message == self._shown:
            return ()
        self._shown = message
        story.told = story.told or story.state != RUNNING
        kept = story.as_dict()

        def send() -> None:
            self._show(message)
            channel, at = self._message_at or ("", "")
            self._memory.keep({**kept, "channel": channel, "ts": at})

        return (Sending(self._settle(), send, whole=True),)

    def _is_open(self) -> bool:
        return self._message_at is not None

    def _show(self, message: Message) -> None:
        if self._message_at is not None:
            channel, at = self._message_at
            answer = self._ask("chat.update", {**message, "channel": channel, "ts": at}, GONE)
            if answer.get("ok"):
                return
        self._message_at = self._new(message)

    def _new(self, message: Message) -> tuple[str, str]:
        answer = self._ask("chat.postMessage", {**message, "channel": self._channel})
        return str(answer.get("channel") or self._channel), str(answer.get("ts") or "")

    def _ask(self, method: str, message: Message, forgiven: Sequence[str] | set[str] = ()) -> dict[str, Any]:
        """One call of the bot's API. :raises NotDelivered: it was refused, not as `forgiven` says."""
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = self._line.post(f"{self._api}/{method}", message, headers)
        accepted(answer)
        try:
            said = json.loads(answer.body)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise NotDelivered("cuts its answer off" if answer.cut else "answers what is no JSON", again=True)
        error = _word(str(said.get("error", "")).encode())
        if not said.get("ok") and error not in forgiven:
            raise NotDelivered(f"refuses: {error or 'without a reason'}", again=error in PASSING)
        return said


def _word(body: bytes) -> str:
    """An error as Slack says them, such as channel_not_found; nothing where it is anything else."""
    said = body.decode("ascii", "replace").strip()
    return said if re.fullmatch(r"[a-z_]{2,50}", said) else ""
