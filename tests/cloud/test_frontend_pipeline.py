"""The front end's pipeline: npm's own commands, a bucket in a real store, a distribution that plays AWS's."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer.site.invalidation import Invalidation, Used
from tests.support import pipelines
from tests.support.cli import Done
from tests.support.s3 import Server
from tests.support.site import SiteProject

STAGES = ["checkout", "install", "build", "deploy", "invalidate", "verify"]

PACKAGE = {
    "name": "front",
    "version": "1.0.0",
    "private": True,
    "scripts": {"build": "front-build"},
    "dependencies": {"front-tools": "file:tools"},
}
TOOLS = {"name": "front-tools", "version": "1.0.0", "bin": {"front-build": "build.js"}}
LOCK = {
    "name": "front",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "requires": True,
    "packages": {
        "": {"name": "front", "version": "1.0.0", "dependencies": PACKAGE["dependencies"]},
        "node_modules/front-tools": {"resolved": "tools", "link": True},
        "tools": TOOLS,
    },
}
BUILD = """\
#!/usr/bin/env node
const fs = require("fs");
const number = fs.readFileSync("src/number", "utf8").trim();
const script = `assets/index-${number.padStart(8, "0")}.js`;
fs.rmSync("dist", { recursive: true, force: true });
fs.mkdirSync("dist/assets", { recursive: true });
fs.writeFileSync(`dist/${script}`, `const release = ${number};`);
const head = `<title>release ${number}</title><script type="module" src="/${script}"></script>`;
fs.writeFileSync("dist/index.html", `<!doctype html>${head}`);
"""


class Front(SiteProject):
    """A package whose build needs no more than node, beside a config.yaml that deploys it."""

    def __init__(self, folder: Path, server: Server) -> None:
        super().__init__(folder, server)
        self.number = 0
        (folder / ".gitignore").write_text("node_modules/\ndist/\nbuild/\n")
        self.reset()
        self.change()

    def reset(self) -> None:
        """Everything but the number as it was at first."""
        files: dict[str, Any] = {
            "package.json": PACKAGE,
            "package-lock.json": LOCK,
            "tools/package.json": TOOLS,
            "tools/build.js": BUILD,
        }
        for name, content in files.items():
            self.source(name, content if isinstance(content, str) else json.dumps(content))
        (self.folder / "front/tools/build.js").chmod(0o755)
        self.config(dist="front/dist")

    def source(self, name: str, text: str) -> None:
        """A file of the package."""
        path = self.folder / "front" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def change(self) -> int:
        """The sources of the next release; its number."""
        self.number += 1
        self.source("src/number", f"{self.number}\n")
        return self.number

    def pipeline(self, *words: str, expect: int = 0, asked: Mapping[str, str] | None = None) -> Done:
        """`python -m pipelines frontend ...` in this process."""
        home = {"HOME": str(self.folder), **self.server.environ}
        done = pipelines.run(self.folder, "frontend", *words, **home, **(asked or {}))
        assert done.status == expect, done.stdout + done.stderr
        return done

    def outcomes(self, **asked: str) -> dict[str, str]:
        found = json.loads(self.pipeline("--json", asked=asked).stdout.splitlines()[-1])
        return {stage["stage"]: stage["outcome"] for stage in found["stages"]}


@pytest.fixture(scope="module")
def server(seaweed: Server) -> Server:
    return seaweed


@pytest.fixture(scope="module")
def package(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with contextlib.closing(Front(tmp_path_factory.mktemp("package"), server)) as project:
        yield project


@pytest.fixture
def front(package: Front, server: Server) -> Front:
    """One for all tests: npm installs it once. The first of them finds it new."""
    package.server = server
    package.reset()
    return package


def test_from_sources_to_a_site_and_then_only_what_changed(front: Front) -> None:
    assert front.outcomes() == dict.fromkeys(STAGES, "passed") | {"invalidate": "skipped"}
    old = front.number
    assert front.title() == old
    assert front.outcomes() == dict.fromkeys(STAGES, "skipped") | {"checkout": "passed"}
    plan = json.loads(front.pipeline("--plan", "--json").stdout)["stages"]
    assert [each["stage"] for each in plan if each["runs"]] == ["checkout"]

    new = front.change()
    plan = {
        each["stage"]: each["reason"]
        for each in json.loads(front.pipeline("--plan", "--json").stdout)["stages"]
    }
    assert (plan["build"], plan["deploy"]) == ("files have changed", "after build")
    # Stage by stage, as Jenkins runs them.
    told = [front.pipeline(stage, asked={"BUILD_TAG": "jenkins-frontend-2"}).stderr for stage in STAGES]
    assert "skipped, nothing has changed" in told[1]
    assert "is the site, 2 file(s) sent" in told[3]
    assert front.title() == new

    # Back by the parameter: nothing is built.
    page = front.folder / "build" / "reports" / "frontend.html"
    assert "Site release" in page.read_text()
    first = json.loads(front.run("releases", "--json").stdout)[1]["id"]
    outcomes = front.outcomes(PIPELINE_ROLLBACK_TO=first)
    assert (outcomes["build"], outcomes["deploy"], outcomes["verify"]) == ("skipped", "passed", "passed")
    assert front.title() == old


def test_what_fails_stops_it_and_says_why(front: Front) -> None:
    front.pipeline()
    assert front.title() == front.number
    # Somebody took a file away: verify finds it when it is told to look again, and the next deploy mends it.
    script = f"assets/index-{front.number:08}.js"
    assert script in front.there()
    front.store.delete([script])
    done = front.pipeline("verify", "--force", expect=8)
    assert f"{script}: is not in the bucket" in done.stderr
    assert front.outcomes()["deploy"] == "passed"
    assert script in front.there()

    front.source(
        "tools/build.js", "#!/usr/bin/env node\nconsole.error('no such module: ./App'); process.exit(3);\n"
    )
    done = front.pipeline(expect=12)
    assert "no such module: ./App" in done.stderr
    assert "[3/6] build: failed" in done.stderr
    assert front.title() == front.number


class Distribution:
    """One that plays AWS's."""

    done = True
    waited = 0.0

    def used(self) -> Used:
        return Used()

    def invalidate(self, wanted: Invalidation, reference: str) -> str:
        return "I1"

    def wait(self, request: str, seconds: float) -> bool:
        assert request == "I1"
        self.waited = seconds
        return self.done


