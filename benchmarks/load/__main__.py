"""`python -m benchmarks.load URL --seconds 10 [--json]`: exit code 1 where a request was lost or doubled."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import signal
import sys
from collections.abc import Sequence

from benchmarks.load.clients import Clients
from benchmarks.load.mix import PRESETS, Mix
from benchmarks.load.process import steered
from benchmarks.load.report import Report

COUNTS = ("keepalive", "oneshot", "post", "pausing", "slow", "stream", "upload")


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("url", help="http://host:port or https://host:port")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="then requests in flight are finished (%(default)s)"
    )
    parser.add_argument("--preset", choices=sorted(PRESETS), default="moderate")
    parser.add_argument("--rate", type=float, help="requests a second in total; 0: as fast as answers come")
    for name in COUNTS:
        parser.add_argument(f"--{name}", type=int, metavar="N", help=f"number of {name} clients")
    parser.add_argument("--get", action="append", metavar="PATH", help="path to GET; may be repeated")
    parser.add_argument("--timeout", type=float, default=30.0, help="seconds after which a request is lost")
    parser.add_argument(
        "--allow-status",
        type=int,
        action="append",
        default=[],
        metavar="STATUS",
        help="a status that is neither ok nor lost; may be repeated",
    )
    parser.add_argument("--ca", metavar="FILE", help="certificate to trust, for https")
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")
    return parser


def mix_of(args: argparse.Namespace) -> Mix:
    given = {name: getattr(args, name) for name in (*COUNTS, "rate") if getattr(args, name) is not None}
    if args.get:
        given["get_paths"] = tuple(args.get)
    return dataclasses.replace(PRESETS[args.preset], **given)


async def timed(clients: Clients, seconds: float) -> Report:
    """Runs for so long, or until Ctrl-C or SIGTERM, which also lets requests in flight finish."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, clients.stop)
    loop.call_later(seconds, clients.stop)
    return await clients.run()


def main(argv: Sequence[str] | None = None) -> int:
    argv = list(sys.argv[1:] if argv is None else argv)
    if argv[:1] == ["--steered"]:  # how process.Load starts it
        order = json.loads(argv[1])
        asyncio.run(steered(Clients(order.pop("url"), Mix(**order.pop("mix")), **order)))
        return 0
    args = parser().parse_args(argv)
    clients = Clients(
        args.url, mix_of(args), timeout=args.timeout, allow_status=args.allow_status, ca=args.ca
    )
    report = asyncio.run(timed(clients, args.seconds))
    print(json.dumps(report.as_dict()) if args.json else report.summary())
    return 0 if report.clean else 1


if __name__ == "__main__":
    sys.exit(main())
