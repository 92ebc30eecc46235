"""Who is told what happens, beside the terminal: Slack, webhooks, CloudWatch, files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from deployer.config.sections.kinds import (
    ControllerUrl,
    EventName,
    Link,
    MetricNamespace,
    Name,
    Origin,
    SecretText,
    Section,
    Size,
    Wait,
    Word,
    all_differ,
)

Level = Literal["info", "warning", "error"]


class End(Section):
    """What all ends have in common; `kind` is the key of `notify` that it stands below."""

    level: Level = Field(default="info", description="What is less bad than this is not told here.")
    events: list[EventName] = Field(
        default_factory=list,
        description="Kinds of events that are told here, `*` for any part of a name; empty for all. "
        "docs/notifications.md lists them.",
        examples=[["rolled_back", "command_*"]],
    )
    details: bool = Field(
        default=False,
        description="Also tell the lines that prove a failure, and what hooks print: the tail of a "
        "container's log may hold what nobody outside should read.",
    )


class SlackEnd(End):
    """A channel of Slack, by an incoming webhook or by an app's bot."""

    name: Name = Field(default="slack", description="What messages of the deployer call this end.")
    webhook: SecretText | None = Field(
        default=None,
        description="Address of an incoming webhook, a reference. A message is posted at the end of a "
        "command, for Slack lets nobody change it later. Give either this or `token`.",
        examples=["${env:SLACK_WEBHOOK}"],
    )
    token: SecretText | None = Field(
        default=None,
        validate_default=True,
        description="Token of an app's bot (`xoxb-...`, scope chat:write), a reference: one message per "
        "command, kept up to date. Give either this or `webhook`.",
        examples=["${env:SLACK_TOKEN}"],
    )
    channel: Word | None = Field(
        default=None,
        validate_default=True,
        description="Channel of the bot's messages, by name or id; the bot has to be its member.",
        examples=["#deploys"],
    )
    at_start: bool = Field(
        default=False, description="With `webhook`: one more message when a command begins."
    )
    api: ControllerUrl = Field(
        default="https://slack.com/api", description="Address of Slack's API, for a gateway in between."
    )

    @field_validator("token")
    @classmethod
    def _one_way(cls, token: str | None, info: ValidationInfo) -> str | None:
        if "webhook" in info.data and (token is None) == (info.data["webhook"] is None):
            raise ValueError("give either 'webhook' or 'token'" + ("" if token is None else ", not both"))
        return token

    @field_validator("channel")
    @classmethod
    def _of_the_bot(cls, channel: str | None, info: ValidationInfo) -> str | None:
        if "token" in info.data and (channel is None) != (info.data["token"] is None):
            raise ValueError("'token' and 'channel' go together; a webhook has a channel of its own")
        return channel


class WebhookEnd(End):
    """Any address that takes JSON by POST."""

    name: Name = Field(default="webhook", description="What messages of the deployer call this end.")
    url: SecretText = Field(
        description="Address that gets the events, a reference where it holds a secret.",
        examples=["${env:DEPLOY_WEBHOOK}"],
    )
    secret: SecretText | None = Field(
        default=None,
        description="What deliveries are signed with (HMAC-SHA256), a reference; without it they are not.",
        examples=["${env:DEPLOY_WEBHOOK_SECRET}"],
    )


class CloudWatchEnd(End):
    """Amazon CloudWatch: metrics, and a structured log."""

    name: Name = Field(default="cloudwatch", description="What messages of the deployer call this end.")
    region: Word | None = Field(
        default=None, description="Region; else what AWS's own settings say.", examples=["ap-northeast-2"]
    )
    namespace: MetricNamespace = Field(
        default="Deployer",
        description="Namespace of the metrics, each with the one dimension Service.",
    )
    metrics: bool = Field(default=True, description="Whether metrics are put.")
    log_group: Word | None = Field(
        default=None,
        description="Existing group that the events are logged to; without it only metrics are put.",
        examples=["/deployer/events"],
    )
    endpoint: Origin | None = Field(
        default=None,
        description="Address of an endpoint that is not AWS's public one, of a VPC say.",
        examples=["http://127.0.0.1:4566"],
    )


class FileEnd(End):
    """A file of JSON lines."""

    name: Name = Field(default="file", description="What messages of the deployer call this end.")
    path: Path = Field(
        description="File that events are appended to, relative to the config's own folder.",
        examples=["/var/log/deployer/events.jsonl"],
    )
    max_size: Size = Field(
        default=10 * 1024**2,
        description="Size at which it is renamed to `.1`, that to `.2`, and so on; 0 leaves "
        "this to logrotate.",
    )
    keep: Annotated[int, Field(ge=1, le=99)] = Field(
        default=3, description="Renamed files that are kept.", json_schema_extra={"unit": "files"}
    )


class Notify(Section):
    """Who is told, and how long that may take."""

    slack: list[SlackEnd] = Field(default_factory=list, description="Channels of Slack.")
    webhooks: list[WebhookEnd] = Field(default_factory=list, description="Addresses that take signed JSON.")
    cloudwatch: list[CloudWatchEnd] = Field(
        default_factory=list, description="Amazon CloudWatch, for alarms and dashboards."
    )
    files: list[FileEnd] = Field(
        default_factory=list, validate_default=True, description="Files of JSON lines on this machine."
    )
    language: Literal["en", "ko"] = Field(default="en", description="Language of messages in Slack.")
    link: Link | None = Field(
        default=None,
        description="Where a message leads to; else the build's page, where Jenkins runs the command "
        "(BUILD_URL).",
        examples=["https://grafana.example.org/d/shop"],
    )
    timeout: Wait = Field(
        default=5.0,
        description="How long one attempt to tell an end waits for a connection, and for an answer.",
    )
    deadline: Wait = Field(
        default=5.0,
        description="How long a command that is done waits for what is not told yet; the rest is "
        "given up, and said to be.",
    )

    @field_validator("files")
    @classmethod
    def _names_differ(cls, files: list[FileEnd], info: ValidationInfo) -> list[FileEnd]:
        others: list[End] = [
            end for kind in ("slack", "webhooks", "cloudwatch") for end in info.data.get(kind, ())
        ]
        all_differ([getattr(end, "name", "") for end in [*others, *files]], "two ends are named")
        return files

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
