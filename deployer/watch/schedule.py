"""The timer that looks now and then: systemd's where that runs, else cron's; a script makes or removes it."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from collections.abc import Mapping

from deployer.config.schema import Config
from deployer.errors import CommandFailed, PreflightError
from deployer.events import Emit
from deployer.fleet.prepare import Preparation, take
from deployer.render import render
from deployer.watch.memory import name


def script(config: Config, environ: Mapping[str, str], *, remove: bool = False) -> str:
    """The script that installs the timer on this machine.

    :raises PreflightError: the config is in no file that the timer could read.
    """
    if config.path is None:
        raise PreflightError("a timer needs a config that is in a file")
    for path in (sys.executable, str(config.path)):
        if set(path) & set("'\"\\%$\n"):
            raise PreflightError(f"{path} has characters that units and crontabs read otherwise; move it")
    return render(
        "host/watch.sh.j2",
        name=name(config),
        service=config.service.name,
        user=environ.get("SUDO_USER") or getpass.getuser(),
        python=sys.executable,
        config=str(config.path),
        root=str(config.root),
        environment=config.environment,
        every=max(1, round(config.watch.every)),
        cron=cron_times(config.watch.every),
        remove=remove,
    )


def cron_times(every: float) -> str:
    """The nearest that cron has to `every` seconds: minutes that divide an hour, hours that divide a day."""
    minutes = every / 60
    if minutes < 45:
        near = min((1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30), key=lambda known: abs(known - minutes))
        return f"*/{near} * * * *"
    near = min((1, 2, 3, 4, 6, 8, 12, 24), key=lambda known: abs(known - minutes / 60))
    return f"0 */{near} * * *" if near < 24 else "0 0 * * *"


def install(
    config: Config, environ: Mapping[str, str], emit: Emit, *, plan: bool, remove: bool = False
) -> Preparation:
    """Make the timer as the config has it, take it away, or only say what that would change.

    :raises PreflightError: we are not root, or a look could not be started from there.
    :raises CommandFailed: a step failed; the details are what it said.
    """
    if os.geteuid() != 0 and not plan:
        raise PreflightError(
            "a timer of the system is for root to make",
            remedy="`sudo` before the same command; looks are then made as you",
        )
    text = script(config, environ, remove=remove)
    if not remove:
        _check_start(config)
    done = Preparation("here")
    run = subprocess.run(
        ["sh", "-s"],
        input=text,
        env={**os.environ, "PLAN": "1" if plan else ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    for line in run.stdout.splitlines():
        take(done, line, emit)
    if run.returncode != 0:
        raise CommandFailed(
            "the timer could not be set up", details=(run.stdout + run.stderr).splitlines()[-20:]
        )
    return done


def _check_start(config: Config) -> None:
    """The timer has none of our own environment: what is found only through that, it would not find."""
    bare = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG")}
    tried = subprocess.run(
        [sys.executable, "-m", "deployer", "--version"],
        cwd=config.root,
        env=bare,
        capture_output=True,
        timeout=60,
        check=False,
    )
    if tried.returncode != 0:
        raise PreflightError(
            f"{sys.executable} does not find the deployer from {config.root} without your environment",
            remedy="install it for that Python (`pip install .`), and run `deployer watch --install` with it",
        )
