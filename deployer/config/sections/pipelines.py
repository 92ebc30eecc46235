"""What the pipelines run before anything is deployed."""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from deployer.config.model import Section
from deployer.config.sections.kinds import Command, Size, Word


class Commands(Section, frozen=True, kw_only=True):
    """What a stage of a pipeline runs, and what decides whether it has to run again."""

    commands: Annotated[
        list[Command],
        Meta(
            description="Commands, run one after the other in the pipeline's `folder`; without any the "
            "stage has nothing to do.",
            examples=[[["make"], ["make", "check"]]],
        ),
    ] = []
    inputs: Annotated[
        list[Word],
        Meta(
            description="Globs below the folder, written as in .dockerignore: while nothing that they match "
            "has changed, the stage is skipped. Empty: every file that git does not ignore.",
            examples=[["src/**", "Makefile"]],
        ),
    ] = []
    outputs: Annotated[
        list[Word],
        Meta(
            description="Paths below the folder that the commands make: the stage is not skipped where one "
            "is missing.",
            examples=[["build/service.jar"]],
        ),
    ] = []


class Backend(Section, frozen=True, kw_only=True):
    """What the back end's pipeline does before it builds the image."""

    folder: Annotated[
        Path, Meta(description="Folder the commands run in, relative to the config's own folder.")
    ] = Path()
    build: Annotated[Commands, Meta(description="The stage `build`.")] = Commands()
    test: Annotated[Commands, Meta(description="The stage `test`.")] = Commands()


class Frontend(Section, frozen=True, kw_only=True):
    """How the front end's pipeline makes what it deploys."""

    folder: Annotated[
        Path | None,
        Meta(
            description="Folder of package.json, relative to the config's own folder; else the one that "
            "holds `site.dist`.",
            examples=["examples/frontend"],
        ),
    ] = None
    install: Annotated[Commands, Meta(description="The stage `install`.")] = Commands(
        commands=[["npm", "ci"]],
        inputs=["package.json", "package-lock.json", ".npmrc"],
        outputs=["node_modules"],
    )
    build: Annotated[Commands, Meta(description="The stage `build`; `site.dist` is among its outputs.")] = (
        Commands(commands=[["npm", "run", "build"]])
    )


class Preflight(Section, frozen=True, kw_only=True):
    """What the host must have left before a stage that builds; with less, the stage is refused."""

    memory: Annotated[Size, Meta(description="Free memory, free swap included.")] = 256 * 1024**2
    disk: Annotated[
        Size,
        Meta(
            description="Free disk in the workspace and where the engine keeps its data. Jenkins takes a "
            "node with less than 1g out of service."
        ),
    ] = 1024**3


class Pipelines(Section, frozen=True, kw_only=True):
    """What `python -m pipelines` does before it deploys."""

    backend: Annotated[Backend, Meta(description="The back end's own commands.")] = Backend()
    frontend: Annotated[Frontend, Meta(description="The front end's own commands.")] = Frontend()
    preflight: Annotated[Preflight, Meta(description="What the host must have left before a build.")] = (
        Preflight()
    )
    reports: Annotated[
        Path,
        Meta(description="Folder for the JUnit report and the summary, relative to the config's own folder."),
    ] = Path("build/reports")
