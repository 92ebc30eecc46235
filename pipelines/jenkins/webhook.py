"""GitHub's side of a push that starts a build: what to set there, setting it, whether a delivery arrives."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct, to_builtins

from deployer.config.schema import Config
from deployer.errors import ConfigError, JenkinsError, JenkinsForbidden, JenkinsMissing, JenkinsUnreachable

if TYPE_CHECKING:
    import requests

PATH = "/github-webhook/"
"""With its slash at the end: without it the controller redirects, and a redirected delivery is lost."""
TIMEOUT = 15.0
"""Seconds that GitHub or the controller may take; GitHub itself waits for ten."""
_REPOSITORY = re.compile(r"(?:https?://[^/]+/|git@[^:]+:|ssh://git@[^/]+/)([\w.-]+/[\w.-]+?)(?:\.git)?/?")


class Settings(Struct, frozen=True):
    """What the form under Settings, Webhooks wants; `signed` is whether it has a secret."""

    repository: str
    url: str
    content_type: str
    events: tuple[str, ...]
    signed: bool

    def as_dict(self) -> dict[str, object]:
        """For `--json`."""
        found: dict[str, object] = to_builtins(self)
        return found


class Finding(Struct, frozen=True):
    """One thing that was tried; `remedy` is empty where it is as it should be."""

    good: bool
    text: str
    remedy: str = ""


def settings(config: Config) -> Settings:
    """What GitHub has to be told.

    :raises ConfigError: the config names no repository of a GitHub.
    """
    found = _REPOSITORY.fullmatch(config.jenkins.repository or "")
    if found is None:
        raise ConfigError(
            "jenkins.repository is no repository of GitHub",
            remedy="write it as https://github.com/OWNER/NAME.git",
        )
    address = (config.jenkins.public_url or config.jenkins.address_of_controller).rstrip("/")
    return Settings(
        found[1], address + PATH, "json", ("push",), signed=config.jenkins.webhook_secret is not None
    )


def signature(secret: str, body: bytes) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def plan(api: str, wanted: Settings, token: str, secret: str | None) -> Literal["create", "update", "keep"]:
    """What `create` would do; GitHub is only asked.

    :raises JenkinsError: as `create`.
    """
    with _session(token) as session:
        return _planned(session, _address(api, wanted), wanted, secret)[0]


def create(
    api: str, wanted: Settings, token: str, secret: str | None
) -> Literal["created", "updated", "kept"]:
    """Make GitHub have this webhook, once.

    :param api: the address of GitHub's API.
    :raises JenkinsForbidden: the token may not do this.
    :raises JenkinsMissing: there is no such repository, for this token.
    :raises JenkinsUnreachable: GitHub does not answer.
    """
    with _session(token) as session:
        hooks = _address(api, wanted)
        action, number = _planned(session, hooks, wanted, secret)
        if action == "keep":
            return "kept"
        config = {"url": wanted.url, "content_type": wanted.content_type, "insecure_ssl": "0"}
        if secret is not None:
            config["secret"] = secret
        body = {"name": "web", "active": True, "events": list(wanted.events), "config": config}
        if action == "update":
            _ask(session, "PATCH", f"{hooks}/{number}", body)
            return "updated"
        _ask(session, "POST", hooks, body)
        return "created"


def check(wanted: Settings, secret: str | None) -> Iterator[Finding]:
    """Deliver a ping to the controller as GitHub would, and deliveries that it must refuse.

    :raises JenkinsUnreachable: nothing answers at the address that GitHub is given.
    """
    with _session(None) as session:
        status = _status(session, "GET", wanted.url)
        if status == 404:
            yield Finding(
                good=False,
                text=f"{wanted.url} is not there",
                remedy="install the plugin github (templates/jenkins/plugins.txt has it)",
            )
            return
        yield Finding(
            good=status == 405,
            text=f"{wanted.url} answers a GET with {status}" + ("" if status == 405 else ", not 405"),
            remedy="" if status == 405 else "something before the controller answers in its place",
        )
        body = json.dumps({"zen": "Is it plugged in?", "hook_id": 0}).encode()
        status = _deliver(session, wanted.url, body, secret)
        yield Finding(
            good=status == 200,
            text=f"a ping {'with' if secret else 'without'} a signature is answered with {status}",
            remedy=""
            if status == 200
            else "give GitHub and the controller the same secret (jenkins.webhook_secret; `up`, `--create`)",
        )
        status = _deliver(session, wanted.url, body, secrets.token_hex(8))
        yield Finding(
            good=status == 400,
            text=f"a ping with a wrong signature is answered with {status}",
            remedy="" if status == 400 else "anybody can start builds: set jenkins.webhook_secret, then `up`",
        )
        status = _deliver(session, wanted.url.rstrip("/"), body, secret)
        if status // 100 == 3:
            yield Finding(
                good=True, text="without the slash at its end the address redirects, and a delivery is lost"
            )


def _deliver(session: requests.Session, url: str, body: bytes, secret: str | None) -> int:
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": secrets.token_hex(16),
    }
    if secret is not None:
        headers["X-Hub-Signature-256"] = signature(secret, body)
    return _status(session, "POST", url, data=body, headers=headers)


def _status(session: requests.Session, method: str, url: str, **options: Any) -> int:
    return _reached(session, method, url, allow_redirects=False, **options).status_code


def _address(api: str, wanted: Settings) -> str:
    return f"{api.rstrip('/')}/repos/{wanted.repository}/hooks"


def _planned(
    session: requests.Session, hooks: str, wanted: Settings, secret: str | None
) -> tuple[Literal["create", "update", "keep"], int | None]:
    """What is to be done, and the number of the webhook that is there."""
    found = next((hook for hook in _hooks(session, hooks) if _same(hook, wanted.url)), None)
    if found is None:
        return "create", None
    # GitHub never tells a secret: one that is given is set again, since it may be another.
    same = secret is None and _as_wanted(found, wanted)
    return ("keep" if same else "update"), found["id"]


def _hooks(session: requests.Session, url: str) -> Iterator[dict[str, Any]]:
    page: str | None = f"{url}?per_page=100"
    while page:
        answer = _ask(session, "GET", page)
        yield from answer.json()
        page = answer.links.get("next", {}).get("url")


def _same(hook: dict[str, Any], url: str) -> bool:
    """Also one that somebody has made by hand, and without the slash."""
    return str(hook.get("config", {}).get("url", "")).rstrip("/") == url.rstrip("/")


def _as_wanted(hook: dict[str, Any], wanted: Settings) -> bool:
    config = hook["config"]
    return (
        bool(hook.get("active"))
        and (config.get("url"), config.get("content_type")) == (wanted.url, wanted.content_type)
        and set(hook.get("events", ())) == set(wanted.events)
    )


def _session(token: str | None) -> requests.Session:
    import requests

    session = requests.Session()
    session.headers["User-Agent"] = "GitHub-Hookshot/deployer" if token is None else "deployer"
    if token is not None:
        session.headers["Authorization"] = f"Bearer {token}"
        session.headers["Accept"] = "application/vnd.github+json"
    else:
        # No password of a .netrc: GitHub has none either.
        session.trust_env = False
    return session


def _reached(session: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
    import requests

    try:
        return session.request(method, url, timeout=TIMEOUT, **options)
    except requests.RequestException as error:
        raise JenkinsUnreachable(
            f"nothing answers at {url} ({type(error).__name__})",
            remedy="set jenkins.public_url to the address under which GitHub reaches the controller",
        ) from error


def _ask(
    session: requests.Session, method: str, url: str, body: dict[str, Any] | None = None
) -> requests.Response:
    answer = _reached(session, method, url, json=body)
    if answer.ok:
        return answer
    if answer.status_code in (401, 403):
        raise JenkinsForbidden(
            f"GitHub does not let this token change webhooks ({answer.status_code})",
            remedy="give it the permission Webhooks: read and write (classic: admin:repo_hook)",
        )
    if answer.status_code == 404:
        raise JenkinsMissing(
            f"GitHub has no {url.partition('/repos/')[2].partition('/hooks')[0]} for this token",
            remedy="look at jenkins.repository, and at what the token may see",
        )
    raise JenkinsError(f"GitHub answered {answer.status_code} to {method} of a webhook")
