"""The page for trying the service out: one file, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path

from flask import Blueprint, Response


def blueprint() -> Blueprint:
    """The page at `/` and at `/api/`, so that it is there whether or not a site has the root."""
    pages = Blueprint("page", __name__)
    html = (Path(__file__).parent / "page.html").read_text("utf-8")
    policy = _policy(html)

    @pages.get("/")
    @pages.get("/api/")
    def show() -> Response:
        response = Response(html, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = policy
        response.headers["Cache-Control"] = "no-cache"
        return response

    return pages


def _policy(html: str) -> str:
    """Only the very script and style of the file may run: a resume that smuggles in markup stays text."""
    hashes = {
        tag: base64.b64encode(hashlib.sha256(match.group(1).encode()).digest()).decode()
        for tag in ("script", "style")
        if (match := re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL))
    }
    return (
        f"default-src 'none'; script-src 'sha256-{hashes['script']}'; style-src 'sha256-{hashes['style']}';"
        " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
