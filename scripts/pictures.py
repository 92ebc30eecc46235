"""`make pictures`: makes the README's pictures, docs/pictures/*, from the real thing.

The interview API is rolled out under load as a service of its own, and photographed: the terminal as SVG, its
front end as PNG. What was made for that is removed again.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.load import Load, Report  # noqa: E402  (the checkout is what is shown)
from scripts import terminal  # noqa: E402
from scripts.browser import Browser, Page  # noqa: E402
from scripts.demo import MIX, remove  # noqa: E402
from scripts.frontend import served  # noqa: E402

FOLDER = ROOT / "docs" / "pictures"
SERVICE = "preview"
CONFIG = ROOT / ".pictures.yaml"  # beside config.yaml: the paths in it begin there
COLUMNS = 100

# No web font: a picture must not ask anybody for anything.
FONTS = 'ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace'
SVG = re.sub(r"@font-face \{\{.*?\}\}\s*|<!--.*?-->\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code, monospace", FONTS
)
NIGHT = TerminalTheme(
    (22, 27, 34),
    (201, 209, 217),
    [
        (110, 118, 129),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (201, 209, 217),
    ],
)

# On the work that the first question asks about.
ANSWER = """
주문 데이터가 하루에 3번 유실되는 문제가 있었고, 제가 Kafka 데이터 파이프라인 구축을 맡았습니다.
먼저 유실 지점을 측정한 뒤 멱등 프로듀서를 도입하고, 장애 대응 절차를 문서로 만들었습니다.
그 결과 6개월 동안 유실이 0건이었고, 복구 시간은 40분에서 5분으로 줄었습니다.
""".strip().replace("\n", " ")

# Device pixels per CSS pixel of the sheet, and how large the two windows are on it; the sizes of all three.
SHARP, ZOOM = 1.15, 0.62
DESK, PHONE, SHEET = (1100, 1190), (390, 844), (1040, 800)


def main() -> int:
    """Make both pictures."""
    install()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with service() as port:
        rollout_picture(port)
        with served(f"http://127.0.0.1:{port}") as site:
            interview_picture(f"{site.url}/")
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.relative_to(ROOT)}  {path.stat().st_size / 1000:.0f} kB")
    return 0


def install() -> None:
    """See to it that there are a Chromium and a font with Korean letters."""
    script = """
        . scripts/common.sh
        have chromium || have chromium-browser || install_packages pictures chromium
        { have fc-list && [ -n "$(fc-list :lang=ko)" ]; } || install_packages pictures fontconfig fonts-nanum
    """
    subprocess.run(["bash", "-euo", "pipefail", "-c", script, "pictures"], cwd=ROOT, check=True)


@contextlib.contextmanager
def service() -> Iterator[int]:
    """A first release of the interview API, apart from the demo's; its port."""
    remove(SERVICE)
    config = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))
    config["service"] |= {"name": SERVICE, "volumes": [f"{SERVICE}-data:/data"]}
    config["edge"]["port"] = port = free_port()
    del config["site"]  # the pages here are the service's own
    try:
        CONFIG.write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
        print("$ deployer rollout", flush=True)
        first = [sys.executable, "-m", "deployer", "rollout"]
        subprocess.run(first, cwd=ROOT, env=environ(), check=True)
        yield port
    finally:
        CONFIG.unlink(missing_ok=True)
        remove(SERVICE, images=True)


def free_port() -> int:
    """The demo's neighbour, or the next that nobody uses."""
    for port in range(8081, 8181):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port
    raise SystemExit("pictures: no free port from 8081 to 8180")


