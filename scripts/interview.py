"""An interview over HTTP, as a client holds it: resume file in, questions, streamed feedback, report.

    python scripts/interview.py http://127.0.0.1:8080 [RESUME]

It is what `make demo` ends with. Everything is printed as it arrives.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import requests

HERE = Path(__file__).resolve().parent
ANSWER = (
    "당시 주문이 몰리면 응답이 느려지는 문제가 있었습니다. "
    "제가 쿼리를 측정해 원인을 찾고 Redis 캐시를 설계해 도입했습니다. "
    "그 결과 응답 시간이 900ms에서 120ms로 줄었고, 장애도 절반으로 줄었습니다."
)


class Client:
    """One person's way through an interview.

    :param url: where the service is, with no path.
    """

    def __init__(self, url: str) -> None:
        self.api = f"{url.rstrip('/')}/api/interviews"
        self.token = ""

    def events(self, path: str, **request: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        """POST something and give the events of its answer, as `(type, data)`, as they arrive.

        :raises SystemExit: it was refused, with what the service says of it.
        """
        # Random for each request: were it cut off, it could be sent again without being done twice.
        headers = {"Accept": "text/event-stream", "Idempotency-Key": str(uuid.uuid4())}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        url = f"{self.api}{path}"
        with requests.post(url, headers=headers, stream=True, timeout=120, **request) as answer:
            if not answer.ok:
                raise SystemExit(f"{answer.status_code}: {answer.text}")
            answer.encoding = "utf-8"
            type_ = ""
            for line in answer.iter_lines(decode_unicode=True):
                if line.startswith("event: "):
                    type_ = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield type_, json.loads(line.removeprefix("data: "))

    def work(self, path: str, **request: Any) -> dict[str, Any]:
        """Have the interviewer do something; its words are printed as they come, its result is given."""
        result: dict[str, Any] = {}
        last = ""
        for type_, data in self.events(path, **request):
            if type_ == "delta":
                print("\n    " if data["path"] != last else "", data["text"], sep="", end="", flush=True)
                last = data["path"]
            elif type_ == "result":
                result = data
            elif type_ == "error":
                raise SystemExit(f"\nthe interviewer failed: {data['code']}")
            elif "token" in data:
                self.token, self.identifier = data["token"], data["interview"]
            elif "place" in data:
                print(f"    waiting: place {data['place']}, some {data['seconds']} s")
        print()
        return result


def hold(url: str, resume: Path) -> dict[str, Any]:
    """Hold an interview of one question with its follow-up; the report."""
    client = Client(url)
    print(f"\nan interview at {url}: {resume.name} is handed in, the questions come:")
    with resume.open("rb") as file:
        form = {"role": "백엔드 개발자", "level": "junior", "language": "ko", "questions": "3"}
        form["consent"] = "true"
        client.work("", data=form, files={"resume": (resume.name, file)})
    print("  the first one is answered, the feedback comes:")
    path = f"/{client.identifier}"
    judged = client.work(f"{path}/answers", json={"question": 1, "text": ANSWER})
    scores = ", ".join(f"{item['title']} {item['score']}/5" for item in judged["feedback"]["criteria"])
    print(f"  {scores}")
    if judged["follow_up"]:
        print("  a follow-up question came with it, which is answered too:")
        client.work(f"{path}/answers", json={"question": judged["follow_up"]["id"], "text": ANSWER})
    print("  the report:")
    report = client.work(f"{path}/report")
    print(f"  {report['overall']} of 100 points, on {report['answers']} answers")
    return report


def main(words: Sequence[str]) -> int:
    """Hold one; 2 without a URL."""
    if not words:
        print(__doc__, file=sys.stderr)
        return 2
    hold(words[0], Path(words[1]) if len(words) > 1 else HERE / "resume.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
