"""What a look leaves to the next one."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from deployer.config.load import load as load_config
from deployer.config.schema import Config
from deployer.doctor.finding import Severity
from deployer.errors import ConfigError, DeployerError, Locked
from deployer.watch import memory
from deployer.watch.condition import Counts, Key
from deployer.watch.judgement import Known, Record
from deployer.watch.memory import alone, forget, load, name, path, save

KNOWN = Known(
    {Key("web1", "facts", "disk", "/"): Record(Severity.ERROR, 3, 0, 1.5, 0.0, 2.5, True, (1.0, 2.5))},
    {"web1": Counts(1, {"shop-1": ("abc", 2)}, 3, 4, False), "web2": Counts()},
    frozenset({"web1"}),
)


def config(folder: Path, more: str = "", environment: str | None = None) -> Config:
    file = folder / "config.yaml"
    file.write_text(f"service: {{name: shop, image: shop:1, port: 80}}\nenvironments: {{live: {{}}}}\n{more}")
    return load_config(file, env=environment, environ={})


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "a" / "shop.json"
    with alone(file):
        save(file, KNOWN)
    found, complaint = load(file)
    assert complaint == ""
    assert found.records == KNOWN.records
    assert found.counts == {**KNOWN.counts, "web2": Counts(maintenance=False)}
    assert found.serving == KNOWN.serving
    assert not list(file.parent.glob("*.new"))


def test_a_first_look_knows_nothing(tmp_path: Path) -> None:
    assert load(tmp_path / "none.json") == (Known(), "")


def whole() -> str:
    return json.dumps({"format": 1, "conditions": [], "counts": {}, "serving": []})


def record(**changes: float) -> str:
    said = {"key": ["a", "disk", "/", ""], "told": "OK", "counted": True, "turns": [], "bad": 0, "well": 0}
    return json.dumps({**said, "began": 0.0, "recovered": 0.0, "told_at": 0.0, **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\0\0\0",
        whole()[:-7],
        "[]",
        "{}",
        '{"format": 1}',
        whole().replace('"format": 1', '"format": 99'),
        whole().replace('"counts": {}', '"counts": {"web1": {"oom": "many"}}'),
        whole().replace('"counts": {}', '"counts": {"web1": 3}'),
        whole().replace('"counts": {}', '"counts": {"web1": {"oom": Infinity}}'),
        "[" * 100_000,
        whole().replace('"conditions": []', '"conditions": [{"key": ["a"], "told": "OK"}]'),
        whole().replace('"conditions": []', '"conditions": [' + record(began=1e300) + "]"),
        whole().replace('"conditions": []', '"conditions": [{"key": ["a", "b", "c", "d"], "told": "?"}]'),
    ],
)
def test_a_damaged_file_is_complained_of_and_begins_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "shop.json"
    file.write_text(text)
    known, complaint = load(file)
    assert known == Known()
    assert "begins anew" in complaint
    file.write_text(whole())
    assert load(file) == (Known(), "")


def test_one_look_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    with alone(file), pytest.raises(Locked, match="another look"), alone(file):
        pass
    with alone(file):
        pass


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    file = tmp_path / "taken" / "shop.json"
    with pytest.raises(DeployerError, match="cannot be written") as caught, alone(file):
        pass
    assert "watch.state" in str(caught.value.remedy)
    with pytest.raises(DeployerError, match="cannot be written"):
        save(file, KNOWN)


def test_forgetting(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    assert not forget(file)
    save(file, KNOWN)
    assert forget(file)
    assert load(file) == (Known(), "")


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = config(tmp_path)
    assert name(plain) == "deployer-watch-shop"
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert path(plain, {}) == Path("/var/lib/deployer/deployer-watch-shop.json")
    assert path(plain, {"STATE_DIRECTORY": "/run/a:/run/b"}) == Path("/run/a/deployer-watch-shop.json")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(memory, "SYSTEM", tmp_path / "none")
    assert path(plain, {"XDG_STATE_HOME": "/home/a/s"}) == Path("/home/a/s/deployer/deployer-watch-shop.json")
    live = config(tmp_path, "watch: {state: state}", "live")
    assert path(live, {"STATE_DIRECTORY": "/run/a"}) == tmp_path / "state/deployer-watch-shop-live.json"


def test_by_hand_the_file_of_the_users_own_timer_is_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, home = tmp_path / "var", {"XDG_STATE_HOME": str(tmp_path / "home")}
    monkeypatch.setattr(memory, "SYSTEM", system)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    plain = config(tmp_path)
    own = tmp_path / "home/deployer/deployer-watch-shop.json"
    system.mkdir()
    assert path(plain, home) == own
    by_the_timer = path(plain, {**home, "STATE_DIRECTORY": str(system)})
    save(by_the_timer, KNOWN)
    assert path(plain, home) == by_the_timer
    # Another user's timer, or root's: it cannot be written to.
    monkeypatch.setattr("os.access", lambda where, mode: (where, mode) == (system, os.W_OK))
    assert path(plain, home) == own


def test_a_home_that_nobody_has_is_an_error_of_the_config() -> None:
    config = Config.of(
        {"service": {"name": "a", "image": "a", "port": 1}, "watch": {"state": "~nobody-is-called-so/x"}}
    )
    with pytest.raises(ConfigError, match=r"watch\.state"):
        path(config, {})
