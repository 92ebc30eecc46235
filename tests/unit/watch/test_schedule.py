"""The timer's script: right shell, what it writes, and what cron is told."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.config.load import load
from deployer.config.schema import Config
from deployer.errors import PreflightError
from deployer.events import ignore
from deployer.watch.schedule import cron_times, install, script


def config(folder: Path, name: str = "config.yaml") -> Config:
    path = folder / name
    path.write_text(
        "service: {name: shop, image: shop:1, port: 80}\nenvironments: {live: {}}\nwatch: {every: 5m}"
    )
    return load(path, env="live", environ={})


@pytest.mark.parametrize("remove", [False, True])
def test_it_is_right_shell(tmp_path: Path, remove: bool) -> None:
    path = tmp_path / "script.sh"
    path.write_text(script(config(tmp_path), {"SUDO_USER": "kim"}, remove=remove))
    shellcheck = Path(sys.executable).with_name("shellcheck")
    done = subprocess.run([shellcheck, "--shell=sh", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_the_units_say(tmp_path: Path) -> None:
    text = script(config(tmp_path), {"SUDO_USER": "kim"})
    look = f"'{sys.executable}' -m deployer watch --config '{tmp_path}/config.yaml' --env 'live'\n"
    assert f"ExecStart={look}" in text
    assert f"cd '{tmp_path}' && exec {look}" in text
    assert "\nUser=kim\n" in text
    assert "\nOnUnitActiveSec=300\n" in text
    assert "\nSuccessExitStatus=33\n" in text
    assert "EnvironmentFile=-/etc/deployer/deployer-watch-shop-live.env" in text
    assert "\n*/5 * * * * kim /etc/deployer/deployer-watch-shop-live\n" in text


@pytest.mark.parametrize(
    ("seconds", "cron"),
    [
        (10, "*/1 * * * *"),
        (60, "*/1 * * * *"),
        (300, "*/5 * * * *"),
        (420, "*/6 * * * *"),
        (3600, "0 */1 * * *"),
        (7 * 3600, "0 */6 * * *"),
        (200_000, "0 0 * * *"),
    ],
)
def test_what_cron_is_told(seconds: float, cron: str) -> None:
    assert cron_times(seconds) == cron


def test_a_path_that_a_unit_would_read_otherwise(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="move it"):
        script(config(tmp_path, "100%.yaml"), {})


def test_it_is_for_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(PreflightError, match="for root"):
        install(config(tmp_path), os.environ, ignore, plan=False)


def test_a_deployer_that_only_this_shell_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a folder that is no checkout, a Python without the package."""
    monkeypatch.setattr("sys.executable", "/usr/bin/python3")
    with pytest.raises(PreflightError, match="does not find the deployer"):
        install(config(tmp_path), os.environ, ignore, plan=True)
