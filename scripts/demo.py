"""`make demo`: with config.yaml as it is, on this machine, a page and its API are deployed on one port, then
anew and back while clients ask and a visitor browses; an interview is held through the edge; and at the end a
push becomes a page and an API by both Jenkinsfiles.

Everything is real: the engine, HAProxy, the store, the image, npm, the requests. It ends by saying what to
open, and can be run again; `--down` removes what it made.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.load import Load, Mix, Report  # noqa: E402  (the checkout is what is shown, not an installed copy)
from scripts import frontend, interview, push  # noqa: E402
from scripts.visitor import Visitor  # noqa: E402

FRONT = ROOT / "examples" / "frontend"
REPORT = ROOT / "build" / "doctor-before.json"
DOCTOR = (0, 31, 32)
"""Its exit codes: all is well, warnings, errors. A warning may be the machine's own: told, and no failure."""

CHANGED = ROOT / "build" / "changed-frontend"

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
    get_paths=("/api/version", "/api/health/ready", "/api/"),
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


def npm(folder: Path, *words: str) -> None:
    """Run npm as a person would; what it says is shown where it fails."""
    print(f"\n$ npm {' '.join(words)}    ({folder.relative_to(ROOT)})", flush=True)
    done = frontend.npm(*words, folder=folder)
    lines = done.stdout.rstrip().splitlines()
    if done.returncode:
        print("\n".join(lines))
        raise SystemExit(f"demo: npm {' '.join(words)} failed")
    print("\n".join(lines[-3:]))


def build() -> None:
    """The front end, by npm alone."""
    installed = FRONT / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (FRONT / "package-lock.json").stat().st_mtime:
        npm(FRONT, "ci")
    npm(FRONT, "run", "build")


def build_changed() -> Path:
    """The front end with another colour, in a folder of its own; its build, from the config's folder."""
    shutil.rmtree(CHANGED, ignore_errors=True)
    shutil.copytree(FRONT, CHANGED, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (CHANGED / "node_modules").symlink_to(FRONT / "node_modules")
    style = CHANGED / "src" / "style" / "base.css"
    style.write_text(
        f"{style.read_text('utf-8')}\n:root {{ --brand: light-dark(#a3195b, #ff9ec9); }}\n", "utf-8"
    )
    npm(CHANGED, "run", "build")
    return (CHANGED / "dist").relative_to(ROOT)


def show(report: Report, visitor: Visitor) -> None:
    """The two numbers that count, and where they come from."""
    sent = sum(kind.sent for kind in report.kinds.values())
    slowest = max((kind.max_ms or 0.0 for kind in report.kinds.values()), default=0.0)
    print(
        f"\nlost = {len(report.lost)} of {sent} requests to the API during two rollouts and a rollback "
        f"(slowest {slowest:.0f} ms)"
    )
    for lost in report.lost[:10]:
        print(f"  lost: {lost.kind} {lost.reason} {lost.detail}")
    print(
        f"broken = {len(visitor.broken)} of {visitor.requests} files of the page, in {visitor.visits} visits "
        f"and {len(visitor.tabs)} versions of it, during a deploy and a rollback of the site"
    )
    for broken in visitor.broken[:10]:
        print(f"  broken: {broken}")


def examined(*words: str) -> str:
    """What the doctor prints; whatever it finds."""
    command = [sys.executable, "-m", "deployer", "doctor", *words]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode not in DOCTOR:
        raise SystemExit(f"demo: the doctor failed\n{done.stderr}")
    return done.stdout


def looked_after(url: str) -> bool:
    """The doctor's last word on what the demo has made; what was so before the demo is not of its making."""
    words = ("--url", url, "--baseline", str(REPORT.relative_to(ROOT)), "-v")
    print(f"\n$ deployer doctor {' '.join(words)}", flush=True)
    command = [sys.executable, "-m", "deployer", "doctor", *words]
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    print("doctor: clean" if code == 0 else "doctor: see above")
    return code in DOCTOR[:2]


def main(words: Sequence[str]) -> int:
    """The demonstration; 1 when a request was lost, a file was missing, or what was pushed is not there."""
    config = asked("config", "show")
    if "--down" in words:
        return down(config["service"]["name"])
    url = f"http://127.0.0.1:{config['edge']['port']}"
    print("deployer demo: a page and its API, deployed anew and rolled back while clients keep asking")
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(examined("--json"), encoding="utf-8")
    build()
    before = asked("status")["edge"]
    deployer("site", "deploy")
    deployer("rollout")
    if before is not None:
        deployer("edge", "upgrade")  # an earlier demo's may know nothing of the site
    with Load(url, MIX) as load, Visitor(url) as visitor:
        load.wait_for_more(50)
        visitor.wait_for_more()
        deployer("rollout")
        changed = build_changed()
        deployer("site", "deploy", "--set", f"site.dist={changed}")
        visitor.wait_for_more()
        deployer("rollout", "--strategy", "recreate")
        deployer("site", "rollback")
        visitor.wait_for_more()
        deployer("rollback")
        load.wait_for_more(50)
    report = load.report()
    deployer("status")
    deployer("releases", "--last", "4")
    deployer("site", "releases")
    interview.hold(url, ROOT / "scripts" / "resume.md")
    show(report, visitor)
    delivered = push.show(url)
    healthy = looked_after(url)
    print(f"""
open  {url}/             the interview, in Korean and English
      {url}/api/docs     its API, on the same port
      {url}/api/version  which release answers
try   .venv/bin/deployer rollout --plan
      .venv/bin/deployer site deploy --plan
      .venv/bin/deployer status --watch
      .venv/bin/python scripts/demo.py --down    (removes all of it again)""")
    return 0 if report.clean and not visitor.broken and delivered and healthy else 1


def down(service: str) -> int:
    """Remove what the demonstration made."""
    remove(service)
    shutil.rmtree(push.FOLDER, ignore_errors=True)
    print(
        "removed the demo's containers, networks and site; its images stay (`deployer prune`), "
        f"and the interviews that were held (`docker volume rm {service}-data`)"
    )
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
