"""Which of Jenkins' nodes take no builds, asked of the Jenkins that runs us; nobody else is asked.

It is only asked as somebody: nobody is told of nodes without a right to see them. Where nobody may ask, or
it cannot be reached at the address that it tells its builds, `pipelines.preflight` judges this node itself.
"""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from urllib.parse import urlsplit

TIMEOUT = 2.0
"""Seconds; the answer is only for a warning."""

PATH = "computer/api/json?tree=computer[displayName,offline,offlineCauseReason]"


def offline(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The nodes that are offline, each with its reason.

    None where JENKINS_USER and JENKINS_TOKEN are not given, and where Jenkins does not answer or tell.
    """
    url, credentials = urlsplit(environ.get("JENKINS_URL", "")), _credentials(environ)
    if not (url.hostname and credentials):
        return ()
    connect = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = connect(url.hostname, url.port, timeout=TIMEOUT)
    try:
        connection.request("GET", f"{url.path.rstrip('/')}/{PATH}", headers=credentials)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            return ()
        nodes = json.loads(answer.read(1024 * 1024))["computer"]
        return tuple(_described(node) for node in nodes if node["offline"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return ()
    finally:
        connection.close()


def _described(node: Mapping[str, str]) -> str:
    reason = node.get("offlineCauseReason")
    return f"{node['displayName']} ({reason})" if reason else node["displayName"]


def _credentials(environ: Mapping[str, str]) -> dict[str, str]:
    user, token = environ.get("JENKINS_USER"), environ.get("JENKINS_TOKEN")
    if not (user and token):
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()}
