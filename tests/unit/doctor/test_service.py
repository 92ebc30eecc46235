"""The model that the service is given, asked for at a double of Gemini's API."""

from __future__ import annotations

from pathlib import Path

from deployer.config.load import load
from deployer.doctor.finding import Finding
from deployer.doctor.service import model
from tests.support.doctor import shows
from tests.support.gemini import KEY, Gemini


def found(folder: Path, url: str, *, key: str = KEY, wanted: str = "gemini-2.5-flash") -> Finding:
    path = folder / "config.yaml"
    path.write_text(
        "service:\n  name: interview\n  image: interview:1\n  port: 8000\n  env:\n"
        "    INTERVIEW_GEMINI_KEY: ${env:GEMINI}\n"
        f"    INTERVIEW_GEMINI_MODEL: {wanted}\n"
        f"    INTERVIEW_GEMINI_ENDPOINT: {url}\n"
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
