"""What the pipelines run before anything is deployed."""

from __future__ import annotations

from pathlib import Path

from pydantic import (
    Field,
)

from deployer.config.sections.kinds import Command, Section, Size, Word, below


class Commands(Section):
    """What a stage of a pipeline runs, and what decides whether it has to run again."""

    commands: list[Command] = Field(
        default_factory=list,
        description="Commands, run one after the other in the pipeline's `folder`; without any the stage has "
        "nothing to do.",
        examples=[[["make"], ["make", "check"]]],
    )
    inputs: list[Word] = Field(
        default_factory=list,
        description="Globs below the folder, written as in .dockerignore: while nothing that they match has "
        "changed, the stage is skipped. Empty: every file that git does not ignore.",
        examples=[["src/**", "Makefile"]],
    )
    outputs: list[Word] = Field(
        default_factory=list,
        description="Paths below the folder that the commands make: the stage is not skipped where one is "
        "missing.",
        examples=[["build/service.jar"]],
    )


class Backend(Section):
    """What the back end's pipeline does before it builds the image."""

    folder: Path = Field(
        default=Path(), description="Folder the commands run in, relative to the config's own folder."
    )
    build: Commands = below("The stage `build`.")
    test: Commands = below("The stage `test`.")


class Frontend(Section):
    """How the front end's pipeline makes what it deploys."""

    folder: Path | None = Field(
        default=None,
        description="Folder of package.json, relative to the config's own folder; else the one that holds "
        "`site.dist`.",
        examples=["examples/frontend"],
    )
    install: Commands = below(
        "The stage `install`.",
        commands=[["npm", "ci"]],
        inputs=["package.json", "package-lock.json", ".npmrc"],
        outputs=["node_modules"],
    )
    build: Commands = below(
        "The stage `build`; `site.dist` is among its outputs.", commands=[["npm", "run", "build"]]
    )


class Preflight(Section):
    """What the host must have left before a stage that builds; with less, the stage is refused."""

    memory: Size = Field(default=256 * 1024**2, description="Free memory, free swap included.")
    disk: Size = Field(
        default=1024**3,
        description="Free disk in the workspace and where the engine keeps its data. Jenkins takes a node "
        "with less than 1g out of service.",
    )


class Pipelines(Section):
    """What `python -m pipelines` does before it deploys."""

    backend: Backend = below("The back end's own commands.")
    frontend: Frontend = below("The front end's own commands.")
    preflight: Preflight = below("What the host must have left before a build.")
    reports: Path = Field(
        default=Path("build/reports"),
        description="Folder for the JUnit report and the summary, relative to the config's own folder.",
    )
