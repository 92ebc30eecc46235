"""What a message in Slack says, and in which order."""

from __future__ import annotations

from deployer.events import (
    CommandFailed,
    CommandFinished,
    DoctorFound,
    Event,
    HostFailed,
    HostFinished,
    OnHost,
    Pruned,
    RolledBack,
    Switched,
    Warned,
)
from deployer.sinks.end import Run
from deployer.sinks.mask import Mask
from deployer.sinks.slack_message import LONGEST, Writer, duration
from deployer.sinks.story import Story
from deployer.sinks.wanted import Wanted
from deployer.sinks.words import WORDS

RUN = Run("7", "rollout", "shop", "production", "minji", "f" * 40, "https://ci/job/shop/7/")


def lines(*events: Event, run: Run = RUN, language: str = "en", wanted: Wanted | None = None) -> list[str]:
    story = Story(run.command, 0.0)
    for event in events:
        story.fold(event, 72.0)
    message = Writer(run, wanted or Wanted(), language).story(story)
    for block in message["blocks"]:
        texts = [block["text"]] if "text" in block else block["elements"]
        assert all(len(text["text"]) <= 3000 for text in texts), "more than Slack takes"
    return [
        line
        for block in message["blocks"]
        for line in (block["text"]["text"] if "text" in block else block["elements"][0]["text"]).split("\n")
    ]


def test_a_good_rollout() -> None:
    assert lines(Switched("r2", "green", "a" * 40), CommandFinished("rollout", 72.0)) == [
        ":white_check_mark: *rollout of shop (production) is done*",
        "r2 serves",
        "minji · commit `aaaaaaaaaaaa` · 1 min 12 s · <https://ci/job/shop/7/|build>",
    ]


def test_a_bad_one_begins_with_its_reason() -> None:
    failed = CommandFailed(
        "rollout", 9.0, 8, "ReleaseFailed", "r2 <died> & gone; r1 serves", "look at its log"
    )
    assert lines(Switched("r2", "green"), RolledBack("r1", "died"), failed) == [
        ":x: *r2 &lt;died&gt; &amp; gone; r1 serves*",
        "rollout of shop (production) failed · rolled back, r1 serves",
        "→ look at its log",
        "minji · commit `ffffffffffff` · 1 min 12 s · <https://ci/job/shop/7/|build>",
    ]


def test_in_korean() -> None:
    failed = CommandFailed("rollout", 9.0, 8, "ReleaseFailed", "r2 died")
    assert lines(RolledBack("r1", "died"), failed, language="ko")[:2] == [
        ":x: *r2 died*",
        "shop (production) 배포 실패 · 되돌림, r1 서비스 중",
    ]


def test_an_interrupt_is_no_failure() -> None:
    stopped = CommandFailed("rollout", 9.0, 143, "Interrupted", "terminated")
    assert lines(stopped)[:2] == [
        ":octagonal_sign: *terminated*",
        "rollout of shop (production) was stopped",
    ]


def test_several_hosts_are_counted_and_those_in_trouble_named() -> None:
    told = lines(
        OnHost("web1", Switched("r2", "green")),
        OnHost("web1", HostFinished("serves r2", 3.0)),
        OnHost("web2", HostFailed("unreachable", 3.0)),
        CommandFailed("rollout", 9.0, 14, "FleetFailed", "1 of 2 hosts failed"),
    )
    assert told[1:3] == [
        "rollout of shop (production) failed · r2 serves · 1 of 2 hosts",
        "• web2: failed: unreachable",
    ]


def test_findings_and_warnings_are_listed_up_to_a_point() -> None:
    found = [DoctorFound("host", "disk", "warning", f"disk {number} is full") for number in range(11)]
    told = lines(*found, CommandFinished("doctor", 1.0, 31), run=Run("1", "doctor", "shop"))
    assert told[0] == ":warning: *doctor of shop is done*"
    assert (told[1], told[8], told[9]) == (
        "• host disk: disk 0 is full",
        "• host disk: disk 7 is full",
        "• and 3 more",
    )
    assert "• the disk is full" in lines(Warned("the disk is full"))


def test_a_prune_says_what_it_has_freed() -> None:
    told = lines(Pruned(3, 300 * 1024**2), CommandFinished("prune", 1.0), run=Run("1", "prune", "shop"))
    assert told[1] == "300 MB freed"


def test_lines_of_logs_are_a_block_where_asked_for_and_masked() -> None:
    details = tuple(f"line {number} ``` of hunter2hunter2" for number in range(30))
    failed = CommandFailed("rollout", 9.0, 8, "ReleaseFailed", "bad: hunter2hunter2", details=details)
    assert not any("line" in line for line in lines(failed))
    told = lines(failed, wanted=Wanted(details=True, mask=Mask(["hunter2hunter2"])))
    assert told[0] == ":x: *bad: ****" + "*"
    block = told[told.index("```") :]
    assert block[1] == "line 20 ''' of ****"
    assert block[11] == "```"


def test_nothing_is_longer_than_slack_takes() -> None:
    failed = CommandFailed("rollout", 9.0, 8, "ReleaseFailed", "x" * 9000, details=("y" * 9000,))
    assert len(lines(failed, wanted=Wanted(details=True))[0]) == LONGEST


def test_durations_as_people_say_them() -> None:
    assert [duration(seconds) for seconds in (0.2, 42.4, 60, 3725)] == [
        "0 s",
        "42 s",
        "1 min 0 s",
        "62 min 5 s",
    ]


def test_both_languages_say_the_same() -> None:
    names = {name for name in WORDS["ko"] if name not in WORDS["en"]}
    assert WORDS["en"].keys() <= WORDS["ko"].keys()
    assert names == {
        *("rollout", "rollback", "recover", "adopt", "build", "prune", "doctor"),
        *("edge upgrade", "edge maintenance", "site deploy", "site rollback", "site prune"),
        *("pipelines backend", "pipelines frontend"),
    }
