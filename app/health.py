"""Whether this container lives, whether it can serve, and what it is."""

from __future__ import annotations

import logging
import socket

from flask import Blueprint, Response, jsonify

from app.settings import Settings
from app.storage.database import Database
from app.storage.errors import Unusable

log = logging.getLogger(__name__)


def blueprint(database: Database, settings: Settings) -> Blueprint:
    """`/api/health/live`, `/api/health/ready`, `/api/version`."""
    health = Blueprint("health", __name__, url_prefix="/api")

    @health.get("/health/live")
    def live() -> Response:
        return jsonify(status="ok")

    @health.get("/health/ready")
    def ready() -> tuple[Response, int]:
        try:
            database.check()
        except Unusable as error:
            log.warning("not ready: %s", error)
            return jsonify(status="unavailable", checks={"database": str(error)}), 503
        return jsonify(status="ok", checks={"database": "ok"}), 200

    @health.get("/version")
    def version() -> Response:
        return jsonify(
            version=settings.version,
            git_sha=settings.git_sha,
            built_at=settings.built_at,
            instance=socket.gethostname(),
        )

    return health
