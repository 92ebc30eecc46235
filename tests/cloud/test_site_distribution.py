"""CloudFront, as moto plays it: what is asked of it, and that it is asked once.

moto knows no quotas in progress and ends every invalidation at once; what it cannot show is shown on answers
that are made here.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import signal
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from deployer.errors import CloudError, CloudForbidden, Interrupted
from deployer.site.claim import Claim
from deployer.site.cloudfront import CloudFront
from deployer.site.invalidation import Invalidation, Used
from deployer.site.s3.store import S3Store
from deployer.site.store import Headers
from tests.support.s3 import Server
from tests.support.site import SiteProject

WANTED = Invalidation(("/", "/index.html"), 0.0)
PAGES = ["/", "/about.html", "/index.html"]


@pytest.fixture
def server(moto: Server) -> Server:
    return moto


@pytest.fixture
def distribution(server: Server) -> str:
    origin = {
        "Id": "site",
        "DomainName": "site.s3.amazonaws.com",
        "S3OriginConfig": {"OriginAccessIdentity": ""},
    }
    made = server.client("cloudfront").create_distribution(
        DistributionConfig={
            "CallerReference": secrets.token_hex(8),
            "Origins": {"Quantity": 1, "Items": [origin]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "site",
                "ViewerProtocolPolicy": "redirect-to-https",
                "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
            },
            "Comment": "",
            "Enabled": True,
        }
    )
    return str(made["Distribution"]["Id"])


@pytest.fixture
def project(
    server: Server, distribution: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SiteProject]:
    """A site behind the distribution."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", server.endpoint)
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)
    with contextlib.closing(SiteProject(tmp_path, server)) as project:
        project.config(distribution=distribution)
        project.build(1)
        yield project


def references(server: Server, distribution: str) -> list[str]:
    """Under which the pages were named, in no order."""
    return [
        batch["CallerReference"]
        for batch in batches(server, distribution)
        if sorted(batch["Paths"]["Items"]) == PAGES
    ]


def batches(server: Server, distribution: str) -> list[dict[str, Any]]:
    client = server.client("cloudfront")
    listed = client.list_invalidations(DistributionId=distribution)["InvalidationList"].get("Items", [])
    return [
        client.get_invalidation(DistributionId=distribution, Id=each["Id"])["Invalidation"][
            "InvalidationBatch"
        ]
        for each in listed
    ]


def test_a_deploy_invalidates_what_has_changed_and_nothing_else(
    server: Server, distribution: str, project: SiteProject
) -> None:
    project.run("deploy", "--wait")
    project.build(2)
    planned = project.run("deploy", "--plan", "--json").json["invalidation"]
    assert planned == {"paths": ["/", "/about.html", "/index.html"], "cost": 0.0}
    done = json.loads(project.run("deploy", "--json").stdout.splitlines()[-1])
    assert done["invalidation"] == planned["paths"]
    assert done["invalidation_id"]
    project.run("deploy")
    project.run("rollback", "--wait")
    made = [sorted(batch["Paths"]["Items"]) for batch in batches(server, distribution)]
    first = ["/", "/about.html", "/icon.svg", "/index.html"]
    assert sorted(made) == sorted([first, planned["paths"], planned["paths"]])


def test_what_a_killed_deploy_did_not_get_to_say_is_said_by_the_next(
    server: Server, distribution: str, project: SiteProject
) -> None:
    project.run("deploy")
    project.build(2)
    # The last effect ends the claim: the pointer is moved, the distribution told, and then it dies.
    strikes = [code for strike in range(11, 15) if (code := project.accident("KILL", strike, "deploy")) == 0]
    assert strikes
    project.run("deploy")
    assert project.run("status", "--json").json["at_work"] is None
    assert ["/", "/about.html", "/index.html"] in [
        sorted(batch["Paths"]["Items"]) for batch in batches(server, distribution)
    ]


def test_the_same_paths_are_named_anew_by_each_change(
    server: Server, distribution: str, project: SiteProject
) -> None:
    """For the same paths under an old reference CloudFront gives the invalidation of then, long completed."""
    for number in range(1, 5):
        project.build(number)
        project.run("deploy")
    project.run("rollback")
    assert project.title() == 3
    made = references(server, distribution)
    assert len(set(made)) == len(made) == 4  # the first deploy had the icon too


