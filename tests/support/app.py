"""The interview API as an image and behind an edge, with a model on this machine that the double plays.

image(client)                        -> deployer-test/app:<12 hex digits>, built once per content
Gemini(host=gateway(client))         a double that containers can ask
configure(project, image, gemini)    config.yaml as the repository has it, for that project
"""

from __future__ import annotations

import io
import subprocess
from ipaddress import ip_network
from types import SimpleNamespace

import jinja2
import yaml
from docker import DockerClient

from deployer.image.context import DOCKERFILE, BuildContext, read
from tests.support import images
from tests.support.gemini import Gemini
from tests.support.images import ROOT
from tests.support.project import Project

REPOSITORY = "deployer-test/app"
SERVICE = "interview"
PORT = 8000
ARGUMENTS = {"GIT_SHA": "0123456789abcdef", "BUILT_AT": "2026-01-02T03:04:05Z"}


def context() -> BuildContext:
    """What the deployer sends for it, by the repository's .dockerignore."""
    template = (ROOT / "templates" / "docker" / "app.Dockerfile.j2").read_text("utf-8")
    config = SimpleNamespace(service=SimpleNamespace(name=SERVICE, port=PORT))
    recipe = jinja2.Template(template, undefined=jinja2.StrictUndefined)
    return read(ROOT, recipe.render(config=config, base=images.base()))


def image(client: DockerClient) -> str:
    """The app's image, built from its template where the engine lacks it."""
    with images.alone("app"):  # a lock of its own: who wants a shop need not wait for this one
        subprocess.run([ROOT / "scripts" / "wheelhouse"], check=True, cwd=ROOT)
        sent = context()
        parts = (sent.digest, sent.dockerfile, str(client.images.get(images.BASE).id))
        tag = f"{REPOSITORY}:{images.digest(*parts)}"
        if not images.exists(client, tag):
            client.images.build(
                fileobj=io.BytesIO(b"".join(sent.stream())),
                custom_context=True,
                dockerfile=DOCKERFILE,
                tag=tag,
                buildargs=ARGUMENTS,
                labels={images.LABEL: "1"},
                rm=True,
                forcerm=True,
            )
    return tag


def gateway(client: DockerClient) -> str:
    """This machine's address for its containers."""
    bridge = client.networks.get("bridge").attrs["IPAM"]["Config"][0]
    # An engine in its first life does not say the gateway, which is the subnet's first address.
    return str(bridge.get("Gateway") or next(ip_network(bridge["Subnet"]).hosts()))


def configure(project: Project, image: str, gemini: Gemini, **environment: str) -> None:
    """The service and its releases as config.yaml has them, with no limit to how often anything is asked."""
    config = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    service = {key: value for key, value in config["service"].items() if key not in ("name", "build")}
    service |= {
        "image": image,
        "volumes": [f"{project.name}-data:/data"],
        "env": {
            "INTERVIEW_DATABASE": "/data/interview.sqlite3",
            "INTERVIEW_GEMINI_KEY": gemini.key,
            "INTERVIEW_MODEL_ENDPOINT": gemini.url,
            "INTERVIEW_PER_MINUTE": "1000",
            "INTERVIEW_RATE": "0",
            **environment,
        },
    }
    project.config(service=service, rollout={**config["rollout"], "observe": "0s"})
