"""`python -m benchmarks [NAME ...] [--quick]`: measures, prints tables, and writes them to the page."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Sequence

from benchmarks import costs, edge, fleet, interview, machine, page, peers, pipelines, rollouts, site, swarm
from benchmarks.figures import Section
from benchmarks.stand import BenchError, Stand, stand

BENCHMARKS: dict[str, Callable[[Stand], list[Section]]] = {
    "rollouts": rollouts.measure,
    "edge": edge.measure,
    "costs": costs.measure,
    "pipelines": pipelines.measure,
    "site": site.measure,
    "fleet": fleet.measure,
    "interview": interview.measure,
    "peers": peers.measure,
}


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which: {', '.join(BENCHMARKS)}; all where none is named"
    )
    parser.add_argument("--quick", action="store_true", help="fewer runs, for a look; writes nothing")
    return parser


def interruptible() -> None:
    """The first Ctrl-C or SIGTERM ends the run and cleans up; further ones must not end the cleaning."""

    def interrupt(number: int, _frame: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        sys.stderr.write("benchmarks: interrupted; cleaning up\n")
        raise SystemExit(128 + number)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, interrupt)


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parser()
    args = arguments.parse_args(argv)
    if unknown := [name for name in args.names if name not in BENCHMARKS]:
        arguments.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    interruptible()
    swarm.sweep()
    busyness = machine.busyness()
    sections = []
    try:
        with stand(quick=args.quick) as on:
            what = machine.description(on.client)
            print(f"{what}; load average {busyness}", flush=True)
            for name in args.names or BENCHMARKS:
                sys.stderr.write(f"benchmarks: {name}\n")
                for section in BENCHMARKS[name](on):
                    print(f"\n{section.text()}", flush=True)
                    sections.append(section)
    except (BenchError, AssertionError) as error:
        sys.stderr.write(f"benchmarks: {error}\n")
        return 1
    if not args.quick:
        page.write(sections, what, busyness)
        print(f"\nwritten to docs/{page.PATH.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
