"""`pipelines jenkins`."""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.cli.context import Context
from deployer.cli.main import Formatter, common
from deployer.cli.results import duration
from deployer.errors import DeployerError, ExitStatus, Interrupted, UsageError

if TYPE_CHECKING:
    from deployer.config.schema import Config
    from deployer.events import Emit
    from pipelines.jenkins.client import Client
    from pipelines.jenkins.run import Outcome, Run

EPILOG = """examples:
  pipelines jenkins up --plan                  what would be built and started
  pipelines jenkins up                         the controller on :9090, Portainer on :9000
  pipelines jenkins jobs                       make or update both jobs
  pipelines jenkins webhook --create           have GitHub start them
  pipelines jenkins run backend -p PIPELINE_STRATEGY=recreate --watch
  pipelines jenkins watch                      what runs, is stuck, waits and why

docs/jenkins.md has the way from an empty host to the first push.
"""

ACTIONS = {
    "up": "build the controller's image and start it, with what stands beside it",
    "down": "stop and remove them; what they keep stays",
    "status": "what is there, and what the host lacks",
    "jobs": "create, update and remove the pipelines' jobs",
    "webhook": "what GitHub has to be told; make it so; check a delivery",
    "run": "start a build",
    "watch": "what runs, what is stuck, what waits and why",
}

