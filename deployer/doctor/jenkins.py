"""Checks of the Jenkins controller, as its REST API shows it."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from deployer.config.schema import Config
from deployer.config.secrets import resolve
from deployer.config.units import humanize_size
from deployer.doctor.finding import Area, Findings
from deployer.doctor.http import get
from deployer.errors import ConfigError

AREA = Area("jenkins")
_SMALL = 4 * 1024**3
_DISK = 1024**3
"""Bytes: Jenkins takes its node offline below 1 GiB, and builds wait for ever."""


def check_jenkins(config: Config, environ: Mapping[str, str], memory: int | None) -> Findings:
    """All of them.

    :param memory: bytes of the host that the controller runs on; None where that is not known.
    """
    jenkins = config.jenkins
    here = (jenkins.token or jenkins.password) and not config.hosts
    if jenkins.url is None and not here:
        yield AREA.skipped("controller", "the config names no controller (jenkins.url)")
        return
    headers = {}
    try:
        if secret := jenkins.token or jenkins.password:
            key = "jenkins.token" if jenkins.token else "jenkins.password"
            pair = f"{jenkins.user}:{resolve(secret, environ, key=key)}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    except ConfigError as error:
        yield AREA.error("controller", error.message, "give the secret, or mend the reference")
        return
    root = jenkins.address_of_controller
    answer = get(f"{root}/computer/api/json?depth=1", headers)
    if answer.code in (401, 403):
        yield AREA.error(
            "controller",
            f"{root} does not let {jenkins.user} in ({answer.code})",
            "give another token (jenkins.token), or the right password",
        )
        return
    if answer.code != 200:
        yield AREA.error(
            "controller",
            f"{root} does not answer ({answer.said})",
            "it may be out of memory: see its container's log, and `deployer doctor host`",
        )
        return
    yield AREA.ok("controller", f"{root} answers")
    for node in answer.data().get("computer", ()):
        yield from _node(node, memory)
    yield from _queue(root, headers)
    yield from _webhook(root)


def _node(node: dict[str, Any], memory: int | None) -> Findings:
    name, executors = node.get("displayName", "?"), int(node.get("numExecutors", 0))
    if node.get("offline"):
        why = node.get("offlineCauseReason") or "it does not say why"
        yield AREA.error(
            "node",
            f"{name} is offline: {why}",
            "make room on its disk (`deployer prune`, old builds), then bring it back online in Manage Nodes",
        )
    else:
        yield AREA.ok("node", f"{name} is online")
    if executors > 2 and (memory is None or memory < _SMALL):
        yield AREA.warning(
            "executors",
            f"{name} runs {executors} builds at once",
            "a small host bears one: set jenkins.executors to 1, and `pipelines jenkins up`",
        )
    elif not node.get("offline"):
        yield AREA.ok("executors", f"{name} runs {executors} build(s) at once")
    monitors = node.get("monitorData") or {}
    for key in ("hudson.node_monitors.DiskSpaceMonitor", "hudson.node_monitors.TemporarySpaceMonitor"):
        space = monitors.get(key)
        if space and "size" in space:
            size, path = int(space["size"]), space.get("path", "?")
            if size < _DISK:
                yield AREA.error(
                    "disk",
                    f"{name}: {humanize_size(size)} free at {path}",
                    "below 1 GiB Jenkins takes it offline: make room",
                )
            else:
                yield AREA.ok("disk", f"{name}: {humanize_size(size)} free at {path}")


def _queue(root: str, headers: Mapping[str, str]) -> Findings:
    answer = get(f"{root}/queue/api/json", headers)
    if answer.code != 200:
        return
    items = answer.data().get("items", ())
    stuck = [item for item in items if item.get("stuck")]
    for item in stuck[:3]:
        job = (item.get("task") or {}).get("name", "?")
        yield AREA.warning(
            "queue", f"{job} waits: {item.get('why')}", "look at the node's executors, its disk"
        )
    if not stuck:
        yield AREA.ok("queue", f"{len(items)} build(s) wait")


def _webhook(root: str) -> Findings:
    """GitHub's deliveries arrive there; whoever takes them refuses a GET (400, 405); 404 has no plugin."""
    answer = get(f"{root}/github-webhook/")
    if answer.code == 404:
        yield AREA.error(
            "webhook",
            f"{root}/github-webhook/ is not there",
            "the GitHub plugin is missing: `pipelines jenkins up`",
        )
    elif answer.code in (200, 302, 400, 403, 405):
        yield AREA.ok(
            "webhook", f"{root}/github-webhook/ is there; `pipelines jenkins webhook` checks a delivery"
        )
    else:
        yield AREA.warning(
            "webhook", f"{root}/github-webhook/ answers {answer.said}", "see the controller's log"
        )
