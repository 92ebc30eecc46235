"""The model that the service is given: whether its key is taken, and whether it is still there."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from deployer.config.schema import Config
from deployer.config.secrets import resolve
from deployer.doctor.finding import Area, Findings
from deployer.doctor.http import get
from deployer.errors import ConfigError

AREA = Area("service")
GEMINI = "https://generativelanguage.googleapis.com"
_KEYS = ("GEMINI_KEY", "GEMINI_API_KEY")


class Variables(Struct, frozen=True):
    """What a service calls the model's variables: `INTERVIEW_GEMINI_KEY`, and with its prefix the others.

    :param model: where that is named, and the endpoint, as our app names them; empty without a prefix. A
        `MODEL_ENDPOINT` that stands alone, or another's, is somebody else's: the key is not for them.
    """

    key: str
    model: str = ""
    endpoint: str = ""


def variables(env: Mapping[str, str]) -> Variables | None:
    """Those of the first Gemini key in a service's variables; None: it has none."""
    for name in env:
        for ending in _KEYS:
            prefix = name.removesuffix(ending)
            if name == ending:
                return Variables(name)
            if prefix != name and prefix.endswith("_"):
                return Variables(name, f"{prefix}MODEL", f"{prefix}MODEL_ENDPOINT")
    return None


def model(config: Config, environ: Mapping[str, str]) -> Findings:
    """Whether the Gemini key is taken, and the model still there."""
    env = config.service.env
    named = variables(env)

    def value(name: str) -> str:
        return resolve(env.get(name, ""), environ, key=f"service.env.{name}")

    try:
        key = value(named.key) if named else ""
        if named is None or not key:
            yield AREA.skipped("model", "no Gemini key is configured: the interviewer is offline")
            return
        wanted = value(named.model).removeprefix("models/")
        endpoint = value(named.endpoint) or GEMINI
    except ConfigError as error:
        yield AREA.error("model", error.message, "give the secret, or mend the reference")
        return
    answer = get(f"{endpoint.rstrip('/')}/v1beta/models?pageSize=1000", {"x-goog-api-key": key})
    known = [entry["name"].removeprefix("models/") for entry in answer.data().get("models", ())]
    if answer.code in (400, 401, 403):
        yield AREA.error(
            "model",
            f"Gemini does not take the key of {named.key} ({answer.code})",
            "make a new key in AI Studio",
        )
    elif answer.code != 200:
        yield AREA.warning("model", f"Gemini cannot be asked ({answer.said})", "look at its status page")
    elif wanted and known and wanted not in known:
        yield AREA.error(
            "model",
            f"there is no model {wanted} any more",
            f"set {named.model} to one of {', '.join(known[:5])}",
        )
    elif wanted:
        yield AREA.ok("model", f"Gemini takes the key and has {wanted}")
    else:
        said = f"{named.model} names none" if named.model else f"none goes with {named.key}"
        yield AREA.ok("model", f"Gemini takes the key; which model is asked is not known: {said}")