def no_bucket(front: Front) -> None:
    front.config(dist="front/dist", bucket=None)


def other_packages(front: Front) -> None:
    wanted = PACKAGE | {"dependencies": {"front-tools": "file:tools", "front-icons": "file:icons"}}
    front.source("package.json", json.dumps(wanted))


def other_tools(front: Front) -> None:
    front.source("tools/build.js", "#!/usr/bin/env node\nprocess.exit(3);\n")


def other_key(front: Front) -> None:
    front.server = replace(front.server, secret_key="another")


def no_key(front: Front) -> None:
    front.server = replace(front.server, access_key="", secret_key="")


def lost_file(front: Front) -> None:
    front.store.delete([key for key in front.there() if key.startswith("assets/")])


BREAKS: dict[str, tuple[Callable[[Front], None], int, str]] = {
    "checkout": (no_bucket, 3, "give either 'bucket' or 'origin'"),
    "install": (other_packages, 12, "npm ci failed"),
    "build": (other_tools, 12, "npm run build failed"),
    "deploy": (other_key, 11, "the secret and the session token"),
    "invalidate": (no_key, 11, "credentials"),
    "verify": (lost_file, 8, "is not in the bucket"),
}
"""What is done right before a stage, the stage's exit code, and words that everybody is told."""


@pytest.mark.parametrize("stage", STAGES)
def test_whichever_stage_fails_a_site_is_there(
    front: Front, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    harm, code, said = BREAKS[stage]
    earlier = STAGES[: STAGES.index(stage)]
    monkeypatch.setattr("deployer.site.cloudfront.open_distribution", lambda *_: Distribution())
    old = front.change()
    for name in STAGES[:4]:
        front.pipeline(name)
    assert front.title() == old
    new = front.change()
    if stage == "invalidate":
        front.config(dist="front/dist", distribution="E2ABC")
    for name in earlier:
        front.pipeline(name)
    harm(front)
    assert said in front.pipeline(stage, expect=code).stderr
    assert front.title() == (new if "deploy" in earlier else old)
    # Where the config names no bucket, there is no pipeline to report of.
    front.pipeline("report", expect=0 if stage != "checkout" else code)
    if stage != "checkout":
        suite = pipelines.suite(front.folder, "frontend")
        (failed,) = (case for case in suite if case.find("failure") is not None)
        assert failed.get("name") == stage
        assert said in (front.folder / "build/reports/frontend.html").read_text()


def test_a_distribution_is_waited_for(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    distribution = Distribution()
    monkeypatch.setattr("deployer.site.cloudfront.open_distribution", lambda *_: distribution)
    front.config(dist="front/dist", distribution="E2ABC", invalidation_wait="7s")
    front.change()
    assert front.outcomes()["invalidate"] == "passed"
    assert front.outcomes()["invalidate"] == "skipped"
    front.change()
    assert "I1 is done" in front.pipeline().stderr
    assert distribution.waited == 7.0
    distribution.done = False
    front.change()
    assert "warning: I1 is not done after 7 s; the distribution goes on by itself" in front.pipeline().stderr
