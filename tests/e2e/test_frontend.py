"""The example front end in a real browser, on the real API: from resume to report, and what may go wrong.

A server of the tests stands where the edge is elsewhere: it can cut a stream, or lose a file, when told to.
"""

from __future__ import annotations

import base64
import gzip
import re
import shutil
from pathlib import Path

import pytest
import requests

from app.messages import MESSAGES
from scripts.frontend import SOURCES, npm
from tests.app.conftest import ANSWERS, RESUMES
from tests.e2e.conftest import PHONE, Serve, Visit, with_model
from tests.e2e.visitor import Visitor
from tests.support.front import Front
from tests.support.gemini import Act, Gemini
from tests.support.gemini_answers import SPOKEN, files_of
from tests.support.resumes import text_pdf
from tests.support.sound import heard
from tests.support.waiting import until

RESUME = RESUMES["en"]
JUDGED = "document.querySelector('.judgements .score') && !document.querySelector('.state')"


def begin(visitor: Visitor, resume: str | Path = RESUME, *, questions: int = 1) -> None:
    visitor.fill_in(role="Backend engineer", resume=resume, questions=questions)
    visitor.hand_in()


class TestWholeInterviews:
    def test_in_korean_on_a_desk_with_a_text(self, front: Front, visit: Visit) -> None:
        visitor = visit(front, language="ko")
        visitor.look()
        visitor.fill_in(role="백엔드 개발자", resume=RESUMES["ko"], questions=2)
        visitor.page.click("input[value=strict]")
        visitor.look()
        visitor.hand_in()
        visitor.sees("2개 중 0개 답변")
        visitor.look()
        visitor.answer(ANSWERS["ko"])
        assert visitor.text(".said .lines") == ANSWERS["ko"]
        assert visitor.count(".turn:first-of-type .score") == 4
        visitor.sees("꼬리 질문")
        visitor.look()
        visitor.answer(ANSWERS["ko"])
        visitor.click("다음 질문")
        until(lambda: visitor.focused() == "question", "the next question has the focus")
        assert visitor.text(".kicker").startswith("질문 2")
        visitor.answer("잘 모르겠습니다.")
        visitor.click("면접 정리하기")
        visitor.page.wait("document.querySelector('.ring')")
        assert visitor.page.run("document.title").startswith("보고서: 백엔드 개발자")
        assert visitor.count(".answers > li") == 3
        visitor.look()
        assert visitor.page.complaints == []

    def test_in_english_on_a_phone_with_a_file_that_is_dropped(
        self, front: Front, visit: Visit, tmp_path: Path
    ) -> None:
        resume = tmp_path / "my résumé 이력서.pdf"
        resume.write_bytes(text_pdf(RESUME))
        visitor = visit(front, size=PHONE)
        visitor.look()
        visitor.fill_in(role="Backend engineer", resume=resume, drop=True)
        assert visitor.text(".chosen").startswith(resume.name)
        visitor.look()
        visitor.hand_in()
        visitor.answer(ANSWERS["en"])
        visitor.look()
        visitor.click("Sum up the interview")
        visitor.page.wait("document.querySelector('.ring')")
        visitor.look()
        visitor.page.run("location.hash = '#/interviews'")
        visitor.sees("1 of 2 answered")
        visitor.look()
        assert visitor.page.complaints == []

    def test_with_the_keyboard_alone(self, front: Front, visit: Visit) -> None:
        visitor = visit(front)
        page = visitor.page
        page.reload()
        page.wait("document.querySelector('main form')")
        page.press("Tab")
        assert visitor.focused() == "Skip to the content"
        page.press("Enter")
        visitor.tab_to("Fill in an example")
        page.press("Enter")
        visitor.tab_to("text-tab")
        page.press("ArrowLeft")
        assert visitor.focused().endswith("file-tab")
        page.press("ArrowRight")
        visitor.tab_to("consent", 20)
        page.press(" ")
        page.press("Enter")
        page.wait("document.querySelector('.turn')")
        visitor.tab_to("answer-1")
        page.call("Input.insertText", {"text": ANSWERS["en"]})
        page.press("Enter", control=True)
        page.wait(JUDGED)
        assert visitor.focused() == "feedback-1"
        visitor.hears("The feedback is there, and a follow-up question.")


