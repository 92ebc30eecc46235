"""Build an image from what the config says, unless the engine has it already.

    plan = plan_build(config)           # reads the context, changes nothing
    built = build(engine, config, emit) # runs build.prepare, plans, builds where it must

An image is named by its content: `<service>:<12 hex digits>` of files, Dockerfile, arguments and target.
An unchanged tree therefore builds nothing, whoever asks and however its files were touched.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from deployer.config.references import references
from deployer.config.schema import Config
from deployer.config.sections.service import Build
from deployer.errors import (
    BuildFailed,
    ConfigError,
    EngineError,
    EngineForbidden,
    EngineUnreachable,
    ImageError,
    ImageMissing,
)
from deployer.events import BuildFinished, BuildStarted, Emit, PhaseProgress, Warned
from deployer.host.engine import Engine
from deployer.image import context as contexts
from deployer.image import dockerfile, git
from deployer.image.context import BuildContext
from deployer.image.prepare import prepare
from deployer.image.progress import PHASE, Transcript, Transfer

CONTENT = "deployer.content"
"""The label with all 64 digits of the content's hash."""

_TAG_DIGITS = 12
_FROM = re.compile(r"Step \d+/\d+ : FROM\s+(?:--\S+\s+)*(\S+)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_NO_REGISTRY = (
    "check the name; where no registry can be reached, scripts/base-image makes the base image here, and "
    "docs/air-gapped.md says how others get in"
)


class BuildPlan(Struct, frozen=True):
    """All that a build is made of; `content` is the sha256 that names the image."""

    image: str
    content: str
    context: BuildContext
    args: Mapping[str, str]
    target: str | None
    labels: Mapping[str, str]

    def as_dict(self) -> dict[str, object]:
        """For `--json`: what would be built; sizes in bytes."""
        return {
            "image": self.image,
            "content": self.content,
            "context": str(self.context.root),
            "files": self.context.files,
            "bytes": self.context.size,
            "target": self.target,
            "labels": dict(self.labels),
        }


class Built(Struct, frozen=True):
    """An image that is there: `reused` where nothing had to be built; `seconds` in all, `size` in bytes."""

    image_ref: str
    image_id: str
    digest: str
    reused: bool
    seconds: float
    size: int

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "image": self.image_ref,
            "id": self.image_id,
            "content": self.digest,
            "reused": self.reused,
            "seconds": round(self.seconds, 3),
            "bytes": self.size,
        }


def plan_build(config: Config, *, now: datetime | None = None) -> BuildPlan:
    """Read what the image would be made of.

    :raises ConfigError: the config has no `service.build`, or what it names is not there or malformed.
    :raises BuildFailed: a file of the context cannot be read or is no file.
    """
    settings = _settings(config)
    text = dockerfile.text_of(config, settings)
    context = contexts.read(
        config.root / settings.context,
        dockerfile.labelled(text, config.service.name),
        settings.inputs,
        secret_files(config),
    )
    args = {**settings.args, **({"BASE": settings.base} if settings.base else {})}
    content = _sha256(json.dumps([context.digest, text, sorted(args.items()), settings.target]))
    source = git.revision(context.root, [context.root, dockerfile.path_of(config, settings)])
    labels = {
        "deployer.service": config.service.name,
        "deployer.role": "image",
        CONTENT: content,
        "deployer.git-sha": source.sha,
        "deployer.git-dirty": source.dirty,
        "deployer.built-at": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
    }
    image = f"{config.service.name}:{content[:_TAG_DIGITS]}"
    return BuildPlan(image, content, context, args, settings.target, labels)


def secret_files(config: Config) -> set[Path]:
    """The files that the config takes secrets from: what `${file:...}` names, and private keys."""
    keys = [config.ssh.key, *(host.key for host in config.hosts)]
    if config.edge.tls:
        keys += [config.edge.tls.key, None if config.edge.tls.key else config.edge.tls.certificate]
    named = {config.root / key.expanduser() for key in keys if key}
    return named | {
        Path(each.name) for each in references(config.dump(*config.made)) if each.scheme == "file"
    }


def present(engine: Engine, plan: BuildPlan) -> bool:
    """Whether the engine has exactly this image already."""
    image = engine.image(plan.image)
    return image is not None and (image["Config"].get("Labels") or {}).get(CONTENT) == plan.content


def build(engine: Engine, config: Config, events: Emit, *, force: bool = False) -> Built:
    """Run `build.prepare`, then make sure that the engine has the image of what is there then.

    :param force: build although the image exists, and without the engine's cache of layers.
    :raises ConfigError: see `plan_build`.
    :raises ImageMissing: the base image is not there and cannot be pulled.
    :raises BuildFailed: a prepare command or a step failed; the details are the tail of its output.
    """
    began = time.monotonic()
    prepare(_settings(config).prepare, config.root, events)
    plan = plan_build(config)
    for name in plan.context.kept_back:
        events(Warned(f"{name} holds a secret of the config: it is not sent; name it in .dockerignore"))
    reused = not force and present(engine, plan)
    if not reused:
        events(BuildStarted(plan.image, plan.context.size))
        _send(
            engine,
            plan.image,
            plan.context,
            events,
            labels=dict(plan.labels),
            buildargs={**_provenance(plan), **plan.args},
            target=plan.target,
            nocache=force,
        )
    return _finished(engine, plan.image, plan.content, events, reused=reused, began=began)


