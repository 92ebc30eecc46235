"""Who is told what happens, beside the terminal: Slack, webhooks, CloudWatch, files."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from deployer.config.model import Conflict, Section
from deployer.config.sections.kinds import (
    ControllerUrl,
    EventName,
    Link,
    MetricNamespace,
    Name,
    Origin,
    SecretText,
    Size,
    Wait,
    Word,
    repeated,
)

Level = Literal["info", "warning", "error"]


class End(Section, frozen=True, kw_only=True):
    """What all ends have in common; `kind` is the key of `notify` that it stands below."""

    level: Annotated[Level, Meta(description="What is less bad than this is not told here.")] = "info"
    events: Annotated[
        list[EventName],
        Meta(
            description="Kinds of events that are told here, `*` for any part of a name; empty for all. "
            "docs/notifications.md lists them.",
            examples=[["rolled_back", "command_*"]],
        ),
    ] = []
    details: Annotated[
        bool,
        Meta(
            description="Also tell the lines that prove a failure, and what hooks print: the tail of a "
            "container's log may hold what nobody outside should read."
        ),
    ] = False


class SlackEnd(End, frozen=True, kw_only=True):
    """A channel of Slack, by an incoming webhook or by an app's bot."""

    name: Annotated[Name, Meta(description="What messages of the deployer call this end.")] = "slack"
    webhook: Annotated[
        SecretText | None,
        Meta(
            description="Address of an incoming webhook, a reference. A message is posted at the end of a "
            "command, for Slack lets nobody change it later. Give either this or `token`.",
            examples=["${env:SLACK_WEBHOOK}"],
        ),
    ] = None
    token: Annotated[
        SecretText | None,
        Meta(
            description="Token of an app's bot (`xoxb-...`, scope chat:write), a reference: one message per "
            "command, kept up to date. Give either this or `webhook`.",
            examples=["${env:SLACK_TOKEN}"],
        ),
    ] = None
    channel: Annotated[
        Word | None,
        Meta(
            description="Channel of the bot's messages, by name or id; the bot has to be its member.",
            examples=["#deploys"],
        ),
    ] = None
    at_start: Annotated[bool, Meta(description="With `webhook`: one more message when a command begins.")] = (
        False
    )
    api: Annotated[ControllerUrl, Meta(description="Address of Slack's API, for a gateway in between.")] = (
        "https://slack.com/api"
    )

    @classmethod
    def conflicts(cls, said: Mapping[str, Any]) -> Iterator[Conflict]:
        """What is wrong between keys: see `Section.conflicts`."""
        if {"webhook", "token"} <= said.keys() and (said["token"] is None) == (said["webhook"] is None):
            both = "" if said["token"] is None else ", not both"
            yield "token", f"give either 'webhook' or 'token'{both}"
        if {"token", "channel"} <= said.keys() and (said["channel"] is None) != (said["token"] is None):
            yield "channel", "'token' and 'channel' go together; a webhook has a channel of its own"


class WebhookEnd(End, frozen=True, kw_only=True):
    """Any address that takes JSON by POST."""

    name: Annotated[Name, Meta(description="What messages of the deployer call this end.")] = "webhook"
    url: Annotated[
        SecretText,
        Meta(
            description="Address that gets the events, a reference where it holds a secret.",
            examples=["${env:DEPLOY_WEBHOOK}"],
        ),
    ]
    secret: Annotated[
        SecretText | None,
        Meta(
            description="What deliveries are signed with (HMAC-SHA256), a reference; without it they are "
            "not.",
            examples=["${env:DEPLOY_WEBHOOK_SECRET}"],
        ),
    ] = None


class CloudWatchEnd(End, frozen=True, kw_only=True):
    """Amazon CloudWatch: metrics, and a structured log."""

    name: Annotated[Name, Meta(description="What messages of the deployer call this end.")] = "cloudwatch"
    region: Annotated[
        Word | None,
        Meta(description="Region; else what AWS's own settings say.", examples=["ap-northeast-2"]),
    ] = None
    namespace: Annotated[
        MetricNamespace, Meta(description="Namespace of the metrics, each with the one dimension Service.")
    ] = "Deployer"
    metrics: Annotated[bool, Meta(description="Whether metrics are put.")] = True
    log_group: Annotated[
        Word | None,
        Meta(
            description="Existing group that the events are logged to; without it only metrics are put.",
            examples=["/deployer/events"],
        ),
    ] = None
    endpoint: Annotated[
        Origin | None,
        Meta(
            description="Address of an endpoint that is not AWS's public one, of a VPC say.",
            examples=["http://127.0.0.1:4566"],
        ),
    ] = None


class FileEnd(End, frozen=True, kw_only=True):
    """A file of JSON lines."""

    name: Annotated[Name, Meta(description="What messages of the deployer call this end.")] = "file"
    path: Annotated[
        Path,
        Meta(
            description="File that events are appended to, relative to the config's own folder.",
            examples=["/var/log/deployer/events.jsonl"],
        ),
    ]
    max_size: Annotated[
        Size,
        Meta(
            description="Size at which it is renamed to `.1`, that to `.2`, and so on; 0 leaves "
            "this to logrotate."
        ),
    ] = 10 * 1024**2
    keep: Annotated[
        Annotated[int, Meta(ge=1, le=99)],
        Meta(description="Renamed files that are kept.", extra={"unit": "files"}),
    ] = 3


class Notify(Section, frozen=True, kw_only=True):
    """Who is told, and how long that may take."""

    slack: Annotated[list[SlackEnd], Meta(description="Channels of Slack.")] = []
    webhooks: Annotated[list[WebhookEnd], Meta(description="Addresses that take signed JSON.")] = []
    cloudwatch: Annotated[
        list[CloudWatchEnd], Meta(description="Amazon CloudWatch, for alarms and dashboards.")
    ] = []
    files: Annotated[list[FileEnd], Meta(description="Files of JSON lines on this machine.")] = []
    language: Annotated[Literal["en", "ko"], Meta(description="Language of messages in Slack.")] = "en"
    link: Annotated[
        Link | None,
        Meta(
            description="Where a message leads to; else the build's page, where Jenkins runs the command "
            "(BUILD_URL).",
            examples=["https://grafana.example.org/d/shop"],
        ),
    ] = None
    timeout: Annotated[
        Wait,
        Meta(description="How long one attempt to tell an end waits for a connection, and for an answer."),
    ] = 5.0
    deadline: Annotated[
        Wait,
        Meta(
            description="How long a command that is done waits for what is not told yet; the rest is "
            "given up, and said to be."
        ),
    ] = 5.0

    @classmethod
    def conflicts(cls, said: Mapping[str, Any]) -> Iterator[Conflict]:
        """What is wrong between keys: see `Section.conflicts`."""
        kinds = ("slack", "webhooks", "cloudwatch", "files")
        names = [end.name for kind in kinds for end in said.get(kind, ())]
        yield from repeated("files", names, "two ends are named")

    def ends(self) -> Iterator[tuple[str, SlackEnd | WebhookEnd | CloudWatchEnd | FileEnd]]:
        """Every end with its kind in words."""
        kinds: Sequence[tuple[str, Sequence[SlackEnd | WebhookEnd | CloudWatchEnd | FileEnd]]] = (
            ("slack", self.slack),
            ("webhook", self.webhooks),
            ("cloudwatch", self.cloudwatch),
            ("file", self.files),
        )
        for kind, ends in kinds:
            yield from ((kind, end) for end in ends)
