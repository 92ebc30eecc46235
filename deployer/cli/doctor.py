"""`deployer doctor`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.cli.context import Context
from deployer.cli.hosts import HostContext
from deployer.cli.listeners import Deed
from deployer.errors import DeployerError, ExitStatus, UsageError
from deployer.events import DoctorFound

if TYPE_CHECKING:
    from deployer.config.schema import Config
    from deployer.doctor.finding import Baseline, Finding
    from deployer.host.facts import Facts

EPILOG = """examples:
  deployer doctor                          everything that the config lets it look at
  deployer doctor host engine              only these areas: host, engine, service, jenkins, cloud
  deployer doctor --fix                    and mend what can be mended without asking
  deployer doctor cloud --url https://interview.example.org
  deployer doctor --json > known.json      then `--baseline known.json` tells only what is new

Ends with 0 where all is well, 31 with warnings, 32 with errors.
"""

EACH_HOST = True
"""With `hosts` in the config, it runs on each of them."""

LOST_HOSTS = True
"""Also on those that cannot be reached: that is a finding."""

AREAS = ("host", "engine", "service", "jenkins", "cloud")
NO_HOST = ("jenkins", "cloud")
"""Areas that are of no host."""

MARKS = {"ok": "ok", "skipped": "--", "warning": "!", "error": "!!"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    parser.add_argument("areas", nargs="*", metavar="AREA", choices=AREAS, help=", ".join(AREAS))
    parser.add_argument("--fix", action="store_true", help="mend what can be mended without asking")
    parser.add_argument("--url", metavar="URL", help="where visitors go, to look at what they get")
    parser.add_argument(
        "--baseline",
        metavar="FILE",
        help="an earlier report, made with --json: what it found too is not news",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="also what is in order")


def told(_args: argparse.Namespace) -> Deed:
    """What others are told that this does."""
    return Deed("doctor", quiet=True, commit=False)


def run(args: argparse.Namespace, context: Context) -> int:
    """Look, and say what was found."""
    from deployer.doctor.examination import Patient, examine, fix
    from deployer.doctor.finding import Severity, worst

    config = context.config(args)
    patient = Patient(
        config,
        context.environ,
        lambda: context.engine(config),
        lambda folder: _facts(context, config, folder),
        _reach(context),
    )
    known = _baseline(args.baseline, context)
    found: list[Finding] = []
    areas = args.areas or AREAS
    if isinstance(context, HostContext) and not context.first:
        areas = [area for area in areas if area not in NO_HOST]  # looked at once, not for each host
    for finding in examine(patient, areas, args.url):
        seen = known.apply(fix(finding) if args.fix else finding)
        found.append(seen)
        if seen.severity >= Severity.WARNING:
            context.tell(
                DoctorFound(seen.area, seen.check, seen.severity.name.lower(), seen.evidence, seen.remedy)
            )
        if not args.json and (args.verbose or seen.severity >= Severity.WARNING):
            context.print(_line(seen))
    if args.json:
        context.print_json(
            {"worst": worst(found).name.lower(), "findings": [each.as_dict() for each in found]}
        )
    else:
        counts = {severity: sum(each.severity == severity for each in found) for severity in Severity}
        words = f"{counts[Severity.OK]} in order, {counts[Severity.WARNING]} warning(s)"
        words += f", {counts[Severity.ERROR]} error(s)"
        skipped = counts[Severity.SKIPPED]
        context.print(words + (f", {skipped} not looked at (-v says why)" if skipped else ""))
    return {Severity.WARNING: ExitStatus.DOCTOR_WARNING, Severity.ERROR: ExitStatus.DOCTOR_ERROR}.get(
        worst(found), ExitStatus.OK
    )


def _baseline(path: str | None, context: Context) -> Baseline:
    """What an earlier report says of this host."""
    from deployer.doctor.finding import Baseline

    if path is None:
        return Baseline(())
    host = context.host if isinstance(context, HostContext) else None
    try:
        # One report, or a line for each host.
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        reports = [json.loads(line) for line in lines if line.startswith("{")]
        return Baseline(
            entry
            for report in reports
            if host is None or report.get("host", host) == host
            for entry in report["findings"]
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} is no report of the doctor ({error})", remedy="make one: deployer doctor --json > FILE"
        ) from error


def _reach(context: Context) -> str | DeployerError | None:
    """The way to the host, or why there is none; None where it is this machine."""
    if not isinstance(context, HostContext):
        return None
    member = context.member
    return member if isinstance(member, DeployerError) else member.connection.target.url


def _facts(context: Context, config: Config, folder: str) -> Facts:
    from deployer.doctor.examination import facts_here
    from deployer.doctor.names import asked

    if isinstance(context, HostContext):
        return context.reached().facts(folder, asked(config))
    return facts_here(config, folder, asked(config))


def _line(finding: Finding) -> str:
    mark = MARKS[finding.severity.name.lower()]
    line = f"{mark:<2} {finding.area:<8} {finding.check:<12} {finding.evidence}"
    return f"{line}\n   -> {finding.remedy}" if finding.remedy else line
