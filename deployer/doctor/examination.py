"""All the checks that a config asks for, on one host or on several, and the fixes that are safe."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence

from msgspec import Struct

from deployer.config.schema import Config
from deployer.doctor.finding import Area, Finding, Findings, Severity
from deployer.errors import DeployerError, HostError, HostUnreachable, Interrupted
from deployer.host.engine import DEFAULT_ADDRESS, Engine
from deployer.host.facts import DOCKER_ROOT, Facts

HOST_AREAS = {"host", "engine", "service", "jenkins"}
"""Areas for which the host is asked; Jenkins' for its memory alone."""

AREAS = ("host", "engine", "service", "jenkins", "cloud")


class Patient(Struct, frozen=True):
    """What is looked at; whatever of it cannot be had is told as a finding.

    :param engine: opens the engine. :param facts: reads the host's facts, given the engine's data folder; for
        the host area they are to hold `deployer.doctor.names.asked`.
    :param reach: how a far host was reached, or why it cannot be; None where it is this machine.
    """

    config: Config
    environ: Mapping[str, str]
    engine: Callable[[], Engine]
    facts: Callable[[str], Facts]
    reach: str | DeployerError | None = None


def examine(patient: Patient, areas: Collection[str] = AREAS, url: str | None = None) -> Iterator[Finding]:
    """The findings, as they are made; a check that fails is a finding, and the others go on.

    :param url: where visitors go, for the cloud side.
    """
    config, environ = patient.config, patient.environ
    engine, facts = None, None
    if HOST_AREAS & set(areas):
        if patient.reach is not None:
            yield reached(patient.reach)
        if not isinstance(patient.reach, DeployerError):
            engine = yield from _opened(patient)
            facts = yield from _told(patient, engine)
    if "host" in areas and facts is not None:
        from deployer.doctor.engine import published
        from deployer.doctor.host import check_host

        yield from _guarded("host", check_host(facts, config, published(engine) if engine else None))
        if engine is not None:
            from deployer.doctor.bridges import check_bridges

            yield from _guarded("host", check_bridges(facts, engine))
    if "engine" in areas and engine is not None:
        from deployer.doctor.engine import check_engine

        yield from _guarded("engine", check_engine(engine, config))
    if "service" in areas and engine is not None:
        from deployer.doctor.service import check_service

        yield from _guarded("service", check_service(engine, config, environ))
    if "jenkins" in areas:
        from deployer.doctor.jenkins import check_jenkins

        yield from _guarded("jenkins", check_jenkins(config, environ, facts.memory if facts else None))
    if "cloud" in areas:
        from deployer.doctor.cloud import check_cloud

        yield from _guarded("cloud", check_cloud(config, environ, url))


def reached(reach: str | DeployerError) -> Finding:
    """Whether a far host could be reached."""
    if isinstance(reach, DeployerError):
        return Area("host").error("reach", reach.message, reach.remedy or "see the message")
    return Area("host").ok("reach", f"{reach} lets us in")


def _opened(patient: Patient) -> Generator[Finding, None, Engine | None]:
    try:
        engine = patient.engine()
    except Interrupted:
        raise
    except DeployerError as error:
        yield Area("engine").error("engine", error.message, error.remedy or "see the message")
        return None
    yield Area("engine").ok("engine", f"{engine.address} answers")
    return engine


def _told(patient: Patient, engine: Engine | None) -> Generator[Finding, None, Facts | None]:
    try:
        return patient.facts(engine.info()["DockerRootDir"] if engine else DOCKER_ROOT)
    except Interrupted:
        raise
    except HostUnreachable as error:
        yield reached(error)  # it broke in the middle
    except DeployerError as error:
        yield Area("host").skipped("facts", error.message)
    return None


def fix(found: Finding) -> Finding:
    """What a finding is once its fix has run, as the same check says afterwards."""
    if found.fix is None:
        return found
    try:
        done = found.fix.run()
        same = (
            each for each in found.fix.again() if (each.check, each.subject) == (found.check, found.subject)
        )
        left = max(same, key=lambda each: each.severity, default=None)
    except Interrupted:
        raise
    except DeployerError as error:
        return Finding(
            found.area, found.check, found.severity, found.evidence, f"fixing failed: {error.message}"
        )
    if left is None or left.severity < Severity.WARNING:
        return Finding(found.area, found.check, Severity.OK, f"{found.evidence}; fixed: {done}")
    # The evidence as it is now, so that an earlier report knows it again.
    remedy = f"{left.remedy} (--fix was not enough: {done})"
    return Finding(left.area, left.check, left.severity, left.evidence, remedy, subject=left.subject)


def facts_here(config: Config, folder: str, names: Sequence[str] = ()) -> Facts:
    """The facts of this machine, where the engine is on it.

    :param folder: the engine's data folder. :param names: what it should be able to resolve.
    :raises HostError: it is elsewhere.
    """
    if not near(config):
        raise HostError("the engine is not on this machine: name the host in `hosts` to have it looked at")
    from deployer.host import facts

    return facts.here((config.host.docker or DEFAULT_ADDRESS).removeprefix("unix://"), folder, names)


def near(config: Config) -> bool:
    """Whether the engine's host is this machine, so that this machine's facts are its."""
    return (config.host.docker or DEFAULT_ADDRESS).startswith("unix://")


def _guarded(area: str, findings: Findings) -> Iterator[Finding]:
    try:
        yield from findings
    except Interrupted:
        raise
    except DeployerError as error:
        yield Area(area).error("check", error.message, error.remedy or "see the message")
