"""What the command line offers, as functions: each takes an engine, a config and somebody to tell."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from msgspec.structs import replace

from deployer import events
from deployer.edge.configuration import OUTDATED, RENEWED, settings
from deployer.edge.network import network_name
from deployer.errors import UsageError, carry, reason_of
from deployer.events import Emit, Note, Warned
from deployer.host.engine import Engine
from deployer.image import prune as images
from deployer.image.prune import Pruned
from deployer.rollout import preflight
from deployer.rollout.operation import Operation
from deployer.rollout.phases import Phases
from deployer.rollout.release import Candidate, Record, container_name, new_release, previous_of
from deployer.rollout.result import Result
from deployer.rollout.run import room_check, run
from deployer.rollout.situation import Situation
from deployer.rollout.tidying import anything_to_prune, needed_images, tidy
from deployer.rollout.transaction import changing
from deployer.rollout.work import Work


def rollout(
    operation: Operation,
    *,
    image: str | None = None,
    strategy: str | None = None,
    name: str | None = None,
) -> Result:
    """Build the image (or take `image`) and bring it to serving.

    :param name: of the release; None: a new one, of its own.
    :raises DeployerError: with `result` set, once a release had been named.
    """
    engine, config, emit, environ = operation.engine, operation.config, operation.emit, operation.environ
    phases = Phases(emit)
    rooms: list[preflight.Room] = []
    release = name or new_release()
    result = Result(release=release, image=image or config.service.image or "", strategy=strategy or "")
    with reported(result, phases):
        preflight.check_needs(engine, config, environ)
    with (
        reported(result, phases),
        changing(
            operation,
            "rollout",
            preflight=room_check(config, rooms),
        ) as work,
    ):
        if work.session.settings not in (None, settings(config)):
            emit(Warned(f"{OUTDATED}; {RENEWED}"))
        result.image, result.git_sha, image_id = _image(work, phases, image)
        candidate = Candidate(
            release,
            result.image,
            container_name(work.service, release),
            git_sha=result.git_sha,
            image_id=image_id,
        )
        # A build takes long enough for things to change.
        situation = None if image is None and config.service.build else work.reconciled
        run(work, phases, candidate, result, strategy=strategy, room=rooms[0], situation=situation)
        result.records = tidy(work, config.rollout.keep_releases)
    return result


def rollback(
    operation: Operation,
    *,
    to: str | None = None,
) -> Result:
    """Back to the previous release, or to `to`: at once while it is warm, else from its container or image.

    :param to: a release's name, or the beginning of one.
    :raises UsageError: there is no such release.
    """
    engine, config, emit = operation.engine, operation.config, operation.emit
    phases = Phases(emit)
    rooms: list[preflight.Room] = []
    result = Result(release=to or "", image="", strategy="blue-green", kind="rollback")
    with (
        reported(result, phases),
        changing(
            operation,
            "rollback",
            preflight=lambda shell: rooms.append(preflight.measure(shell)),
            create=False,
        ) as work,
    ):
        situation = work.reconciled or work.situation()
        target = choose_release(situation, to)
        result.release, result.image, result.git_sha = target.release, target.image, target.git_sha
        existing = target.container in situation.members
        standby = situation.stored.occupant(situation.stored.standby)
        warm = standby is not None and standby.container == target.container
        # A container that is there has what it needs, unless it is asked by a hook first.
        if not warm and (not existing or config.rollout.before_rollback):
            preflight.check_needs(engine, config, operation.environ, ["before_rollback"])
        candidate = Candidate(
            target.release,
            target.image,
            target.container,
            "rollback",
            existing,
            target.git_sha,
            target.image_id if existing else _image_of(engine, target, emit),
            target.port,
            target.health,
        )
        run(work, phases, candidate, result, strategy=None, room=rooms[0], situation=situation)
        result.records = tidy(work, config.rollout.keep_releases)
    return result


def choose_release(situation: Situation, to: str | None) -> Record:
    """The release to go back to.

    :param to: its name or the beginning of one; None: the one that served before.
    :raises UsageError: none fits, or more than one does; the details list those there are.
    """
    active = situation.stored.occupant(situation.stored.active)
    candidates = previous_of(situation.records, active.release if active else None)
    standby = situation.stored.occupant(situation.stored.standby)
    known = [f"{record.release}  {record.at}  {record.image}" for record in candidates]
    if to is None:
        if standby:
            candidates.sort(key=lambda record: record.release != standby.release)
        if not candidates:
            raise UsageError(
                "there is no previous release to go back to", remedy="`deployer releases` lists them"
            )
        return candidates[0]
    fitting = [record for record in candidates if record.release.startswith(to)]
    if active and active.release.startswith(to) and not fitting:
        raise UsageError(f"{active.release} is the release that serves already", details=known)
    if len(fitting) != 1:
        problem = "no release" if not fitting else "more than one release"
        raise UsageError(
            f"{problem} begins with {to!r}",
            remedy="give one of these, as `deployer releases` lists them",
            details=known,
        )
    return fitting[0]


def recover(
    operation: Operation,
) -> bool:
    """Only put things right; False where this service has nothing on this host to put right.

    :raises RecoveryFailed: the serving release cannot be brought back.
    """
    engine, config = operation.engine, operation.config
    if not _anything_of(engine, config.service.name):
        return False
    # A first rollout that was killed early has left a network or a volume: the edge is made for them, and
    # the service is what it is between its edge's start and its first release.
    with changing(operation, "recover") as work:
        if work.hopeless:
            raise work.hopeless
        return True


def _anything_of(engine: Engine, service: str) -> bool:
    labels = {"deployer.service": service}
    found = [*engine.containers(labels), *engine.volumes(labels)]
    # The site's store is no part of a rollout, and may be there before the first.
    ours = any((item["Labels"] or {}).get("deployer.role") != "store" for item in found)
    return ours or engine.network(network_name(service)) is not None


def maintenance(
    operation: Operation,
    *,
    on: bool,
    hold: float | None = None,
) -> None:
    """Hold all requests for a while and answer 503 after that, or open again.

    :param hold: seconds that requests are held before they are answered 503; None: `edge.hold`.
    """
    config, emit = operation.config, operation.emit
    with changing(operation, "maintenance", create=False) as work:
        until = work.session.after(config.edge.hold if hold is None else hold)
        if on:
            work.session.hold(until)
            work.commit(replace(work.state, maintenance=True, held_until=until))
            emit(Note("maintenance is on; `deployer edge maintenance off` ends it"))
        else:
            work.commit(replace(work.state, maintenance=False, held_until=None))
            work.session.release()
            emit(Note("maintenance is off"))


def prune(
    operation: Operation,
    *,
    keep: int | None = None,
) -> Pruned:
    """Stop a standby whose time is over, remove old stopped releases, then the images that nothing needs.

    :param keep: how many releases can still be gone back to; None: `rollout.keep_releases`.
    """
    engine, config, emit = operation.engine, operation.config, operation.emit
    keep = config.rollout.keep_releases if keep is None else keep
    if not _anything_of(engine, config.service.name):
        return images.prune(engine, config.service.name, emit, keep=keep)
    if not anything_to_prune(operation, keep):
        emit(events.Pruned(0, 0))
        return Pruned((), 0)
    with changing(operation, "prune") as work:
        protected = needed_images(work.state, tidy(work, keep), keep)
        work.lock.check()
        return images.prune(engine, work.service, emit, keep=keep, protected=protected)


def _image_of(engine: Engine, record: Record, emit: Emit) -> str:
    """The id of the image that a release was made from; its name may mean another one by now."""
    from deployer.image.build import ensure_image

    if record.image_id and engine.image(record.image_id):
        return record.image_id
    found = ensure_image(engine, record.image, emit)
    if record.image_id:
        emit(
            Warned(
                f"the image that {record.release} was made from is gone; "
                f"taking what {record.image} stands for today"
            )
        )
    return found


def _image(work: Work, phases: Phases, image: str | None) -> tuple[str, str | None, str | None]:
    """The image to deploy, on the engine: its reference, the git commit it was built from, and its id."""
    from deployer.image.build import build, ensure_image

    with phases.phase("image", "making sure of the image"):
        chosen = image or (None if work.config.service.build else work.config.service.image)
        if chosen:
            ensure_image(work.engine, chosen, work.emit)
        else:
            chosen = build(work.engine, work.config, work.emit).image_ref
        found = work.engine.image(chosen)
        labels = (found or {}).get("Config", {}).get("Labels") or {}
        return chosen, labels.get("deployer.git-sha"), found["Id"] if found else None


@contextlib.contextmanager
def reported(result: Result, phases: Phases) -> Iterator[None]:
    """Hang the result on whatever is raised, so that `--json` can end with it."""
    try:
        yield
    except Exception as error:
        result.reason = result.reason or reason_of(error)
        result.duration_s = round(phases.elapsed(), 3)
        result.phases = phases.finished
        # What nobody foresaw carries it, too (`errors.unforeseen`): by then, the release may serve.
        carry(error, result.as_dict())
        raise
    result.duration_s = round(phases.elapsed(), 3)
    result.phases = phases.finished
