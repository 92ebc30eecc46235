"""Templates, and `deployer render`."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer import render as rendering
from deployer.cli.context import Context
from deployer.cli.main import main
from deployer.errors import TemplateError

Write = Callable[..., Path]


@pytest.fixture
def templates(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A templates folder of the test's own."""
    (folder / "templates").mkdir()
    monkeypatch.setattr(rendering, "templates_folder", lambda: folder / "templates")
    return folder / "templates"


@pytest.mark.usefixtures("templates")
class TestRender:
    def test_blocks_leave_no_trace_and_the_last_newline_stays(self, write: Write) -> None:
        write("a\n  {% for x in xs %}\n{{ x }}\n  {% endfor %}\nz\n", "templates/t.j2")
        assert rendering.render("t.j2", xs=[1, 2]) == "a\n1\n2\nz\n"

    def test_any_name_may_be_given_as_a_value(self, write: Write) -> None:
        write("{{ name }} {{ path }}", "templates/t.j2")
        assert rendering.render("t.j2", name="a", path="b") == "a b"

    def test_nothing_is_escaped(self, write: Write) -> None:
        write("{{ x }}", "templates/t.j2")
        assert rendering.render("t.j2", x="<&\">'") == "<&\">'"

    def test_a_template_given_by_path_may_include_its_neighbours_and_ours(self, write: Write) -> None:
        write("ours\n", "templates/ours.j2")
        write("neighbour\n", "own/neighbour.j2")
        path = write("{% include 'neighbour.j2' %}{% include 'ours.j2' %}{{ x }}", "own/t.j2")
        assert rendering.render_file(path, x=1) == "neighbour\nours\n1"

    def test_names_are_those_of_the_templates(self, write: Write) -> None:
        write("", "templates/b.j2")
        write("", "templates/a/c.cfg.j2")
        write("", "templates/README.md")
        assert rendering.names() == ["a/c.cfg.j2", "b.j2"]

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("a\n{{ x }}", "templates/t.j2:2: 'x' is undefined"),
            ("{% if x %}", "templates/t.j2:1: Unexpected end of template."),
            ("\n\n{{ 1 / 0 }}", "templates/t.j2:3: ZeroDivisionError: division by zero"),
            ("{{ d.a.b }}", "templates/t.j2:1: 'dict object' has no attribute 'a'"),
            ("{{ d | nofilter }}", "templates/t.j2:1: No filter named 'nofilter'."),
            ("{% for x in 5 %}{% endfor %}", "templates/t.j2:1: TypeError: 'int' object is not iterable"),
            ("{{ 'x' | round }}", "templates/t.j2:1: TypeError: "),
            ("\n{% include 'inner.j2' %}", "templates/inner.j2:2: 'y' is undefined"),
            ("\n{% include 'nix.j2' %}", "templates/t.j2:2: includes 'nix.j2', which does not exist"),
            (
                "{% extends 'inner.cfg.j2' %}",
                "templates/t.j2:1: includes 'inner.cfg.j2', which does not exist",
            ),
        ],
    )
    def test_every_mistake_names_its_template_and_line(self, write: Write, text: str, said: str) -> None:
        write("a\n{{ y }}", "templates/inner.j2")
        (Path("templates") / "t.j2").write_text(text)
        with pytest.raises(TemplateError) as caught:
            rendering.render("t.j2", d={})
        assert caught.value.message.startswith(said)
        assert (caught.value.__cause__, caught.value.exit_status) == (None, 3)

    def test_a_template_that_does_not_exist_suggests_one(self, write: Write, templates: Path) -> None:
        write("", "templates/haproxy/haproxy.cfg.j2")
        with pytest.raises(TemplateError) as caught:
            rendering.render("haproxy/haproxy.conf.j2")
        assert caught.value.message == f"haproxy/haproxy.conf.j2: no such template in {templates}"
        assert caught.value.remedy == "did you mean 'haproxy/haproxy.cfg.j2'?"

    def test_a_template_file_that_does_not_exist_is_named(self) -> None:
        with pytest.raises(TemplateError, match=r"^own/t\.j2: no such template file$"):
            rendering.render_file(Path("own/t.j2"))

    def test_a_template_that_is_no_text_is_named(self, folder: Path) -> None:
        (folder / "t.j2").write_bytes(b"\xff")
        with pytest.raises(TemplateError, match=r"^t\.j2: is not UTF-8 text$"):
            rendering.render_file(Path("t.j2"))

    def test_a_template_outside_the_current_folder_is_named_in_full(
        self, write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = folder / write("{{ x }}", "own/t.j2")
        (folder / "elsewhere").mkdir()
        monkeypatch.chdir(folder / "elsewhere")
        with pytest.raises(TemplateError) as caught:
            rendering.render_file(path)
        assert caught.value.message.endswith("own/t.j2:1: 'x' is undefined")


SHOP = "service: {name: shop, image: 'shop:1', port: 80}\n"


def said(*words: str) -> tuple[int, str, str]:
    """Exit code, output, errors of `deployer render ...`."""
    out, err = io.StringIO(), io.StringIO()
    code = main(["render", *words], Context(stdout=out, stderr=err, environ={}))
    return code, out.getvalue(), err.getvalue()


class TestCommand:
    def test_prints_every_file_the_config_makes(self, write: Write) -> None:
        write(
            "service: {name: shop, port: 8123, build: {dockerfile: D.j2, base: 'debian:x'}}\n"
            "edge: {port: 8456}\n"
        )
        write("FROM {{ base }}\nEXPOSE {{ config.service.port }}\n", "D.j2")
        code, out, _ = said()
        assert code == 0
        assert out.startswith("# ---- Dockerfile ----\nFROM debian:x\nEXPOSE 8123\n# ---- haproxy.cfg ----\n")
        assert "# ---- hold.lua ----\n" in out
        assert "bind 0.0.0.0:8456\n" in out

    def test_one_file_is_printed_as_it_is(self, write: Write) -> None:
        write(SHOP)
        write("FROM scratch\n", "Dockerfile")
        words = ("Dockerfile", "--set", "service.image=", "--set", "service.build={}")
        assert said(*words) == (0, "FROM scratch\n", "")

    def test_the_slots_have_the_addresses_of_the_subnet(self, write: Write) -> None:
        write(SHOP)
        _, out, _ = said("haproxy.cfg", "--set", "edge.subnet=10.9.8.0/24")
        assert "server blue 10.9.8." in out
        assert "server green 10.9.8." in out

    def test_files_are_written_to_a_folder(self, write: Write, folder: Path) -> None:
        write(SHOP)
        code, out, _ = said("--out", "made/here")
        assert (code, out.splitlines()) == (0, ["made/here/haproxy.cfg", "made/here/hold.lua"])
        assert (folder / "made/here/haproxy.cfg").read_text() == said("haproxy.cfg")[1]
        _, out, _ = said("--out", "made", "hold.lua", "--json")
        assert json.loads(out) == {"written": ["made/hold.lua"]}

    def test_a_folder_that_cannot_be_written_is_named(self, write: Write) -> None:
        write(SHOP)
        code, _, err = said("--out", "config.yaml/x")
        assert code == 1
        assert "cannot be written" in err

    def test_programs_get_the_files_by_name(self, write: Write) -> None:
        write(SHOP)
        files = json.loads(said("--json")[1])["files"]
        assert list(files) == ["haproxy.cfg", "hold.lua"]

    def test_a_site_in_a_bucket_has_a_function_for_cloudfront(self, write: Write) -> None:
        write(SHOP + "site: {bucket: shop-site, redirects: {/old: /new}}\n")
        _, out, _ = said("viewer-request.js")
        assert "function handler(event)" in out
        assert '{"/old": "/new"}' in out

    def test_a_file_that_the_config_does_not_make_is_a_mistake_of_usage(self, write: Write) -> None:
        write(SHOP)
        assert said("Dockerfile") == (
            2,
            "",
            "deployer: this config makes no file 'Dockerfile'\n  -> it makes haproxy.cfg, hold.lua\n",
        )

    def test_lists_the_templates_without_a_config(self) -> None:
        code, out, _ = said("--list")
        assert code == 0
        assert {"docker/app.Dockerfile.j2", "haproxy/haproxy.cfg.j2"} <= set(out.splitlines())
        assert json.loads(said("--list", "--json")[1])["templates"] == out.splitlines()

    def test_a_mistake_in_a_template_is_told_with_its_line(self, write: Write) -> None:
        write("service: {name: shop, port: 80, build: {dockerfile: D.j2}}")
        write("FROM x\n{{ nothing }}\n", "D.j2")
        assert said() == (3, "", "deployer: D.j2:2: 'nothing' is undefined\n")
