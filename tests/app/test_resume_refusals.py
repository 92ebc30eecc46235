"""Files that are no resumes, or that are made to do harm, are refused, and it is said why."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.messages import MESSAGES
from app.plain import clean
from app.resumes import Limits, ResumeError, read
from tests.support import resumes
from tests.support.resumes import KOREAN
from tests.support.scale import times

pytestmark = pytest.mark.usefixtures("no_child_is_left")

MB = 2**20

OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(504)


def many_parts(count: int, size: int) -> bytes:
    part = resumes.section([" "])[:-9] + b" " * size
    return resumes.hwpx_file(*[part] * count)


REFUSED: dict[str, tuple[str, Callable[[], bytes]]] = {
    # empty
    "nothing": ("resume-empty", lambda: b""),
    "blanks": ("resume-empty", lambda: b" \r\n\t\n"),
    "zeros": ("resume-empty", lambda: bytes(5000)),
    "a mark and no more": ("resume-empty", lambda: b"\xef\xbb\xbf"),
    "invisible text": ("resume-empty", "\u200b\u200b\u2060".encode),
    "a blank page": ("resume-empty", lambda: resumes.page_pdf(resumes.stream(b" \n"))),
    "a PDF without pages": ("resume-empty", lambda: resumes.pages_pdf(0)),
    "a DOCX without words": ("resume-empty", lambda: resumes.docx_of(b"<w:p/>")),
    # too large
    "100 MB": ("resume-too-large", lambda: b"%PDF-1.7\n" + bytes(100 * MB)),
    # unknown
    "PNG": ("resume-unknown-format", lambda: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(50)),
    "JPEG": ("resume-unknown-format", lambda: b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(50)),
    "DOC or HWP": ("resume-unknown-format", lambda: OLE),
    "RTF": ("resume-unknown-format", lambda: rb"{\rtf1\ansi Jane Doe}"),
    "HTML": ("resume-unknown-format", lambda: b"\n<!DOCTYPE html><p>Jane Doe"),
    "HTML after a remark": ("resume-unknown-format", lambda: b"<!-- a resume -->\n<HTML><p>Jane Doe"),
    "XML": ("resume-unknown-format", lambda: b"<?xml version='1.0'?><a/>"),
    "SVG": ("resume-unknown-format", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "PostScript": ("resume-unknown-format", lambda: b"%!PS-Adobe-3.0\nshowpage"),
    "a PDF after something else": ("resume-unknown-format", lambda: b"GIF89a;" + resumes.text_pdf()),
    "a PDF after a line of text": ("resume-unknown-format", lambda: b"Jane\n%PDF-1.4\n1 0 obj\n"),
    "Western text in one byte": (
        "resume-unknown-format",
        lambda: "Zoë Öztürk, café à Liège".encode("latin-1"),
    ),
    "UTF-16 without a mark": ("resume-unknown-format", lambda: KOREAN.encode("utf-16-le")),
    "UTF-32": ("resume-unknown-format", lambda: KOREAN.encode("utf-32")),
    "text with a NUL": ("resume-unknown-format", lambda: b"Jane\0Doe"),
    "random bytes": ("resume-unknown-format", lambda: random.Random(7).randbytes(5000)),
    "9 MB of binary": ("resume-unknown-format", lambda: b"MZ" + bytes(9 * MB)),
    "a zip of something": ("resume-unknown-format", lambda: resumes.packed({"a.txt": b"a"})),
    "a spreadsheet": ("resume-unknown-format", lambda: resumes.packed({"xl/workbook.xml": b"<a/>"})),
    "ODT": (
        "resume-unknown-format",
        lambda: resumes.packed(
            {"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"<a/>"}
        ),
    ),
    "zips in a zip": (
        "resume-unknown-format",
        lambda: resumes.packed({"a.zip": resumes.packed({"b.zip": resumes.packed({"c": bytes(MB)})})}),
    ),
    # encrypted
    "DOCX with a password": (
        "resume-encrypted",
        lambda: OLE + "EncryptedPackage".encode("utf-16-le") + bytes(100),
    ),
    "zip with a password": ("resume-encrypted", lambda: resumes.locked(resumes.docx_file())),
    "HWPX with a password": (
        "resume-encrypted",
        lambda: resumes.hwpx_file(b"\x01\x02", manifest=b"<a><odf:encryption-data/></a>"),
    ),
    # broken
    "half a PDF": ("resume-broken", lambda: b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n<< /Type /Cata"),
    "half a DOCX": ("resume-broken", lambda: resumes.docx_file()[:2000]),
    "a text called PDF": ("resume-broken", lambda: b"%PDF-1.7 Jane Doe, backend engineer"),
    "half an XML": ("resume-broken", lambda: resumes.docx_of_xml(b"<w:document xmlns:w='w'><w:body>")),
    "a main part twice": (
        "resume-broken",
        lambda: resumes.packed(
            [("word/document.xml", b"<a/>"), ("Word/x", b""), ("word/document.xml", b"<b/>")]
        ),
    ),
    "a page tree that is a ring": ("resume-broken", resumes.cyclic_pdf),
    "a page tree 5,000 deep": ("resume-too-costly", lambda: resumes.deep_tree_pdf(5000)),
    "XML 100,000 deep": ("resume-broken", lambda: resumes.docx_of(b"<w:p>" * 100_000)),
    "sizes that lie": ("resume-broken", lambda: resumes.lying(resumes.zip_bomb(40 * MB), 1000)),
    # too much
    "10,000 pages": ("resume-too-many-pages", lambda: resumes.pages_pdf(10_000)),
    "1,000 pages that say they are one": (
        "resume-too-many-pages",
        lambda: resumes.pages_pdf(1000, said=1),
    ),
    "51 pages that say nothing true": ("resume-too-many-pages", lambda: resumes.pages_pdf(51, said=-5)),
    "20,001 characters": ("resume-too-much-text", lambda: b"a" * 20_001),
    "9 MB of text": ("resume-too-much-text", lambda: b"word " * (9 * MB // 5)),
    "9 MB of Korean text": ("resume-too-much-text", ("가" * (3 * MB)).encode),
    "80,001 blanks and a word": ("resume-too-much-text", lambda: b"a" + b" " * 80_001 + b"b"),
    "much text in a PDF": (
        "resume-too-much-text",
        lambda: resumes.flate_bomb(MB // 8, b"BT (%s) Tj ET\n" % (b"word " * 200)),
    ),
    "much text in a DOCX": (
        "resume-too-much-text",
        lambda: resumes.docx_of(b"<w:p><w:r><w:t>%s</w:t></w:r></w:p>" % (b"word " * 20_000)),
    ),
    # too costly; what the dearest take is measured in test_resume_confinement.py
    "a zip bomb": ("resume-too-costly", lambda: resumes.zip_bomb(201 * MB)),
    "a zip bomb that says it is 30 MB": ("resume-too-costly", lambda: many_parts(7, 30 * MB)),
    "5,000 entries": (
        "resume-too-costly",
        lambda: resumes.packed({f"word/{number}": b"" for number in range(5000)}),
    ),
}


def outcome(data: bytes) -> str:
    """`format`, or the code of the refusal; nothing else may come of any bytes."""
    try:
        resume = read(data, limits=Limits(wait=120))
    except ResumeError as error:
        return error.code
    assert 0 <= len(resume.text) <= Limits().text
    assert bool(resume.text) != bool(resume.document)
    assert resume.document is None or resume.format == "pdf"
    assert clean(resume.text) == resume.text
    return resume.format


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused(name: str) -> None:
    expected, make = REFUSED[name]
    assert resumes.refusal(make()) == expected


ENCODINGS = ("utf-8", "utf-16", "utf-16-be", "ascii")
DECLARED = {"laughs": resumes.LAUGHS, "external": resumes.EXTERNAL}
SHOWN = {
    ("docx", "laughs", "utf-8"),
    ("docx", "external", "utf-16-be"),
    ("hwpx", "laughs", "utf-16"),
    ("hwpx", "external", "ascii"),
}
"""Each of them once; the others of their combinations show them again."""


@pytest.mark.parametrize(
    ("kind", "declared", "encoding"),
    [
        pytest.param(*case, marks=() if case in SHOWN else pytest.mark.soak)
        for case in itertools.product(("docx", "hwpx"), DECLARED, ENCODINGS)
    ],
)
def test_document_types_are_refused_in_every_encoding(kind: str, declared: str, encoding: str) -> None:
    inside = "<w:p><w:r><w:t>&i;</w:t></w:r></w:p>"
    xml = f"{DECLARED[declared]}<w:document xmlns:w='w'>{inside}</w:document>".encode(encoding)
    data = resumes.docx_of_xml(xml) if kind == "docx" else resumes.hwpx_file(xml)
    assert resumes.refusal(data) == "resume-broken"


def test_arrays_of_any_depth_are_survived() -> None:
    deep = resumes.page_pdf(resumes.stream(b"[" * 200_000))
    assert outcome(deep) in {"resume-broken", "resume-too-costly", "pdf"}
    catalogue = resumes.pdf([b"<< /Type /Catalog /Pages %s >>" % (b"[" * 200_000)])
    assert outcome(catalogue) in {"resume-broken", "resume-too-costly"}


def test_limits_are_those_given() -> None:
    assert resumes.refusal(b"a" * 1001, Limits(size=1000)) == "resume-too-large"
    assert resumes.refusal(b"a" * 101, Limits(text=100)) == "resume-too-much-text"
    assert resumes.refusal(resumes.embedded_pdf(), Limits(text=10)) == "resume-too-much-text"
    assert resumes.refusal(resumes.pages_pdf(3), Limits(pages=2)) == "resume-too-many-pages"
    assert resumes.refusal(resumes.operator_bomb(), Limits(cpu=1)) == "resume-too-costly"
    assert resumes.refusal(resumes.flate_bomb(70 * MB)) == "resume-empty"
    assert resumes.refusal(resumes.flate_bomb(70 * MB), Limits(memory=100 * MB)) == "resume-too-costly"


def test_damaged_files_are_read_or_refused_and_nothing_else() -> None:
    dice = random.Random(20261128)
    plain = resumes.embedded_pdf(compressed=False)
    good = [
        plain,
        resumes.embedded_pdf(),
        resumes.text_pdf(),
        resumes.named_font_pdf(KOREAN, "KSCms-UHC-H", "cp949"),
        resumes.scan_pdf(),
        resumes.encrypted_pdf("", "AES-256", resumes.text_pdf()),
        KOREAN.encode("cp949"),
        KOREAN.encode("utf-16"),
    ]
    archives = [resumes.docx_file(header="a", cells=("b", "c")), resumes.hwpx_file()]
    # Each in its turn, archives twice as often: half of those are changed within.
    wholes = [*good, *archives, *archives]
    cases = [
        (resumes.mutated_inside if number % len(wholes) >= len(good) + 2 else resumes.mutated)(
            wholes[number % len(wholes)], dice
        )
        for number in range(times(24, 20_000))
    ]
    with ThreadPoolExecutor(2) as pool:
        outcomes = set(pool.map(outcome, cases))
    assert {"pdf", "docx", "hwpx", "text", "resume-broken"} <= outcomes
    assert outcomes - {"pdf", "docx", "hwpx", "text"} <= set(MESSAGES) - {"resume-busy"}


def test_a_file_cut_anywhere_is_read_or_refused() -> None:
    for whole in (resumes.text_pdf(), resumes.docx_file("a"), resumes.hwpx_file()):
        for tenth in range(1, 10, times(4, 1)):
            assert outcome(whole[: len(whole) * tenth // 10])
