"""Sections that are made when the file has them or somebody asks."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deployer.config.schema import Config
from tests.unit.config.conftest import Write


def in_a_process(program: str) -> str:
    """What a program prints in a process of its own, where nothing has been imported yet."""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_section_that_the_file_lacks_is_made_when_asked_for(write: Write) -> None:
    write("service: {name: shop, image: shop:1, port: 80}\nrollout: {keep_warm: 1m}")
    program = """
import sys
from deployer.config.load import load
def loaded():
    return sorted(name.split(".")[3] for name in sys.modules if name.startswith("deployer.config.sections."))
config = load()
print(*loaded())
assert config.edge.port == 8080
print(*loaded())
"""
    assert in_a_process(program).splitlines() == ["kinds rollout service", "edge kinds rollout service"]


def test_a_config_does_not_change() -> None:
    config = Config.of({"service": {"name": "a", "image": "a", "port": 1}})
    for name in ("service", "edge", "stack"):
        with pytest.raises(AttributeError, match=f"does not change: {name}"):
            setattr(config, name, None)


def test_threads_that_ask_at_once_get_the_same_section(write: Write) -> None:
    write("service: {name: shop, image: shop:1, port: 80}")
    program = """
import sys, threading
from deployer.config.load import load
sys.setswitchinterval(1e-6)
config = load()
barrier = threading.Barrier(9)
found = []

def ask(name):
    barrier.wait()
    found.append(getattr(config, name))

names = ("edge", "rollout", "watch") * 3
threads = [threading.Thread(target=ask, args=(name,)) for name in names]
for each in threads: each.start()
for each in threads: each.join()
print(len(found), len({id(each) for each in found}))
"""
    assert in_a_process(program) == "9 3"
