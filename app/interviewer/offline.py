"""The interviewer for when there is no model: rules over the words of a text, and it says so.

It finds skills, measured results and pieces of work in a resume and asks on them; in an answer it looks for
what an interviewer listens for (the topic, situation/action/result, facts, an outcome). The same input gives
the same output. The sentences and cue words of a language are data: `offline.<language>.json`.
It asks no model, so it never asks for leave to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from app.interviewer import (
    KINDS,
    Assessment,
    Audio,
    Brief,
    Call,
    Feedback,
    Judgement,
    Kind,
    Plan,
    Question,
    Report,
    Turn,
)
from app.interviewer.catalogue import criteria
from app.interviewer.errors import CannotHear
from app.interviewer.preview import texts_of
from app.interviewer.scores import means, overall
from app.languages import Language
from app.messages import say

Result = TypeVar("Result", Plan, Assessment, Report)

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
# A line that only says what somebody is is no piece of work, although "개발" is in it: "백엔드 개발자",
# "Senior Backend Engineer (3 years)".
TITLE = re.compile(
    r"(?:[^.,:;\n]{1,20},\s*)?[^.,:;\n]{0,40}(?:개발자|엔지니어|디자이너|기획자|매니저|관리자|담당자|운영자|연구원|분석가|리더"
    r"|engineer|developer|designer|manager|analyst|architect|researcher|administrator|lead)s?"
    r"(?:\s*[(/|·,-].{0,40})?",
    re.IGNORECASE,
)
COMMON = frozenset(
    ("the", "and", "for", "with", "was", "that", "this", "from", "have", "has", "you", "your", "our", "are",
     "what", "how", "did", "about", "which", "it", "in", "of", "to", "on", "is", "as", "at", "an", "by", "be",
     "we", "my", "me", "or", "if", "so", "no", "do", "up")
)  # fmt: skip


class OfflineInterviewer:
    """Rules; needs no network and no key, and takes written answers only."""

    name = "offline"
    hears = False

    def note(self, language: Language) -> str:
        """That it is rules, and what its scores are worth."""
        return say("interviewer.offline", language)

    def ask(self, brief: Brief, call: Call) -> Plan:
        """Questions on what the resume holds; general ones only once that is used up, or of a scan."""
        phrases = _phrases(brief.language)
        found = _find(brief.resume, phrases["experience_cues"])
        return _told(call, _plan(phrases["plan"], brief, found, _questions(phrases["ask"], brief, found)))

    def assess(
        self, brief: Brief, question: Question, answer: str | Audio, call: Call, *, follow_up: bool
    ) -> Assessment:
        """Scores by what can be counted, quoting where it was found; asks on after the weakest criterion.

        :raises CannotHear: for a spoken answer.
        """
        if isinstance(answer, Audio):
            raise CannotHear
        phrases = _phrases(brief.language)
        sentences = [match.group().strip() for match in SENTENCE.finditer(answer) if match.group().strip()]
        feedback = _feedback(phrases, brief.language, question, answer, sentences)
        further = _follow_up(phrases, feedback, answer, sentences) if follow_up else None
        return _told(call, Assessment(feedback, further))

    def report(self, brief: Brief, turns: Sequence[Turn], call: Call) -> Report:
        """The means of the scores, with a sentence for each.

        :raises ValueError: no turns.
        """
        phrases = _phrases(brief.language)
        words, found, points = phrases["report"], means(turns), overall(turns)
        ranked = sorted(found, key=lambda mean: mean.mean, reverse=True)
        weak = [mean for mean in reversed(ranked) if mean.score <= 3]
        report = Report(
            points,
            words["summary"].format(
                answers=len(turns), overall=points, best=ranked[0].title, worst=ranked[-1].title
            ),
            tuple(
                Judgement(m.criterion, m.title, m.score, words["comments"][_band(m.score)], m.evidence)
                for m in found
            ),
            tuple(words["strength"].format(title=m.title, score=m.score) for m in ranked if m.score >= 4),
            tuple(phrases["criteria"][m.criterion]["advice"] for m in weak) or (words["fine"],),
        )
        return _told(call, report)


@dataclass(frozen=True)
class _Found:
    skills: list[str]
    achievements: list[str]
    experiences: list[str]


def _told(call: Call, result: Result) -> Result:
    for pointer, text in texts_of(result):
        call.delta(pointer, text)
    return result


def _plan(words: dict[str, Any], brief: Brief, found: _Found, questions: tuple[Question, ...]) -> Plan:
    bases = {
        "achievements": found.achievements[0] if found.achievements else "",
        "skills": ", ".join(found.skills[:5]),
        "experiences": found.experiences[0] if found.experiences else "",
    }
    counts = {name: len(getattr(found, name)) for name in bases}
    gaps = [words["gaps"][name] for name, basis in bases.items() if not basis]
    return Plan(
        words["summary"].format(role=brief.role, **counts) if brief.resume else words["no_text"],
        tuple(words["strengths"][name].format(basis=basis) for name, basis in bases.items() if basis),
        tuple(gaps) or (words["gaps"]["none"],),
        questions,
    )


def _questions(phrases: dict[str, Any], brief: Brief, found: _Found) -> tuple[Question, ...]:
    wanted = brief.kinds or KINDS
    on_resume: dict[Kind, list[str]] = {
        "experience": found.experiences,
        "skill": found.skills,
        "achievement": found.achievements,
    }
    first, again = (
        _in_turn(
            [_each(kind, phrases[kind], on_resume[kind], rounds) for kind in on_resume if kind in wanted]
        )
        for rounds in ((0,), (1, 2))
    )
    role = [text.format(role=brief.role) for text in phrases["role"][brief.level]]
    more = [text.format(role=brief.role) for text in phrases["role_more"]]
    general, rest = (
        _in_turn([[Question(kind, text) for text in texts] for kind, texts in group if kind in wanted])
        for group in (
            _groups({"role": role, "behaviour": phrases["behaviour"]}),
            _groups({**phrases["open"], "role": more}),
        )
    )
    reserved = min(2, brief.questions // 3, len(general))  # even a full resume leaves room for the person
    asked = [*first[: brief.questions - reserved], *general, *again, *rest]
    return tuple(asked[: brief.questions])


def _groups(texts: dict[Kind, list[str]]) -> list[tuple[Kind, list[str]]]:
    return list(texts.items())


def _feedback(
    phrases: dict[str, Any], language: Language, question: Question, answer: str, sentences: list[str]
) -> Feedback:
    scored = {
        "relevance": _relevance(question, sentences),
        "structure": _structure(phrases["cues"], answer, sentences),
        "specificity": _specificity(sentences),
        "result": _result(phrases["outcomes"], sentences),
    }
    short = len(answer) < SHORT
    judgements = []
    for criterion in criteria(language):
        found, evidence = scored[criterion.key]
        score = min(found, 2) if short else found
        comment = phrases["criteria"][criterion.key][_band(score)]
        judgements.append(Judgement(criterion.key, criterion.title, score, comment, _quote(evidence)))
    advice = [phrases["criteria"][j.criterion]["advice"] for j in judgements if j.score <= 3]
    return Feedback(
        criteria=tuple(judgements),
        strengths=tuple(j.comment for j in judgements if j.score >= 4),
        improvements=(*([phrases["too_short"]] if short else []), *advice),
    )


def _follow_up(phrases: dict[str, Any], feedback: Feedback, answer: str, sentences: list[str]) -> Question:
    weakest = min(feedback.criteria, key=lambda judgement: judgement.score)
    basis = weakest.evidence or max(sentences, key=len, default=answer)[:QUOTE]
    on = phrases["criteria"][weakest.criterion]["follow_up"] if weakest.score <= 3 else phrases["deepen"]
    return Question("follow-up", on.format(basis=basis.rstrip(".。")), basis or None)


def _band(score: int) -> str:
    return "low" if score <= 2 else "mid" if score == 3 else "high"


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
    cue = re.compile(rf"(?<![a-z])(?:{'|'.join(map(re.escape, experience_cues))})(?![a-z])", re.IGNORECASE)
    lines = _items(resume.splitlines())
    if len(lines) < 3:  # prose rather than a list
        lines = _items([match.group() for match in SENTENCE.finditer(resume)])
    lines = [line for line in lines if not TITLE.fullmatch(line)]
    achievements = [line for line in lines if MEASURED.search(line)]
    rest = [line for line in lines if not MEASURED.search(line) and "@" not in line]
    experiences = [line for line in rest if cue.search(line)]
    if not experiences and not achievements:
        experiences = sorted(rest or [resume.strip()], key=len, reverse=True)[:2] if resume.strip() else []
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
