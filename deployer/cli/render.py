"""`deployer render`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli.context import Context
from deployer.errors import DeployerError, ExitStatus, UsageError

if TYPE_CHECKING:
    from deployer.config.schema import Config

HELP = "show the files that templates make"

EPILOG = """examples:
  deployer render                  every file this config makes, to look at
  deployer render haproxy.cfg      one of them
  deployer render --out rendered   into a folder
  deployer render --list           the templates, and which of them this installation has

Nothing is deployed. Without an engine to ask, haproxy.cfg shows the slots empty, with the addresses they get
in `edge.subnet` (else in an example's).
"""

EXAMPLE_SUBNET = "10.213.0.0/28"
"""Stands in where the config leaves the subnet to the engine."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="Dockerfile, haproxy.cfg, hold.lua or viewer-request.js (default: all)",
    )
    parser.add_argument("--out", metavar="DIR", help="write the files there instead of printing them")
    parser.add_argument("--list", action="store_true", help="list the templates")


def run(args: argparse.Namespace, context: Context) -> int:
    """Render what the config uses, or list the templates."""
    if args.list:
        return _list(args, context)
    files = rendered(context.config(args))
    if args.name is not None:
        if args.name not in files:
            raise UsageError(
                f"this config makes no file '{args.name}'", remedy=f"it makes {', '.join(files)}"
            )
        files = {args.name: files[args.name]}
    if args.out is not None:
        return write_files(files, Path(args.out), args, context)
    if args.json:
        context.print_json({"files": files})
    elif args.name is not None:
        context.stdout.write(files[args.name])
    else:
        for name, text in files.items():
            context.print(f"# ---- {name} ----")
            context.print(text.rstrip("\n"))
    return ExitStatus.OK


def rendered(config: Config) -> dict[str, str]:
    """The files that deploying `config` would make, by name.

    :raises ConfigError: a template is missing or wrong.
    """
    from deployer.edge.configuration import configuration, hold_script
    from deployer.edge.network import slot_addresses
    from deployer.edge.site import viewer_request
    from deployer.edge.state import EdgeState

    files = {}
    if config.service.build:
        from deployer.image.dockerfile import text_of

        files["Dockerfile"] = text_of(config, config.service.build)
    addresses = slot_addresses(config.edge.subnet or EXAMPLE_SUBNET)
    files["haproxy.cfg"] = configuration(config, EdgeState(), addresses)
    files["hold.lua"] = hold_script(config)
    if config.site and config.site.bucket:
        files["viewer-request.js"] = viewer_request(config.site)
    return files


def write_files(files: dict[str, str], folder: Path, args: argparse.Namespace, context: Context) -> int:
    """Write files to a folder, and say which."""
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            path = folder / name
            path.write_text(text, encoding="utf-8")
            written.append(str(path))
    except OSError as error:
        raise DeployerError(f"{error.filename}: cannot be written ({error.strerror})") from None
    if args.json:
        context.print_json({"written": written})
    else:
        context.print("\n".join(written))
    return ExitStatus.OK


def _list(args: argparse.Namespace, context: Context) -> int:
    from deployer.render import names
    from deployer.resources import templates_folder

    templates = names()
    if args.json:
        context.print_json({"folder": str(templates_folder()), "templates": templates})
    else:
        for name in templates:
            context.print(name)
    return ExitStatus.OK
