"""Every check of the doctor is shown healthy and broken by some test: see `tests.support.doctor`."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

from tests.support.images import ROOT

SHOWN_IN = (
    "tests.cloud.test_doctor_cloud",
    "tests.controller.test_doctor",
    "tests.engine.test_doctor",
    "tests.hosts.test_fleet",
    "tests.unit.doctor.test_examination",
    "tests.unit.doctor.test_host",
    "tests.unit.doctor.test_model",
)


def made(path: Path) -> Iterator[tuple[str, str]]:
    """The findings that a module makes: `AREA.CHECK`, and how bad."""
    tree = ast.parse(path.read_text())
    area = next(
        (
            str(node.value.args[0].value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func) == "Area"
            and isinstance(node.value.args[0], ast.Constant)
        ),
        "",
    )
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        owner, check = node.func.value, node.args[0]
        if node.func.attr not in ("ok", "warning", "error") or not isinstance(check, ast.Constant):
            continue
        if isinstance(owner, ast.Name) and owner.id == "AREA":
            yield f"{area}.{check.value!s}", node.func.attr
        elif isinstance(owner, ast.Call) and isinstance(owner.args[0], ast.Constant):
            yield f"{owner.args[0].value!s}.{check.value!s}", node.func.attr


def checks() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in (ROOT / "deployer" / "doctor").glob("*.py"):
        for check, severity in made(path):
            found.setdefault(check, set()).add("ok" if severity == "ok" else "broken")
    return found


def test_every_check_says_also_that_all_is_well() -> None:
    found = checks()
    assert len(found) > 30
    assert [check for check, states in found.items() if states != {"ok", "broken"}] == []


def test_every_check_is_shown_healthy_and_broken() -> None:
    shown: set[str] = set()
    for name in SHOWN_IN:
        module = importlib.import_module(name)
        for test in [*vars(module).values()]:
            shown |= getattr(test, "shows", set())
    wanted = {f"{check} {state}" for check in checks() for state in ("ok", "broken")}
    assert sorted(wanted - shown) == []
    assert sorted(shown - wanted) == [], "these are checks no more"