def _provenance(plan: BuildPlan) -> dict[str, str]:
    """GIT_SHA and BUILT_AT for a Dockerfile that declares them; not part of the content, so that a new commit
    of an unchanged tree builds nothing."""
    wanted = {"GIT_SHA": plan.labels["deployer.git-sha"], "BUILT_AT": plan.labels["deployer.built-at"]}
    declared = set(re.findall(r"^ARG\s+(\w+)", plan.context.dockerfile, re.MULTILINE))
    return {name: value for name, value in wanted.items() if name in declared}


def build_dockerfile(
    engine: Engine,
    name: str,
    text: str,
    labels: Mapping[str, str],
    events: Emit,
    *,
    folder: Callable[[], AbstractContextManager[Path]] | None = None,
) -> str:
    """An image of our own from a Dockerfile's text, built where the engine lacks it; its reference.

    :param folder: opened where it must be built, for the files that it copies; the text must tell versions of
        them apart, since it alone names the image.
    :return: `<name>:<first 12 hex digits of the text's sha256>`.
    :raises ImageMissing: the base image is not there and cannot be pulled.
    :raises BuildFailed: a step failed; the details are the tail of its output.
    """
    began = time.monotonic()
    content = _sha256(text)
    image = dockerfile_image(name, text)
    reused = engine.image(image) is not None
    if not reused:
        events(BuildStarted(image, 0))
        if folder is None:
            _send(engine, image, contexts.alone(text), events, labels=dict(labels))
        else:
            with folder() as files:
                _send(engine, image, contexts.read(files, text), events, labels=dict(labels))
    return _finished(engine, image, content, events, reused=reused, began=began).image_ref


def dockerfile_image(name: str, text: str) -> str:
    """The reference that `build_dockerfile` gives; nothing is built."""
    return f"{name}:{_sha256(text)[:_TAG_DIGITS]}"


def ensure_image(engine: Engine, ref: str, events: Emit) -> str:
    """The id of an image that must be on the engine: pulled where it is not.

    :raises ImageMissing: it is not there, and cannot be pulled; the message says why.
    """
    image = engine.image(ref)
    if image is None:
        events(PhaseProgress(PHASE, f"pulling {ref}"))
        transcript = Transcript(events, ref)
        reason: str | None = None
        try:
            for message in engine.pull(ref, None):
                transcript.add(message)
            reason, image = transcript.error, engine.image(ref)
        except (EngineUnreachable, EngineForbidden):
            raise
        except (EngineError, ImageError) as error:
            reason = error.message
        if image is None:
            raise ImageMissing(
                f"image {ref} is not on the engine and cannot be pulled: {reason or 'no reason was given'}",
                remedy=_NO_REGISTRY,
            )
    return str(image["Id"])


def _settings(config: Config) -> Build:
    if config.service.build is None:
        raise ConfigError(
            f"service.build is missing: {config.service.name} runs the ready image {config.service.image}",
            remedy="add service.build in place of service.image to have one built",
        )
    return config.service.build


def _send(engine: Engine, image: str, context: BuildContext, events: Emit, **options: Any) -> None:
    """Have the engine build `context` as `image`, or raise what it did not like."""
    transcript = Transcript(events, image)
    transfer = Transfer(events, "sending the context", context.size)
    stream = context.stream(transfer.at)
    try:
        for message in engine.build(
            stream, tag=image, dockerfile=contexts.DOCKERFILE, forcerm=True, **options
        ):
            transcript.add(message)
    except (EngineUnreachable, EngineForbidden):
        raise
    except EngineError as error:
        transcript.error = error.message
        raise _failure(image, context, transcript, options.get("buildargs", {})) from error
    if transcript.error is not None:
        raise _failure(image, context, transcript, options.get("buildargs", {}))


def _failure(
    image: str, context: BuildContext, transcript: Transcript, args: Mapping[str, str]
) -> ImageError:
    reason = str(transcript.error)
    base = _FROM.match(transcript.step)
    if base:
        name = _VARIABLE.sub(lambda found: args.get(found[1], found[0]), base[1])
        return ImageMissing(
            f"the base image {name} of {image} is not on the engine and cannot be pulled: {reason}",
            remedy=_NO_REGISTRY,
        )
    where = f" at {transcript.step[0].lower()}{transcript.step[1:]}" if transcript.step else ""
    reason = dockerfile.renumbered(reason, context.dockerfile)
    return BuildFailed(f"building {image} failed{where}: {reason}", details=transcript.tail)


def _finished(engine: Engine, ref: str, content: str, events: Emit, *, reused: bool, began: float) -> Built:
    image = engine.image(ref)
    if image is None:
        raise BuildFailed(f"the engine ended the build of {ref} without an error, and without an image")
    seconds = time.monotonic() - began
    events(BuildFinished(ref, seconds, reused, image["Size"]))
    return Built(ref, image["Id"], content, reused, seconds, image["Size"])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
