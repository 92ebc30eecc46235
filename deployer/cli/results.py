"""What changing commands share: what they work on, how long they wait for the lock, what came out."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from deployer.cli.context import Context
from deployer.errors import ExitStatus, UsageError

if TYPE_CHECKING:
    from deployer.config.schema import Config
    from deployer.errors import DeployerError
    from deployer.fleet.result import FleetResult
    from deployer.rollout.operation import Operation
    from deployer.rollout.result import Result


def add_lock_wait(parser: argparse.ArgumentParser) -> None:
    """`--lock-wait`."""
    parser.add_argument(
        "--lock-wait", metavar="TIME", help="how long to wait while somebody else deploys, as in 90s or 10m"
    )


def lock_wait(args: argparse.Namespace) -> float | None:
    """Seconds, or None where the config decides. :raises UsageError: not a duration."""
    return duration("--lock-wait", args.lock_wait)


def operation(args: argparse.Namespace, context: Context) -> Operation:
    """What the command line says to work on.

    :raises DeployerError: the config is wrong, or its engine cannot be reached.
    """
    return work_on(args, context, context.config(args))


def work_on(args: argparse.Namespace, context: Context, config: Config) -> Operation:
    """The same, with a config that was read already."""
    from deployer.rollout.operation import Operation

    return Operation(context.engine(config), config, context.emit(args), context.environ, lock_wait(args))


def duration(option: str, text: str | None) -> float | None:
    """The seconds that an option says; None where it was not given. :raises UsageError: not a duration."""
    if text is None:
        return None
    from deployer.config.units import parse_duration

    try:
        return float(parse_duration(text))
    except ValueError as error:
        raise UsageError(f"{option} {text}: {error}", remedy="write 90s, 10m or 1h") from error


def count(text: str) -> int:
    """A whole number that is not negative, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no count")
    return int(text)


def unbegun(kind: str, error: DeployerError) -> dict[str, object]:
    """What a rollout, rollback or adoption came to that failed before there was anything to tell of."""
    from deployer.rollout.result import Result

    nothing = Result(release="", image="", strategy="", kind=kind, reason=error.message)
    return {**nothing.as_dict(), "release": None, "image": None, "strategy": None}


def conclude(result: Result, args: argparse.Namespace, context: Context) -> int:
    """The last words of a rollout or rollback."""
    if args.json:
        context.print_json(result.as_dict())
    else:
        context.print(
            f"{result.release} serves ({result.image}, {result.strategy}, {result.duration_s:.1f} s)"
        )
    return ExitStatus.OK


def conclude_fleet(result: FleetResult, args: argparse.Namespace, context: Context) -> int:
    """The last words of a command on several hosts."""
    if args.json:
        context.print_json(result.as_dict())
    else:
        serving = sum(host.get("serves") == result.release for host in result.hosts.values())
        context.print(
            f"{result.release} serves on {serving} of {len(result.hosts)} hosts "
            f"({result.image + ', ' if result.image else ''}{result.duration_s:.1f} s)"
            if result.release
            else "nothing of the service is on these hosts"
        )
    return ExitStatus.OK
