"""`make demo`: the interview API is rolled out twice under load, on this machine, with config.yaml
as it is, and then an interview is held through the edge.

Everything is real: the engine, HAProxy, the image, the requests. It ends by saying what to open, and can be
run again; `--down` removes what it made.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.load import Load, Mix, Report  # noqa: E402  (the checkout is what is shown, not an installed copy)
from scripts import interview  # noqa: E402

# What the API answers without writing to its database; its other half is in tests/app.
MIX = Mix(
    keepalive=8,
    oneshot=4,
    post=0,
    pausing=2,
    slow=0,
    stream=0,
    upload=0,
    rate=150.0,
    get_paths=("/api/version", "/api/health/ready", "/"),
    orders_path=None,
)


def deployer(*words: str) -> None:
    """Run a command as a person would, its output on our screen."""
    print(f"\n$ deployer {' '.join(words)}", flush=True)
    subprocess.run([sys.executable, "-m", "deployer", *words], cwd=ROOT, check=True)


def asked(*words: str) -> dict[str, Any]:
    """What a command says to a program."""
    command = [sys.executable, "-m", "deployer", *words, "--json"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return cast(dict[str, Any], json.loads(done.stdout))


def show(report: Report) -> None:
    """The one number that counts, and where it comes from."""
    sent = sum(kind.sent for kind in report.kinds.values())
    slowest = max((kind.max_ms or 0.0 for kind in report.kinds.values()), default=0.0)
    print(
        f"\nlost = {len(report.lost)} of {sent} requests during two rollouts and a rollback "
        f"(slowest {slowest:.0f} ms)"
    )
    for lost in report.lost[:10]:
        print(f"  lost: {lost.kind} {lost.reason} {lost.detail}")


def main(words: Sequence[str]) -> int:
    """The demonstration; 1 when a request was lost."""
    if "--down" in words:
        return down()
    port = 8080
    url = f"http://127.0.0.1:{port}"
    print("deployer demo: a first release, then two rollouts and a rollback while clients keep asking")
    deployer("rollout")
    with Load(url, MIX) as load:
        load.wait_for_more(50)
        deployer("rollout")
        deployer("rollout", "--strategy", "recreate")
        deployer("rollback")
        load.wait_for_more(50)
    report = load.report()
    deployer("status")
    deployer("releases", "--last", "4")
    interview.hold(url, ROOT / "scripts" / "resume.md")
    show(report)
    print(f"""
open  {url}/             the interview, in Korean and English
      {url}/api/docs     its API
      {url}/api/version  which release answers
try   .venv/bin/deployer rollout --plan
      .venv/bin/deployer status --watch
      .venv/bin/python scripts/demo.py --down    (removes all of it again)""")
    return 0 if report.clean else 1


def down() -> int:
    """Remove what the demonstration made."""
    remove("interview")
    print("removed the demo's containers, network and volume; its images stay (`deployer prune`)")
    return 0


def remove(service: str, *, images: bool = False) -> None:
    """Remove everything of a service: by its label, nothing else. Its images too if `images`."""
    label = ["--filter", f"label=deployer.service={service}"]
    listings = [
        (["docker", "ps", "-aq", *label], ["docker", "rm", "-f"]),
        (["docker", "network", "ls", "-q", *label], ["docker", "network", "rm"]),
        (["docker", "volume", "ls", "-q", *label], ["docker", "volume", "rm"]),
    ]
    if images:
        listings.append((["docker", "images", "-q", *label], ["docker", "rmi"]))
    for listing, removal in listings:
        found = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
        if found:
            subprocess.run([*removal, *dict.fromkeys(found)], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
