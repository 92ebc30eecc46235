"""A bare repository whose pushes start both pipelines, as GitHub's webhook and a Jenkins would.

    hub = Hub(jenkins, folder, credentials, environ)
    hub.push(checkout)                      # a real `git push`
    builds = hub.builds()                   # both jobs, of the Jenkinsfiles that were pushed
    assert builds["backend"].wait().result == "SUCCESS"

The repository, the shells and what they run are real. The webhook is not: whoever has pushed says so by
`builds`. Nor is the controller: tests/support/jenkins_run.py executes the Jenkinsfiles in its place.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.jenkins_run import Build, Jenkins

JENKINSFILES = {"backend": "Jenkinsfile.be", "frontend": "Jenkinsfile.fe"}
BRANCH = "main"


class Hub:
    """
    :param folder: holds the repository, and a workspace for each job, which outlives a build.
    :param credentials: what Jenkins keeps, by its id.
    :param environ: of all that the jobs run, on top of PATH, HOME and the locale.
    """

    def __init__(
        self, jenkins: Jenkins, folder: Path, credentials: Mapping[str, str], environ: Mapping[str, str]
    ) -> None:
        self.jenkins, self.folder = jenkins, folder
        self.credentials, self.environ = credentials, environ
        self.repository = folder / "repository.git"
        if not self.repository.exists():
            _git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(self.repository))

    def push(self, checkout: Path) -> str:
        """Push what a checkout has committed; the commit's id."""
        _git("-C", str(checkout), "push", "--quiet", "--force", str(self.repository), f"HEAD:{BRANCH}")
        return _git("-C", str(self.repository), "rev-parse", BRANCH)

    def workspace(self, pipeline: str) -> Path:
        """Where a job works."""
        return self.folder / "workspace" / pipeline

    def builds(self) -> dict[str, Build]:
        """Start what a push starts: both jobs, at once."""
        return {pipeline: self.build(pipeline) for pipeline in JENKINSFILES}

    def build(self, pipeline: str, **params: object) -> Build:
        """Start one job; with parameters it is a person who does."""
        return self.jenkins.run(
            _git("-C", str(self.repository), "show", f"{BRANCH}:{JENKINSFILES[pipeline]}"),
            self.workspace(pipeline),
            job=f"{self.folder.name}-{pipeline}",
            params=params,
            credentials=self.credentials,
            env=self.environ,
            scm=(str(self.repository), BRANCH),
            cause="UserIdCause" if params else "GitHubPushCause",
        )


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
