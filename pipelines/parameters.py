"""What a run is asked for: by options on a laptop, by the environment in Jenkins.

Jenkins hands a build's parameters to its processes as variables. There, the stages' command lines are all
alike, and nothing that a person typed into a form becomes part of a shell's line.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from msgspec import Struct

from deployer.errors import UsageError

ENVIRONMENT = "PIPELINE_ENVIRONMENT"
STRATEGY = "PIPELINE_STRATEGY"
FORCE = "PIPELINE_FORCE"
ROLLBACK_TO = "PIPELINE_ROLLBACK_TO"

STRATEGIES = ("blue-green", "recreate")
_YES, _NO = ("true", "1", "yes", "on"), ("false", "0", "no", "off", "")


class Parameters(Struct, frozen=True):
    """
    :param environment: of the config, merged over its base; None: the base, or DEPLOYER_ENV.
    :param strategy: in place of `rollout.strategy`.
    :param force: run also what has not changed.
    :param rollback_to: a release to go back to (its name or the beginning of it); nothing is built then.
    :param lock_wait: seconds to wait while somebody else deploys; None: `rollout.lock_wait`.
    """

    environment: str | None = None
    strategy: str | None = None
    force: bool = False
    rollback_to: str | None = None
    lock_wait: float | None = None


def parameters(
    args: argparse.Namespace, environ: Mapping[str, str], lock_wait: float | None = None
) -> Parameters:
    """The options, and for those not given the variables; an empty variable is not given either.

    :raises UsageError: a variable holds something else than it may.
    """
    strategy = args.strategy or _variable(environ, STRATEGY)
    if strategy is not None and strategy not in STRATEGIES:
        raise UsageError(f"{STRATEGY}={strategy}: must be {' or '.join(STRATEGIES)}, or empty")
    return Parameters(
        environment=args.env or _variable(environ, ENVIRONMENT),
        strategy=strategy,
        force=args.force or _flag(environ, FORCE),
        rollback_to=args.rollback_to or _variable(environ, ROLLBACK_TO),
        lock_wait=lock_wait,
    )


def _variable(environ: Mapping[str, str], name: str) -> str | None:
    return environ.get(name, "").strip() or None


def _flag(environ: Mapping[str, str], name: str) -> bool:
    text = environ.get(name, "").strip().lower()
    if text not in (*_YES, *_NO):
        raise UsageError(f"{name}={text}: must be true or false")
    return text in _YES