def environ() -> Mapping[str, str]:
    """This checkout's commands in front, and the pictures' config instead of config.yaml."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "DEPLOYER_CONFIG": CONFIG.name}


# --- the terminal -----------------------------------------------------------


def rollout_picture(port: int) -> None:
    """A rollout while clients keep asking, and what is there then."""
    lines: list[str] = []
    with Load(f"http://127.0.0.1:{port}", MIX) as load:
        load.wait_for_more(50)
        lines += session("deployer rollout", "14 clients keep asking meanwhile")
        load.wait_for_more(50)
    lines += ["", *session("deployer status"), "", verdict(load.report())]
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), legacy_windows=False)
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=True)
    svg = console.export_svg(
        title="a rollout under load",
        theme=NIGHT,
        code_format=SVG,
        unique_id="rollout",
        font_aspect_ratio=0.61,
    )
    (FOLDER / "rollout.svg").write_text(re.sub(r"(?m)[ \t]+$", "", svg).rstrip() + "\n", "utf-8")


def session(command: str, remark: str = "") -> list[str]:
    """A command as a person types it, and what it leaves on their screen."""
    print(f"$ {command}", flush=True)
    code, written = terminal.run(shlex.split(command), columns=COLUMNS, cwd=ROOT, environ=environ())
    lines = terminal.screen(written)
    if code:
        raise SystemExit("\n".join([*lines, f"pictures: {command} ended with exit code {code}"]))
    note = f"    \x1b[2m# {remark}\x1b[0m" if remark else ""
    return [f"\x1b[1;34m$\x1b[0m \x1b[1m{command}\x1b[0m{note}", *lines]


def verdict(report: Report) -> str:
    """What became of the clients' requests."""
    if not report.clean:
        raise SystemExit(f"pictures: requests were lost\n{report.summary()}")
    sent = sum(kind.sent for kind in report.kinds.values())
    slowest = max((kind.max_ms or 0.0 for kind in report.kinds.values()), default=0.0)
    return f"\x1b[1;32mlost = 0\x1b[0m of {sent} requests meanwhile (slowest {slowest:.0f} ms)"


# --- the front end ----------------------------------------------------------


def interview_picture(url: str) -> None:
    """The front end on a desk in Korean, with an answer's feedback, and on a phone in English, dark."""
    with Browser() as browser:
        desk = browser.page(url, width=DESK[0], height=DESK[1], scale=ZOOM * SHARP, apart=True)
        speak(desk, "ko", "light")
        desk.click(".form-head .quiet")  # the example
        desk.click(".consent input")
        desk.click("main form .primary")
        desk.type(".turn textarea", ANSWER)
        desk.click(".turn .primary")
        desk.wait("document.querySelector('.judgements .score') && !document.querySelector('.state')")
        desk.run("document.activeElement.blur(); scrollTo(0, 0)")
        phone = browser.page(url, width=PHONE[0], height=PHONE[1], scale=ZOOM * SHARP, apart=True)
        speak(phone, "en", "dark")
        sheet = browser.page("about:srcdoc", width=SHEET[0], height=SHEET[1], scale=SHARP)
        sheet.run(
            f"document.documentElement.innerHTML = {frame(desk.picture(DESK[1]), phone.picture(PHONE[1]))!r}"
        )
        sheet.wait("[...document.images].every((image) => image.complete && image.naturalWidth)")
        (FOLDER / "interview.png").write_bytes(sheet.picture())


def speak(page: Page, language: str, theme: str) -> None:
    """Let the page speak this language, in these colours, with nothing that moves."""
    page.prefer(prefers_reduced_motion="reduce", prefers_color_scheme=theme)
    page.click(f".top [lang={language}]")
    page.wait("document.querySelector('main form') && document.querySelector('footer .soft')")


def frame(desk: bytes, phone: bytes) -> str:
    """A sheet with the two screens beside each other."""
    images = "".join(
        f'<img id="{name}" alt="" src="data:image/png;base64,{base64.b64encode(png).decode()}">'
        for name, png in (("desk", desk), ("phone", phone))
    )
    # At the size they were taken in: text that is scaled blurs.
    return f"""<style>
        body {{ margin: 0; height: {SHEET[1]}px; background: #d9dcf2;
            display: flex; align-items: center; justify-content: center; gap: 36px; }}
        img {{ zoom: calc(1 / {SHARP}); border-radius: 18px; box-shadow: 0 12px 40px #1c233040; }}
        #phone {{ border: 11px solid #1c2330; border-radius: 40px; }}
        </style>{images}"""


if __name__ == "__main__":
    sys.exit(main())
