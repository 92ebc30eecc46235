"""The text of a Dockerfile: where it comes from, and our labels in every stage of it.

The engine puts the labels of a build on the last step only. What it leaves of a failed build, or of the
earlier stages of a good one, would carry none, and nobody could tell whose it is and remove it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from deployer.config.schema import Config
from deployer.config.sections.service import Build
from deployer.errors import ConfigError

_ESCAPE = re.compile(r"#\s*escape\s*=\s*([\\`])\s*", re.IGNORECASE)
_DIRECTIVE = re.compile(r"#\s*[A-Za-z]+\s*=.*")
_PARSE_ERROR = re.compile(r"(parse error (?:on )?line )(\d+)")
_LABEL = "LABEL deployer.service="
_FROM = re.compile(r"\s*FROM\s", re.IGNORECASE)


def path_of(config: Config, build: Build) -> Path:
    """The file that the config names."""
    return config.root / build.dockerfile


def text_of(config: Config, build: Build) -> str:
    """The Dockerfile's text, rendered where its name ends in `.j2`.

    :raises ConfigError: there is no such file, or it is no text.
    :raises TemplateError: it does not render.
    """
    path = path_of(config, build)
    if path.suffix == ".j2":
        from deployer.render import render_file

        return render_file(path, config=config, base=build.base)
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(
            f"service.build.dockerfile: {path} cannot be read ({reason})",
            remedy="give its path relative to the folder of config.yaml",
        ) from error


def labelled(text: str, service: str) -> str:
    """`text` with a line after each FROM that labels the stage as an image of `service`."""
    line = f"{_LABEL}{service} deployer.role=image"
    lines = text.splitlines()
    for end in reversed(list(_ends_of_from(lines))):
        lines.insert(end + 1, line)
    return "\n".join(lines) + "\n"


def renumbered(message: str, sent: str) -> str:
    """A message of the engine about `sent`, a labelled text, with the line numbers of the original."""

    def original(found: re.Match[str]) -> str:
        number = int(found[2])
        ours = sum(line.startswith(_LABEL) for line in sent.splitlines()[:number])
        return f"{found[1]}{number - ours}"

    return _PARSE_ERROR.sub(original, message)


def _ends_of_from(lines: list[str]) -> Iterator[int]:
    """The indices of the lines at which a FROM instruction ends."""
    escape = _escape(lines)
    inside = is_from = False
    for index, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith("#"):
            continue  # The builder skips both even in the middle of an instruction.
        if not inside:
            is_from = _FROM.match(line) is not None
        inside = line.rstrip().endswith(escape)
        if is_from and not inside:
            yield index


def _escape(lines: list[str]) -> str:
    """The character that continues a line: the directives at the very top may change it."""
    for line in lines:
        found = _ESCAPE.fullmatch(line.strip())
        if found:
            return found[1]
        if not _DIRECTIVE.fullmatch(line.strip()):
            break
    return "\\"
