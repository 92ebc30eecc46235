"""The back end: checkout, build, test, containerize, redeploy, prune."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from deployer.config.schema import Config
from deployer.errors import ConfigError
from deployer.events import Warned
from pipelines import checkout, commands
from pipelines.files import FOLDER
from pipelines.job import Job
from pipelines.parameters import Parameters
from pipelines.run import Pipeline
from pipelines.serving import difference
from pipelines.stage import Decision, Inputs, Made, Stage, Values

if TYPE_CHECKING:
    from deployer.rollout.result import Result

NAME = "backend"
_RELEASES = 5
"""How many the summary shows."""


def pipeline(config: Config, parameters: Parameters) -> Pipeline:
    """The stages for a config; where a release is to be brought back, all that builds is off.

    What builds works on the engine of `host.docker`, what deploys on that, or on `hosts` where there are any.
    """
    back = parameters.rollback_to
    off = f"going back to {back} builds nothing" if back else ""
    ours = config.pipelines.backend
    folder = config.root / ours.folder
    return Pipeline(
        NAME,
        (
            checkout_stage(),
            commands.stage(NAME, "build", "building", ours.build, folder, off=off),
            commands.stage(NAME, "test", "testing", ours.test, folder, needs=("build",), off=off),
            Stage(
                "containerize",
                "making sure of the image",
                containerize,
                needs=("test",),
                gives=("image", "image_id", "image_size"),
                foresee=foresee_image,
                builds="on the engine",
                off=off or ("" if config.service.build else "service.image is a ready image"),
            ),
            Stage(
                "redeploy",
                f"going back to {back}" if back else "bringing the image to serving",
                _there(config, "go_back" if back else "redeploy"),
                needs=() if back else ("image", "image_id"),
                gives=("release", "previous", "strategy", "phases", "releases"),
                inputs=None if back else deployment,
            ),
            Stage(
                "prune",
                "removing what no release needs",
                _there(config, "prune"),
                needs=("release",),
                gives=("pruned", "bytes_freed"),
                inputs=lambda _job: Inputs(settings=config.rollout.keep_releases),
            ),
        ),
    )


def _there(config: Config, what: str) -> Callable[[Job], Made]:
    """One of the stages that deploy, for one engine or for hosts."""
    if not config.hosts:
        return {"redeploy": redeploy, "go_back": go_back, "prune": prune}[what]
    from pipelines import hosts

    return {"redeploy": hosts.redeploy, "go_back": hosts.go_back, "prune": hosts.prune}[what]


def checkout_stage() -> Stage:
    """The first stage of either pipeline: tells what is in the workspace."""
    gives = ("commit", "branch", "subject", "changes")
    return Stage("checkout", "looking at the workspace", _checkout, gives=gives)


def _checkout(job: Job) -> Made:
    found = checkout.look(job.root, job.environ)
    return Made(
        {"commit": found.commit, "branch": found.branch, "subject": found.subject, "changes": found.changes},
        found.text,
    )


# -- the image ---------------------------------------------------------------


def containerize(job: Job) -> Made:
    """Build the image, unless the engine has one of exactly these files."""
    from deployer.image.build import build

    _warn_of_our_own_files(job)
    built = build(job.engine, job.config, job.emit, force=job.parameters.force)
    values = {"image": built.image_ref, "image_id": built.image_id, "image_size": built.size}
    if built.reused:
        return Made(values, unchanged=f"the engine has {built.image_ref} already")
    return Made(values, f"{built.image_ref}, {built.size / 1e6:.0f} MB")


def foresee_image(job: Job) -> tuple[Decision, Values]:
    """What a build would come to, if `service.build.prepare` changes nothing."""
    from deployer.image.build import plan_build, present

    try:
        planned = plan_build(job.config)
    except ConfigError as error:
        # What goes into the image may be what an earlier stage or a prepare command is yet to make.
        return Decision(runs=True, reason=f"not all that it is made of is there yet: {error.message}"), {}
    if not present(job.engine, planned):
        return Decision(runs=True, reason=f"the engine has no {planned.image}"), {}
    found: dict[str, Any] = job.engine.image(planned.image) or {}
    values = {"image": planned.image, "image_id": found.get("Id"), "image_size": found.get("Size")}
    return Decision(runs=False, reason=f"the engine has {planned.image} already"), values


def _warn_of_our_own_files(job: Job) -> None:
    """Files that every run writes anew must not be part of the image: nothing would ever be unchanged."""
    from deployer.image.context import IGNORE_FILE
    from deployer.image.ignore import Ignore

    build = job.config.service.build
    if build is None or build.inputs:
        return
    context = job.root / build.context
    path = context / IGNORE_FILE
    rules = Ignore.parse(path.read_text("utf-8", "surrogateescape") if path.is_file() else "", str(path))
    ours = [job.root / FOLDER, job.root / job.config.pipelines.reports]
    inside = [str(folder.relative_to(context)) for folder in ours if folder.is_relative_to(context)]
    if sent := [name for name in inside if not rules.covers(name)]:
        job.emit(
            Warned(
                f"{' and '.join(sent)} would be part of the image, which every run would then build anew: "
                f"name them in {path}"
            )
        )


# -- the deployment ------------------------------------------------------------


def deployment(job: Job) -> Inputs:
    """What decides whether to deploy: all of the config that a release is made with, and what serves now."""
    # Not `ssh`: how hosts are reached changes nothing there, and a key is elsewhere in each build of Jenkins.
    hosts = ("hosts",) if job.config.hosts else ()
    settings = job.config.dump("service", "edge", "site", "rollout", "host", *hosts)
    settings["service"]["build"] = None  # the image stands for it
    return Inputs(
        settings=[job.config.environment, job.parameters.strategy, settings],
        gone=_no_longer_serves,
    )


def _no_longer_serves(job: Job, values: Values) -> str:
    if job.config.hosts:
        from pipelines import hosts

        return hosts.no_longer_serves(job, values)
    from deployer.rollout.status import status

    return difference(job, status(job.engine, job.config), values)


def redeploy(job: Job) -> Made:
    """Roll the image out."""
    from deployer.rollout.commands import rollout

    result = rollout(job.operation(), image=job.values["image"], strategy=job.parameters.strategy)
    return _deployed(result)


def go_back(job: Job) -> Made:
    """Bring an earlier release back."""
    from deployer.rollout.commands import rollback

    return _deployed(rollback(job.operation(), to=job.parameters.rollback_to))


def _deployed(result: Result) -> Made:
    values = {
        "release": result.release,
        "previous": result.previous,
        "strategy": result.strategy,
        "phases": result.phases,
        "releases": [
            {name: getattr(record, name) for name in ("release", "at", "kind", "image", "outcome")}
            for record in result.records[: -_RELEASES - 1 : -1]
        ],
    }
    return Made(values, f"{result.release} serves ({result.image}, {result.strategy})")


def prune(job: Job) -> Made:
    """Remove old releases and images."""
    from deployer.rollout.commands import prune as remove

    pruned = remove(job.operation())
    text = f"{len(pruned.removed)} image(s) removed, {pruned.bytes_freed / 1e6:.1f} MB freed"
    return Made({"pruned": len(pruned.removed), "bytes_freed": pruned.bytes_freed}, text)
