"""Job XML: as jenkins-job-builder would write it, as the Jenkinsfiles say, and compared as people mean it."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from deployer.config.load import load
from deployer.config.schema import Config
from deployer.errors import ConfigError, JenkinsRefused
from deployer.events import ignore
from pipelines.jenkins import jobs
from pipelines.jenkins.client import Client
from pipelines.jenkins.jobs import Change, Job, Parameter
from tests.support.jenkins_double import JenkinsDouble

ROOT = Path(__file__).resolve().parents[2]
BACKEND = Job("backend", "https://github.com/example/shop.git", "main", "shop", "github")
JOBS = [BACKEND, Job("frontend", "https://github.com/example/shop.git", "main", "shop")]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(
        "service: {name: shop, image: 'shop:1', port: 80}\n"
        "jenkins: {repository: 'https://github.com/example/shop.git'}\n"
        "site: {bucket: shop-site}\n"
    )
    return load(path, environ={})


def test_the_front_end_has_a_job_where_there_is_a_bucket(config: Config, tmp_path: Path) -> None:
    assert {job.pipeline for job in jobs.jobs_of(config)} == {"frontend", "backend"}
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text().replace("site: {bucket: shop-site}\n", ""))
    assert [job.pipeline for job in jobs.jobs_of(load(path, environ={}))] == ["backend"]


@pytest.fixture(params=JOBS, ids=lambda job: job.pipeline)
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ET.Element, ET.Element]:
    """Our XML of a job, and jenkins-job-builder's of the same job in its own language."""
    job: Job = request.param
    path = tmp_path / "jobs.yaml"
    path.write_text(yaml.safe_dump([{"job": described(job)}]))
    command = [str(Path(sys.executable).with_name("jenkins-jobs")), "test", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return jobs.parse(job.xml), jobs.parse(done.stdout)


def described(job: Job) -> dict[str, Any]:
    git = {
        "url": job.repository,
        "branches": [f"*/{job.branch}"],
        "skip-tag": True,
        "wipe-workspace": False,
    }
    if job.credentials:
        git["credentials-id"] = job.credentials
    return {
        "name": job.name,
        "project-type": "pipeline",
        "description": job.description,
        "concurrent": False,
        "disabled": False,
        "properties": [{"build-discarder": {"num-to-keep": job.builds_kept}}],
        "parameters": [parameter(one) for one in job.parameters],
        "triggers": ["github"],
        "pipeline-scm": {
            "script-path": job.script,
            "lightweight-checkout": True,
            "scm": [{"git": git}],
        },
    }


def parameter(one: Parameter) -> dict[str, Any]:
    said: dict[str, Any] = {"name": one.name, "description": one.description}
    if one.kind == "Choice":
        return {"choice": {**said, "choices": list(one.choices)}}
    if one.kind == "Boolean":
        return {"bool": {**said, "default": one.default == "true"}}
    return {"string": {**said, "default": one.default, "trim": True}}


def test_our_xml_is_that_of_jenkins_job_builder(pair: tuple[ET.Element, ET.Element]) -> None:
    ours, theirs = pair
    marked = theirs.find("description")
    assert marked is not None
    marked.text = (marked.text or "").replace("<!-- Managed by Jenkins Job Builder -->", "")
    assert list(jobs.differences(text(ours), text(theirs))) == []
    # What it says beyond that is a default.
    more = {path for path, _ in leaves(theirs)} - {path for path, _ in leaves(ours)}
    said = {path: value for path, value in leaves(theirs) if path in more}
    scm = "flow-definition/definition/scm"
    assert said == {
        "flow-definition/actions": "",
        "flow-definition/definition/sandbox": "false",  # for a script from a repository it is always used
        f"{scm}/userRemoteConfigs/hudson.plugins.git.UserRemoteConfig/name": "origin",
        f"{scm}/userRemoteConfigs/hudson.plugins.git.UserRemoteConfig/refspec": (
            "+refs/heads/*:refs/remotes/origin/*"
        ),
        f"{scm}/disableSubmodules": "false",
        f"{scm}/recursiveSubmodules": "false",
        f"{scm}/remotePoll": "false",
        f"{scm}/gitTool": "Default",
        f"{scm}/submoduleCfg": "",
        f"{scm}/reference": "",
        f"{scm}/gitConfigName": "",
        f"{scm}/gitConfigEmail": "",
    }


def text(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode")


def leaves(element: ET.Element, path: str = "") -> Iterator[tuple[str, str]]:
    here = f"{path}/{element.tag}".lstrip("/")
    if len(element) == 0:
        yield here, (element.text or "").strip()
    for child in element:
        yield from leaves(child, here)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.pipeline)
class TestAsTheJenkinsfileSays:
    """The file, read at the moment of the test: both are changed together, or this fails."""

    def test_parameters(self, job: Job) -> None:
        section = re.search(r"\n    parameters \{\n(.*?)\n    \}", (ROOT / job.script).read_text(), re.DOTALL)
        assert section
        lines = re.sub(r",\n\s+", ", ", section[1]).splitlines()
        declared = [self.parameter(line.strip()) for line in lines]
        assert declared == list(job.parameters)

    def parameter(self, line: str) -> Parameter:
        kind, _, arguments = line.partition("(")
        words = dict(re.findall(r"(\w+): ('(?:[^'\\]|\\.)*'|\[[^\]]*\]|\w+)", arguments))
        plain = {name: value.strip("'") for name, value in words.items()}
        kinds = {"string": "String", "booleanParam": "Boolean", "choice": "Choice"}
        if kind == "string":
            assert plain["trim"] == "true"
        return Parameter(
            plain["name"],
            kinds[kind],  # type: ignore[arg-type]
            plain["description"],
            plain.get("defaultValue", ""),
            tuple(re.findall(r"'([^']*)'", words.get("choices", ""))),
        )

    def test_triggers(self, job: Job) -> None:
        declared = re.search(r"\n    triggers \{ (.*) \}\n", (ROOT / job.script).read_text())
        assert declared
        assert declared[1] == "githubPush()"
        triggers = jobs.parse(job.xml).findall(".//triggers/*")
        assert [trigger.tag for trigger in triggers] == ["com.cloudbees.jenkins.GitHubPushTrigger"]

    def test_options(self, job: Job) -> None:
        text = (ROOT / job.script).read_text()
        assert f"logRotator(numToKeepStr: '{job.builds_kept}')" in text
        assert "disableConcurrentBuilds()" in text

    def test_credentials(self, job: Job) -> None:
        asked = set(re.findall(r"credentialsId: '([^']+)'", (ROOT / job.script).read_text()))
        assert asked
        assert asked <= set(jobs.CREDENTIALS)


def test_every_credential_is_asked_for_by_a_jenkinsfile() -> None:
    text = "".join((ROOT / name).read_text() for name in jobs.PIPELINES.values())
    assert {name for name in jobs.CREDENTIALS if f"'{name}'" in text} == set(jobs.CREDENTIALS)


class TestPlan:
    def test_what_is_missing_is_made(self) -> None:
        assert [(c.action, c.job) for c in jobs.plan(JOBS, {})] == [
            ("create", "shop-backend"),
            ("create", "shop-frontend"),
        ]

    def test_what_a_controller_has_written_anew_is_kept(self, jenkins: JenkinsDouble) -> None:
        jenkins.save(BACKEND.name, BACKEND.xml)
        assert jenkins.jobs[BACKEND.name].config != BACKEND.xml
        assert self.differences(jenkins.jobs[BACKEND.name].config) == ()

    @pytest.mark.parametrize(
        ("was", "is_", "said"),
        [
            ("Jenkinsfile.be<", "Other<", "definition/scriptPath: 'Other' instead of 'Jenkinsfile.be'"),
            ("*/main", "*/x", "definition/scm/branches/BranchSpec[*/x]/name: '*/x' instead of '*/main'"),
            ("<numToKeep>20", "<numToKeep>9", "strategy/numToKeep: '9' instead of '20'"),
            ("<string>recreate</string>", "", "a/string: missing"),
            ("<string>recreate</string>", "<string>recreate</string><string>x</string>", "added by somebody"),
            ("<disabled>false", "<disabled>true", "disabled: 'true' instead of 'false'"),
            ("cps.CpsScmFlowDefinition", "cps.CpsFlowDefinition", "definition: class"),
        ],
    )
    def test_what_somebody_has_changed_is_named(self, was: str, is_: str, said: str) -> None:
        theirs = BACKEND.xml.replace(was, is_)
        assert theirs != BACKEND.xml
        assert said.replace("[*/x]", "[*/main]") in " ".join(self.differences(theirs)).replace(
            "[*/x]", "[*/main]"
        )

    def differences(self, theirs: str) -> tuple[str, ...]:
        (change,) = jobs.plan([BACKEND], {BACKEND.name: theirs})
        assert change.action == ("update" if change.differences else "keep")
        return change.differences

    def test_what_no_pipeline_has_any_more_goes_last(self) -> None:
        changes = jobs.plan(JOBS, {"shop-old": BACKEND.xml, "shop-backend": BACKEND.xml})
        assert [(c.action, c.job) for c in changes] == [
            ("create", "shop-frontend"),
            ("keep", "shop-backend"),
            ("remove", "shop-old"),
        ]

    @pytest.mark.parametrize("pipeline", jobs.PIPELINES)
    @pytest.mark.parametrize("credentials", [None, "a&b"])
    def test_it_is_well_formed_with_every_option(self, pipeline: str, credentials: str | None) -> None:
        job = Job(pipeline, "https://x/<y>.git?a&b", "<main>", "shop", credentials)
        # As the bytes that are sent, with the declaration, which `parse` takes off.
        root = ET.fromstring(job.xml.encode())  # noqa: S314  (our own)
        assert root.findtext(".//credentialsId") == credentials

    def test_what_a_person_writes_stays_text(self) -> None:
        job = Job("backend", "https://x/<&\"'>.git", "a&b", "shop")
        assert jobs.parse(job.xml).findtext(".//url") == "https://x/<&\"'>.git"


class TestOnAController:
    def test_others_jobs_are_left_alone(self, client: Client, jenkins: JenkinsDouble, config: Config) -> None:
        jenkins.save("theirs", "<project><description>by hand</description></project>")
        jenkins.save("old", BACKEND.xml)
        desired = jobs.jobs_of(config)
        changes = jobs.plan(desired, jobs.existing_jobs(client, "shop", desired))
        jobs.carry_out(client, changes, ignore)
        assert set(jenkins.jobs) == {"theirs", "shop-backend", "shop-frontend"}
        again = jobs.plan(desired, jobs.existing_jobs(client, "shop", desired))
        assert [change.action for change in again] == ["keep", "keep"]

    def test_a_job_is_not_ours_because_of_its_name(
        self, client: Client, jenkins: JenkinsDouble, config: Config
    ) -> None:
        """It has the name of a pipeline that is not wanted, or the mark of another service."""
        jenkins.save("shop-frontend", "<project><description>by hand</description></project>")
        jenkins.save("shop-backend-old", BACKEND.xml.replace("[deployer:shop]", "[deployer:shop-backend]"))
        desired = [job for job in jobs.jobs_of(config) if job.pipeline == "backend"]
        for wanted in (desired, []):
            changes = jobs.plan(wanted, jobs.existing_jobs(client, "shop", wanted))
            jobs.carry_out(client, changes, ignore)
        assert set(jenkins.jobs) == {"shop-frontend", "shop-backend-old"}

    def test_a_job_of_ours_stays_so_whatever_somebody_writes_beside_the_mark(
        self, client: Client, jenkins: JenkinsDouble, config: Config
    ) -> None:
        desired = jobs.jobs_of(config)
        for job in desired:
            jenkins.save(job.name, job.xml.replace("[deployer:shop]", "[deployer:shop] See the wiki."))
        changes = jobs.plan(desired, jobs.existing_jobs(client, "shop", desired))
        assert {change.action for change in changes} == {"update"}

    def test_somebodys_job_of_a_name_that_we_want_is_not_written_over(
        self, client: Client, jenkins: JenkinsDouble, config: Config
    ) -> None:
        jenkins.save("shop-backend", "<project><description>by hand</description></project>")
        before = jenkins.jobs["shop-backend"].config
        with pytest.raises(JenkinsRefused, match="a job shop-backend already, and it is not ours") as caught:
            jobs.existing_jobs(client, "shop", jobs.jobs_of(config))
        assert "rename it" in str(caught.value.remedy)
        assert {name: job.config for name, job in jenkins.jobs.items()} == {"shop-backend": before}

    def test_an_update_mends_what_was_changed(
        self, client: Client, jenkins: JenkinsDouble, config: Config
    ) -> None:
        desired = jobs.jobs_of(config)
        for job in desired:
            jenkins.save(job.name, job.xml.replace("<disabled>false", "<disabled>true"))
        changes = jobs.plan(desired, jobs.existing_jobs(client, "shop", desired))
        assert {change.action for change in changes} == {"update"}
        jobs.carry_out(client, changes, ignore)
        assert "<disabled>false" in jenkins.jobs["shop-backend"].config


def test_a_config_without_a_repository_is_refused(config: Config) -> None:
    bare = config.replaced(jenkins=replace(config.jenkins, repository=None))
    with pytest.raises(ConfigError, match=r"jenkins\.repository is missing"):
        jobs.jobs_of(bare)


def test_short_names_are_those_of_the_service(config: Config) -> None:
    assert [jobs.job_name(config, name) for name in ("backend", "other")] == ["shop-backend", "other"]


def test_a_change_tells_a_program_what_and_why() -> None:
    assert Change("update", "a", ("x",), "<xml/>").as_dict() == {
        "job": "a",
        "action": "update",
        "differences": ["x"],
    }
