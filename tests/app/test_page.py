from __future__ import annotations

import base64
import hashlib
import re

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize("path", ["/", "/api/"])
def test_the_page_is_there_with_and_without_a_site(client: FlaskClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 200
    assert response.content_type == "text/html; charset=utf-8"
    assert "한국어" in response.text


def test_the_page_loads_nothing_and_runs_only_its_own_script(client: FlaskClient) -> None:
    response = client.get("/")
    assert not re.search(r"https?://|src=|@import|url\(", response.text)
    policy = response.headers["Content-Security-Policy"]
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", response.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    # Attributes that a policy of hashes does not let run.
    assert not re.search(r"\s(?:on\w+|style)=", response.text)


def test_every_control_of_the_page_has_a_label(client: FlaskClient) -> None:
    html = client.get("/").text
    named = set(re.findall(r'<label for="([^"]+)"', html))
    controls = set(re.findall(r'<(?:input|select|textarea) id="([^"]+)"', html))
    assert controls - {"consent"} == named  # the consent's label is around it
    assert re.search(r'<label class="consent"><input id="consent"', html)
