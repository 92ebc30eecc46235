"""The front end's pipeline: npm's own commands, a bucket in a real store, a distribution that plays AWS's."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

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
        front = folder / "front"
        files: dict[str, Any] = {
            "package.json": PACKAGE,
            "package-lock.json": LOCK,
            "tools/package.json": TOOLS,
            "tools/build.js": BUILD,
            "src/number": "1\n",
        }
        for name, content in files.items():
            path = front / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        (front / "tools/build.js").chmod(0o755)
        (folder / ".gitignore").write_text("node_modules/\ndist/\nbuild/\n")
        self.number = front / "src/number"
        self.config(dist="front/dist")

    def pipeline(self, *words: str, expect: int = 0, asked: Mapping[str, str] | None = None) -> Done:
        """`python -m pipelines frontend ...` in this process."""
        home = {"HOME": str(self.folder), **self.server.environ}
        done = pipelines.run(self.folder, "frontend", *words, **home, **(asked or {}))
        assert done.status == expect, done.stdout + done.stderr
        return done

    def outcomes(self, **asked: str) -> dict[str, str]:
        found = json.loads(self.pipeline("--json", asked=asked).stdout.splitlines()[-1])
        return {stage["stage"]: stage["outcome"] for stage in found["stages"]}


@pytest.fixture
def server(seaweed: Server) -> Server:
    return seaweed


@pytest.fixture
def front(server: Server, tmp_path: Path) -> Iterator[Front]:
    with contextlib.closing(Front(tmp_path, server)) as project:
        yield project


def test_from_sources_to_a_site_and_then_only_what_changed(front: Front) -> None:
    assert front.outcomes() == dict.fromkeys(STAGES, "passed") | {"invalidate": "skipped"}
    assert front.title() == 1
    assert front.outcomes() == dict.fromkeys(STAGES, "skipped") | {"checkout": "passed"}
    plan = json.loads(front.pipeline("--plan", "--json").stdout)["stages"]
    assert [each["stage"] for each in plan if each["runs"]] == ["checkout"]

    front.number.write_text("2\n")
    plan = {
        each["stage"]: each["reason"]
        for each in json.loads(front.pipeline("--plan", "--json").stdout)["stages"]
    }
    assert (plan["build"], plan["deploy"]) == ("files have changed", "after build")
    # Stage by stage, as Jenkins runs them.
    told = [front.pipeline(stage, asked={"BUILD_TAG": "jenkins-frontend-2"}).stderr for stage in STAGES]
    assert "skipped, nothing has changed" in told[1]
    assert "is the site, 2 file(s) sent" in told[3]
    assert front.title() == 2

    # Back by the parameter: nothing is built.
    page = front.folder / "build" / "reports" / "frontend.html"
    assert "Site release" in page.read_text()
    first = json.loads(front.run("releases", "--json").stdout)[1]["id"]
    outcomes = front.outcomes(PIPELINE_ROLLBACK_TO=first)
    assert (outcomes["build"], outcomes["deploy"], outcomes["verify"]) == ("skipped", "passed", "passed")
    assert front.title() == 1


def test_what_fails_stops_it_and_says_why(front: Front) -> None:
    front.pipeline()
    # Somebody took a file away: verify finds it when it is told to look again, and the next deploy mends it.
    (script,) = [key for key in front.there() if key.startswith("assets/")]
    front.store.delete([script])
    done = front.pipeline("verify", "--force", expect=8)
    assert f"{script}: is not in the bucket" in done.stderr
    assert front.outcomes()["deploy"] == "passed"
    assert script in front.there()

    (front.folder / "front" / "tools" / "build.js").write_text(
        "#!/usr/bin/env node\nconsole.error('no such module: ./App'); process.exit(3);\n"
    )
    done = front.pipeline(expect=12)
    assert "no such module: ./App" in done.stderr
    assert "[3/6] build: failed" in done.stderr
    assert front.title() == 1


def test_a_distribution_is_waited_for(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    from deployer.site.invalidation import Invalidation, Used

    class Distribution:
        done = True

        def used(self) -> Used:
            return Used()

        def invalidate(self, wanted: Invalidation, reference: str) -> str:
            return "I1"

        def wait(self, request: str, seconds: float) -> bool:
            assert (request, seconds) == ("I1", 7.0)
            return self.done

    distribution = Distribution()
    monkeypatch.setattr("deployer.site.cloudfront.open_distribution", lambda *_: distribution)
    front.config(dist="front/dist", distribution="E2ABC", invalidation_wait="7s")
    assert front.outcomes()["invalidate"] == "passed"
    assert front.outcomes()["invalidate"] == "skipped"
    front.number.write_text("2\n")
    assert "I1 is done" in front.pipeline().stderr
    distribution.done = False
    front.number.write_text("3\n")
    assert "warning: I1 is not done after 7 s; the distribution goes on by itself" in front.pipeline().stderr
