"""One look at the hosts, the service on them, and the addresses that visitors use. Changes nothing."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping
from typing import Any

from deployer.config.schema import Config
from deployer.doctor.certificate import certificate, served
from deployer.doctor.engine import inspected, name_of, unwell
from deployer.doctor.examination import Patient, facts_here, near
from deployer.doctor.finding import Severity
from deployer.doctor.host import limits_of, room
from deployer.doctor.http import get
from deployer.doctor.service import release
from deployer.errors import DeployerError, EngineError, HostError, HostUnreachable, Interrupted
from deployer.events import ignore
from deployer.fleet.work import Outcome, each, reached
from deployer.host.engine import Engine
from deployer.host.facts import DOCKER_ROOT
from deployer.rollout.status import described, observe
from deployer.watch.condition import OUTSIDE, Condition, Counted, Counts, Key, Sight

HYSTERESIS = 1.2
"""What was told to be too little must become so much more than too little before it is well again."""

AREAS = ("facts", "engine", "service")


def look(config: Config, environ: Mapping[str, str], told: Collection[Key]) -> Sight:
    """Everything that the config has.

    :param told: what was told to be bad, and has to be clearly better before it is well.
    """
    return Sight.together([*_hosts(config, environ, told), _outside(config)])


def _hosts(config: Config, environ: Mapping[str, str], told: Collection[Key]) -> list[Sight]:
    if not config.hosts:
        return [_here(config, environ, told)]
    with reached(config, config.hosts, ignore, environ) as (members, lost):
        seen = each(
            members,
            lambda member: _host(
                member.name, Patient(config, environ, lambda: member.engine, member.facts), told
            ),
        )
    return [*(outcome.value or _silent(outcome) for outcome in seen), *map(_silent, lost)]


def _here(config: Config, environ: Mapping[str, str], told: Collection[Key]) -> Sight:
    opened: list[Engine] = []

    def engine() -> Engine:
        opened.append(Engine(config.host.docker, environ))
        return opened[-1]

    try:
        return _host(
            platform.node(), Patient(config, environ, engine, lambda folder: facts_here(config, folder)), told
        )
    finally:
        for one in opened:
            one.close()


def _silent(outcome: Outcome[Any]) -> Sight:
    """A host that could not be reached. :raises DeployerError: that was not the reason."""
    error = outcome.error
    if not isinstance(error, HostError | EngineError):
        raise error or DeployerError(f"{outcome.host} was not looked at")
    said = error.message.removeprefix(f"{outcome.host}: ")
    found = Condition(Key(outcome.host, "host", "host"), Severity.ERROR, said, error.remedy or "")
    return Sight(
        hosts=frozenset({outcome.host}),
        conditions=(found,),
        blind=frozenset((outcome.host, area) for area in AREAS),
    )


def _host(name: str, patient: Patient, told: Collection[Key]) -> Sight:
    """What a host shows that can be reached. :raises HostUnreachable: it cannot, any more."""
    found: list[Condition] = []
    blind: set[str] = set()
    counts: Counted = {}
    serves = False
    folder = DOCKER_ROOT
    try:
        engine = patient.engine()
        folder = engine.info()["DockerRootDir"]
        _containers(name, engine, found, counts)
        serves = _service(name, engine, patient.config, found, counts)
        found.append(Condition(Key(name, "host", "engine"), Severity.OK, f"{engine.address} answers"))
    except (HostUnreachable, Interrupted):
        raise
    except DeployerError as error:
        found = [Condition(Key(name, "host", "engine"), Severity.ERROR, error.message, error.remedy or "")]
        blind |= {"engine", "service"}
        counts = {}
    try:
        _room(name, patient, folder, told, found, counts)
    except (HostUnreachable, Interrupted):
        raise
    except DeployerError as error:
        blind.add("facts")
        if patient.config.hosts or near(patient.config):
            key = Key(name, "host", "facts")
            found.append(Condition(key, Severity.WARNING, error.message, error.remedy or ""))
    if patient.config.hosts:
        found.append(Condition(Key(name, "host", "host"), Severity.OK, "lets us in"))
    return Sight(
        hosts=frozenset({name}),
        conditions=tuple(found),
        blind=frozenset((name, area) for area in blind),
        counts={name: Counts(**counts)},
        serving=frozenset({name} if serves else ()),
    )


def _containers(name: str, engine: Engine, found: list[Condition], counts: Counted) -> None:
    restarts = {}
    for container in inspected(engine):
        restarts[name_of(container)] = (container["Id"], container["RestartCount"])
        finding = unwell(container)
        if finding:
            found.append(Condition.of(name, "engine", finding))
    counts["restarts"] = restarts


def _service(name: str, engine: Engine, config: Config, found: list[Condition], counts: Counted) -> bool:
    """Whether the service is there at all."""
    situation = observe(engine, config)
    status = described(situation, config)
    found += [
        Condition.of(name, "service", finding)
        for finding in release(status)
        if finding.severity != Severity.SKIPPED
    ]
    # The file itself is looked at once, and not on each host.
    copies = certificate(config, served(engine, config))
    found += [Condition.of(name, "service", finding) for finding in copies if finding.subject]
    if situation.public is not None:
        counts |= {"errors": situation.public.errors, "answers": situation.public.answers}
        counts["maintenance"] = bool(situation.stored.maintenance or situation.holding)
    return status["active"] is not None


def _room(
    name: str,
    patient: Patient,
    folder: str,
    told: Collection[Key],
    found: list[Condition],
    counts: Counted,
) -> None:
    facts = patient.facts(folder)
    limits = limits_of(patient.config)
    wide = {
        seen.key: seen
        for seen in (
            Condition.of(name, "facts", finding) for finding in room(facts, limits.times(HYSTERESIS))
        )
    }
    strict = (Condition.of(name, "facts", finding) for finding in room(facts, limits))
    found += [wide.get(seen.key, seen) if seen.key in told and not seen.bad else seen for seen in strict]
    counts["oom"] = facts.oom_kills


def _outside(config: Config) -> Sight:
    """What is asked from here: addresses, and the certificate that the config names."""
    found = [
        Condition.of(OUTSIDE, "outside", finding)
        for finding in certificate(config)
        if finding.severity != Severity.SKIPPED
    ]
    # The status is all that matters, and a page may be large, or never end.
    answers = each(config.watch.urls, lambda url: get(url, most=0), name=str)
    for url, outcome in zip(config.watch.urls, answers, strict=True):
        key = Key(OUTSIDE, "outside", "url", url)
        if outcome.value is None:
            raise outcome.error or DeployerError(f"{url} was not asked")
        if 200 <= outcome.value.code < 400:
            found.append(Condition(key, Severity.OK, f"{url} answers {outcome.value.code}"))
        else:
            said = f"{url} answers {outcome.value.said}" if outcome.value.code else f"{url}: no answer"
            said += "" if outcome.value.code else f" ({outcome.value.reason})"
            found.append(Condition(key, Severity.ERROR, said, "`deployer status`, `deployer doctor`"))
    return Sight(conditions=tuple(found))