INTERVAL = 2.0
"""Seconds between two looks of `watch`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments: an action, and the action's."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    subs = {}
    for name, text in ACTIONS.items():
        sub = actions.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=Formatter,
            # What is said before the action must not be unsaid by the action's own defaults.
            argument_default=argparse.SUPPRESS,
        )
        common(sub)
        subs[name] = sub
    for name in ("up", "down", "jobs", "webhook"):
        only = "with --create: " if name == "webhook" else ""
        subs[name].add_argument(
            "--plan", action="store_true", default=False, help=f"{only}only say what would be done"
        )
    for name, what in (("up", "replace the controller"), ("down", "remove it")):
        subs[name].add_argument(
            "--force", action="store_true", default=False, help=f"{what} although builds are running"
        )
    up = subs["up"]
    up.add_argument(
        "--out", metavar="DIR", default=None, help="only write the files, for a Compose of your own"
    )
    up.add_argument(
        "--timeout", metavar="TIME", default="5m", help="how long it may take until it answers (5m)"
    )
    subs["down"].add_argument(
        "--volumes", action="store_true", default=False, help="remove what they keep too: builds, settings"
    )
    subs["jobs"].add_argument("--remove", action="store_true", default=False, help="remove all jobs of ours")
    hook = subs["webhook"].add_mutually_exclusive_group()
    hook.add_argument(
        "--create", action="store_true", default=False, help="make it on GitHub (jenkins.github_token)"
    )
    hook.add_argument(
        "--check",
        action="store_true",
        default=False,
        help="deliver a ping to the controller, as GitHub would",
    )
    run = subs["run"]
    run.add_argument("job", metavar="JOB", help="frontend, backend, or a job's full name")
    run.add_argument(
        "-p",
        "--parameter",
        action="append",
        metavar="KEY=VALUE",
        default=None,
        help="a parameter of the build; repeatable",
    )
    run.add_argument(
        "-w",
        "--watch",
        action="store_true",
        default=False,
        help="follow it to its end; its outcome is the exit code, and Ctrl-C asks whether to stop it",
    )
    subs["watch"].add_argument(
        "-w", "--watch", action="store_true", default=False, help="look again every 2 s, until Ctrl-C"
    )


def run(args: argparse.Namespace, context: Context) -> int:
    """Carry out the action."""
    actions: dict[str, Callable[[argparse.Namespace, Context, Config], int]] = {
        "up": _up,
        "down": _down,
        "status": _status,
        "jobs": _jobs,
        "webhook": _webhook,
        "run": _run,
        "watch": _watch,
    }
    return actions[args.action](args, context, context.config(args))


def client_of(config: Config, context: Context, emit: Emit) -> Client:
    """The controller that the config names, as the user that it names.

    :raises ConfigError: there is neither a token nor a password.
    """
    from deployer.config.secrets import resolve
    from deployer.errors import ConfigError
    from pipelines.jenkins.client import Client

    settings = config.jenkins
    given = (("token", settings.token), ("password", settings.password))
    key, text = next(((key, text) for key, text in given if text is not None), ("token", None))
    if text is None:
        raise ConfigError(
            "jenkins.token is missing",
            remedy="jenkins: {token: '${env:JENKINS_TOKEN}'}, an API token of jenkins.user",
        )
    secret = resolve(text, context.environ, key=f"jenkins.{key}")
    return Client(settings.address_of_controller, settings.user, secret, emit=emit)


# -- the controller ---------------------------------------------------------------------------------------


def _up(args: argparse.Namespace, context: Context, config: Config) -> int:
    from deployer.image.build import ensure_image
    from pipelines.jenkins import controller, image

    timeout = duration("--timeout", args.timeout) or 0.0
    if args.out is not None:
        return _write(Path(args.out), args, context, config)
    engine, emit = context.engine(config), context.emit(args)
    host = controller.look_at_host(engine, config)
    secrets = controller.secrets_of(config, context.environ)
    with image.recipe(config) as recipe:
        reference = recipe.reference
        wanted = controller.composed(controller.files(config, reference, host))
        found = controller.existing(engine, wanted)
        changed = {
            service.container: controller.changed_secrets(engine, service, secrets)
            for service in wanted.services
            if service.container in found
        }
        steps = controller.plan(wanted, found, changed)
        if args.plan:
            return _tell_plan(args, context, reference, engine.image(reference) is not None, steps)
        controller.warn(config, host, emit)
        if not args.force and any(
            step.action == "replace" and step.service.name == "jenkins" for step in steps
        ):
            controller.refuse_where_builds_run(_running_builds(config, context, emit))
        recipe.build(engine, emit)
    if config.jenkins.portainer.enabled:
        ensure_image(engine, config.jenkins.portainer.image, emit)
    controller.carry_out(engine, wanted, steps, secrets, emit)
    for service in wanted.services:
        if "Healthcheck" in service.body:
            controller.await_healthy(engine, service.container, timeout, emit)
    address = config.jenkins.address_of_controller
    if args.json:
        context.print_json({"url": address, "image": reference, "steps": [step.as_dict() for step in steps]})
    else:
        context.print(f"the controller answers at {address}, as user {config.jenkins.user}")
    return ExitStatus.OK


def _tell_plan(
    args: argparse.Namespace, context: Context, reference: str, built: bool, steps: list[Any]
) -> int:
    if args.json:
        found = {"image": reference, "built": built, "steps": [step.as_dict() for step in steps]}
        context.print_json(found)
        return ExitStatus.OK
    context.print(f"{'reuse' if built else 'build'}  {reference}")
    for step in steps:
        context.print(f"{step.action:<7} {step.service.container}  ({step.reason})")
    return ExitStatus.OK


def _write(folder: Path, args: argparse.Namespace, context: Context, config: Config) -> int:
    from pipelines.jenkins import controller, image

    host = controller.look_at_host(context.engine(config), config)
    try:
        folder.mkdir(parents=True)
        recipe = image.write(config, folder)
        reference = recipe.reference
        made = {"Dockerfile": recipe.dockerfile, **controller.files(config, reference, host)}
        for name, content in made.items():
            (folder / name).write_text(content, encoding="utf-8")
    except OSError as error:
        raise DeployerError(f"{error.filename}: cannot be written ({error.strerror})") from None
    names = sorted(controller.secret_names(config))
    if args.json:
        context.print_json({"folder": str(folder), "image": reference, "secrets": names})
    else:
        context.print(
            f"written to {folder}; build the image as {reference}, and write these into {folder}/secrets:"
        )
        context.print("\n".join(names))
    return ExitStatus.OK


def _running_builds(config: Config, context: Context, emit: Emit) -> list[str]:
    """The builds that run; none where the controller cannot be asked, as one that is down cannot."""
    from deployer.events import Note
    from pipelines.jenkins.watch import observe

    try:
        return [found.build for found in observe(client_of(config, context, emit)).running if not found.stuck]
    except DeployerError as error:
        emit(Note(f"whether builds are running is not known: {error.message}"))
        return []


def _down(args: argparse.Namespace, context: Context, config: Config) -> int:
    from pipelines.jenkins import controller
    from pipelines.jenkins.image import ACCESSORY

    engine, emit = context.engine(config), context.emit(args)
    labels = {ACCESSORY: config.service.name}
    if args.plan:
        found = [container["Names"][0].lstrip("/") for container in engine.containers(labels)]
        if args.volumes:
            found += [volume["Name"] for volume in engine.volumes(labels)]
        context.print_json({"removals": found}) if args.json else context.print(
            "\n".join(found) or "nothing to remove"
        )
        return ExitStatus.OK
    if not args.force and engine.container(f"{config.service.name}-jenkins"):
        controller.refuse_where_builds_run(_running_builds(config, context, emit))
    removed = controller.down(engine, config, emit, volumes=args.volumes)
    if args.json:
        context.print_json({"removed": removed})
    elif not removed:
        context.print("nothing to remove")
    return ExitStatus.OK


def _status(args: argparse.Namespace, context: Context, config: Config) -> int:
    from pipelines.jenkins import controller
    from pipelines.jenkins.image import ACCESSORY
    from pipelines.jenkins.watch import observe

    engine = context.engine(config)
    containers = [
        {
            "container": found["Names"][0].lstrip("/"),
            "image": found["Image"],
            "state": found["State"],
            "status": found["Status"],
        }
        for found in engine.containers({ACCESSORY: config.service.name})
    ]
    result: dict[str, Any] = {"url": config.jenkins.address_of_controller, "containers": containers}
    try:
        client = client_of(config, context, lambda _: None)
        result |= {"version": client.version(), **observe(client).as_dict()}
    except DeployerError as error:
        result["error"] = error.message
    result["warnings"] = controller.warnings(config, controller.look_at_host(engine, config))
    if args.json:
        context.print_json(result)
        return ExitStatus.OK
    for found in containers:
        context.print(f"{found['container']:<28} {found['status']:<28} {found['image']}")
    if not containers:
        context.print("no controller on this engine; `pipelines jenkins up` makes one")
    context.print(f"{result['url']}: " + (result.get("error") or f"Jenkins {result['version']}"))
    for item in result.get("advice", ()):
        context.print(f"! {item['problem']}\n  -> {item['remedy']}")
    for text in result["warnings"]:
        context.print(f"! {text}")
    return ExitStatus.OK


# -- jobs and webhook -------------------------------------------------------------------------------------


def _jobs(args: argparse.Namespace, context: Context, config: Config) -> int:
    from pipelines.jenkins import jobs

    emit = context.emit(args)
    client = client_of(config, context, emit)
    desired = [] if args.remove else jobs.jobs_of(config)
    changes = jobs.plan(desired, jobs.existing_jobs(client, config.service.name, desired))
    if not args.plan:
        jobs.carry_out(client, changes, emit)
    if args.json:
        context.print_json({"planned": args.plan, "changes": [change.as_dict() for change in changes]})
        return ExitStatus.OK
    for change in changes:
        if args.plan or change.action == "keep":
            context.print(f"{change.action:<7} {change.job}")
        for line in change.differences if args.plan else ():
            context.print(f"        {line}")
    return ExitStatus.OK


def _webhook(args: argparse.Namespace, context: Context, config: Config) -> int:
    from deployer.config.secrets import resolve
    from deployer.errors import ConfigError
    from pipelines.jenkins import webhook

    if args.plan and not args.create:
        raise UsageError(
            "webhook --plan goes with --create", remedy="without --create nothing is changed on GitHub"
        )
    wanted = webhook.settings(config)
    text = config.jenkins.webhook_secret
    secret = resolve(text, context.environ, key="jenkins.webhook_secret") if text else None
    if args.create:
        if config.jenkins.github_token is None:
            raise ConfigError(
                "jenkins.github_token is missing",
                remedy="give one, or set it by hand: pipelines jenkins webhook",
            )
        token = resolve(config.jenkins.github_token, context.environ, key="jenkins.github_token")
        does = webhook.plan if args.plan else webhook.create
        done = does(config.jenkins.github_api, wanted, token, secret)
        if args.json:
            context.print_json({"webhook": done, "planned": args.plan, **wanted.as_dict()})
        else:
            context.print(f"{done}: {wanted.repository} tells {wanted.url} of every push")
        return ExitStatus.OK
    if args.check:
        findings = list(webhook.check(wanted, secret))
        good = all(finding.good for finding in findings)
        if args.json:
            context.print_json({"good": good, "findings": [_finding(finding) for finding in findings]})
        for finding in () if args.json else findings:
            context.print(f"{'ok' if finding.good else '!!'}  {finding.text}")
            if finding.remedy:
                context.print(f"    -> {finding.remedy}")
        return ExitStatus.OK if good else ExitStatus.JENKINS
    if args.json:
        context.print_json(wanted.as_dict())
        return ExitStatus.OK
    context.print(f"repository    {wanted.repository} (Settings, Webhooks, Add webhook)")
    context.print(f"Payload URL   {wanted.url}")
    context.print("Content type  application/json")
    context.print(
        "Secret        " + ("jenkins.webhook_secret" if secret else "none; better set jenkins.webhook_secret")
    )
    context.print("Events        just the push event")
    return ExitStatus.OK


def _finding(finding: Any) -> dict[str, object]:
    return {"good": finding.good, "text": finding.text, "remedy": finding.remedy or None}


# -- builds -----------------------------------------------------------------------------------------------


def _run(args: argparse.Namespace, context: Context, config: Config) -> int:
    from pipelines.jenkins.jobs import job_name
    from pipelines.jenkins.run import Run

    emit = context.emit(args)
    parameters = dict(_pair(text) for text in args.parameter or ())
    started = Run(client_of(config, context, emit), job_name(config, args.job), parameters, emit)
    if not args.watch:
        if args.json:
            context.print_json({"job": started.job, "queue_item": started.item})
        else:
            context.print(f"{started.job} is in the queue (item {started.item})")
        return ExitStatus.OK
    outcome = _to_the_end(started, context)
    if args.json:
        context.print_json(outcome.as_dict())
    else:
        name = f"{outcome.job} #{outcome.number}" if outcome.number else outcome.job
        context.print(f"{name}: {outcome.result} ({outcome.seconds:.0f} s)")
    return outcome.status


def _to_the_end(started: Run, context: Context) -> Outcome:
    while True:
        try:
            return started.wait()
        except Interrupted as interrupt:
            if interrupt.exit_status != ExitStatus.INTERRUPTED or not _asked_to_stop(started, context):
                interrupt.remedy = f"{started.job} goes on; `pipelines jenkins watch` shows it"
                raise
            started.stop()


def _asked_to_stop(started: Run, context: Context) -> bool:
    """Whether a person says yes; where nobody can be asked, the build is left alone."""
    if not context.stdin.isatty():
        return False
    name = f"{started.job} #{started.number}" if started.number else f"{started.job}, which still waits"
    context.stderr.write(f"\nStop {name}, too? [y/N] ")
    context.stderr.flush()
    return context.stdin.readline().strip().lower() in ("y", "yes")


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"-p {text}: must be KEY=VALUE", remedy="as in -p PIPELINE_STRATEGY=recreate")
    return key, value


def _watch(args: argparse.Namespace, context: Context, config: Config) -> int:
    from pipelines.jenkins.watch import observe

    client = client_of(config, context, context.emit(args))
    before: Any = None
    with contextlib.suppress(Interrupted) if args.watch else contextlib.nullcontext():
        while True:
            found = observe(client)
            if found != before:
                context.print_json(found.as_dict()) if args.json else context.print(_text(found))
            if not args.watch:
                break
            before = found
            time.sleep(INTERVAL)
    return ExitStatus.OK


def _text(found: Any) -> str:
    lines = []
    for build in found.running:
        where = (
            "no executor: STUCK" if build.executor is None else f"executor {build.executor} of {build.node}"
        )
        lines.append(f"running  {build.build}  {where}  {build.url}")
    for item in found.waiting:
        lines.append(f"waiting  {item.job}  {item.why}")
    for advice in found.advice:
        lines += [f"! {advice.problem}", f"  -> {advice.remedy}"]
    return "\n".join(lines) or "nothing runs, nothing waits"
