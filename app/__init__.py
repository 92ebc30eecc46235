"""The interview API: a Flask application that interviews a person on their own resume, in Korean and English.

    app.create_app(settings)   the application; served by gunicorn with app/gunicorn.conf.py
    python -m app migrate      bring the database to this release's schema

It knows nothing of how it is deployed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from app.settings import Settings, SettingsError

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["Settings", "SettingsError", "create_app"]


def create_app(settings: Settings | None = None) -> Flask:
    """Make the application.

    :param settings: default: from the environment.
    :raises SettingsError: the environment is wrong.
    """
    # Late, since `python -m app migrate` is on the way of every rollout and needs no Flask.
    from app.factory import build

    return build(settings or Settings.from_environ(os.environ))
