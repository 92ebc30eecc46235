"""What happened from one look to the next, from what is counted."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.config.sections.watch import Watch
from deployer.doctor.engine import see_log
from deployer.doctor.finding import Severity
from deployer.doctor.host import KILLED
from deployer.watch.condition import Condition, Counts, Key


def grown(host: str, before: Counts | None, now: Counts, watch: Watch) -> Iterator[Condition]:
    """The conditions that a host's counts are.

    :param before: those of the look before; None where there was none, which says nothing about now.
    """
    if before is None:
        return
    if kills := _growth(before.oom, now.oom):
        said = f"the kernel has killed {kills} process(es) for want of memory since the last look"
        yield _happened(Key(host, "facts", "oom"), Severity.ERROR, said, KILLED)
    for name, (own, count) in (now.restarts or {}).items():
        known = (before.restarts or {}).get(name)
        # A container that is another one, of the same name, begins with none.
        if before.restarts is not None and (
            more := _growth(known[1] if known and known[0] == own else 0, count)
        ):
            said = f"{name} died and was restarted {more} time(s) since the last look"
            yield _happened(Key(host, "engine", "restarts", name), Severity.WARNING, said, see_log(name))
    if before.maintenance or now.maintenance:
        return
    errors = _growth(before.errors, now.errors)
    # An edge that began anew has fewer answers than before, if not fewer errors: both begin at nothing then.
    if before.answers is not None and (now.answers or 0) < before.answers:
        errors = now.errors or 0
    answers = _growth(before.answers, now.answers)
    if errors > watch.max_errors and errors > watch.max_error_rate * answers:
        said = f"{errors} of {answers} requests were answered with 5xx since the last look"
        yield _happened(Key(host, "service", "errors"), Severity.ERROR, said, "`deployer logs` says why")


def _happened(key: Key, severity: Severity, evidence: str, remedy: str) -> Condition:
    return Condition(key, severity, evidence, remedy, counted=True)


def _growth(before: int | None, now: int | None) -> int:
    """How much a count has grown; one that is smaller than before began at 0 in between."""
    if before is None or now is None:
        return 0
    return now - before if now >= before else now
