"""The front end: checkout, install, build, deploy, invalidate, verify."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from deployer.config.schema import Config
from deployer.config.sections.pipelines import Commands
from deployer.errors import CloudUnreachable, ConfigError, PreflightError, ReleaseFailed
from pipelines import commands
from pipelines.backend import checkout_stage
from pipelines.job import Job
from pipelines.parameters import Parameters
from pipelines.run import Pipeline
from pipelines.stage import Decision, Inputs, Made, Stage, Values

if TYPE_CHECKING:
    from deployer.site.work import Result, SiteOperation

NAME = "frontend"
_SHOWN = 20
"""How many faults of a site an error lists."""


def pipeline(config: Config, parameters: Parameters) -> Pipeline:
    """The stages for a config; where a release is to be brought back, all that builds is off.

    :raises ConfigError: the config has no bucket to deploy to.
    """
    site = config.site
    if site is None or site.bucket is None:
        raise ConfigError(
            "the front end's pipeline deploys to site.bucket, and the config has none",
            remedy="say which bucket the site is deployed to: docs/site.md",
        )
    back = parameters.rollback_to
    off = f"going back to {back} builds nothing" if back else ""
    ours, folder, dist = config.pipelines.frontend, _folder(config, site.dist), config.root / site.dist
    build = _making(ours.build, os.path.relpath(dist, folder))
    return Pipeline(
        NAME,
        (
            checkout_stage(),
            commands.stage(NAME, "install", "installing packages", ours.install, folder, off=off),
            commands.stage(NAME, "build", "building", build, folder, needs=("install",), off=off),
            Stage(
                "deploy",
                f"going back to {back}" if back else f"deploying {site.dist} to {site.bucket}",
                go_back if back else deploy,
                needs=() if back else ("build",),
                gives=("site_release", "site_previous", "site_files", "site_bytes", "invalidation", "phases"),
                foresee=None if back else foresee_deploy,
            ),
            Stage(
                "invalidate",
                "waiting until the distribution has forgotten",
                invalidate,
                needs=("invalidation",),
                foresee=foresee_invalidation,
                off="" if site.distribution else "the site has no distribution",
            ),
            Stage(
                "verify",
                "asking for every file",
                verify,
                needs=("site_release",),
                gives=("verified",),
                inputs=lambda _job: Inputs(settings=[site.bucket, site.prefix, site.endpoint]),
            ),
        ),
    )


def _folder(config: Config, dist: Path) -> Path:
    named = config.pipelines.frontend.folder
    return config.root / (dist.parent if named is None else named)


def _making(settings: Commands, dist: str) -> Commands:
    """The build, of which `site.dist` is an output whether the config says so or not."""
    if not settings.commands or dist in settings.outputs:
        return settings
    return replace(settings, outputs=[*settings.outputs, dist])


def _opened(job: Job, *, start: bool = False) -> AbstractContextManager[SiteOperation]:
    from deployer.site.opening import open_site

    return open_site(job.config, job.environ, job.emit, job.parameters.lock_wait or 0.0, start=start)


def deploy(job: Job) -> Made:
    """Make the build the site; the distribution is asked to forget as a part of it.

    Asking is not left to the next stage: a run that is killed in between would leave visitors with old pages,
    and nobody who knows of it.
    """
    from deployer.site import release

    choices = release.Choices(check_headers=job.parameters.force)
    with _opened(job, start=True) as operation:
        return _deployed(release.deploy(operation, choices))


def foresee_deploy(job: Job) -> tuple[Decision, Values]:
    """What a deploy would come to."""
    from deployer.site import release

    try:
        with _opened(job) as operation:
            found = release.prepare(operation, release.Choices())
    except (CloudUnreachable, PreflightError) as error:
        return Decision(runs=True, reason=error.message), {}
    plan, current = found.plan, found.facts.pointer.release
    if not plan.same or plan.deletions or found.facts.pointer.pending is not None:
        return Decision(runs=True, reason=f"{len(plan.sends)} file(s) to send"), {}
    return Decision(runs=False, reason=f"{current} has these files already"), {
        "site_release": current,
        "invalidation": None,
    }


def go_back(job: Job) -> Made:
    """Bring an earlier release of the site back."""
    from deployer.site import rollback

    with _opened(job) as operation:
        return _deployed(rollback.rollback(operation, job.parameters.rollback_to))


def _deployed(result: Result) -> Made:
    values = {
        "site_release": result.release,
        "site_previous": result.previous,
        "site_files": result.uploaded,
        "site_bytes": result.sent,
        "invalidation": result.invalidation_id,
        "phases": result.phases,
    }
    if result.outcome == "unchanged":
        return Made(values, unchanged=f"{result.release} has these files already")
    return Made(values, f"{result.release} is the site, {result.uploaded} file(s) sent")


def invalidate(job: Job) -> Made:
    """Wait until the distribution has forgotten what it was asked to; it goes on even if we do not."""
    request = job.values["invalidation"]
    if request is None:
        return Made(unchanged="nothing to forget")
    with _opened(job) as operation:
        done = operation.forgotten(request)
    return Made(text=f"{request} is done" if done else f"{request} goes on")


def foresee_invalidation(job: Job) -> tuple[Decision, Values]:
    """Whether there would be anything to wait for."""
    waits = job.values.get("invalidation") is not None
    return Decision(runs=waits, reason="" if waits else "nothing to forget"), {}


def verify(job: Job) -> Made:
    """Compare what the bucket holds with the release, and follow every reference.

    :raises ReleaseFailed: something is not as it should be; the details list it.
    """
    from deployer.site.verify import verify as look

    with _opened(job) as operation:
        verdict = look(operation)
    if verdict.faults:
        faults = [f"{fault.kind} {fault.path or '-'}: {fault.text}" for fault in verdict.faults]
        raise ReleaseFailed(
            f"{len(faults)} fault(s) in {verdict.release} of the site",
            remedy="`deployer site deploy --check-headers` mends what is not as it was sent",
            details=faults[:_SHOWN],
        )
    return Made(
        {"verified": verdict.files},
        f"{verdict.files} files and {verdict.references} references are good",
    )
