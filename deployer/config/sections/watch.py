"""What is told of hosts and service while nobody deploys."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from deployer.config.model import Section
from deployer.config.sections.kinds import Duration, WatchedUrl, Word

Free = Annotated[float, Meta(ge=0, le=1)]


class Watch(Section, frozen=True, kw_only=True):
    """What `deployer watch` tells, and when."""

    every: Annotated[
        Annotated[Duration, Meta(ge=10)],
        Meta(description="Time between two looks of the timer that `watch --install` makes."),
    ] = 60.0
    looks: Annotated[
        Annotated[int, Meta(ge=1)],
        Meta(
            description="Looks in a row that must see the same before a change is told. What is counted "
            "from one look to the next (restarts, kills for memory, 5xx) is told at once.",
            extra={"unit": "looks"},
        ),
    ] = 2
    quiet: Annotated[
        Duration,
        Meta(
            description="Time without another one after which what is counted, or what comes and goes, is "
            "told to be well again."
        ),
    ] = 900.0
    remind: Annotated[
        Duration, Meta(description="Time after which what is still bad is told again; 0 for never.")
    ] = 0.0
    memory_free: Annotated[
        Free,
        Meta(
            description="Share of memory that should be available; also for `doctor`. Half of it is an "
            "error.",
            extra={"unit": "share, 0 to 1"},
        ),
    ] = 0.1
    swap_free: Annotated[
        Free,
        Meta(
            description="Share of swap that should be free; also for `doctor`.",
            extra={"unit": "share, 0 to 1"},
        ),
    ] = 0.2
    disk_free: Annotated[
        Free,
        Meta(
            description="Share of each disk that should be free; also for `doctor`. A third of it is an "
            "error.",
            extra={"unit": "share, 0 to 1"},
        ),
    ] = 0.1
    max_errors: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description="5xx answers between two looks that are forgiven, however large their share.",
            extra={"unit": "answers"},
        ),
    ] = 5
    max_error_rate: Annotated[
        Free,
        Meta(
            description="Share of 5xx answers between two looks, beyond `max_errors`, that is told.",
            extra={"unit": "share, 0 to 1"},
        ),
    ] = 0.05
    urls: Annotated[
        list[WatchedUrl],
        Meta(
            description="Addresses that must answer 2xx or 3xx, asked from where `watch` runs: as visitors "
            "do.",
            examples=[["https://shop.example.org/", "https://shop.example.org/api/health"]],
        ),
    ] = []
    ignore: Annotated[
        list[Word],
        Meta(
            description="Patterns (`*`, `?`) of what is not told: WHAT, or WHAT and its subject; "
            "docs/watch.md.",
            examples=[["swap", "restarts jenkins*"]],
        ),
    ] = []
    state: Annotated[
        Path | None,
        Meta(
            description="Folder for what was told already, relative to the config's; else one of who looks: "
            "docs/watch.md.",
            examples=["/var/lib/deployer"],
        ),
    ] = None
