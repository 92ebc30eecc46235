"""cfn-lint over the combinations of options: each two options together in `make test`, every part with every
other in `make soak`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from deployer.stack.document import parse
from deployer.stack.template import LIMIT, Template, templates
from tests.support import scale
from tests.support.stack import ALL, PARTS, config, every_two, product

Lint = Callable[[Template], list[str]]


@pytest.fixture(scope="module")
def lint() -> Lint:
    """What cfn-lint says of a template; rules are loaded once, and what was seen is not read again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from cfnlint.config import ConfigMixIn, ManualArgs
        from cfnlint.decode import decode_str
        from cfnlint.runner import Runner
        from cfnlint.runner.template import run_template_by_data

        settings: dict[str, Any] = {
            region: ConfigMixIn(**ManualArgs(regions=[region])) for region in ("ap-northeast-2", "us-east-1")
        }
        rules = Runner(settings["us-east-1"]).rules
    seen: dict[tuple[str, str], list[str]] = {}

    def run(template: Template) -> list[str]:
        key = (template.region, template.body)
        if key not in seen:
            read, errors = decode_str(template.body)
            found = errors or list(run_template_by_data(read, settings[template.region], rules))
            seen[key] = [f"{each.rule.id} {template.kind}:{each.linenumber} {each.message}" for each in found]
        return seen[key]

    return run


@pytest.mark.timeout(7200 if scale.SOAK else 300)
def test_options_together_are_clean(lint: Lint) -> None:
    """Every two of them; in a soak, which takes half an hour more, also every part with every other."""
    choices = every_two()
    found = {str(choice): faults for choice in choices if (faults := faults_of(choice, lint))}
    assert found == {}
    for name, levels in ALL.items():
        assert {choice[name] for choice in choices} == set(levels)
    for choice in product(PARTS) if scale.SOAK else ():
        assert faults_of(choice, lint) == [], choice


def faults_of(choice: dict[str, str], lint: Lint) -> list[str]:
    return [fault for template in templates(config(choice)) for fault in lint(template)]


def test_a_fault_is_found(lint: Lint) -> None:
    main = next(each for each in templates(config()) if each.kind == "main")
    wrong = main.body.replace("TargetOriginId: site", "TargetOriginId: sito").replace("t3.small", "t3.smal")
    said = lint(Template(main.kind, main.name, main.region, wrong))
    assert sorted(fault.partition(" ")[0] for fault in said) == ["E3057", "E3628"]


def test_one_check_is_silenced_and_for_one_resource() -> None:
    main = parse(next(each for each in templates(config()) if each.kind == "main").body)
    silenced = {name: each["Metadata"] for name, each in main["Resources"].items() if "Metadata" in each}
    assert silenced == {"Database": {"cfn-lint": {"config": {"ignore_checks": ["E3691"]}}}}


def test_the_largest_is_small_enough_for_cloudformation() -> None:
    largest = templates(config({"names": "made", "doors": "many", "secrets": "more", "host": "keys"}))
    assert max(len(each.body.encode()) for each in largest) < LIMIT * 0.9
