"""The demo's last part: a push to a repository, and both Jenkinsfiles bring it to a live page and API.

Git, the Jenkinsfiles, every command in them, and what they deploy are real. GitHub, its webhook and the
controller are not: a bare repository in build/push takes the push, and the tests' harness executes the
Jenkinsfiles (docs/decisions/0016-executing-jenkinsfiles.md).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.request import urlopen

from tests.support.hub import JENKINSFILES, Hub
from tests.support.jenkins_run import Build, Jenkins

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "push"

# What the Jenkinsfiles bind; the demo's interviewer is offline, and its store has keys of its own.
CREDENTIALS = dict.fromkeys(("gemini-api-key", "aws-access-key-id", "aws-secret-access-key"), "not-needed")

# What a workspace would otherwise fetch anew: this checkout has it.
FETCHED = (".venv", "build/wheelhouse")

STAGE = re.compile(r"\[\d/\d\] ")
"""How the lines of a build's log begin that say how far its stages are."""

# What the push changes: the page's colour, the API's version.
PAGE = Path("examples/frontend/src/style/base.css")
API = Path("app/settings.py")
COLOUR = "#0b6e4f"


def show(url: str) -> bool:
    """Push a change of the page and of the API, and follow it; whether both answer as they were pushed."""
    print(f"""
deployer demo: a push, and what a Jenkins makes of it
There is no Jenkins here, and no GitHub. {FOLDER.relative_to(ROOT)}/repository.git takes the push, and
a harness stands in for the controller: it executes the Jenkinsfiles that were pushed, with real shells.""")
    began = time.monotonic()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    records = FOLDER / "jenkins"
    shutil.rmtree(records, ignore_errors=True)  # a new one counts builds from 1
    with Jenkins(records) as jenkins:
        # Proxies and certificates of whoever runs the demo count for the jobs, too.
        hub = Hub(jenkins, FOLDER, CREDENTIALS, {**os.environ, "PATH": path})
        for pipeline in JENKINSFILES:
            furnish(hub.workspace(pipeline))
        checkout = changed(FOLDER / "checkout")
        print(f"\n$ git push    ({checkout.relative_to(ROOT)}: {PAGE}, {API})", flush=True)
        commit = hub.push(checkout)
        builds = hub.builds()
        follow(builds)
        results = {pipeline: build.wait().result for pipeline, build in builds.items()}
    print()
    for pipeline, result in results.items():
        log = (builds[pipeline].folder / "log").relative_to(ROOT)
        print(f"{JENKINSFILES[pipeline]}: {result}    (all that it said: {log})")
    api, page = answering(url)
    print(
        f"pushed {commit[:12]}; {time.monotonic() - began:.0f} s later {url}/api/version says {api[:12]}, ",
        end="",
    )
    print(f"and {url}/ has {'its' if page else 'not its'} colour")
    return set(results.values()) == {"SUCCESS"} and api == commit and page


def changed(checkout: Path) -> Path:
    """This repository as it is committed, with one commit more: always the same one."""
    shutil.rmtree(checkout, ignore_errors=True)
    git("clone", "--quiet", str(ROOT), str(checkout))
    base = git("-C", str(checkout), "rev-parse", "--short=8", "HEAD")
    style, settings = checkout / PAGE, checkout / API
    style.write_text(
        f"{style.read_text('utf-8')}\n:root {{ --brand: light-dark({COLOUR}, #7ee2b8); }}\n", "utf-8"
    )
    settings.write_text(
        re.sub('^(VERSION = "[^"]+)', rf"\1+{base}", settings.read_text("utf-8"), flags=re.MULTILINE), "utf-8"
    )
    date = git("-C", str(checkout), "show", "--no-patch", "--format=%cI")
    who = ("-c", "user.name=Demo", "-c", "user.email=demo@example.org", "-c", "commit.gpgsign=false")
    words = ("commit", "--quiet", "--all", f"--date={date}", "--message", "Change the colour of the page")
    git("-C", str(checkout), *who, *words, GIT_COMMITTER_DATE=date)
    return checkout


def furnish(workspace: Path) -> None:
    """Give a new workspace what it would fetch, in links that cost nothing: these files are only replaced."""
    for name in FETCHED:
        if not (workspace / name).exists() and (ROOT / name).exists():
            shutil.copytree(ROOT / name, workspace / name, symlinks=True, copy_function=os.link)


def follow(builds: Mapping[str, Build]) -> None:
    """Show what the stages say, until both builds have ended."""
    shown = dict.fromkeys(builds, 0)
    running = set(builds)
    while running:
        for pipeline in sorted(running):
            lines = builds[pipeline].log.splitlines()
            for line in lines[shown[pipeline] :]:
                if STAGE.match(line):
                    print(f"  {pipeline:8} {line}", flush=True)
            shown[pipeline] = len(lines)
            if lines and lines[-1].startswith("Finished: "):
                running.remove(pipeline)
        time.sleep(0.1)


def answering(url: str) -> tuple[str, bool]:
    """The commit of the API that answers, and whether the page that does has the colour that was pushed."""
    api = json.loads(fetched(f"{url}/api/version"))["git_sha"]
    styles = re.findall(r'href="(/[^"]+\.css)"', fetched(f"{url}/"))
    return api, any(COLOUR in fetched(url + style) for style in styles)


def fetched(url: str) -> str:
    """What an address answers."""
    with urlopen(url, timeout=30) as answer:  # noqa: S310  (an address of our own)
        return str(answer.read().decode("utf-8"))


def git(*words: str, **environ: str) -> str:
    """What a git command says; where it fails, git has told why."""
    environment = {**os.environ, **environ}
    done = subprocess.run(["git", *words], env=environment, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"demo: git {' '.join(words)} failed; a push takes a checkout that is a repository")
    return done.stdout.strip()
