"""`python -m pipelines`: not there yet, and it says so."""

from __future__ import annotations

import sys

from deployer.errors import ExitStatus


def main() -> int:
    """Tell that this release has no pipelines; the exit status is that of a wrong command line."""
    print(
        "pipelines: this release has no pipelines; they come with a later one."
        " To deploy now, run: deployer rollout",
        file=sys.stderr,
    )
    return ExitStatus.USAGE


if __name__ == "__main__":
    sys.exit(main())
