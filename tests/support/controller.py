"""What stands in for the images that a controller is built from, where no registry can be reached.

The base has an entry, a user and a plugin installer where the published image has them, and the double of the
REST API in place of the war. The tools are this machine's own Node and Docker client; AWS CLI v2 is Debian's
in `make soak`, and otherwise a script that says that it stands in.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from docker import DockerClient

from deployer.config.schema import Config
from pipelines.jenkins import image
from tests.support import images
from tests.support.images import ROOT
from tests.support.scale import SOAK

DOUBLE = ("jenkins_double.py", "jenkins_state.py")
BASE = """\
FROM {python}
RUN useradd --uid 1000 --create-home --home-dir /var/jenkins_home jenkins \\
 && mkdir -p /usr/share/jenkins/ref && chown -R jenkins:jenkins /var/jenkins_home /usr/share/jenkins
COPY jenkins_double.py jenkins_state.py /usr/share/jenkins/tests/support/
COPY jenkins.sh jenkins-plugin-cli /usr/local/bin/
VOLUME /var/jenkins_home
"""
ENTRY = """\
#!/bin/bash
# Stands in for the entry of the published image: no war can be had here.
echo "stand-in for the war, with JAVA_OPTS=$JAVA_OPTS and $CASC_JENKINS_CONFIG"
[ -r "$CASC_JENKINS_CONFIG" ] || exit 3
cd /var/jenkins_home
export PYTHONPATH=/usr/share/jenkins
exec python3 -m tests.support.jenkins_double --home . --password-file /run/secrets/admin-password
"""
INSTALLER = """\
#!/bin/bash
# Stands in for the plugin installer: it checks that every plugin has a version, and installs none.
set -euo pipefail
[ "$1" = --plugin-file ]
if grep -vE '^(#.*|[a-z0-9-]+:[A-Za-z0-9._-]+)$' "$2"; then exit 1; fi
grep -vc "^#" "$2" > /usr/share/jenkins/ref/installed
"""
TOOLS = """\
FROM {base}
COPY docker node /usr/local/bin/
COPY npm /usr/local/lib/node_modules/npm
{aws}
"""
REAL_AWS = """\
RUN apt-get update && apt-get install -y --no-install-recommends awscli && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /usr/local/aws-cli/v2/current/bin && cp -r /usr/lib/python3/dist-packages /usr/local/aws-cli/lib
COPY aws /usr/local/aws-cli/v2/current/bin/aws
"""
NO_AWS = "COPY aws /usr/local/aws-cli/v2/current/bin/aws\n"
AWS = (
    '#!/bin/sh\nPYTHONPATH=/usr/local/aws-cli/lib exec /usr/bin/python3 -m awscli "$@"\n'
    if SOAK
    else "#!/bin/sh\necho 'aws-cli/2 (stands in: none can be had without minutes of installing)'\n"
)


def base(client: DockerClient) -> str:
    """The image in place of jenkins/jenkins."""
    return _built(
        client,
        "controller-base",
        BASE.format(python=images.python(client)),
        {
            **{name: (ROOT / "tests/support" / name).read_bytes() for name in DOUBLE},
            "jenkins.sh": ENTRY.encode(),
            "jenkins-plugin-cli": INSTALLER.encode(),
        },
        (),
    )


def tools(client: DockerClient) -> str:
    """The image that Node, npm, Docker's client and AWS CLI are taken from."""
    docker = _program("docker")
    # Where Node.js came as a Python package, what is on PATH is a script; itself it knows better.
    node, npm = (Path(_said(*words)) for words in (("node", "-p", "process.execPath"), ("npm", "root", "-g")))
    recipe = TOOLS.format(base=images.base(), aws=REAL_AWS if SOAK else NO_AWS)
    files = {"aws": AWS.encode()}
    return _built(client, "controller-tools", recipe, files, (docker, node, npm / "npm"))


def installed(config: Config) -> None:
    """Build the slow part of a config's controller and keep it, so that what tests build on it is quick."""
    with image.recipe(config) as recipe, images.alone():
        text = image.dockerfile(config)
        slow = text.partition("\nFROM installed\n")[0]
        files = [(recipe.folder / name).read_bytes() for name in ("plugins.txt", "requirements.txt")]
        subprocess.run(
            [
                *("docker", "build", "--quiet", "--target", "installed", "--label", "deployer-test=1"),
                *("--tag", f"deployer-test/controller-installed:{images.digest(slow, *files)}"),
                *("--file", "-", str(recipe.folder)),
            ],
            input=text,
            text=True,
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "DOCKER_BUILDKIT": "0"},
        )


def wheels() -> Path:
    """A folder with the packages of the controller's requirements.txt, fetched once and kept."""
    requirements = ROOT / "templates/jenkins/requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deployer"
    folder = cache / f"wheels-jenkins-{digest}"
    with images.alone():
        if not folder.exists():
            cache.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=cache) as temporary:
                command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--requirement"]
                subprocess.run(
                    [*command, str(requirements), "--wheel-dir", f"{temporary}/wheels"], check=True
                )
                Path(f"{temporary}/wheels").rename(folder)
    return folder


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _program(name: str) -> Path:
    found = shutil.which(name)
    assert found, f"{name} is not installed: scripts/system-packages"
    return Path(found).resolve()


def _built(
    client: DockerClient, kind: str, recipe: str, files: dict[str, bytes], beside: tuple[Path, ...]
) -> str:
    """Build with the engine's client, which sends large files as they are; named by its content."""
    stamps = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in beside]
    tag = f"deployer-test/{kind}:{images.digest(recipe, *files.values(), *stamps)}"
    with images.alone():
        if images.exists(client, tag):
            return tag
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "Dockerfile").write_text(recipe)
            for name, content in files.items():
                (folder / name).write_bytes(content)
                (folder / name).chmod(0o755)
            for path in beside:
                if path.is_dir():
                    shutil.copytree(path, folder / path.name, symlinks=True)
                else:
                    shutil.copy(path, folder / path.name)
            subprocess.run(
                ["docker", "build", "--quiet", "--tag", tag, "--label", "deployer-test=1", temporary],
                check=True,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "DOCKER_BUILDKIT": "0"},
            )
    return tag
