from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.config import outline, reference
from deployer.config.load import load

Write = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[3]


def blocks(text: str) -> list[str]:
    """The YAML of a page."""
    return re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)


markdown = functools.cache(reference.markdown)


def test_the_committed_page_is_the_one_the_schema_makes() -> None:
    assert (ROOT / "docs/configuration.md").read_text() == markdown(), "run `make docs`"


@pytest.mark.parametrize("key", [key.dotted for key in outline.keys_of()])
def test_every_key_is_described_with_its_default(key: str) -> None:
    found = next(found for found in outline.keys_of() if found.dotted == key)
    assert found.field.description
    assert found.field.description.endswith(".")
    section = markdown().split(f"### {found.path[0]}\n")[1].split("\n### ")[0]
    first_words = " ".join(found.field.description.split()[:6])
    assert first_words in re.sub(r"[#\s]+", " ", section)
    assert re.search(rf"^[ #]*{found.name}:", section, re.MULTILINE)


def test_what_a_section_has_its_part_be_is_the_default_that_is_shown() -> None:
    shown = {each["key"]: each["default"] for each in reference.as_data()}
    assert shown["pipelines.frontend.install.commands"] == [["npm", "ci"]]
    assert shown["pipelines.frontend.build.commands"] == [["npm", "run", "build"]]
    assert shown["pipelines.backend.build.commands"] == []
    assert "commands: [[npm, ci]]" in markdown()


def test_a_key_that_is_off_or_required_has_an_example() -> None:
    lacking = [
        key.dotted
        for key in outline.keys_of()
        if key.section is None and key.default is None and key.field.example is None
    ]
    assert lacking == []


def test_the_examples_of_the_introduction_load(write: Write) -> None:
    introduction = markdown().split("## Reference")[0]
    minimal, environments = blocks(introduction)
    assert load(write(minimal), environ={}).edge.port == 80
    path = write(environments)
    assert load(path, env="production", environ={}).service.env == {"MODE": "live"}


def test_the_reference_is_a_config_that_says_nothing_but_the_defaults(write: Write) -> None:
    text = "".join(blocks(markdown().split("## Reference")[1]))
    shown = load(write(text.replace("  #image: shop:1 ", "  image: shop:1 ", 1)), environ={})
    plain = load(write("service: {name: shop, image: 'shop:1', port: 8080}", "plain.yaml"), environ={})
    assert shown.dump() == plain.dump()


def test_the_examples_that_are_switched_off_are_right_too(write: Write) -> None:
    text = "".join(blocks(markdown().split("## Reference")[1]))
    text = (
        text.replace("  #image: shop:1", "", 1)
        # Each is the other's alternative.
        .replace("#  #origin: http://10.0.0.5:8081", "", 1)
        .replace("#  #endpoint: http://127.0.0.1:9000", "", 1)
        .replace("#  #access_key: ${env:SITE_ACCESS_KEY}", "", 1)
        .replace("#  #secret_key: ${env:SITE_SECRET_KEY}", "", 1)
        .replace("#  #webhook: ${env:SLACK_WEBHOOK}", "", 1)
    )
    text = re.sub(r": \[\](  # .*an item:)$", r":\1", text, flags=re.MULTILINE)
    while re.search(r"^ *#+ *[a-z_-]+:|^ *#+ *-$", text, re.MULTILINE):
        text = re.sub(r"^( *)#( *)([a-z_]+:|-$|#)", r"\1\2\3", text, flags=re.MULTILINE)
        prose = r"^ *# [A-Z`$5].*$|^ *#$|^ *#  ?[a-z ]+[A-Za-z0-9 ,.`$]*$"
        text = re.sub(prose, "", text, flags=re.MULTILINE)
    config = load(write(text), environ={})
    assert config.service.build is not None
    assert config.site is not None
    assert config.edge.tls is not None
    assert (config.rollout.before, config.rollout.smoke) != ([], [])
    assert [end.name for _, end in config.notify.ends()] == ["slack", "webhook", "cloudwatch", "file"]


def test_keys_as_data_have_units() -> None:
    data = {entry["key"]: entry for entry in reference.as_data()}
    assert json.loads(json.dumps(list(data.values())))
    assert data["rollout.drain"] == {
        "key": "rollout.drain",
        "kind": "duration",
        "unit": "seconds",
        "required": False,
        "default": 30.0,
        "description": "Time running requests of the old release get to end.",
    }
    assert data["service.memory"]["unit"] == "bytes"
    assert data["rollout.smoke[].path"]["required"] is True


def test_help_needs_none_of_the_heavy_packages() -> None:
    code = (
        "import sys\nfrom deployer.cli.main import main\nmain(['--help'])\n"
        "heavy = {'yaml', 'jinja2', 'docker', 'rich'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
