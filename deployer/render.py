"""Jinja over the templates: what a template asks for and nobody gives is an error, not an empty word."""

from __future__ import annotations

import difflib
import traceback
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deployer.errors import TemplateError
from deployer.resources import templates_folder

if TYPE_CHECKING:
    import jinja2

SUFFIX = ".j2"


def render(name: str, /, **values: Any) -> str:
    """The text that the template `name` makes of `values`.

    :param name: its path below the templates folder, as in `haproxy/haproxy.cfg.j2`.
    :raises TemplateError: no such template, a mistake in it, or a value it asks for is not given.
    """
    return _render((templates_folder(),), name, values)


def render_file(path: Path, /, **values: Any) -> str:
    """The text that the template file `path` makes of `values`; it may include ours and its neighbours.

    :raises TemplateError: as `render`.
    """
    return _render((path.absolute().parent, templates_folder()), path.name, values, shown=path)


def source(name: str) -> str:
    """The text of the template `name` itself.

    :raises TemplateError: it cannot be read.
    """
    try:
        return (templates_folder() / name).read_text("utf-8")
    except OSError as error:
        raise TemplateError(f"{name}: cannot be read ({error.strerror})") from None


def names() -> list[str]:
    """Every template below the templates folder, sorted."""
    return _environment((templates_folder(),)).list_templates(extensions=[SUFFIX[1:]])


def _render(folders: tuple[Path, ...], name: str, values: dict[str, Any], shown: Path | None = None) -> str:
    import jinja2

    environment = _environment(folders)
    try:
        return environment.get_template(name).render(values)
    except jinja2.TemplateNotFound as error:
        raise _missing(error, environment, folders[0], name, shown) from None
    except jinja2.TemplateSyntaxError as error:
        where = f"{_shown(error.filename or error.name or name)}:{error.lineno}"
        raise TemplateError(f"{where}: {error.message}") from None
    except jinja2.TemplateError as error:
        raise TemplateError(f"{_line(error, folders, name)}: {error.message}") from None
    except UnicodeError:
        raise TemplateError(f"{shown or name}: is not UTF-8 text") from None
    except OSError as error:
        raise TemplateError(f"{shown or name}: cannot be read ({error.strerror})") from None
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        # A filter or an expression that fails does so with Python's own errors.
        raise TemplateError(f"{_line(error, folders, name)}: {type(error).__name__}: {error}") from None


@cache
def _environment(folders: tuple[Path, ...]) -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        autoescape=_is_page,  # noqa: S701 -- what is rendered are configs, but for a page
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _is_page(name: str | None) -> bool:
    """Whether a template makes HTML, in which values are escaped; in a config they stand as they are."""
    return bool(name and name.endswith(f".html{SUFFIX}"))


def _missing(
    error: jinja2.TemplateNotFound,
    environment: jinja2.Environment,
    folder: Path,
    name: str,
    shown: Path | None,
) -> TemplateError:
    wanted = str(error.name or name)
    known = environment.list_templates(extensions=[SUFFIX[1:]])
    near = difflib.get_close_matches(wanted, known, n=1)
    remedy = f"did you mean '{near[0]}'?" if near else "`deployer render --list` shows the templates"
    if wanted != name:
        return TemplateError(
            f"{_line(error, (folder,), name)}: includes '{wanted}', which does not exist", remedy=remedy
        )
    if shown is not None:
        return TemplateError(f"{shown}: no such template file")
    return TemplateError(f"{wanted}: no such template in {folder}", remedy=remedy)


def _line(error: BaseException, folders: tuple[Path, ...], name: str) -> str:
    """`file:line` of the innermost template the error passed through; Jinja puts them into the traceback."""
    roots = tuple(f"{folder}/" for folder in folders)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(roots) and not frame.filename.endswith(".py"):
            return f"{_shown(frame.filename)}:{frame.lineno}"
    return _shown(name)


def _shown(filename: str) -> str:
    """A template's path as short as it stays clear."""
    path = Path(filename)
    for root in (Path.cwd(), templates_folder().parent):
        if path.is_relative_to(root):
            return str(path.relative_to(root))
    return filename
