"""A story as a message of Slack: what went wrong first, then what it was, then who, what, how long, where.

Text is Slack's mrkdwn, in which only &, < and > mean something that was not meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from deployer.config.units import humanize_size
from deployer.events import Event
from deployer.sinks.end import Run
from deployer.sinks.story import FAILED, RUNNING, STOPPED, SUCCEEDED, Story
from deployer.sinks.wanted import Wanted
from deployer.sinks.words import say, what

ICONS = {
    RUNNING: "hourglass_flowing_sand",
    SUCCEEDED: "white_check_mark",
    FAILED: "x",
    STOPPED: "octagonal_sign",
}
LEVEL_ICONS = {"info": "information_source", "warning": "warning", "error": "x"}
LONGEST = 2900
"""Characters of one block's text; Slack takes 3000."""
DETAILS = 10
"""Lines of evidence."""

Message = dict[str, Any]
"""`text`, which a notification shows, and `blocks`, which the channel shows."""


class Writer(Struct, frozen=True):
    """Writes messages about one run."""

    run: Run
    wanted: Wanted
    language: str = "en"

    def story(self, story: Story) -> Message:
        """The message that tells a whole command."""
        headline = self._headline(story)
        lines = [headline, *self._body(story)]
        return self._message(headline, lines, story)

    def news(self, events: Sequence[Event]) -> Message:
        """A message of events that each speak for themselves."""
        lines = [
            f":{LEVEL_ICONS[event.level]}: {self._safe(sentence)}"
            for event in events
            if (sentence := event.sentence().removeprefix("warning: "))
        ]
        head = f"*{self._safe(self.run.service)}*" + self._in_environment()
        return self._message(lines[0] if lines else head, [head, *lines], None)

    def _headline(self, story: Story) -> str:
        icon = ICONS[story.state]
        if story.state == SUCCEEDED and story.notes:
            icon = LEVEL_ICONS["error" if story.bad else "warning"]
        if story.state in (FAILED, STOPPED) and story.reason:
            return f":{icon}: *{self._safe(story.reason)}*"
        return f":{icon}: *{self._title(story)}*"

    def _title(self, story: Story) -> str:
        return say(self.language, story.state, what=self._safe(what(self.language, self.run)))

    def _body(self, story: Story) -> Iterator[str]:
        facts = []
        if story.state in (FAILED, STOPPED) and story.reason:
            facts.append(self._title(story))
        if story.rolled_back_to is not None:
            release = story.rolled_back_to or say(self.language, "nothing")
            facts.append(say(self.language, "rolled back", release=self._safe(release)))
        elif story.release:
            facts.append(say(self.language, "serves", release=self._safe(story.release)))
        if story.hosts:
            good = sum(story.hosts.values())
            facts.append(say(self.language, "hosts", good=good, all=len(story.hosts)))
        if story.freed:
            facts.append(say(self.language, "freed", size=humanize_size(story.freed)))
        if story.state == RUNNING and story.step:
            facts.append(self._safe(story.step))
        if facts:
            yield " · ".join(facts)
        if story.remedy and story.state == FAILED:
            yield f"→ {self._safe(story.remedy)}"
        yield from (f"• {self._safe(note.removeprefix('warning: '))}" for note in story.notes)
        if story.more:
            yield f"• {say(self.language, 'more', count=story.more)}"

    def _message(self, text: str, lines: Sequence[str], story: Story | None) -> Message:
        blocks: list[dict[str, Any]] = [_section("\n".join(lines))]
        if story and story.details and self.wanted.details:
            told = "\n".join(self._safe(line).replace("```", "'''") for line in story.details[-DETAILS:])
            blocks.append(_section(f"```\n{told[-(LONGEST - 10) :]}\n```"))
        context = " · ".join(self._context(story))
        if context:
            blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": _short(context)}]})
        return {"text": _short(text), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}

    def _context(self, story: Story | None) -> Iterator[str]:
        if self.run.who:
            yield self._safe(self.run.who)
        commit = (story.commit if story else "") or self.run.commit
        if commit:
            yield say(self.language, "commit", commit=self._safe(commit[:12]))
        if story and story.seconds is not None:
            yield duration(story.seconds)
        if self.run.link:
            words = "build page" if "/job/" in self.run.link else "details"
            link = self._safe(self.run.link).replace("|", "%7C")
            yield f"<{link}|{say(self.language, words)}>"

    def _in_environment(self) -> str:
        return f" ({self._safe(self.run.environment)})" if self.run.environment else ""

    def _safe(self, text: str) -> str:
        """On one line, without secrets, and meaning nothing to Slack."""
        clean = " ".join(self.wanted.mask.text(text).split())
        return clean.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def duration(seconds: float) -> str:
    """As a person says it: `42 s`, `3 min 5 s`."""
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": _short(text)}}


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
