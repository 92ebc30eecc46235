"""The model that the service is given, asked for at a double of Gemini's API."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.config.load import load
from deployer.doctor import model as doctor_model
from deployer.doctor.finding import Finding
from deployer.doctor.model import model
from tests.support.doctor import shows
from tests.support.gemini import KEY, Gemini


def found(folder: Path, url: str, *, key: str = KEY, wanted: str = "gemini-2.5-flash") -> Finding:
    path = folder / "config.yaml"
    path.write_text(
        "service:\n  name: interview\n  image: interview:1\n  port: 8000\n  env:\n"
        "    INTERVIEW_GEMINI_KEY: ${env:GEMINI}\n"
        f"    INTERVIEW_MODEL: {wanted}\n"
        f"    INTERVIEW_MODEL_ENDPOINT: {url}\n"
    )
    (finding,) = model(load(path, environ={}), {"GEMINI": key} if key else {})
    assert not key or key not in finding.evidence + finding.remedy
    return finding


@shows("service.model ok", "service.model broken")
def test_a_key_and_a_model(tmp_path: Path) -> None:
    with Gemini() as gemini:
        healthy = found(tmp_path, gemini.url)
        assert (healthy.severity.name, healthy.evidence) == (
            "OK",
            "Gemini takes the key and has gemini-2.5-flash",
        )
        refused = found(tmp_path, gemini.url, key="not-the-key")
        assert (refused.severity.name, "does not take the key" in refused.evidence) == ("ERROR", True)
        missing = found(tmp_path, gemini.url, key="")
        assert (missing.severity.name, "GEMINI" in missing.evidence) == ("ERROR", True)
        retired = found(tmp_path, gemini.url, wanted="gemini-1.5-flash")
        assert (retired.severity.name, retired.evidence) == (
            "ERROR",
            "there is no model gemini-1.5-flash any more",
        )
        assert "gemini-2.5-flash" in retired.remedy
    silent = found(tmp_path, gemini.url)
    assert (silent.severity.name, "cannot be asked" in silent.evidence) == ("WARNING", True)


def test_without_a_key_the_interviewer_is_offline(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("service: {name: shop, image: shop:1, port: 8080}")
    (finding,) = model(load(path, environ={}), {})
    assert finding.severity.name == "SKIPPED"


@pytest.mark.parametrize("name", ["INTERVIEW_GEMINI_KEY", "GEMINI_API_KEY", "GEMINI_KEY"])
def test_the_key_goes_to_no_endpoint_but_the_models_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with Gemini() as gemini, Gemini(key="a stranger's") as stranger:  # who would refuse it
        monkeypatch.setattr(doctor_model, "GEMINI", gemini.url)
        others = ("OTEL_EXPORTER_OTLP_ENDPOINT", "S3_ENDPOINT", "MODEL_ENDPOINT", "OTHER_MODEL_ENDPOINT")
        env = "".join(f"    {other}: {stranger.url}\n" for other in others)
        path = tmp_path / "config.yaml"
        path.write_text(
            "service:\n  name: interview\n  image: interview:1\n  port: 8000\n  env:\n"
            f"{env}    DATA_MODEL: star\n    {name}: ${{env:GEMINI}}\n"
        )
        (finding,) = model(load(path, environ={}), {"GEMINI": KEY})
    assert finding.severity.name == "OK", finding.evidence
    assert "which model is asked is not known" in finding.evidence


def test_references_are_resolved(tmp_path: Path) -> None:
    with Gemini() as gemini:
        path = tmp_path / "config.yaml"
        path.write_text(
            "service:\n  name: interview\n  image: interview:1\n  port: 8000\n  env:\n"
            "    INTERVIEW_GEMINI_KEY: ${env:GEMINI}\n"
            "    INTERVIEW_MODEL: ${env:WHICH}\n    INTERVIEW_MODEL_ENDPOINT: ${env:WHERE}\n"
        )
        environ = {"GEMINI": KEY, "WHERE": gemini.url, "WHICH": "models/gemini-1.5-flash"}
        (finding,) = model(load(path, environ={}), environ)
        assert finding.evidence == "there is no model gemini-1.5-flash any more"
        (lost,) = model(load(path, environ={}), {"GEMINI": KEY, "WHERE": gemini.url})
        assert (lost.severity.name, "WHICH" in lost.evidence) == ("ERROR", True)
        # What is empty counts as not set, for the app too.
        (offline,) = model(load(path, environ={}), {**environ, "GEMINI": ""})
        assert offline.severity.name == "SKIPPED"
