"""What is told of hosts and service while nobody deploys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from deployer.config.sections.kinds import Duration, Section, WatchedUrl, Word

Free = Annotated[float, Field(ge=0, le=1)]


class Watch(Section):
    """What `deployer watch` tells, and when."""

    every: Annotated[Duration, Field(ge=10)] = Field(
        default=60.0, description="Time between two looks of the timer that `watch --install` makes."
    )
    looks: Annotated[int, Field(ge=1)] = Field(
        default=2,
        description="Looks in a row that must see the same before a change is told. What is counted from one "
        "look to the next (restarts, kills for memory, 5xx) is told at once.",
        json_schema_extra={"unit": "looks"},
    )
    quiet: Duration = Field(
        default=900.0,
        description="Time without another one after which what is counted, or what comes and goes, is told "
        "to be well again.",
    )
    remind: Duration = Field(
        default=0.0, description="Time after which what is still bad is told again; 0 for never."
    )
    memory_free: Free = Field(
        default=0.1,
        description="Share of memory that should be available; also for `doctor`. Half of it is an error.",
        json_schema_extra={"unit": "share, 0 to 1"},
    )
    swap_free: Free = Field(
        default=0.2,
        description="Share of swap that should be free; also for `doctor`.",
        json_schema_extra={"unit": "share, 0 to 1"},
    )
    disk_free: Free = Field(
        default=0.1,
        description="Share of each disk that should be free; also for `doctor`. A third of it is an error.",
        json_schema_extra={"unit": "share, 0 to 1"},
    )
    max_errors: Annotated[int, Field(ge=0)] = Field(
        default=5,
        description="5xx answers between two looks that are forgiven, however large their share.",
        json_schema_extra={"unit": "answers"},
    )
    max_error_rate: Free = Field(
        default=0.05,
        description="Share of 5xx answers between two looks, beyond `max_errors`, that is told.",
        json_schema_extra={"unit": "share, 0 to 1"},
    )
    urls: list[WatchedUrl] = Field(
        default_factory=list,
        description="Addresses that must answer 2xx or 3xx, asked from where `watch` runs: as visitors do.",
        examples=[["https://shop.example.org/", "https://shop.example.org/api/health"]],
    )
    ignore: list[Word] = Field(
        default_factory=list,
        description="Patterns (`*`, `?`) of what is not told: WHAT, or WHAT and its subject; docs/watch.md.",
        examples=[["swap", "restarts jenkins*"]],
    )
    state: Path | None = Field(
        default=None,
        description="Folder for what was told already, relative to the config's; else one of who looks: "
        "docs/watch.md.",
        examples=["/var/lib/deployer"],
    )
