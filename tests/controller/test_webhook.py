"""GitHub's side: what to set, setting it once, and deliveries that arrive or are refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from deployer.config.load import load
from deployer.errors import ConfigError, JenkinsForbidden, JenkinsMissing, JenkinsUnreachable
from pipelines.jenkins import jobs, webhook
from pipelines.jenkins.webhook import Settings
from tests.support import names
from tests.support.github import TOKEN, GitHubDouble
from tests.support.jenkins_double import JenkinsDouble

WANTED = Settings("example/shop", "https://ci.example.org/github-webhook/", "json", ("push",), signed=True)


@pytest.fixture
def github() -> Iterator[GitHubDouble]:
    with GitHubDouble() as double:
        yield double


def settings(tmp_path: Path, **jenkins: Any) -> Settings:
    path = tmp_path / "config.yaml"
    path.write_text(
        json.dumps({"service": {"name": "shop", "image": "shop:1", "port": 80}, "jenkins": jenkins})
    )
    return webhook.settings(load(path, environ={}))


@pytest.mark.parametrize(
    "repository",
    [
        "https://github.com/example/shop.git",
        "https://github.com/example/shop",
        "git@github.com:example/shop.git",
        "ssh://git@github.com/example/shop.git",
        "https://github.example.org/example/shop/",
    ],
)
def test_the_repository_is_known_from_its_address(tmp_path: Path, repository: str) -> None:
    found = settings(tmp_path, repository=repository, public_url="https://ci.example.org/jenkins")
    assert found.repository == "example/shop"
    assert found.url == "https://ci.example.org/jenkins/github-webhook/"


@pytest.mark.parametrize("repository", [None, "/srv/shop.git", "https://github.com/shop"])
def test_what_is_no_repository_of_github_is_refused(tmp_path: Path, repository: str | None) -> None:
    with pytest.raises(ConfigError, match="no repository of GitHub"):
        settings(tmp_path, repository=repository)


def test_a_signature_is_the_one_that_github_documents() -> None:
    # The example of GitHub's own documentation.
    found = webhook.signature("It's a Secret to Everybody", b"Hello, World!")
    assert found == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


class TestCreate:
    def test_it_is_made_once(self, github: GitHubDouble) -> None:
        assert webhook.create(github.url, WANTED, TOKEN, None) == "created"
        assert webhook.create(github.url, WANTED, TOKEN, None) == "kept"
        (hook,) = github.hooks
        assert hook["config"]["url"] == WANTED.url
        assert (hook["events"], hook["config"]["content_type"]) == (["push"], "json")

    def test_a_plan_says_so_and_changes_nothing(self, github: GitHubDouble) -> None:
        for secret, planned in (("shared", "create"), ("shared", "update"), (None, "keep")):
            before = str(github.hooks)
            assert webhook.plan(github.url, WANTED, TOKEN, secret) == planned
            assert str(github.hooks) == before
            webhook.create(github.url, WANTED, TOKEN, secret)
        assert len(github.hooks) == 1

    def test_a_secret_is_set_again_since_nobody_can_compare_it(self, github: GitHubDouble) -> None:
        webhook.create(github.url, WANTED, TOKEN, "old")
        assert webhook.create(github.url, WANTED, TOKEN, "new") == "updated"
        assert github.secrets == {1: "new"}

    def test_one_that_somebody_made_without_the_slash_is_mended(self, github: GitHubDouble) -> None:
        github.hooks = [{"id": 1, "config": {"url": f"https://other{i}"}} for i in range(40)]
        github.hooks[35] = {
            "id": 36,
            "active": True,
            "events": ["push"],
            "config": {"url": WANTED.url.rstrip("/"), "content_type": "json"},
        }
        assert webhook.create(github.url, WANTED, TOKEN, None) == "updated"
        assert github.hooks[35]["config"]["url"] == WANTED.url
        assert len(github.hooks) == 40

    def test_a_token_that_may_not_is_told_what_it_lacks(self, github: GitHubDouble) -> None:
        with pytest.raises(JenkinsForbidden, match="does not let this token") as caught:
            webhook.create(github.url, WANTED, "wrong-s3cret", None)
        assert "Webhooks: read and write" in str(caught.value.remedy)
        assert "s3cret" not in str(caught.value.as_dict())

    def test_a_repository_that_is_not_there_is_named(self, github: GitHubDouble) -> None:
        other = Settings("example/other", WANTED.url, "json", ("push",), signed=False)
        with pytest.raises(JenkinsMissing, match="no example/other for this token"):
            webhook.create(github.url, other, TOKEN, None)

    def test_nobody_there(self) -> None:
        with pytest.raises(JenkinsUnreachable, match="nothing answers"):
            webhook.create(f"http://127.0.0.1:{names.free_port()}", WANTED, TOKEN, None)


def at(jenkins: JenkinsDouble) -> Settings:
    return Settings("example/shop", f"{jenkins.url}/github-webhook/", "json", ("push",), signed=True)


class TestCheck:
    def test_all_is_well(self, jenkins: JenkinsDouble) -> None:
        jenkins.webhook_secret = "shared"
        findings = list(webhook.check(at(jenkins), "shared"))
        assert [finding.good for finding in findings] == [True] * 4
        assert jenkins.deliveries == [("ping", 200), ("ping", 400)]

    def test_different_secrets_are_found(self, jenkins: JenkinsDouble) -> None:
        jenkins.webhook_secret = "theirs"
        bad = [finding for finding in webhook.check(at(jenkins), "ours") if not finding.good]
        assert [finding.text for finding in bad] == ["a ping with a signature is answered with 400"]
        assert "the same secret" in bad[0].remedy

    def test_a_controller_that_takes_any_delivery_is_found(self, jenkins: JenkinsDouble) -> None:
        bad = [finding for finding in webhook.check(at(jenkins), None) if not finding.good]
        assert ["anybody can start builds" in finding.remedy for finding in bad] == [True]

    def test_a_controller_without_the_plugin_is_found(self, jenkins: JenkinsDouble) -> None:
        elsewhere = Settings("example/shop", f"{jenkins.url}/login/other/", "json", ("push",), signed=False)
        (finding,) = [finding for finding in webhook.check(elsewhere, None) if not finding.good][:1]
        assert finding.remedy


def test_a_push_that_arrives_starts_the_jobs_of_its_repository(jenkins: JenkinsDouble) -> None:
    """What a delivery comes to, with the job as we make it: the chain that a first push goes along."""
    jenkins.webhook_secret = "shared"
    job = jobs.Job("backend", "https://github.com/example/shop.git", "main", "shop")
    jenkins.save(job.name, job.xml)
    body = json.dumps({"repository": {"clone_url": job.repository}}).encode()
    headers = {"X-GitHub-Event": "push", "X-Hub-Signature-256": webhook.signature("shared", body)}
    assert requests.post(at(jenkins).url, data=body, headers=headers, timeout=10).status_code == 200
    assert [item.job for item in jenkins.items.values()] == ["shop-backend"]
    # Along a redirection the body is lost: the reason for the slash.
    requests.post(at(jenkins).url.rstrip("/"), data=body, headers=headers, timeout=10)
    assert len(jenkins.items) == 1
