"""The engine's messages as events."""

from __future__ import annotations

from deployer.command import TAIL
from deployer.events import BuildProgress, Event, PhaseProgress, ignore
from deployer.image.progress import Transcript, Transfer


def test_output_is_told_line_by_line_however_it_comes() -> None:
    events: list[Event] = []
    transcript = Transcript(events.append, "shop:1")
    for piece in (
        "Step 1/2 : FROM a\n",
        " ---> 0123456789ab\n",
        " ---> \n",
        "Step 2/2 : RUN x\n",
        "he",
        "llo\nwor",
        "ld\n",
        "10%\r20%\r\n",
        "\x1b[91moops\n\x1b[0mdone\n",
    ):
        transcript.add({"stream": piece})
    assert [event.text for event in events if isinstance(event, BuildProgress)] == [
        "Step 1/2 : FROM a",
        "Step 2/2 : RUN x",
        "hello",
        "world",
        "20%",
        "oops",
        "done",
    ]


def test_the_tail_is_of_the_last_step_alone() -> None:
    transcript = Transcript(ignore, "shop:1")
    transcript.add({"stream": "Step 1/2 : RUN y\nold\n"})
    transcript.add({"stream": "Step 2/2 : RUN x\n" + "".join(f"{number}\n" for number in range(100)) + "cut"})
    transcript.add({"error": "short", "errorDetail": {"code": 1, "message": "long\n"}})
    assert transcript.step == "Step 2/2 : RUN x"
    assert transcript.error == "long"
    assert list(transcript.tail) == [*(str(number) for number in range(101 - TAIL, 100)), "cut"]


def test_a_pull_shows_its_sum_now_and_then_and_its_ends_as_lines() -> None:
    events: list[Event] = []
    transcript = Transcript(events.append, "shop:1")
    transcript.add({"status": "Pulling from shop", "id": "1"})
    for done in range(0, 100_000_000, 100_000):
        for layer in ("a", "b"):
            transcript.add(
                {
                    "status": "Downloading",
                    "id": layer,
                    "progressDetail": {"current": done, "total": 100_000_000},
                }
            )
    transcript.add({"status": "Pull complete", "id": "a", "progressDetail": {}})
    lines = [event.text for event in events if isinstance(event, BuildProgress)]
    shown = [event.text for event in events if isinstance(event, PhaseProgress)]
    assert lines == ["Pulling from shop"]
    assert shown[-1].endswith("of 200 MB")
    assert len(shown) < 50


def test_small_transfers_are_not_worth_a_word() -> None:
    events: list[Event] = []
    transfer = Transfer(events.append, "sending", 1000)
    transfer.at(1000)
    assert events == []
