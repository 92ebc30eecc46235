"""The front end: checkout, install, build, deploy, invalidate, verify."""

from __future__ import annotations

from pathlib import Path

from deployer.config.schema import Config
from deployer.errors import ConfigError
from pipelines import commands
from pipelines.backend import checkout_stage
from pipelines.parameters import Parameters
from pipelines.run import Pipeline

NAME = "frontend"


def pipeline(config: Config, parameters: Parameters) -> Pipeline:
    """The stages for a config; where a release is to be brought back, all that builds is off."""
    back = parameters.rollback_to
    off = f"going back to {back} builds nothing" if back else ""
    ours = config.pipelines.frontend
    folder = _folder(config)
    return Pipeline(
        NAME,
        (
            checkout_stage(),
            commands.stage(NAME, "install", "installing packages", ours.install, folder, off=off),
            commands.stage(NAME, "build", "building", ours.build, folder, needs=("install",), off=off),
        ),
    )


def _folder(config: Config) -> Path:
    if config.pipelines.frontend.folder is None:
        raise ConfigError("pipelines.frontend.folder is missing")
    return config.root / config.pipelines.frontend.folder