class TestMistakes:
    def test_are_named_in_the_persons_language_where_they_are(
        self, front: Front, visit: Visit, tmp_path: Path
    ) -> None:
        visitor = visit(front, language="ko", size=PHONE)
        visitor.page.click("main form .primary")
        visitor.sees("파일을 선택하거나 이력서 내용을 붙여 넣어 주세요.")
        visitor.sees("동의해야 보낼 수 있습니다.")
        assert visitor.focused().endswith("-resume")
        visitor.hears("고칠 곳이 3군데 있습니다")
        broken = tmp_path / "broken.pdf"
        broken.write_bytes(b"%PDF-1.7 and no more")
        visitor.fill_in(role="백엔드 개발자", resume=broken)
        visitor.page.click("main form .primary")
        visitor.sees("파일이 손상되었습니다")
        visitor.look()
        visitor.speak("en")
        visitor.sees("The file is damaged")
        assert visitor.kept() == []

    def test_our_words_are_for_problems_that_there_are(self) -> None:
        words = (SOURCES / "src/words/en.ts").read_text("utf-8")
        ours = set(re.findall(r'^    "?([a-z-]+)"?: \["', words.split("problems: {")[1], re.MULTILINE))
        theirs = {name for name in MESSAGES if f"{name}.detail" in MESSAGES}
        assert ours - theirs == {"unreachable"}
        # What befalls a person's work has words of ours; the rest are faults of whoever wrote the client.
        assert {name for name in theirs if name.startswith(("model-", "resume-"))} <= ours


class TestAnswersByVoice:
    def test_an_interviewer_that_cannot_hear_says_so_kindly(self, front: Front, visit: Visit) -> None:
        visitor = visit(front, language="ko", size=PHONE)
        begin(visitor)
        visitor.click("말하기")
        visitor.sees("이 면접관은 들을 수 없습니다")
        visitor.look()
        visitor.page.click(".turn .note button")
        until(lambda: visitor.focused() == "answer-1", "the text can be typed")

    def test_a_recording_is_sent_as_wav_and_written_down(
        self, asking: Front, gemini: Gemini, visit: Visit
    ) -> None:
        visitor = visit(asking)
        begin(visitor)
        visitor.click("Speak")
        visitor.click("Record")
        visitor.sees("0:01")
        visitor.look()
        visitor.click("Stop")
        visitor.sees("Listen to it")
        visitor.look()
        visitor.click("Send the recording")
        visitor.page.wait(JUDGED)
        assert visitor.text(".said .lines") == SPOKEN["en"]
        visitor.sees("Spoken")
        (sent,) = files_of(gemini.requests[-1].body)
        channels, rate, seconds, loudest = heard(base64.b64decode(sent["data"], altchars=b"-_"))
        assert (channels, rate) == (1, 16_000)
        assert 0.5 < seconds < 30
        assert loudest > 500
        assert visitor.page.complaints == []


class TestWordsThatArrive:
    def test_are_shown_as_they_are_written(self, asking: Front, gemini: Gemini, visit: Visit) -> None:
        visitor = visit(asking)
        visitor.fill_in(role="Backend engineer", resume=RESUME, questions=3)
        gemini.pace = 0.1
        visitor.page.click("main form .primary")
        visitor.page.wait("document.querySelectorAll('.growing li').length >= 1")
        assert visitor.count(".turn") == 0
        assert visitor.page.run("document.querySelector('.writing').ariaBusy") == "true"
        gemini.pace = 0.0
        visitor.page.wait("document.querySelector('.turn')")
        visitor.hears("3 questions are ready.")
        gemini.pace = 0.1
        visitor.page.type(".turn textarea", ANSWERS["en"])
        visitor.page.click(".turn .primary")
        visitor.page.wait("document.querySelector('.feedback.writing li')")
        gemini.pace = 0.0
        visitor.page.wait(JUDGED)
        visitor.click("Sum up the interview")
        visitor.page.wait("document.querySelector('.ring')")
        assert len(gemini.requests) == 3

    def test_whoever_waits_is_told_the_place(
        self, built: Path, serve: Serve, gemini: Gemini, visit: Visit, database: Path, tmp_path: Path
    ) -> None:
        gemini.forget()
        path = shutil.copyfile(database, tmp_path / "waiting.sqlite3")
        api = serve(path, **with_model(gemini, INTERVIEW_PER_MINUTE="1"))
        with Front(built / "dist", f"http://127.0.0.1:{api.port}") as site:
            visitor = visit(site, language="ko")
            begin(visitor)
            visitor.page.type(".turn textarea", ANSWERS["ko"])
            visitor.page.click(".turn .primary")
            visitor.sees("순서를 기다립니다: 1번째, 약 ")
            visitor.hears("순서를 기다립니다: 1번째, 약 ")
            visitor.remove()

    def test_go_on_where_a_stream_was_cut(self, asking: Front, gemini: Gemini, visit: Visit) -> None:
        visitor = visit(asking)
        visitor.fill_in(role="Backend engineer", resume=RESUME, questions=2)
        gemini.pace = 0.06
        asking.cut(times=2, after=2)
        visitor.hand_in()
        resumed = asking.asked("GET", "/events")
        assert [each.last_event is not None for each in resumed] == [True, True]
        assert len(asking.asked("POST", "/interviews")) == 1
        assert len(gemini.requests) == 1
        asking.cut(times=1, after=0)  # before the first word: the same answer is sent again
        visitor.answer(ANSWERS["en"])
        sent = asking.asked("POST", "/answers")
        assert len(sent) == 2
        assert len({each.key for each in sent}) == 1
        assert len(gemini.requests) == 2

    def test_go_on_after_the_page_was_left(self, asking: Front, gemini: Gemini, visit: Visit) -> None:
        visitor = visit(asking)
        begin(visitor, questions=2)
        visitor.page.type(".turn textarea", "I begin to say")
        visitor.page.reload()
        visitor.page.wait("document.querySelector('.turn textarea')")
        assert visitor.page.run("document.querySelector('.turn textarea').value") == "I begin to say"
        gemini.pace = 0.05
        visitor.page.type(".turn textarea", ANSWERS["en"])
        visitor.page.click(".turn .primary")
        visitor.page.wait("document.querySelector('.feedback.writing li')")
        visitor.page.reload()
        visitor.page.wait(JUDGED)
        assert visitor.text(".said .lines") == ANSWERS["en"]
        assert len(gemini.requests) == 2

    def test_what_failed_can_be_tried_again(self, asking: Front, gemini: Gemini, visit: Visit) -> None:
        visitor = visit(asking, language="ko")
        begin(visitor)
        gemini.script(Act("error", status=503))
        visitor.page.type(".turn textarea", ANSWERS["ko"])
        visitor.page.click(".turn .primary")
        visitor.sees("면접관에 연결할 수 없습니다")
        visitor.look()
        visitor.click("다시 시도")
        visitor.page.wait(JUDGED)


