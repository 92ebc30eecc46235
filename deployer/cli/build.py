"""`deployer build`."""

from __future__ import annotations

import argparse

from deployer.cli.context import Context
from deployer.cli.listeners import Deed
from deployer.errors import ExitStatus

HELP = "only build the image"

EPILOG = """examples:
  deployer build            build, unless the engine has an image of exactly these files
  deployer build --plan     the tag, the files and bytes it is made of, and whether it exists already
  deployer build --force    build anew, without the engine's cache: for newer packages of the distribution
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "--force", action="store_true", help="build even if unchanged, and without cached layers"
    )
    parser.add_argument("--plan", action="store_true", help="only say what would be built")


def told(args: argparse.Namespace) -> Deed | None:
    """What others are told that this does."""
    return None if args.plan else Deed("build", quiet=True)


def run(args: argparse.Namespace, context: Context) -> int:
    """Build the image, or say what would be built."""
    config = context.config(args)
    if args.plan:
        return _plan(args, context)
    from deployer.image.build import build

    built = build(context.engine(config), config, context.emit(args), force=args.force)
    context.print_json(built.as_dict()) if args.json else context.print(built.image_ref)
    return ExitStatus.OK


def _plan(args: argparse.Namespace, context: Context) -> int:
    from deployer.image.build import plan_build, present

    config = context.config(args)
    plan = plan_build(config)
    reused = not args.force and present(context.engine(config), plan)
    if args.json:
        context.print_json({**plan.as_dict(), "reused": reused})
        return ExitStatus.OK
    context.print(
        f"{plan.image}: {plan.context.files} file(s), {plan.context.size} bytes from {plan.context.root}"
    )
    context.print("the engine has it already: nothing to build" if reused else "it would be built")
    if config.service.build and config.service.build.prepare:
        context.print("service.build.prepare has not run: what it changes in the context changes the tag")
    return ExitStatus.OK
