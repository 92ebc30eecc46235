"""What a run is asked for."""

from __future__ import annotations

import argparse

import pytest

from deployer.errors import UsageError
from pipelines.parameters import Parameters, parameters


def options(**given: object) -> argparse.Namespace:
    return argparse.Namespace(**{"env": None, "strategy": None, "force": False, "rollback_to": None, **given})


def test_jenkins_asks_by_variables() -> None:
    environ = {
        "PIPELINE_ENVIRONMENT": "production",
        "PIPELINE_STRATEGY": "recreate",
        "PIPELINE_FORCE": "true",
        "PIPELINE_ROLLBACK_TO": " 20260501 ",
    }
    assert parameters(options(), environ) == Parameters("production", "recreate", True, "20260501")


def test_a_person_asks_by_options_which_count_more() -> None:
    given = options(env="test", strategy="blue-green", rollback_to="r1")
    environ = {"PIPELINE_ENVIRONMENT": "production", "PIPELINE_STRATEGY": "recreate"}
    assert parameters(given, environ) == Parameters("test", "blue-green", rollback_to="r1")


def test_an_empty_variable_is_not_given() -> None:
    names = ("ENVIRONMENT", "STRATEGY", "FORCE", "ROLLBACK_TO")
    assert parameters(options(), {f"PIPELINE_{name}": "" for name in names}) == Parameters()
    assert parameters(options(), {"PIPELINE_FORCE": "false"}) == Parameters()


@pytest.mark.parametrize(
    ("name", "value"), [("PIPELINE_FORCE", "maybe"), ("PIPELINE_STRATEGY", "big bang; rm -rf /")]
)
def test_a_variable_that_makes_no_sense_is_refused(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"{name}={value}: must be"):
        parameters(options(), {name: value})