class TestReleases:
    """The others of the site, and those of the API, are in `test_through_the_edge`."""

    def test_one_of_the_site_that_took_a_part_of_the_page_along_is_told(
        self, front: Front, visit: Visit
    ) -> None:
        visitor = visit(front)
        front.hide("ListView-")
        visitor.page.run("location.hash = '#/interviews'")
        visitor.sees("This page was renewed")
        visitor.look()
        front.hide("")
        visitor.click("Load anew")
        visitor.sees("Nothing here yet")
        visitor.look()


class TestWhatIsKept:
    def test_is_listed_and_deleted_here_and_on_the_server(self, front: Front, visit: Visit) -> None:
        visitor = visit(front)
        for number in (1, 2):
            begin(visitor)
            until(lambda number=number: len(visitor.kept()) == number, "the interview is kept")  # type: ignore[misc]
            visitor.page.run("location.hash = '#/'")
            visitor.page.wait("document.querySelector('main form .primary:not(:disabled)')")
        second, first = visitor.kept()
        mine = requests.get(
            f"{front.url}/api/interviews", headers={"Authorization": f"Bearer {first['token']}"}, timeout=10
        ).json()["interviews"]
        assert {each["id"] for each in mine} == {first["id"], second["id"]}
        visitor.page.run("location.hash = '#/interviews'")
        visitor.sees("0 of 1 answered")
        visitor.page.click(".rows li:first-child .delete")
        visitor.page.wait("document.querySelector('dialog[open]')")
        visitor.look()
        visitor.page.press("Escape")
        visitor.page.wait("!document.querySelector('dialog')")
        assert len(visitor.kept()) == 2
        visitor.page.click(".rows li:first-child .delete")
        visitor.page.click("dialog .danger")
        until(lambda: [each["id"] for each in visitor.kept()] == [first["id"]], "one is left")
        visitor.hears("Deleted, with all that belonged to it.")
        visitor.click("Delete everything of mine")
        visitor.page.click("dialog .danger")
        visitor.sees("Nothing here yet")
        assert visitor.kept() == []
        for gone in (first, second):
            address = f"{front.url}/api/interviews/{gone['id']}"
            headers = {"Authorization": f"Bearer {gone['token']}"}
            assert requests.get(address, headers=headers, timeout=10).status_code == 404
        visitor.page.go(f"{front.url}/#/interviews/{first['id']}")
        visitor.sees("This interview is not here any more")
        visitor.look()

    def test_the_report_is_a_page_of_its_own_to_keep(
        self, front: Front, visit: Visit, tmp_path: Path
    ) -> None:
        visitor = visit(front)
        begin(visitor)
        visitor.answer(ANSWERS["en"])
        visitor.click("Sum up the interview")
        visitor.saves_to(tmp_path)
        visitor.click("Save as a page")
        page = until(lambda: next(tmp_path.glob("*.html"), None), "the page is saved")
        assert page is not None
        assert ANSWERS["en"] in page.read_text("utf-8")


def test_logic_is_tested_without_a_browser(built: Path) -> None:
    done = npm("test")
    assert done.returncode == 0, done.stdout


def test_what_everybody_loads_is_small(built: Path) -> None:
    first = (built / "dist/index.html").read_text("utf-8")
    loaded = re.findall(r'(?:src|href)="/(assets/[^"]+\.(?:js|css))"', first)
    size = sum(len(gzip.compress((built / "dist" / name).read_bytes())) for name in loaded)
    assert len(loaded) >= 2
    assert size < 110_000


@pytest.mark.parametrize("name", ["package-lock.json", "package.json"])
def test_nothing_says_which_registry_it_came_from(name: str) -> None:
    text = (SOURCES / name).read_text("utf-8")
    assert '"resolved"' not in text
    assert "registry" not in text
