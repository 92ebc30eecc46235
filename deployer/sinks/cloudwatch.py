"""Amazon CloudWatch: numbers for alarms (PutMetricData), and a log of JSON (PutLogEvents).

Needed rights: cloudwatch:PutMetricData; for the log logs:CreateLogStream and logs:PutLogEvents on its group.
The group has to exist: whoever made it said how long it keeps.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from deployer.aws.account import Account
from deployer.aws.session import client, mapped
from deployer.errors import CloudError, CloudUnreachable, NotDelivered
from deployer.sinks.end import Happening, Run, Sending
from deployer.sinks.jsonlines import moment
from deployer.sinks.metrics import metrics_of
from deployer.sinks.wanted import Wanted

LONGEST = 200_000
"""Bytes of one line of the log; CloudWatch has taken 256 kB for long, and more of late."""
PASSING = ("Throttling", "ServiceUnavailable", "InternalService", "RequestTimeout")


class CloudWatch:
    """
    :param namespace: of the metrics; empty for none.
    :param group: of the log; empty for none.
    """

    def __init__(
        self, wanted: Wanted, run: Run, account: Account, *, namespace: str, group: str, timeout: float
    ) -> None:
        self.wanted = wanted
        self._run = run
        self._account = account
        self._namespace = namespace
        self._group = group
        self._timeout = timeout
        self._stream = f"{run.service}/{datetime.now(UTC):%Y-%m-%d}"
        self._clients: dict[str, Any] = {}
        self._has_stream = False

    def prepare(self, batch: Sequence[Happening]) -> Sequence[Sending]:
        sendings = []
        data = [datum for happening in batch for datum in self._data(happening)] if self._namespace else []
        chosen = [happening for happening in batch if self.wanted.has(happening.event)]
        if data:
            # Without a log the metrics are all that is told of the events.
            events = 0 if self._group else len(chosen)
            sendings.append(Sending(max(1, events), lambda: self._put_metrics(data), way="metrics"))
        if chosen and self._group:
            ordered = sorted(chosen, key=lambda happening: happening.at)
            sendings += [self._logging(part) for part in _parts([self._line(each) for each in ordered])]
        return sendings

    def _logging(self, lines: Sequence[dict[str, Any]]) -> Sending:
        return Sending(len(lines), lambda: self._put_lines(lines), way="log")

    # -- metrics ----------------------------------------------------------------

    def _data(self, happening: Happening) -> list[dict[str, Any]]:
        return [
            {
                "MetricName": metric.name,
                "Dimensions": [{"Name": "Service", "Value": self._run.service}],
                "Timestamp": datetime.fromtimestamp(happening.at, UTC),
                "Value": metric.value,
                "Unit": metric.unit,
            }
            for metric in metrics_of(happening.event, self._run)
        ]

    def _put_metrics(self, data: Sequence[dict[str, Any]]) -> None:
        def put(client: Any) -> None:
            client.put_metric_data(Namespace=self._namespace, MetricData=data)

        self._ask("cloudwatch", "putting metrics", put)

    # -- the log ----------------------------------------------------------------

    def _line(self, happening: Happening) -> dict[str, Any]:
        record = {
            "time": moment(happening.at),
            "run": self.wanted.mask.all(self._run.as_dict()),
            **self.wanted.record(happening.event),
        }
        text = _json(record)
        if len(text.encode()) > LONGEST:
            short = {key: _short(value) for key, value in record.items()}
            text = _json({**short, "shortened": True})
        return {"timestamp": int(happening.at * 1000), "message": text}

    def _put_lines(self, lines: Sequence[dict[str, Any]]) -> None:
        def put(client: Any) -> None:
            client.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=lines)

        if not self._has_stream:
            self._make_stream()
        self._ask("logs", f"writing to log group {self._group}", put)

    def _make_stream(self) -> None:
        def make(client: Any) -> None:
            try:
                client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
            except client.exceptions.ResourceAlreadyExistsException:
                return

        self._ask("logs", f"making a stream in log group {self._group}", make)
        self._has_stream = True

    # -- AWS ----------------------------------------------------------------------

    def _ask(self, service: str, doing: str, ask: Callable[[Any], Any]) -> None:
        """One request. :raises NotDelivered: it was not done."""
        try:
            if service not in self._clients:
                self._clients[service] = client(
                    service,
                    self._account,
                    connect_timeout=self._timeout,
                    read_timeout=self._timeout,
                    retries={"mode": "standard", "total_max_attempts": 1},  # the courier tries again
                )
            with mapped(doing):
                ask(self._clients[service])
        except CloudError as error:
            passing = isinstance(error, CloudUnreachable) or any(word in error.message for word in PASSING)
            raise NotDelivered(error.message, again=passing, remedy=error.remedy) from error


def _parts(lines: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """What one request may hold: a megabyte, each line counted with 26 bytes more."""
    parts: list[list[dict[str, Any]]] = [[]]
    size = 0
    for line in lines:
        weight = len(line["message"].encode()) + 26
        if parts[-1] and size + weight > 1_000_000:
            parts.append([])
            size = 0
        parts[-1].append(line)
        size += weight
    return parts


def _json(record: Mapping[str, Any]) -> str:
    # What is no text, as in names of files, becomes `?`.
    return json.dumps(record, ensure_ascii=False, default=str).encode("utf-8", "replace").decode()


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:1000]
    return [_short(item) for item in value[-20:]] if isinstance(value, list | tuple) else value
