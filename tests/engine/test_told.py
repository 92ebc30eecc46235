"""A real rollout with an end that never answers: as good as without it, and it says what was not told."""

from __future__ import annotations

import json

from tests.engine.conftest import Variant
from tests.support.ends import served
from tests.support.project import Project
from tests.told.telling import no_canary


def test_a_rollout_does_not_notice_an_end_that_never_answers(serving: Project, variant: Variant) -> None:
    with served() as dead, served() as alive:
        dead.does("never")
        serving.config(
            rollout={"observe": "0s"},
            notify={
                "timeout": "100s",
                "deadline": "3s",
                "webhooks": [{"url": "${env:DEAD}", "name": "dead"}],
                "slack": [{"webhook": "${env:SLACK}"}],
            },
        )
        environ = {"DEAD": dead.hook, "SLACK": alive.webhook, "DEPLOYER_WHO": "minji"}
        good = serving.run("rollout", "--image", variant(V="good"), "--json", env=environ)
        *_, lost, result = map(json.loads, good.stdout.splitlines())
        assert result["outcome"] == "succeeded"
        assert [(end["name"], end["reason"]) for end in lost["ends"]] == [("dead", "it has not answered yet")]
        assert dead.requests
        assert serving.status()["active"]["release"] == result["release"]
        (told,) = alive.texts()
        assert told.endswith(f"*rollout of {serving.name} is done*")  # a busy host adds a warning's mark
        assert f"{result['release']} serves" in str(alive.requests[0].json["blocks"])

        bad = serving.run("rollout", "--image", variant(V="bad", EXIT_AT_START="3"), expect=8, env=environ)
        assert bad.stderr.count("warning: not told: dead (webhook)") == 1
        assert "exited with code 3 before it was ready" in alive.texts()[1]
        assert "minji" in str(alive.requests[1].json["blocks"])
        assert "told to exit at the start" in bad.stderr
        assert "told to exit at the start" not in alive.requests[1].body.decode(), (
            "no lines of a log, unasked"
        )
        assert serving.status()["active"]["release"] == result["release"]
        no_canary(good.stdout, good.stderr, bad.stdout, bad.stderr)
    assert serving.leftovers() == []
