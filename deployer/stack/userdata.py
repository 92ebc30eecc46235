"""What the instance does at its first start: the text of `host prepare`, and what a machine of AWS has."""

from __future__ import annotations

import base64
import gzip
import json

from msgspec import Struct

from deployer.errors import TemplateError
from deployer.fleet.prepare import script
from deployer.render import render
from deployer.stack.layout import Layout

LIMIT = 16 * 1024
"""Bytes that EC2 takes, before they are encoded."""


class UserData(Struct, frozen=True):
    """User-data as the template holds it.

    :ivar text: the script.
    :ivar packed: the script compressed and encoded, where it is too long as it is; cloud-init unpacks it.
    """

    text: str
    packed: str | None


def user_data(found: Layout) -> UserData:
    """The instance's script.

    :raises TemplateError: it is too long, compressed too.
    """
    return _fitting(text(found))


def text(found: Layout) -> str:
    """The script itself: what stands between head and tail is `host prepare`'s, to the letter."""
    shebang, _, body = script(found.config).partition("\n")
    agent = json.dumps(_agent(found), indent=1)
    return render(
        "aws/user-data.sh.j2", shebang=shebang, prepare=body, agent=agent, it=found, stack=found.stack
    )


def _agent(found: Layout) -> dict[str, object]:
    """Configuration of CloudWatch's agent.

    Its metrics are aggregated to the instance alone: an alarm names every dimension, and nobody knows the
    name of a disk beforehand.
    """
    settings: dict[str, object] = {
        "metrics": {
            "namespace": "CWAgent",
            "append_dimensions": {"InstanceId": "${aws:InstanceId}"},
            "aggregation_dimensions": [["InstanceId"]],
            "metrics_collected": {
                "mem": {"measurement": ["mem_used_percent"]},
                "swap": {"measurement": ["swap_used_percent"]},
                "disk": {"measurement": ["disk_used_percent"], "resources": ["/"]},
            },
        }
    }
    groups = found.log_groups
    if "HostLogs" in groups:
        stream = "{instance_id}"
        settings["logs"] = {
            "logs_collected": {
                "files": {
                    "collect_list": [
                        {
                            "file_path": "/var/log/cloud-init-output.log",
                            "log_group_name": groups["HostLogs"],
                            "log_stream_name": stream,
                        },
                        {
                            "file_path": "/var/lib/docker/containers/*/*-json.log",
                            "log_group_name": groups["ContainerLogs"],
                            "log_stream_name": stream,
                            "publish_multi_logs": True,
                        },
                    ]
                }
            }
        }
    return settings


def _fitting(script_text: str) -> UserData:
    raw = script_text.encode()
    if len(raw) <= LIMIT:
        return UserData(script_text, None)
    small = gzip.compress(raw, 9, mtime=0)
    if len(small) > LIMIT:
        raise TemplateError(
            f"the user-data is {len(raw):,} bytes ({len(small):,} compressed), and EC2 takes {LIMIT:,}",
            remedy="list fewer keys in prepare.keys",
        )
    return UserData(script_text, base64.b64encode(small).decode())
