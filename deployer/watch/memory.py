"""What a look leaves to the next one, in a small file; one look at a time."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deployer.config.schema import Config
from deployer.errors import ConfigError, DeployerError, Locked
from deployer.watch.condition import Counts, Key
from deployer.watch.judgement import Known, Record

FORMAT = 1

SYSTEM = Path("/var/lib/deployer")
"""Root's folder, and what `StateDirectory=deployer` in the timer's unit makes."""


def name(config: Config) -> str:
    """The name of what is watched, for files and units: the service's, and its environment's."""
    return "-".join(filter(None, ("deployer-watch", config.service.name, config.environment)))


def path(config: Config, environ: Mapping[str, str]) -> Path:
    """The file: in `watch.state`, in what systemd gives, or where this user keeps such things.

    Systemd's timer keeps it in `SYSTEM`, as whoever it runs as. By hand the same user means that one:
    forgetting another would leave the timer as it was.
    """
    called = f"{name(config)}.json"
    if config.watch.state:
        try:
            folder = config.root / config.watch.state.expanduser()
        except RuntimeError as error:
            raise ConfigError(f"watch.state: {config.watch.state}: {error}") from None
    elif environ.get("STATE_DIRECTORY"):
        folder = Path(environ["STATE_DIRECTORY"].split(":")[0])
    elif os.geteuid() == 0 or all(os.access(each, os.W_OK) for each in (SYSTEM, SYSTEM / called)):
        folder = SYSTEM
    else:
        folder = Path(environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "deployer"
    return folder / called


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Within: no other look of this kind is under way on this machine.

    :raises Locked: one is.
    :raises DeployerError: the folder cannot be written to.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.with_suffix(".lock").open("w")
    except OSError as error:
        raise _unwritable(file, error) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(
                f"another look is under way ({file.with_suffix('.lock')})",
                remedy="let `watch.every` be longer than a look takes",
            ) from None
        yield


def load(file: Path) -> tuple[Known, str]:
    """What is known, and a complaint where the file is none of ours: then nothing is."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if found["format"] != FORMAT:
            return Known(), f"{file} is of another version of the deployer; it begins anew"
        return _known(found), ""
    except FileNotFoundError:
        return Known(), ""
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        return Known(), f"{file} cannot be read ({type(error).__name__}); it begins anew"


def save(file: Path, known: Known) -> None:
    """Keep what is known; whoever reads sees all of it or what was there before.

    :raises DeployerError: it cannot be written.
    """
    text = json.dumps(
        {
            "format": FORMAT,
            "conditions": [{"key": list(key), **each.as_dict()} for key, each in known.records.items()],
            "counts": {host: counts.as_dict() for host, counts in known.counts.items()},
            "serving": sorted(known.serving),
        },
        indent=1,
    )
    new = file.with_suffix(".new")
    try:
        with new.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        new.replace(file)
    except OSError as error:
        raise _unwritable(file, error) from None


def forget(file: Path) -> bool:
    """Know nothing any more; whether anything was known."""
    try:
        file.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _unwritable(file, error) from None
    return True


def _known(found: Mapping[str, Any]) -> Known:
    return Known(
        records={Key(*map(str, each["key"])): Record.from_dict(each) for each in found["conditions"]},
        counts={str(host): Counts.from_dict(each) for host, each in found["counts"].items()},
        serving=frozenset(map(str, found["serving"])),
    )


def _unwritable(file: Path, error: OSError) -> DeployerError:
    return DeployerError(
        f"{file} cannot be written ({error.strerror})",
        remedy="`watch.state` names a folder that this user may write to",
    )
