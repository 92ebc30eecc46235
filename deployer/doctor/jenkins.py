"""Checks of the Jenkins controller, as its REST API shows it."""

from __future__ import annotations

import base64
import time
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

_NODES = "computer[displayName,offline,offlineCauseReason,numExecutors,monitorData[*],executors[idle]]"
_PATIENCE = 60.0
"""Seconds that a build may wait beside a free executor: it is about to get it."""

_WAITS = "Waiting for next available executor"


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
    answer = get(f"{root}/computer/api/json?tree={_NODES}", headers)
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
    nodes = answer.data().get("computer", ())
    for node in nodes:
        yield from _node(node, memory)
    slots = [slot for node in nodes for slot in node.get("executors", ())]
    yield from _queue(root, headers, busy=any(not slot.get("idle") for slot in slots))
    yield from _webhook(root, jenkins.public_url)


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
    monitors = node.get("monitorData") or {}
    # The node knows best: the controller need not be on the host that was asked for its facts.
    told = (monitors.get("hudson.node_monitors.SwapSpaceMonitor") or {}).get("totalPhysicalMemory")
    memory = told if isinstance(told, int) and told > 0 else memory
    if executors > (2 if memory is None else 1) and (memory is None or memory < _SMALL):
        beside = "" if memory is None else f" with {humanize_size(memory)} of memory"
        yield AREA.warning(
            "executors",
            f"{name} runs {executors} builds at once{beside}",
            "a small host bears one: set jenkins.executors to 1, and `pipelines jenkins up`",
        )
    elif not node.get("offline"):
        yield AREA.ok("executors", f"{name} runs {executors} build(s) at once")
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


def _queue(root: str, headers: Mapping[str, str], *, busy: bool) -> Findings:
    """Builds that wait for what will not come; whether an executor is busy was asked just before.

    Jenkins itself calls one stuck whose node is offline, else only after ten times as long as it usually
    takes, or after a day.
    """
    answer = get(f"{root}/queue/api/json", headers)
    if answer.code != 200:
        return
    items = answer.data().get("items", ())
    stuck = [item for item in items if item.get("stuck") or (not busy and _in_vain(item))]
    for item in stuck[:3]:
        job = (item.get("task") or {}).get("name", "?")
        yield AREA.warning(
            "queue",
            f"{job} waits: {item.get('why')}" + ("" if item.get("stuck") else "; and none is busy"),
            "look at the node: offline, out of disk, or hung for want of memory (`deployer doctor host`)",
        )
    if not stuck:
        yield AREA.ok("queue", f"{len(items)} build(s) wait")


def _in_vain(item: Mapping[str, Any]) -> bool:
    """Whether it has waited for an executor for longer than it takes to be given a free one."""
    waited = time.time() - item.get("inQueueSince", 0) / 1000
    return _WAITS in (item.get("why") or "") and waited > _PATIENCE


def _webhook(root: str, public: str | None) -> Findings:
    """GitHub's deliveries arrive there; whoever takes them refuses a GET (400, 405); 404 has no plugin.

    :param public: where GitHub delivers; None: at the root.
    """
    root = (public or root).rstrip("/")
    answer = get(f"{root}/github-webhook/")
    if answer.code == 404:
        yield AREA.error(
            "webhook",
            f"{root}/github-webhook/ is not there",
            "the GitHub plugin is missing (`pipelines jenkins up`), or a proxy in front does not pass it on",
        )
    elif answer.reason == "ConnectTimeout" and public:
        # A security group that lets GitHub in, and not this machine, looks like that.
        yield AREA.skipped(
            "webhook", f"{root} lets this machine wait; `pipelines jenkins webhook` checks a delivery"
        )
    elif answer.code in (200, 302, 400, 403, 405):
        yield AREA.ok(
            "webhook", f"{root}/github-webhook/ is there; `pipelines jenkins webhook` checks a delivery"
        )
    else:
        yield AREA.warning(
            "webhook",
            f"{root}/github-webhook/ answers {answer.said}",
            "see jenkins.public_url, what stands in front of the controller, and its log",
        )
