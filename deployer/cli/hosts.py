"""Commands on `hosts`: on all of them, or on those that `--host` names."""

from __future__ import annotations

import argparse
import contextlib
import io
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO, cast

from msgspec.structs import replace

from deployer.cli.context import Context
from deployer.errors import ExitStatus, FleetFailed, HostError
from deployer.events import OnHost

if TYPE_CHECKING:
    from deployer.config.schema import Config
    from deployer.events import Emit, Event
    from deployer.fleet.inventory import Fleet
    from deployer.fleet.work import Member, Outcome
    from deployer.host.engine import Engine
    from deployer.rollout.operation import Operation

Run = Callable[[argparse.Namespace, Context], int]
_telling = threading.Lock()


def add_hosts(parser: argparse.ArgumentParser) -> None:
    """`--host`."""
    parser.add_argument(
        "--host",
        action="append",
        metavar="NAME",
        help="only on these of the config's hosts; repeatable, or with commas between",
    )


def fleet(args: argparse.Namespace, context: Context, config: Config) -> Fleet | None:
    """The hosts that a command is for; None where the config names none, and it is for the engine here.

    :raises UsageError: `--host` names one that the config does not know.
    """
    if not config.hosts and not args.host:
        return None
    from deployer.cli.results import lock_wait
    from deployer.fleet.inventory import Fleet, chosen

    wait = lock_wait(args) if hasattr(args, "lock_wait") else None
    return Fleet(config, chosen(config, args.host or ()), context.emit(args), context.environ, wait)


def on_each(
    run: Run, args: argparse.Namespace, context: Context, *, lost_too: bool = False, hangs_up: bool = False
) -> int:
    """Run a command that knows one engine on each of the hosts; what it prints has the host's name before it.

    :param hangs_up: an interrupt closes the connections: it waits for output, and has nothing to put right.
    :param lost_too: also for a host that cannot be reached: it is told so by `HostContext.engine`.
    :raises FleetFailed: several were asked, and one failed.
    """
    config = context.config(args)
    found = fleet(args, context, config)
    if found is None:
        return run(args, context)
    from deployer.fleet.work import Member, each
    from deployer.host.ssh import Jumps

    emit = context.emit(args)

    reached: list[Member] = []

    def hang_up() -> None:
        for member in reached if hangs_up else ():
            member.close()

    def one(host: Any) -> int:
        member: Member | HostError
        try:
            member = Member(config, host, emit, context.environ, jumps)
            reached.append(member)
        except HostError as error:
            if not lost_too:
                raise
            member = error
        try:
            with prefixed(context.stdout, host.name if len(found.hosts) > 1 else "") as out:
                return run(args, HostContext(context, out, found, host.name, member))
        finally:
            if isinstance(member, Member):
                member.close()

    with Jumps(context.environ) as jumps:
        outcomes = each(found.hosts, one, interrupted=hang_up)
    raise_failures(args.command, outcomes)
    return max((outcome.value or 0 for outcome in outcomes), default=ExitStatus.OK)


def raise_failures(what: str, outcomes: Sequence[Outcome[Any]]) -> None:
    """Say which hosts failed, if any did.

    :raises DeployerError: the one host's own; for several hosts FleetFailed.
    """
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if len(outcomes) == 1 and failed and failed[0].error is not None:
        raise failed[0].error
    if failed:
        details = []
        for outcome in failed:
            if outcome.error is not None:
                said = outcome.error.message.removeprefix(f"{outcome.host}: ")
                details.append(f"{outcome.host}: {said}")
                details += [f"  {outcome.host} | {line}" for line in outcome.error.details]
                details += [f"  -> {outcome.error.remedy}"] if outcome.error.remedy else []
        raise FleetFailed(f"{what} failed on {len(failed)} of {len(outcomes)} hosts", details=details)


class HostContext(Context):
    """The context of a command on one of several hosts.

    :ivar first: of all that the command is for: it does what has to be done once.
    :ivar member: the host, or why it cannot be reached.
    """

    def __init__(
        self, context: Context, out: TextIO, fleet: Fleet, host: str, member: Member | HostError
    ) -> None:
        super().__init__(context.stdin, out, context.stderr, context.environ)
        self.mask, self.listeners = context.mask, context.listeners
        self.host, self.member = host, member
        self.first = host == fleet.hosts[0].name
        self.loaded = fleet.config
        self.prefixed = out is not context.stdout
        # What goes with a host's name before it is no last line.
        self.held = None if self.prefixed else context.held

    def config(self, _args: argparse.Namespace) -> Config:
        return self.loaded

    def reached(self) -> Member:
        """The host. :raises HostError: it cannot be reached."""
        if isinstance(self.member, HostError):
            raise self.member
        return self.member

    def engine(self, _config: Config) -> Engine:
        return self.reached().engine

    def emit(self, _args: argparse.Namespace) -> Emit:
        return self.reached().emit

    def stocked(self, operation: Operation) -> Operation:
        from deployer.fleet.images import bring_edge

        bring_edge(self.reached())
        return replace(operation, edge_image=self.reached().edge_image)

    def tell(self, event: Event) -> None:
        Context.tell(self, OnHost(self.host, event))

    def print_json(self, value: Any) -> None:
        if not self.prefixed:
            tagged = value
        elif isinstance(value, Mapping):
            tagged = {"host": self.host, **value}
        else:
            tagged = {"host": self.host, "result": value}
        Context.print_json(self, tagged)

    def print(self, text: str = "") -> None:
        self.stdout.write(self.hidden(text) + "\n")
        self.stdout.flush()


@contextlib.contextmanager
def prefixed(stream: TextIO, name: str) -> Iterator[TextIO]:
    """The stream with a host's name before each line; the stream itself where there is no name."""
    if not name:
        yield stream
        return
    lines = Prefixed(stream, name)
    try:
        yield cast(TextIO, lines)
    finally:
        lines.finish()


class Prefixed(io.TextIOBase):
    """Whole lines, each with its host's name before it; JSON says the host itself."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__()
        self._stream = stream
        self._name = name
        self._partial = ""

    def write(self, text: str) -> int:
        *lines, self._partial = (self._partial + text).split("\n")
        with _telling:
            for line in lines:
                before = "" if line.startswith('{"host"') else f"{self._name} | "
                self._stream.write(f"{before}{line}\n")
        return len(text)

    def finish(self) -> None:
        """A last line that has no end is a line too."""
        if self._partial:
            self.write("\n")

    def flush(self) -> None:
        with _telling:
            self._stream.flush()

    def isatty(self) -> bool:
        return False
