"""How gunicorn serves the app: `gunicorn --config app/gunicorn.conf.py`. Values are justified beside them."""

# ruff: noqa: N999  # the name is the one that gunicorn documents
from __future__ import annotations

import os
from typing import Any

from gunicorn.glogging import Logger

from app.settings import Settings, SettingsError

try:
    _settings = Settings.from_environ(os.environ)
except SettingsError as error:
    raise SystemExit(str(error)) from None


class _AccessLog(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """Leaves out health checks that pass: the edge sends several a second."""

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        if environ["PATH_INFO"].startswith("/api/health/") and resp.status_code < 400:
            return
        super().access(resp, req, environ, request_time)


wsgi_app = "app:create_app()"
bind = f"0.0.0.0:{_settings.port}"
worker_class = "gthread"
workers = _settings.workers
threads = _settings.threads
preload_app = True  # workers are forked from one warm process: less memory, and a crashed one is back at once
keepalive = 75  # seconds; longer than an edge keeps an idle connection, so that it is the edge that closes
timeout = 30  # seconds without a sign of life from a worker (not of a request)
graceful_timeout = 25  # seconds for what is in flight after SIGTERM; below the deployer's 30 before SIGKILL
worker_tmp_dir = "/dev/shm"  # the heartbeat file must not wait for a disk
control_socket_disable = True
logger_class = _AccessLog
accesslog = "-"
# No query string, no headers, no address: nothing personal. %(U)s is the path alone.
access_log_format = '%(t)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'
