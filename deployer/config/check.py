"""What `deployer config check` looks at beyond the schema: every environment, and what is referred to."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from collections.abc import Sequence as SequenceABC
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from deployer.config import load, secrets
from deployer.config.document import Location, problem_at
from deployer.config.references import has_reference
from deployer.config.schema import Config
from deployer.errors import ConfigError

Finding = tuple[Location, str]
"""A key, and what is to be said about it."""


class Report(Struct, frozen=True):
    """What was found.

    :ivar environments: those that were checked; None is the base.
    :ivar problems: what has to be mended; `config.yaml:12: key: what`.
    :ivar warnings: what may be meant, or is only missing on this machine.
    """

    file: str
    environments: list[str | None]
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether a rollout may be tried."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ok": self.ok,
            "file": self.file,
            "environments": self.environments,
            "problems": self.problems,
            "warnings": self.warnings,
        }


def check(
    path: Path | None,
    *,
    env: str | None = None,
    sets: SequenceABC[str] = (),
    environ: Mapping[str, str] = os.environ,
) -> Report:
    """Check a config with the environment `env`, or the base and then every environment where it is None.

    What the config refers to (files, secrets) is looked at for `env` alone, or the base: production's
    certificate need not be on a developer's machine.

    :raises ConfigError: the file cannot be read at all, or is no YAML.
    """
    source = load.open_source(load.find(path, environ))
    chosen = env or environ.get("DEPLOYER_ENV") or None
    names: list[str | None] = [chosen] if chosen else [None, *source.environments]
    report = Report(source.name, names)
    for name in names:
        try:
            config = load.assemble(source, name, sets)
        except ConfigError as error:
            _add(report.problems, error.details)
            continue
        wrong: list[Finding] = []
        doubtful = [*_literal_secrets(config)]
        if name == chosen:
            wrong += [*_missing_files(config), *_bad_templates(config)]
            doubtful += _missing_secrets(config, environ)
        tree, _ = load.merged(source, name, sets)
        _add(report.problems, [str(problem_at(tree, *finding)) for finding in wrong])
        _add(report.warnings, [str(problem_at(tree, *finding)) for finding in doubtful])
    return report


def _add(lines: list[str], found: SequenceABC[str]) -> None:
    # What stands in the base is found again in every environment.
    lines.extend(line for line in found if line not in lines)


def _missing_files(config: Config) -> Iterator[Finding]:
    build, tls = config.service.build, config.edge.tls
    if build:
        if not (config.root / build.context).is_dir():
            yield ("service", "build", "context"), f"{config.root / build.context} is not a folder"
        if not (config.root / build.dockerfile).is_file():
            yield ("service", "build", "dockerfile"), f"{config.root / build.dockerfile} does not exist"
        for index, command in enumerate(build.prepare):
            program = config.root / command[0]
            if "/" in command[0] and not (program.is_file() and os.access(program, os.X_OK)):
                yield ("service", "build", "prepare", index), f"{program} is no executable file"
    if tls:
        for name, path in (("certificate", tls.certificate), ("key", tls.key)):
            if path and not os.access(config.root / path, os.R_OK):
                yield ("edge", "tls", name), f"{config.root / path} does not exist, or may not be read"


def _bad_templates(config: Config) -> Iterator[Finding]:
    build = config.service.build
    if build and build.dockerfile.suffix == ".j2" and (config.root / build.dockerfile).is_file():
        from deployer.render import render_file

        try:
            render_file(config.root / build.dockerfile, config=config, base=build.base)
        except ConfigError as error:
            yield ("service", "build", "dockerfile"), error.message


def _missing_secrets(config: Config, environ: Mapping[str, str]) -> Iterator[Finding]:
    for location, text in _variables(config):
        if has_reference(text):
            try:
                secrets.resolve(text, environ)
            except ConfigError as error:
                yield location, error.message


def _literal_secrets(config: Config) -> Iterator[Finding]:
    for location, text in _variables(config):
        name = str(location[-1])
        if secrets.holds_literal_secret(name, text):
            yield location, f"looks like a secret that is written out; refer to it, as in ${{env:{name}}}"
    build = config.service.build
    public: list[tuple[Location, str]] = [
        (("service", "labels", name), text) for name, text in config.service.labels.items()
    ]
    if build:
        public += [(("service", "build", "args", name), text) for name, text in build.args.items()]
    for location, text in public:
        if secrets.holds_literal_secret(str(location[-1]), text):
            yield (
                location,
                "looks like a secret, and here anybody who has the image or the engine can read it",
            )


def _variables(config: Config) -> Iterator[tuple[Location, str]]:
    """Every text that may refer to a secret: where it stands, and what it says."""
    for name in ("access_key", "secret_key", "session_token") if config.site else ():
        text = getattr(config.site, name)
        if text is not None:
            yield ("site", name), text
    yield from ((("service", "env", name), text) for name, text in config.service.env.items())
    yield from _of_ends(config)
    rollout = config.rollout
    for when, hooks in (
        ("before", rollout.before),
        ("before_rollback", rollout.before_rollback),
        ("after", rollout.after),
    ):
        for index, hook in enumerate(hooks):
            yield from ((("rollout", when, index, "env", name), text) for name, text in hook.env.items())


def _of_ends(config: Config) -> Iterator[tuple[Location, str]]:
    for index, slack in enumerate(config.notify.slack):
        for name, text in (("webhook", slack.webhook), ("token", slack.token)):
            if text is not None:
                yield ("notify", "slack", index, name), text
    for index, webhook in enumerate(config.notify.webhooks):
        for name, text in (("url", webhook.url), ("secret", webhook.secret)):
            if text is not None:
                yield ("notify", "webhooks", index, name), text
