"""The interviewer for when there is no model: rules over the words of a text, and it says so.

It finds skills, measured results and pieces of work in a resume and asks on them; in an answer it looks for
what an interviewer listens for (the topic, situation/action/result, facts, an outcome). The same input gives
the same output. The sentences and cue words of a language are data: `offline.<language>.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

from app.interviewer import Brief, Feedback, Judgement, Kind, Question
from app.languages import Language

SKILLS = (
    "Python", "Java", "JavaScript", "TypeScript", "Kotlin", "Swift", "Go", "Rust", "C++", "C#", "Ruby",
    "PHP", "Scala", "SQL", "Spring Boot", "Spring", "JPA", "QueryDSL", "Django", "Flask", "FastAPI",
    "Node.js", "Express", "NestJS", "React", "Vue", "Angular", "Next.js", "Svelte", "Flutter", "Android",
    "iOS", "MySQL", "MariaDB", "PostgreSQL", "Oracle", "MongoDB", "Redis", "Elasticsearch", "Kafka",
    "RabbitMQ", "Docker", "Kubernetes", "Terraform", "Ansible", "Jenkins", "GitHub Actions", "AWS",
    "GCP", "Azure", "Linux", "Nginx", "HAProxy", "GraphQL", "gRPC", "REST", "Pandas", "NumPy", "PyTorch",
    "TensorFlow", "Spark", "Airflow", "Figma", "Excel",
)  # fmt: skip
UNITS = (
    "%|percent|배|명|건|만|억|원|ms|초|분|시간|일|x\\b|times|users|requests|people|hours|days|seconds|minutes"
)
MEASURED = re.compile(rf"(?<!\d)\d[\d,.]{{0,15}}\s{{0,2}}(?:{UNITS})", re.IGNORECASE)
WORD = re.compile(r"[A-Za-z][A-Za-z0-9+#.]+|[가-힣]{2,}|\d+")
SENTENCE = re.compile(r"[^.!?。\n]+(?:[.!?。](?!\s|$)[^.!?。\n]*)*[.!?。]?")
QUOTE = 140  # characters that are quoted at most
SHORT = 40  # characters below which an answer shows nothing
COMMON = frozenset(
    ("the", "and", "for", "with", "was", "that", "this", "from", "have", "has", "you", "your", "our", "are",
     "what", "how", "did", "about", "which", "it", "in", "of", "to", "on", "is", "as", "at", "an", "by", "be",
     "we", "my", "me", "or", "if", "so", "no", "do", "up")
)  # fmt: skip


class OfflineInterviewer:
    """Rules; needs no network and no key."""

    name = "offline"

    def note(self, language: Language) -> str:
        """That it is rules, and what its scores are worth."""
        note: str = _phrases(language)["note"]
        return note

    def ask(self, brief: Brief) -> tuple[Question, ...]:
        """Questions on what the resume holds; general ones only once that is used up."""
        phrases = _phrases(brief.language)["ask"]
        found = _find(brief.resume, _phrases(brief.language)["experience_cues"])
        bases: dict[Kind, list[str]] = {
            "experience": found.experiences,
            "skill": found.skills,
            "achievement": found.achievements,
        }
        first, again = (
            _in_turn([_each(kind, phrases[kind], bases[kind], rounds) for kind in bases])
            for rounds in ((0,), (1, 2))
        )
        general = _in_turn(
            [
                [Question("role", text.format(role=brief.role)) for text in phrases["role"][brief.level]],
                [Question("behaviour", text) for text in phrases["behaviour"]],
            ]
        )
        reserved = min(2, brief.questions // 3)  # even a full resume leaves room for the person
        on_resume = first[: brief.questions - reserved]
        return tuple([*on_resume, *general, *again][: brief.questions])

    def assess(self, brief: Brief, question: Question, answer: str) -> tuple[Feedback, Question | None]:
        """Scores by what can be counted, quoting where it was found; asks on after the weakest criterion."""
        phrases = _phrases(brief.language)
        sentences = [match.group().strip() for match in SENTENCE.finditer(answer) if match.group().strip()]
        scored = {
            "relevance": _relevance(question, sentences),
            "structure": _structure(phrases["cues"], answer, sentences),
            "specificity": _specificity(sentences),
            "result": _result(phrases["outcomes"], sentences),
        }
        short = len(answer) < SHORT
        judgements = []
        for criterion, (found, evidence) in scored.items():
            score = min(found, 2) if short else found
            words = phrases["criteria"][criterion]
            band = "low" if score <= 2 else "mid" if score == 3 else "high"
            judgements.append(Judgement(criterion, words["title"], score, words[band], _quote(evidence)))
        weakest = min(judgements, key=lambda judgement: judgement.score)
        advice = [phrases["criteria"][j.criterion]["advice"] for j in judgements if j.score <= 3]
        feedback = Feedback(
            criteria=tuple(judgements),
            strengths=tuple(j.comment for j in judgements if j.score >= 4),
            improvements=(*([phrases["too_short"]] if short else []), *advice),
        )
        if question.kind == "follow-up":
            return feedback, None
        basis = weakest.evidence or max(sentences, key=len, default=answer)[:QUOTE]
        on = phrases["criteria"][weakest.criterion]["follow_up"] if weakest.score <= 3 else phrases["deepen"]
        return feedback, Question("follow-up", on.format(basis=basis.rstrip(".。")), basis)


@dataclass(frozen=True)
class _Found:
    skills: list[str]
    achievements: list[str]
    experiences: list[str]


@cache
def _phrases(language: Language) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        (Path(__file__).parent / f"offline.{language}.json").read_text("utf-8")
    )
    return document


@cache
def _skill_pattern() -> re.Pattern[str]:
    # Longest first, and bounded by Latin letters only: Korean particles follow without a space.
    names = "|".join(re.escape(name) for name in sorted(SKILLS, key=len, reverse=True))
    return re.compile(rf"(?<![A-Za-z0-9.+#])(?:{names})(?![A-Za-z0-9+#])", re.IGNORECASE)


def _skills(text: str) -> list[str]:
    """Known skills in the order in which they appear, each once, as we spell them."""
    spelled = {name.lower(): name for name in SKILLS}
    return list(dict.fromkeys(spelled[match.group().lower()] for match in _skill_pattern().finditer(text)))


def _find(resume: str, experience_cues: list[str]) -> _Found:
    lines = _items(resume.splitlines())
    if len(lines) < 3:  # prose rather than a list
        lines = _items([match.group() for match in SENTENCE.finditer(resume)])
    achievements = [line for line in lines if MEASURED.search(line)]
    rest = [line for line in lines if not MEASURED.search(line) and "@" not in line]
    experiences = [line for line in rest if any(cue in line.lower() for cue in experience_cues)]
    if not experiences and not achievements:
        experiences = sorted(rest or [resume], key=len, reverse=True)[:2]
    return _Found(
        _skills(resume), [_cut(line) for line in achievements], [_cut(line) for line in experiences]
    )


def _items(texts: list[str]) -> list[str]:
    """Without bullets, repetitions, and what is too short to ask on."""
    items = dict.fromkeys(text.strip(" -*•·▪◦–—#>|") for text in texts)
    return [item for item in items if len(item) >= 8]


def _each(kind: Kind, templates: list[str], bases: list[str], rounds: tuple[int, ...]) -> list[Question]:
    """A question per basis and round, the templates taken in turn so that no two sound alike in a row."""
    return [
        Question(kind, templates[(number + turn) % len(templates)].format(basis=basis), basis)
        for turn in rounds
        for number, basis in enumerate(bases)
    ]


def _in_turn(groups: list[list[Question]]) -> list[Question]:
    return [question for row in zip_longest(*groups) for question in row if question is not None]


def _terms(text: str) -> Iterator[str]:
    for match in WORD.finditer(text):
        word = match.group().lower().rstrip(".")
        if word not in COMMON and len(word) > 1:
            # The first two syllables of a Korean word: its particles and endings change.
            yield word[:2] if "가" <= word[0] <= "힣" else word


def _relevance(question: Question, sentences: list[str]) -> tuple[int, str | None]:
    wanted = set(_terms(question.basis or question.text))
    hits = [(len(wanted & set(_terms(sentence))), sentence) for sentence in sentences]
    most, where = max(hits, key=lambda hit: hit[0], default=(0, ""))
    met = len(wanted & {term for sentence in sentences for term in _terms(sentence)})
    return (1, None) if not most else (min(5, 2 + met), where)


def _structure(cues: dict[str, list[str]], answer: str, sentences: list[str]) -> tuple[int, str | None]:
    lowered = f"{answer.lower()} "
    parts = [part for part in ("situation", "action", "result") if any(cue in lowered for cue in cues[part])]
    evidence = next(
        (s for s in sentences if any(cue in s.lower() for part in parts for cue in cues[part])), None
    )
    return min(5, 1 + len(parts) + (len(sentences) >= 3)), evidence


def _specificity(sentences: list[str]) -> tuple[int, str | None]:
    facts = [(len(re.findall(r"\d+(?:[.,]\d+)*", s)) + len(_skills(s)), s) for s in sentences]
    most, where = max(facts, key=lambda fact: fact[0], default=(0, ""))
    return min(5, 1 + sum(count for count, _ in facts)), where if most else None


def _result(outcomes: list[str], sentences: list[str]) -> tuple[int, str | None]:
    named = [sentence for sentence in sentences if any(word in sentence.lower() for word in outcomes)]
    measured = [sentence for sentence in named if re.search(r"\d", sentence)]
    if measured:
        return 5, measured[-1]
    return (3, named[-1]) if named else (1, None)


def _cut(text: str) -> str:
    text = text.rstrip(" .。")
    return text if len(text) <= QUOTE else text[: QUOTE - 1].rstrip() + "…"


def _quote(text: str | None) -> str | None:
    """Words as they stand in the answer, which is why nothing is added when they are cut."""
    return text[:QUOTE].rstrip() if text else None
