"""`deployer site`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from deployer.cli.context import Context
from deployer.cli.listeners import Deed
from deployer.cli.results import add_lock_wait, count, lock_wait
from deployer.errors import ConfigError, ExitStatus, UsageError

if TYPE_CHECKING:
    from deployer.site.facts import Facts
    from deployer.site.plan import Plan
    from deployer.site.work import Result, SiteOperation

EPILOG = """examples:
  deployer site deploy --plan            what would be sent, copied, deleted, and why
  deployer site deploy                   make site.dist the site
  deployer site deploy --trust-manifest  without listing the bucket: faster, blind for changes by hand
  deployer site rollback                 the release before, from what the bucket holds
  deployer site rollback --to 20261128   that of the day
  deployer site verify                   every file, every header, every reference
  deployer site releases                 what can be rolled back to
  deployer site prune --keep 2           delete what older releases alone need
  deployer site status                   what serves, and who is at work

`verify` exits with 8 where it finds faults.
"""

ACTIONS = ("deploy", "rollback", "releases", "verify", "prune", "status")
CHANGING = ("deploy", "rollback", "prune")
_OPTIONS = {
    "trust_manifest": ("--trust-manifest", ("deploy",)),
    "check_headers": ("--check-headers", ("deploy",)),
    "delete_limit": ("--delete-limit", ("deploy", "prune")),
    "wait": ("--wait", ("deploy", "rollback")),
    "plan": ("--plan", CHANGING),
    "to": ("--to", ("rollback",)),
    "keep": ("--keep", ("prune",)),
    "lock_wait": ("--lock-wait", CHANGING),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("action", choices=ACTIONS, help="what to do")
    parser.add_argument("--plan", action="store_true", help="only say what would happen")
    parser.add_argument(
        "--trust-manifest",
        action="store_true",
        help="deploy: believe the last release's manifest instead of listing the bucket",
    )
    parser.add_argument(
        "--check-headers",
        action="store_true",
        help="deploy: ask for every file's headers, and mend what was changed by hand",
    )
    parser.add_argument(
        "--delete-limit",
        metavar="LIMIT",
        help="deploy, prune: instead of site.delete_limit, a share as in 100%% or a number of files",
    )
    parser.add_argument("--to", metavar="RELEASE", help="rollback: its id, or the beginning of it")
    parser.add_argument(
        "--keep", type=count, metavar="N", help="prune: releases to retain instead of site.keep_releases"
    )
    parser.add_argument(
        "--wait",
        action="store_true",
        help="deploy, rollback: wait until the distribution has forgotten; warn where it takes too long",
    )
    add_lock_wait(parser)


def told(args: argparse.Namespace) -> Deed | None:
    """What others are told that this does."""
    if args.action not in CHANGING or args.plan:
        return None
    return Deed(f"site {args.action}", quiet=args.action == "prune", commit=args.action == "deploy")


def run(args: argparse.Namespace, context: Context) -> int:
    """Change or show the site."""
    for name, (option, takers) in _OPTIONS.items():
        if getattr(args, name) not in (None, False) and args.action not in takers:
            raise UsageError(
                f"{option} is for {' and '.join(takers)}", remedy=f"deployer site {takers[0]} {option}"
            )
    actions: dict[str, Callable[[SiteOperation, argparse.Namespace, Context], int]] = {
        "deploy": _deploy,
        "rollback": _rollback,
        "releases": _releases,
        "verify": _verify,
        "prune": _prune,
        "status": _status,
    }
    lock_wait(args)  # what is wrong on the command line is said before anything is opened
    limit(args.delete_limit)
    with _opened(args, context) as operation:
        return actions[str(args.action)](operation, args, context)


def _opened(args: argparse.Namespace, context: Context) -> AbstractContextManager[SiteOperation]:
    config = context.config(args)
    site = config.site
    if site is None or site.bucket is None:
        raise ConfigError(
            "the config has no site.bucket" + (", only site.origin" if site else ""),
            remedy="say which bucket the site is deployed to: docs/site.md",
        )
    from deployer.site.opening import open_site

    changing = args.action in CHANGING and not args.plan
    return open_site(config, context.environ, context.emit(args), lock_wait(args) or 0.0, start=changing)


def _deploy(operation: SiteOperation, args: argparse.Namespace, context: Context) -> int:
    from deployer.site import release

    choices = release.Choices(args.trust_manifest, args.check_headers, limit(args.delete_limit))
    if args.plan:
        found = release.prepare(operation, choices)
        return _show_plan(found.facts, found.plan, operation, args, context)
    result = release.deploy(operation, choices)
    return _conclude(result, operation, args, context)


def _rollback(operation: SiteOperation, args: argparse.Namespace, context: Context) -> int:
    from deployer.site import rollback

    if args.plan:
        found = rollback.prepare(operation, args.to)
        return _show_plan(found.facts, found.plan, operation, args, context)
    return _conclude(rollback.rollback(operation, args.to), operation, args, context)


def _prune(operation: SiteOperation, args: argparse.Namespace, context: Context) -> int:
    from deployer.site import prune

    if args.keep is not None and args.keep < 2:
        raise UsageError(
            "--keep must be at least 2", remedy="the release before is what visitors still have open"
        )
    most = limit(args.delete_limit)
    if args.plan:
        found = prune.prepare(operation, args.keep, most)
        gone = {"releases": found.gone, "kept": len(found.kept)}
        return _show_plan(found.facts, found.plan, operation, args, context, gone)
    return _conclude(prune.prune(operation, args.keep, most), operation, args, context)


def _releases(operation: SiteOperation, args: argparse.Namespace, context: Context) -> int:
    from deployer.site.claim import read_pointer
    from deployer.site.status import releases

    found = releases(read_pointer(operation.store, operation.keys).pointer)
    if args.json:
        context.print_json(found)
        return ExitStatus.OK
    if not found:
        context.print(f"the site in {operation.site.bucket} has no releases")
    from deployer.config.units import humanize_size

    for each in found:
        mark = "*" if each["current"] else " " if each["complete"] else "!"
        sha = (each["git_sha"] or "-")[:8]
        context.print(
            f"{mark} {each['id']}  {each['files']:>6,} files  {humanize_size(each['size']):>8}  {sha:<8}  "
            f"{each['who']}  {each['at']}" + ("" if each["complete"] else "  (given up half-way)")
        )
    return ExitStatus.OK


def _verify(operation: SiteOperation, args: argparse.Namespace, context: Context) -> int:
    from deployer.site.verify import verify

    verdict = verify(operation)
    status = ExitStatus.RELEASE_FAILED if verdict.faults else ExitStatus.OK
    if args.json:
        context.print_json(verdict.as_dict())
        return status
    for fault in verdict.faults:
        context.print(f"{fault.kind:<10} {fault.path or '-'}: {fault.text}")
    said = f"{verdict.files:,} files and {verdict.references:,} references of {verdict.release}"
    context.print(
        f"{said}: {len(verdict.faults)} fault(s)" if verdict.faults else f"{said} are as they should be"
    )
    if verdict.faults:
        context.stderr.write("  -> `deployer site deploy --check-headers` mends what is not as it was sent\n")
    return status


def _status(operation: SiteOperation, args: argparse.Namespace, context: Context) -> int:
    from deployer.site.status import status

    found = status(operation)
    if args.json:
        context.print_json(found)
        return ExitStatus.OK
    lines = [
        f"{key:<13} {'-' if value is None else value}" for key, value in found.items() if key != "at_work"
    ]
    work = found["at_work"]
    lines.append(
        f"at work       {work['who']}, {work['kind']} of {work['release']}, {work['step']}"
        if work
        else "at work       nobody"
    )
    context.print("\n".join(lines))
    return ExitStatus.OK


def limit(text: str | None) -> str | None:
    """A limit of deletions, as the command line says it. :raises UsageError: it is none."""
    if (
        text is None
        or text.isdecimal()
        or (text.endswith("%") and text[:-1].isdecimal() and int(text[:-1]) <= 100)
    ):
        return text
    raise UsageError(
        f"--delete-limit {text} is no limit", remedy="write a share such as 100%, or a number of files"
    )


def _show_plan(
    facts: Facts,
    plan: Plan,
    operation: SiteOperation,
    args: argparse.Namespace,
    context: Context,
    gone: Mapping[str, Any] | None = None,
) -> int:
    """:param gone: of a prune: the releases that go, and how much content that was kept aside for them."""
    from deployer.site.distribution import wanted_invalidation
    from deployer.site.plan import lines

    wanted, _ = wanted_invalidation(operation.site, operation.distribution, facts, plan)
    found: list[dict[str, Any]] = [
        {"path": path, "reason": reason, "size": size} for reason, path, size in lines(plan)
    ]
    if args.json:
        context.print_json(
            {
                "files": found,
                "unchanged": plan.unchanged,
                "bytes": plan.sending,
                "invalidation": {"paths": list(wanted.paths), "cost": wanted.cost},
                **(gone or {}),
            }
        )
        return ExitStatus.OK
    from deployer.config.units import humanize_size

    for each in found:
        context.print(f"{each['reason']:<10} {each['path']}  {humanize_size(each['size'])}")
    context.print(
        f"{len(plan.sends):,} to send ({humanize_size(plan.sending)}), {len(plan.moves):,} to copy, "
        f"{len(plan.deletions):,} to delete, {plan.unchanged:,} unchanged"
    )
    if gone and (gone["releases"] or gone["kept"]):
        names = ", ".join(gone["releases"]) or "none"
        context.print(f"releases that go: {names}; contents kept aside that go: {gone['kept']:,}")
    if wanted.paths:
        shown = ", ".join(wanted.paths[:5]) + (", ..." if len(wanted.paths) > 5 else "")
        context.print(f"to invalidate: {len(wanted.paths)} path(s), {wanted.cost:.2f} USD: {shown}")
    return ExitStatus.OK


def _conclude(result: Result, operation: SiteOperation, args: argparse.Namespace, context: Context) -> int:
    if getattr(args, "wait", False) and result.invalidation_id:
        operation.forgotten(result.invalidation_id)
    if args.json:
        context.print_json(result.as_dict())
        return ExitStatus.OK
    from deployer.config.units import humanize_size

    if result.outcome == "unchanged":
        context.print(
            f"{result.release or 'the site'} is unchanged ({result.files:,} files, {result.duration_s:.1f} s)"
        )
        return ExitStatus.OK
    context.print(
        f"{result.release} is the site ({result.uploaded:,} sent, {humanize_size(result.sent)}, "
        f"{result.copied:,} copied, {result.deleted:,} deleted, {result.unchanged:,} unchanged, "
        f"{result.duration_s:.1f} s)"
    )
    return ExitStatus.OK
