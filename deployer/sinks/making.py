"""From an end of the config to one that can be told: secrets resolved, addresses looked at."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from deployer.config.schema import Config
from deployer.config.secrets import resolve
from deployer.config.sections.notify import CloudWatchEnd, End, FileEnd, SlackEnd, WebhookEnd
from deployer.sinks.end import End as Sink
from deployer.sinks.end import Run
from deployer.sinks.mask import Mask, secrets_of
from deployer.sinks.memory import Memory
from deployer.sinks.wanted import Wanted


class Maker:
    """Makes ends, each in its courier's thread.

    :param memory: where the processes of one run keep which message is theirs.
    """

    def __init__(self, config: Config, environ: Mapping[str, str], run: Run, memory: Path | None) -> None:
        self._config = config
        self._environ = environ
        self._run = run
        self._memory = memory

    def make(self, end: SlackEnd | WebhookEnd | CloudWatchEnd | FileEnd) -> Sink:
        """
        :raises ConfigError: a secret cannot be had.
        :raises NotDelivered: an address is none.
        """
        timeout = self._config.notify.timeout
        match end:
            case SlackEnd():
                return self._slack(end)
            case WebhookEnd():
                from deployer.sinks.webhook import Webhook

                url, secret = self._secret(end.url, "url"), self._secret(end.secret, "secret")
                return Webhook(self._wanted(end, url, secret), self._run, url, secret, timeout, self._environ)
            case CloudWatchEnd():
                from deployer.aws import credentials
                from deployer.aws.account import Account
                from deployer.sinks.cloudwatch import CloudWatch

                return CloudWatch(
                    self._wanted(end),
                    self._run,
                    # The SDK reads the process's environment only: what is found in this one is told to it.
                    Account(
                        end.region or credentials.region(self._environ),
                        end.endpoint or "",
                        credentials.static(self._environ),
                    ),
                    namespace=end.namespace if end.metrics else "",
                    group=end.log_group or "",
                    timeout=timeout,
                )
            case FileEnd():
                from deployer.sinks.journal import Journal

                path = self._config.root / end.path
                return Journal(self._wanted(end), self._run, path, end.max_size, end.keep)

    def _slack(self, end: SlackEnd) -> Sink:
        from deployer.sinks.slack import Line, SlackBot, SlackWebhook
        from deployer.sinks.slack_message import Writer

        url, token = self._secret(end.webhook, "webhook"), self._secret(end.token, "token")
        wanted = self._wanted(end, url, token)
        writer = Writer(self._run, wanted, self._config.notify.language)
        path = self._memory.with_name(f"{self._memory.name}-{end.name}.json") if self._memory else None
        memory = Memory(path, self._run.id)
        line = Line(self._config.notify.timeout, self._environ)
        if end.webhook is not None:
            return SlackWebhook(wanted, self._run, writer, memory, line, url, at_start=end.at_start)
        return SlackBot(wanted, self._run, writer, memory, line, end.api, token, end.channel or "")

    def _wanted(self, end: End, *secrets: str) -> Wanted:
        mask = Mask([*secrets, *secrets_of(self._config, self._environ)])
        return Wanted(end.level, end.events, end.details, mask)

    def _secret(self, text: str | None, key: str) -> str:
        return resolve(text, self._environ, key=key) if text is not None else ""
