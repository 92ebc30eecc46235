"""The client, through the real python-jenkins, against a server that answers as a controller does."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable

import pytest

from deployer.errors import (
    JenkinsError,
    JenkinsForbidden,
    JenkinsMissing,
    JenkinsRefused,
    JenkinsUnreachable,
)
from deployer.events import Event
from pipelines.jenkins.client import Client, Timeouts
from tests.controller.conftest import JOB
from tests.support import names
from tests.support.jenkins_double import JenkinsDouble
from tests.support.jenkins_state import Build
from tests.support.waiting import until

Connect = Callable[..., Client]


class TestWhoAsks:
    def test_an_api_token_needs_no_crumb(self, client: Client, job: str) -> None:
        assert client.trigger(job) == 1

    def test_a_password_brings_the_crumb_of_its_session(
        self, connect: Connect, jenkins: JenkinsDouble
    ) -> None:
        connect(secret=jenkins.password).create_job("new", JOB)
        assert "new" in jenkins.jobs

    def test_a_crumb_that_a_restarted_controller_has_forgotten_is_asked_for_again(
        self, connect: Connect, jenkins: JenkinsDouble, job: str
    ) -> None:
        client = connect(secret=jenkins.password)
        client.trigger(job)
        jenkins.stop()
        jenkins.start()
        assert client.trigger(job, {"WHO": "again"}) == 2
        assert [r for r in jenkins.requests if "buildWith" in r] == 3 * [
            f"POST /job/{job}/buildWithParameters"
        ]

    def test_a_controller_without_crumbs_is_fine(
        self, connect: Connect, jenkins: JenkinsDouble, job: str
    ) -> None:
        jenkins.crumbs = False
        assert connect(secret=jenkins.password).trigger(job) == 1

    def test_a_wrong_token_is_named_with_its_user_and_never_shown(self, connect: Connect) -> None:
        with pytest.raises(JenkinsForbidden, match="does not take the token of user 'admin'") as caught:
            connect(secret="s3cret-token").jobs()
        assert "API token" in str(caught.value.remedy)
        assert "s3cret" not in str(caught.value.as_dict())

    def test_one_who_may_not_is_told_who_they_are(self, connect: Connect, job: str) -> None:
        client = connect("reader", "reads only")
        assert client.version() == "2.568.2"
        with pytest.raises(JenkinsForbidden, match="user 'reader' may not do this"):
            client.trigger(job)


class TestWhatIsNotThere:
    def test_a_job(self, client: Client) -> None:
        assert client.job_config("none") is None
        with pytest.raises(JenkinsMissing, match="updating job none"):
            client.update_job("none", JOB)
        with pytest.raises(JenkinsMissing):
            client.trigger("none")

    def test_removing_what_is_gone_is_fine(self, client: Client) -> None:
        client.remove_job("none")

    def test_a_server_that_is_no_controller_is_told(self, jenkins: JenkinsDouble) -> None:
        # Its own webhook answers pages without the header, as anything else would.
        client = Client(f"{jenkins.url}/login?", "admin", jenkins.token)
        with pytest.raises(JenkinsError, match="something else than JSON"):
            client.jobs()


class TestJobs:
    def test_a_job_is_made_changed_and_removed(self, client: Client, jenkins: JenkinsDouble) -> None:
        client.create_job("shop", JOB)
        found = client.job_config("shop")
        assert found is not None
        assert "é &lt;b&gt;" in found
        client.update_job("shop", JOB.replace("é", "ü"))
        assert [job["description"] for job in client.jobs()] == ["ü <b>"]
        client.remove_job("shop")
        assert jenkins.jobs == {}

    def test_one_that_exists_is_not_made_again(self, client: Client, job: str) -> None:
        with pytest.raises(JenkinsRefused, match="already exists with the name"):
            client.create_job(job, JOB)


class TestTrigger:
    def test_parameters_travel_in_the_body(self, client: Client, jenkins: JenkinsDouble, job: str) -> None:
        client.trigger(job, {"WHO": "한국어 & s3cret"})
        assert not [line for line in jenkins.requests if "s3cret" in line]
        assert jenkins.jobs[job].builds[0].parameters == {"WHO": "한국어 & s3cret"}

    def test_the_defaults_are_the_jobs(self, client: Client, jenkins: JenkinsDouble, job: str) -> None:
        client.trigger(job)
        assert jenkins.jobs[job].builds[0].parameters == {"WHO": "nobody"}

    def test_the_same_again_while_it_waits_is_the_same_item(
        self, client: Client, jenkins: JenkinsDouble, job: str
    ) -> None:
        jenkins.offline = "no disk"
        assert client.trigger(job, {"WHO": "a"}) == client.trigger(job, {"WHO": "a"})
        assert client.trigger(job, {"WHO": "b"}) == 2

    def test_a_disabled_job_says_so(self, client: Client, jenkins: JenkinsDouble) -> None:
        jenkins.save("off", JOB.replace("false", "true"))
        with pytest.raises(JenkinsRefused, match="409") as caught:
            client.trigger("off")
        assert "enable the job" in str(caught.value.remedy)

    def test_a_job_without_parameters_is_built_too(self, client: Client, jenkins: JenkinsDouble) -> None:
        jenkins.save("plain", "<flow-definition/>")
        assert client.trigger("plain") == 1
        with pytest.raises(JenkinsRefused, match="400"):
            client.trigger("plain", {"WHO": "a"})


class TestQueue:
    def test_an_item_says_why_it_waits_and_what_it_became(
        self, client: Client, jenkins: JenkinsDouble, job: str
    ) -> None:
        jenkins.offline = "no disk"
        number = client.trigger(job)
        assert (client.queue_item(number) or {})["why"] == "‘Jenkins’ is offline"
        jenkins.offline = None
        jenkins.dispatch()
        assert (client.queue_item(number) or {})["executable"]["number"] == 1
        jenkins.items[number].forgotten = True
        assert client.queue_item(number) is None
        assert client.find_build(job, number) == 1

    def test_what_waits_is_cancelled_and_what_left_is_left_alone(
        self, client: Client, jenkins: JenkinsDouble, job: str
    ) -> None:
        jenkins.offline = "no disk"
        number = client.trigger(job)
        client.cancel(number)
        assert (client.queue_item(number) or {})["cancelled"] is True
        jenkins.offline = None
        client.cancel(client.trigger(job, {"WHO": "a"}))
        client.cancel(99)

    def test_a_build_is_stopped(self, client: Client, jenkins: JenkinsDouble, job: str) -> None:
        def until_stopped(build: Build) -> str:
            build.stopped.wait(30)
            return "SUCCESS"

        jenkins.script = until_stopped
        client.trigger(job)
        client.stop(job, 1)
        until(lambda: not client.build(job, 1)["building"], "the build has ended")
        assert client.build(job, 1)["result"] == "ABORTED"


class TestAway:
    def test_nobody_there(self) -> None:
        client = Client(f"http://127.0.0.1:{names.free_port()}", "admin", "x")
        with pytest.raises(JenkinsUnreachable, match=r"nothing answers at .*connection refused") as caught:
            client.version()
        assert "pipelines jenkins up" in str(caught.value.remedy)

    def test_one_that_hangs_is_given_up(self, connect: Connect, jenkins: JenkinsDouble) -> None:
        jenkins.hangs.set()
        with pytest.raises(JenkinsUnreachable, match="did not answer within"):
            connect(timeouts=Timeouts(connect=1, read=0.1)).version()

    def test_one_that_is_slow_is_waited_for(self, client: Client, jenkins: JenkinsDouble) -> None:
        jenkins.delay = 0.1
        assert client.version() == "2.568.2"

    def test_one_that_is_getting_ready_says_so(self, client: Client, jenkins: JenkinsDouble) -> None:
        jenkins.answers_503 = True
        with pytest.raises(JenkinsUnreachable, match="not ready"):
            client.version()

    def test_a_restart_between_two_questions_is_waited_out(
        self, client: Client, jenkins: JenkinsDouble, job: str, told: list[Event]
    ) -> None:
        client.version()
        jenkins.stop()
        back = threading.Timer(0.3, jenkins.start)
        back.start()
        assert client.trigger(job) == 1
        assert [event.kind for event in told] == ["warned"]
        back.join()

    def test_a_change_whose_answer_is_lost_is_not_made_twice(
        self, connect: Connect, jenkins: JenkinsDouble, job: str
    ) -> None:
        client = connect(timeouts=Timeouts(connect=1, read=0.1, patience=5))
        client.version()
        client.trigger(job, {"WHO": "first"})  # the crumb is known from here on
        jenkins.hangs.set()
        with pytest.raises(JenkinsUnreachable):
            client.trigger(job)
        jenkins.hangs.clear()
        until(lambda: len(jenkins.items) == 2, "the one that was sent has arrived")
        assert len([line for line in jenkins.requests if "buildWith" in line]) == 2


def test_everything_that_python_jenkins_raises_is_mapped(client: Client) -> None:
    import jenkins
    import requests

    def kinds(root: type[Exception]) -> list[type[Exception]]:
        return [root, *(found for below in root.__subclasses__() for found in kinds(below))]

    raised = [
        kind
        for kind in {*kinds(jenkins.JenkinsException), *kinds(requests.RequestException)}
        if kind.__module__.startswith(("jenkins", "requests"))
    ]
    assert len(raised) > 20
    for kind in raised:
        # JSONDecodeError wants what it could not read.
        arguments = ("x", "y", 0) if "doc" in inspect.signature(kind.__init__).parameters else ("it broke",)
        if kind.__name__.endswith("JSONDecodeError"):
            arguments = ("x", "y", 0)
        with pytest.raises(JenkinsError), client._mapped("doing it"):
            raise kind(*arguments)
