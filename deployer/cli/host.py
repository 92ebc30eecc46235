"""`deployer host`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from deployer.cli.context import Context
from deployer.cli.hosts import add_hosts, prefixed, raise_failures
from deployer.errors import ExitStatus, HostKeyUnknown, UsageError

if TYPE_CHECKING:
    from deployer.config.schema import Config
    from deployer.config.sections.hosts import Machine
    from deployer.fleet.prepare import Preparation
    from deployer.host.facts import Facts

EPILOG = """examples:
  deployer host list                              which there are, and whether they can be reached
  deployer host trust --host web1                 first contact: shows its key, asks, writes known_hosts
  deployer host trust --host web1 --fingerprint SHA256:kqz...
  deployer host prepare --plan                    what would be changed, with differences
  deployer host prepare                           Docker, swap, limits, user, firewall; again changes nothing
  deployer host facts --host web1 --json
  deployer host exec -- df -h /

`prepare` needs a user who may become root (sudo without a password); `exec` runs as the user of the config.
"""


TAKES_COMMAND = True
"""What stands behind `--` is a command for the hosts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.set_defaults(words=[])
    parser.add_argument(
        "action",
        choices=["list", "trust", "prepare", "facts", "exec"],
        help="exec takes a command, behind two dashes",
    )
    parser.add_argument("--plan", action="store_true", help="for prepare: only say what would change")
    parser.add_argument(
        "--fingerprint",
        action="append",
        metavar="SHA256:...",
        help="for trust: the key that is right, so that nobody is asked; again for a jump host's",
    )
    parser.add_argument("--sudo", action="store_true", help="for exec: as root")
    add_hosts(parser)


def run(args: argparse.Namespace, context: Context) -> int:
    """Look at hosts, or change them."""
    if bool(args.words) != (args.action == "exec"):
        raise UsageError(
            "exec takes a command, and nothing else does", remedy="deployer host exec -- df -h /"
        )
    if args.fingerprint and args.action != "trust":
        raise UsageError("--fingerprint is for trust")
    if args.plan and args.action != "prepare":
        raise UsageError("--plan is for prepare")
    from deployer.fleet.inventory import chosen

    config = context.config(args)
    hosts = chosen(config, args.host or ())
    actions = {"list": _list, "trust": _trust, "prepare": _prepare, "facts": _facts, "exec": _exec}
    return actions[args.action](args, context, config, hosts)


def _list(args: argparse.Namespace, context: Context, config: Config, hosts: list[Machine]) -> int:
    from deployer.fleet.inventory import target
    from deployer.fleet.work import reached

    aims = {host.name: target(config, host) for host in hosts}
    with reached(config, hosts, context.emit(args), context.environ) as (_, lost):
        errors = {outcome.host: outcome.error for outcome in lost}
    found = [
        {
            "host": name,
            "url": aim.url,
            "jump": aim.jump.url if aim.jump else None,
            "reached": name not in errors,
            "error": error.message if (error := errors.get(name)) else None,
        }
        for name, aim in aims.items()
    ]
    ending = ExitStatus.HOST if lost else ExitStatus.OK
    if args.json:
        context.print_json(found)
        return ending
    width = max(len(name) for name in aims)
    for entry in found:
        via = f" through {entry['jump']}" if entry["jump"] else ""
        state = "ok" if entry["reached"] else f"! {entry['error']}"
        context.print(f"{entry['host']:<{width}}  {entry['url']}{via}  {state}")
        error = errors.get(str(entry["host"]))
        if error is not None and error.remedy:
            context.print(f"{'':<{width}}    -> {error.remedy}")
    return ending


def _trust(args: argparse.Namespace, context: Context, config: Config, hosts: list[Machine]) -> int:
    from deployer.fleet.inventory import target
    from deployer.host.known_hosts import is_trusted, trust
    from deployer.host.ssh import offered_key

    if args.fingerprint and len(hosts) != 1:
        raise UsageError("--fingerprint is of one host", remedy="name it with --host")
    for host in hosts:
        aim = target(config, host)
        # Whom the connection goes through is to be believed first.
        for place in (aim.jump, aim) if aim.jump else (aim,):
            key = offered_key(place, context.environ)
            shown = f"{key.kind} {key.fingerprint}"
            if is_trusted(place, key):
                context.print(f"{place.name}: {shown} is known already")
                continue
            if args.fingerprint:
                if key.fingerprint not in args.fingerprint:
                    raise HostKeyUnknown(
                        f"{place.name} shows {shown}, not {' or '.join(args.fingerprint)}; it is not trusted",
                        remedy="look it up on the host itself: `ssh-keygen -lf /etc/ssh/ssh_host_"
                        f"{key.kind.removeprefix('ssh-')}_key.pub`",
                    )
            elif not _agreed(context, place.name, shown):
                raise HostKeyUnknown(
                    f"{place.name} shows {shown}; it is not trusted",
                    remedy=f"if that is right: `deployer host trust --host {host.name} "
                    f"--fingerprint {key.fingerprint}`"
                    + (", with a second --fingerprint for the host behind it" if place is aim.jump else ""),
                )
            path = trust(place, key)
            context.print(f"{place.name}: {shown} is in {path} now")
    return ExitStatus.OK


