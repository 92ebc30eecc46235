"""Somebody who uses the front end: with mouse and keyboard, on what is written on the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scripts.browser import Page

ALLOWED = {"minor", "moderate"}
"""Faults of accessibility that do not keep anybody from using the page: none is known, all are reported."""


class Visitor:
    """A visitor on one page; `page` is for what is not said here."""

    def __init__(self, page: Page, axe: str) -> None:
        self.page = page
        self._axe = axe

    # -- what is done ------------------------------------------------------------

    def speak(self, language: str) -> None:
        """Choose the language of the page."""
        self.page.click(f".top [lang={language}]")
        self.page.wait(f"document.documentElement.lang === {language!r}")
        self.page.wait("document.querySelector('main form, main section')")

    def click(self, text: str) -> None:
        """Click on what says just this."""
        self.page.click("button, a, summary, label", text)

    def fill_in(self, *, role: str, resume: str | Path, drop: bool = False, questions: int = 1) -> None:
        """Fill in the form, with a text that is pasted, or a file that is picked or dropped."""
        if isinstance(resume, str):
            self.page.click("[role=tab][id$='text-tab']")
            self.page.type("main textarea", resume)
        elif drop:
            self.page.drop(".drop", resume)
        else:
            self.page.pick("input[type=file]", resume)
        self.page.type("input[autocomplete='organization-title']", role)
        self.page.click("details.more > summary")
        self.choose("select[id$='questions']", questions)
        self.page.click(".consent input")

    def choose(self, selector: str, value: object) -> None:
        """Choose from a list, as its keyboard does: the list itself is the system's, and out of reach."""
        chosen = self.page.run(f"""(() => {{
            const list = document.querySelector({selector!r});
            list.value = {str(value)!r};
            list.dispatchEvent(new Event("change", {{bubbles: true}}));
            return list.value;
        }})()""")
        assert chosen == str(value)

    def hand_in(self) -> None:
        """Send the form and wait for the first question."""
        self.page.click("main form .primary")
        self.page.wait("document.querySelector('.turn')")

    def answer(self, text: str) -> None:
        """Answer the first question that is open, and wait for the feedback."""
        judged = self.count(".judgements")
        self.page.type(".turn textarea", text)
        self.page.click(".turn .primary")
        self.page.wait(
            f"document.querySelectorAll('.judgements').length > {judged} && !document.querySelector('.state')"
        )

    def tab_to(self, name: str, most: int = 30) -> None:
        """Go on with the keyboard until something of this name, or id, has the focus."""
        for _ in range(most):
            self.page.press("Tab")
            if self.focused() == name or self.focused().endswith(f"-{name}"):
                return
        raise AssertionError(f"{name!r} is not reached with the keyboard")

    def remove(self) -> None:
        """Delete the interview that is shown."""
        self.page.click(".side .delete")
        self.page.click("dialog .danger")
        self.page.wait("location.hash === '#/interviews'")

    def saves_to(self, folder: Path) -> None:
        """Where this browser puts what it downloads."""
        self.page.call("Page.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(folder)})

    # -- what is seen ------------------------------------------------------------

    def sees(self, text: str) -> None:
        """Wait until the page says this somewhere."""
        self.page.wait(f"document.body?.innerText.includes({text!r})")

    def hears(self, text: str) -> None:
        """Wait until a screen reader is told this."""
        self.page.wait(f"document.querySelector('[role=status]').textContent.includes({text!r})")

    def text(self, selector: str) -> str:
        return self.page.text(selector)

    def count(self, selector: str) -> int:
        return int(self.page.run(f"document.querySelectorAll({selector!r}).length"))

    def focused(self) -> str:
        """What has the focus: its id, label or text."""
        return str(
            self.page.run(
                "((on) => on.id || on.ariaLabel || on.innerText || on.tagName)(document.activeElement)"
            )
        )

    def kept(self) -> list[dict[str, Any]]:
        """The interviews that the browser keeps."""
        found: list[dict[str, Any]] = json.loads(
            self.page.run("localStorage.getItem('preview.interviews') ?? '[]'")
        )
        return found

    def look(self) -> None:
        """See to it that this view can be used: in light and dark, without faults that axe finds serious.

        Nor is it wider than the window.
        """
        assert self.page.run("document.documentElement.scrollWidth <= innerWidth")
        if not self.page.run("'axe' in window"):  # once for each document
            self.page.run(f"{self._axe}; 0")
        # The other theme has other colours, and nothing else that is other.
        for theme, rules in (("dark", "['color-contrast']"), ("light", "null")):
            self.page.prefer(prefers_reduced_motion="reduce", prefers_color_scheme=theme)
            found = self.page.run(
                f"axe.run({{resultTypes: ['violations'], runOnly: {rules} ?? undefined}})"
                ".then(({violations}) => violations.map(({id, impact, nodes}) => ({id, impact,"
                " where: nodes.map((node) => `${node.target} ${node.failureSummary}`)})))"
            )
            assert [each for each in found if each["impact"] not in ALLOWED] == [], theme
