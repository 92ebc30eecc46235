"""How gunicorn serves the app: `gunicorn --config app/gunicorn.conf.py`. Values are justified beside them."""

# ruff: noqa: N999  # the name is the one that gunicorn documents
from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from typing import Any

from app.logs import of_server, set_up
from app.settings import Settings, SettingsError

try:
    _settings = Settings.from_environ(os.environ)
except SettingsError as error:
    raise SystemExit(str(error)) from None

set_up()

with contextlib.suppress(OSError, AttributeError):  # of glibc; there are other C libraries
    # One heap for all threads, and what is large outside of it: with one each, a burst of uploads leaves
    # holes that take more than the files did. One thread runs at a time anyway.
    _tune = ctypes.CDLL(None).mallopt
    _tune(-8, 1)  # M_ARENA_MAX
    _tune(-3, 128 * 1024)  # M_MMAP_THRESHOLD, bytes; set, it does not grow

wsgi_app = "app:create_app()"
bind = [f"0.0.0.0:{_settings.port}"]
if _settings.metrics_port:
    bind.append(f"0.0.0.0:{_settings.metrics_port}")  # for Prometheus; the edge knows the other one only
worker_class = "gthread"
workers = _settings.workers
threads = _settings.threads  # a stream or a waiting client takes one; they are made when they are needed
worker_connections = threads + 1000  # those that wait between two requests on a kept connection
preload_app = True  # workers are forked from one warm process: less memory, and a crashed one is back at once
keepalive = 75  # seconds; longer than an edge keeps an idle connection, so that it is the edge that closes
timeout = 30  # seconds without a sign of life from a worker (not of a request)
graceful_timeout = 25  # seconds for what is in flight after SIGTERM; below the deployer's 30 before SIGKILL
worker_tmp_dir = "/dev/shm"  # the heartbeat file must not wait for a disk
control_socket_disable = True
# The app writes its own log of requests, in which nothing is personal.
accesslog = None
errorlog = "-"
logconfig_dict = of_server()


def post_worker_init(worker: Any) -> None:
    """Begin the work of this process, and end it with its server: what waits is left to the next release."""
    runner = worker.wsgi.extensions["runner"]
    runner.start()
    before = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: Any) -> None:
        runner.stop()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)