def _agreed(context: Context, name: str, key: str) -> bool:
    """Whether the person at the terminal says that a key is right; nobody there is a no."""
    if not (context.is_tty and context.stdin.isatty()):
        return False
    context.stderr.write(
        f"{name} shows {key}\nCompare it with what the host says itself (its console, or the cloud's).\n"
        "Is it right? [y/N] "
    )
    context.stderr.flush()
    return context.stdin.readline().strip().lower() in ("y", "yes")


def _prepare(args: argparse.Namespace, context: Context, config: Config, hosts: list[Machine]) -> int:
    from deployer.events import Event, OnHost
    from deployer.fleet.prepare import prepare
    from deployer.fleet.work import each
    from deployer.host.ssh import Jumps

    emit = context.emit(args)

    with Jumps(context.environ) as jumps:

        def one(host: Machine) -> Preparation:
            def tell(event: Event) -> None:
                emit(OnHost(host.name, event))

            return prepare(config, host, tell, context.environ, plan=args.plan, jumps=jumps)

        outcomes = each(hosts, one)
    done = [outcome.value for outcome in outcomes if outcome.value is not None]
    if args.json:
        context.print_json({"plan": args.plan, "hosts": [found.as_dict() for found in done]})
    else:
        for found in done:
            count = len(found.changes)
            words = (
                "nothing to change"
                if not count
                else f"{count} change(s){' to make' if args.plan else ' made'}"
            )
            context.print(f"{found.host}: {words}, {found.kept} in order")
    raise_failures("prepare", outcomes)
    return ExitStatus.OK


def _facts(args: argparse.Namespace, context: Context, config: Config, hosts: list[Machine]) -> int:
    from deployer.config.units import humanize_size
    from deployer.fleet.inventory import target
    from deployer.fleet.work import each
    from deployer.host.facts import over
    from deployer.host.ssh import Connection, Jumps

    with Jumps(context.environ) as jumps:

        def one(host: Machine) -> Facts:
            with Connection(target(config, host), context.environ, jumps) as connection:
                return over(connection, host.docker)

        outcomes = each(hosts, one)
    if args.json:
        context.print_json({found.host: found.value.as_dict() for found in outcomes if found.value})
    for found in outcomes:
        facts = found.value
        if facts is None or args.json:
            continue
        memory, free = humanize_size(facts.memory), humanize_size(facts.memory_available)
        context.print(f"{found.host}: {facts.system}, {facts.machine}, {facts.processors} processors")
        context.print(f"  memory {memory}, {free} available; swap {humanize_size(facts.swap)}")
        for path, disk in facts.disks.items():
            context.print(f"  disk {path}: {humanize_size(disk.free)} of {humanize_size(disk.size)} free")
        context.print(
            f"  up {facts.uptime / 86400:.1f} days, load {facts.load}, clock {facts.clock_skew:+.1f} s, "
            f"{'prepared' if facts.prepared else 'not prepared by us'}"
        )
    raise_failures("facts", outcomes)
    return ExitStatus.OK


def _exec(args: argparse.Namespace, context: Context, config: Config, hosts: list[Machine]) -> int:
    import shlex

    from deployer.fleet.inventory import target
    from deployer.fleet.work import each
    from deployer.host.ssh import Connection, Jumps

    command = " ".join(shlex.quote(word) for word in args.words)

    with Jumps(context.environ) as jumps:

        def one(host: Machine) -> int:
            with (
                Connection(target(config, host), context.environ, jumps) as connection,
                prefixed(context.stdout, host.name if len(hosts) > 1 else "") as out,
            ):
                for piece in connection.follow(command, root=args.sudo):
                    if isinstance(piece, int):
                        return piece
                    out.write(piece.decode("utf-8", "replace"))
                    out.flush()
            return ExitStatus.ERROR

        outcomes = each(hosts, one)
    raise_failures("exec", outcomes)
    return max((outcome.value or 0 for outcome in outcomes), default=ExitStatus.OK)