def test_a_page_that_is_mended_twice_is_named_twice(
    server: Server, distribution: str, project: SiteProject
) -> None:
    project.run("deploy")
    for _ in range(2):
        for page in ("index.html", "about.html"):
            server.client().put_object(Bucket=project.bucket, Key=page, Body=b"by hand")
        project.run("deploy")
    made = references(server, distribution)
    assert len(set(made)) == len(made) == 2


def test_who_ends_what_another_began_asks_for_the_same_again(
    server: Server, distribution: str, project: SiteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run("deploy")
    project.build(2)
    invalidate = CloudFront.invalidate

    def unheard(front: CloudFront, wanted: Invalidation, reference: str) -> str:
        invalidate(front, wanted, reference)
        raise CloudError("the answer is lost")

    with monkeypatch.context() as patch:
        patch.setattr(CloudFront, "invalidate", unheard)
        project.run("deploy", expect=11)
    # By now single paths would cost, and a request of its own would be folded.
    monkeypatch.setattr(CloudFront, "used", lambda _: Used(month=1000))
    project.run("deploy")
    assert project.run("status", "--json").json["at_work"] is None
    made = references(server, distribution)
    assert (len(made), len(set(made))) == (2, 1)


def test_a_deploy_that_was_killed_once_it_had_asked_is_ended_under_its_own_reference(
    server: Server, distribution: str, project: SiteProject
) -> None:
    project.run("deploy")
    project.build(2)
    # Claim, four assets, copies of two pages, manifest, the step, two pages, pointer: it dies before the end.
    assert project.accident("KILL", 13, "deploy") != 0, project.last
    project.run("deploy")
    assert project.run("status", "--json").json["at_work"] is None
    assert len(set(references(server, distribution))) == 1


MINUTE, HOUR = "public, max-age=60", "public, max-age=3600"


def config(project: SiteProject, distribution: str, cached: str, **site: Any) -> None:
    """The icon and the page about us with a Cache-Control."""
    rules = [{"match": name, "cache_control": cached} for name in ("icon.svg", "about.html")]
    project.config(distribution=distribution, rules=rules, **site)


def served(project: SiteProject) -> dict[str, tuple[str, str]]:
    """Content and Cache-Control of everything that visitors know by name."""
    found = {key: project.store.head(key) for key in project.there() if not key.startswith("assets/")}
    return {key: (head.etag, head.headers.cache_control) for key, head in found.items() if head}


def refuse_to_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is published, and then Ctrl-C."""
    write = S3Store.write

    def refused(store: S3Store, key: str, body: bytes, headers: Headers, **condition: Any) -> str:
        if key.endswith("current.json") and b'"finishing"' in body:
            raise Interrupted(signal.SIGINT)
        return write(store, key, body, headers, **condition)

    monkeypatch.setattr(S3Store, "write", refused)


def test_what_was_published_and_put_back_is_invalidated_by_the_next(
    server: Server, distribution: str, project: SiteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    config(project, distribution, MINUTE)
    project.run("deploy")
    before = served(project)
    project.build(2)
    config(project, distribution, HOUR)
    with monkeypatch.context() as patch:
        refuse_to_point(patch)
        project.run("deploy", expect=130)
    assert served(project) == before
    project.build(1)
    config(project, distribution, MINUTE)
    project.run("deploy")
    assert project.run("status", "--json").json["at_work"] is None
    assert served(project) == before
    made = [sorted(batch["Paths"]["Items"]) for batch in batches(server, distribution)]
    assert made == [["/", "/about.html", "/icon.svg", "/index.html"]] * 2


def test_a_page_that_caches_may_have_got_under_any_path_is_forgotten_under_all(
    server: Server, distribution: str, project: SiteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.config(distribution=distribution, spa=True)
    project.run("deploy")
    rules = [{"match": "index.html", "cache_control": MINUTE}]
    project.config(distribution=distribution, spa=True, rules=rules)
    with monkeypatch.context() as patch:
        refuse_to_point(patch)
        project.run("deploy", expect=130)
    project.config(distribution=distribution, spa=True)
    project.run("prune")
    assert ["/*"] in [batch["Paths"]["Items"] for batch in batches(server, distribution)]


@pytest.mark.parametrize("command", ["deploy", "prune"])
def test_headers_that_a_killed_deploy_has_changed_are_put_back_and_invalidated(
    command: str, server: Server, distribution: str, project: SiteProject
) -> None:
    config(project, distribution, MINUTE)
    project.run("deploy")
    before = served(project)
    config(project, distribution, HOUR)
    # Claim, manifest, the step, icon, page: it dies before it points to the release.
    assert project.accident("KILL", 6, "deploy") != 0, project.last
    assert served(project) != before
    config(project, distribution, MINUTE)
    project.run(command)
    assert served(project) == before
    assert ["/about.html", "/icon.svg"] in [
        sorted(batch["Paths"]["Items"]) for batch in batches(server, distribution)
    ]


def test_headers_of_hashed_files_are_changed_no_earlier_than_those_of_others(
    project: SiteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given up before anything is published, a release leaves nothing behind that visitors can see."""
    project.run("deploy")
    [style] = [key for key in project.there() if key.endswith(".css")]
    before = project.store.head(style)
    project.config(rules=[{"match": "*.css", "cache_control": HOUR}])
    step = Claim.step

    def interrupted(claim: Claim, name: str, invalidate: Collection[str] = ()) -> None:
        if name == "publishing":
            raise Interrupted(signal.SIGINT)
        step(claim, name, invalidate)

    with monkeypatch.context() as patch:
        patch.setattr(Claim, "step", interrupted)
        project.run("deploy", expect=130)
    assert project.store.head(style) == before
    project.run("deploy")
    found = project.store.head(style)
    assert found is not None
    assert found.headers.cache_control == HOUR


def test_a_role_that_may_not_look_at_the_quota_is_refused_before_anything_is_changed(
    project: SiteProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.run("deploy")
    before = served(project), project.there()
    project.build(2)

    def forbidden(_: CloudFront) -> Used:
        raise CloudForbidden("you may not list invalidations")

    monkeypatch.setattr(CloudFront, "used", forbidden)
    done = project.run("deploy", expect=11)
    assert "may not list" in done.stderr
    assert (served(project), project.there()) == before
    assert project.run("status", "--json").json["at_work"] is None


def test_the_month_is_counted(server: Server, distribution: str) -> None:
    front = CloudFront(server.client("cloudfront"), distribution)
    assert front.used() == Used()
    request = front.invalidate(WANTED, "one")
    front.invalidate(Invalidation(("/*",), 0.0), "two")
    assert front.used() == Used(month=3)
    assert front.wait(request, 1.0)


def test_a_distribution_that_is_not_there_is_an_error_of_ours(server: Server) -> None:
    with pytest.raises(CloudError, match="ENOTHERE"):
        CloudFront(server.client("cloudfront"), "ENOTHERE").invalidate(WANTED, "one")


class Busy:
    """Answers that CloudFront gives and moto does not."""

    def __init__(self, code: str, times: int) -> None:
        self.code = code
        self.times = times
        self.references: list[str] = []

    def create_invalidation(self, *, DistributionId: str, InvalidationBatch: dict[str, Any]) -> Any:  # noqa: N803
        self.references.append(InvalidationBatch["CallerReference"])
        if len(self.references) <= self.times:
            error = {
                "Error": {"Code": self.code, "Message": "m"},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }
            raise ClientError(error, "CreateInvalidation")
        return {"Invalidation": {"Id": "I1"}}

    def get_invalidation(self, **_: str) -> Any:
        return {"Invalidation": {"Status": "InProgress"}}


def test_too_many_in_progress_are_waited_for_with_the_same_reference() -> None:
    pauses: list[float] = []
    busy = Busy("TooManyInvalidationsInProgress", 3)
    front = CloudFront(busy, "E1", sleep=pauses.append)
    assert front.invalidate(WANTED, "one") == "I1"
    assert busy.references == ["one"] * 4
    assert pauses == [1.0, 2.0, 4.0]


def test_a_refusal_is_no_reason_to_try_again() -> None:
    busy = Busy("AccessDenied", 1)
    with pytest.raises(CloudForbidden):
        CloudFront(busy, "E1", sleep=lambda _: None).invalidate(WANTED, "one")
    assert len(busy.references) == 1


def test_a_wait_that_runs_out_says_so_and_does_not_fail() -> None:
    assert not CloudFront(Busy("", 0), "E1", sleep=lambda _: None).wait("I1", 0.0)
