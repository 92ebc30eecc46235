"""Resumes as files, good ones and hostile ones, all made here: what is in them can be read in the code."""

from __future__ import annotations

import functools
import random
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import get_args

import docx
import pytest
from fpdf import FPDF
from pypdf import PdfReader, PdfWriter

from app.languages import Language
from app.messages import say
from app.resumes import Limits, ResumeError, read

KOREAN = (
    "김민지\nSpring Boot와 JPA로 주문 API를 개발하고 운영\n"
    "Redis 캐시 도입으로 응답 시간을 900ms에서 120ms로 단축\n똠방각하 펲시콜라 (가나다)"
)
"""The last line has syllables that CP949 has and EUC-KR has not."""

HWPX_TYPE = b"application/hwp+zip"
MB = 2**20
_FONTS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))


def korean_font() -> Path:
    """A real Korean font; `scripts/system-packages` installs it."""
    found = (file for folder in _FONTS for file in sorted(folder.rglob("NanumGothic.ttf")))
    return next(found)


def same(text: str) -> str:
    """Without the line ends and blanks that a layout adds."""
    return "".join(text.split())


def refusal(data: bytes, limits: Limits | None = None) -> str:
    """Why a file is refused; the sentences for it are there, with all that they mention."""
    with pytest.raises(ResumeError) as refused:
        read(data, limits=limits or Limits())
    for language in get_args(Language):
        assert say(refused.value.code, language)
        assert say(f"{refused.value.code}.detail", language, **refused.value.values)
    return refused.value.code


# --- PDF ------------------------------------------------------------------------------------------


def pdf(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A PDF of objects that are numbered from 1; the first is its catalogue."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (len(objects) + 1, trailer)
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


CATALOGUE = b"<< /Type /Catalog /Pages 2 0 R >>"
LATIN = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"


def stream(data: bytes, entries: bytes = b"") -> bytes:
    """A stream object."""
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), entries, data)


def page_pdf(
    contents: bytes,
    *,
    font: bytes = LATIN,
    picture: bytes = b"",
    resources: bytes = b"",
    trailer: bytes = b"",
) -> bytes:
    """A PDF of one page.

    :param contents: a stream object; :param font: named F; :param picture: a stream object, named P.
    """
    pictures = b"/XObject << /P 6 0 R >>" if picture else b""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << "
    page += b"/Font << /F 5 0 R >> %s %s >> >>" % (pictures, resources)
    tree = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
    return pdf([CATALOGUE, tree, page, contents, font, *([picture] if picture else [])], trailer)


def shown(text: bytes) -> bytes:
    """A stream that shows lines of text in the font F; `text` as hexadecimal digits."""
    lines = b"".join(b"<%s> Tj T*\n" % line for line in text.split(b"\n"))
    return stream(b"BT /F 12 Tf 14 TL 50 780 Td\n%sET" % lines)


def text_pdf(text: str = "Jane Doe, backend engineer") -> bytes:
    """A small PDF with text in Latin letters, nothing in it compressed."""
    return page_pdf(shown(b"\n".join(line.encode("cp1252").hex().encode() for line in text.split("\n"))))


@functools.cache
def embedded_pdf(text: str = KOREAN, *, compressed: bool = True) -> bytes:
    """As word processors and browsers do it: a subset of a Korean font, by glyph numbers, with ToUnicode."""
    made = FPDF()
    made.set_compression(compressed)
    made.add_page()
    made.add_font("Nanum", fname=str(korean_font()))
    made.set_font("Nanum", size=11)
    made.multi_cell(0, 8, text)
    return bytes(made.output())


def named_font_pdf(text: str, encoding: str, codec: str) -> bytes:
    """As Korean office programs write it: a font by its name, its text in one of the predefined encodings."""
    font = (
        f"<< /Type /Font /Subtype /Type0 /BaseFont /HYSMyeongJo-Medium /Encoding /{encoding} "
        "/DescendantFonts ["
        "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HYSMyeongJo-Medium /DW 1000 /CIDSystemInfo "
        "<< /Registry (Adobe) /Ordering (Korea1) /Supplement 1 >> /FontDescriptor << /Type /FontDescriptor "
        "/FontName /HYSMyeongJo-Medium /Flags 6 /FontBBox [0 -148 1001 880] /ItalicAngle 0 /Ascent 880 "
        "/Descent -120 /CapHeight 880 /StemV 60 >> >>] >>"
    )
    lines = b"\n".join(line.encode(codec).hex().encode() for line in text.split("\n"))
    return page_pdf(shown(lines), font=font.encode())


def scan_pdf(contents: bytes = b"q 595 0 0 842 0 0 cm /P Do Q") -> bytes:
    """A page that is a picture."""
    picture = stream(
        zlib.compress(bytes(range(256)) * 16),
        b"/Type /XObject /Subtype /Image /Width 64 /Height 64 /ColorSpace /DeviceGray /BitsPerComponent 8"
        b" /Filter /FlateDecode",
    )
    return page_pdf(stream(contents), picture=picture)


def encrypted_pdf(user: str, algorithm: str, plain: bytes | None = None) -> bytes:
    """With a password for changing it, and one for opening it, which may be empty."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(plain or embedded_pdf())))
    writer.encrypt(user, "owner's", algorithm=algorithm)
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def deflated(unit: bytes, size: int) -> bytes:
    """`size` bytes or a little more, of one block that is deflated once and there again and again."""
    block = unit * (MB // len(unit))
    count = size // len(block) + 1
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    packed = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)  # refers to nothing before it
    check = 1
    for _ in range(count):
        check = zlib.adler32(block, check)
    return b"\x78\xda" + packed * count + packer.flush() + check.to_bytes(4)


def flate_bomb(size: int, unit: bytes = b" ") -> bytes:
    """A page whose contents unpack to `size` bytes."""
    return page_pdf(stream(deflated(unit, size), b"/Filter /FlateDecode"))


def nested_flate_bomb(size: int) -> bytes:
    """The same, packed twice: some kilobytes."""
    twice = zlib.compress(deflated(b" ", size), 9)
    return page_pdf(stream(twice, b"/Filter [/FlateDecode /FlateDecode]"))


def operator_bomb() -> bytes:
    """Text is shown five million times, none each time; pages without such operators are not gone through."""
    return flate_bomb(60 * MB, b"BT () Tj ET\n")


def pages_pdf(count: int, *, said: int | None = None) -> bytes:
    """Many pages, and how many it says it has."""
    kids = b" ".join(b"%d 0 R" % (number + 4) for number in range(count))
    tree = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, count if said is None else said)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 3 0 R >>"
    return pdf([CATALOGUE, tree, stream(b"0 0 m"), *[page] * count])


def cyclic_pdf() -> bytes:
    """A page tree whose only branch is the tree itself."""
    return pdf([CATALOGUE, b"<< /Type /Pages /Kids [2 0 R] /Count 1 >>"])


def deep_tree_pdf(depth: int) -> bytes:
    """A page tree that is one long branch."""
    nodes = [b"<< /Type /Pages /Kids [%d 0 R] /Count 1 >>" % (number + 3) for number in range(depth)]
    return pdf([CATALOGUE, *nodes, b"<< /Type /Page /MediaBox [0 0 9 9] >>"])


# --- office formats -------------------------------------------------------------------------------


def packed(entries: Mapping[str, bytes] | Iterable[tuple[str, bytes]]) -> bytes:
    """A zip; the entry `mimetype` is stored, the others deflated."""
    out = BytesIO()
    with (
        warnings.catch_warnings(action="ignore"),
        zipfile.ZipFile(out, "w") as archive,
    ):  # of a name given twice
        for name, content in entries.items() if isinstance(entries, Mapping) else entries:
            kind = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, content, compress_type=kind, compresslevel=1)
    return out.getvalue()


def docx_file(text: str = KOREAN, *, header: str = "", cells: Sequence[str] = ()) -> bytes:
    """As python-docx writes it."""
    document = docx.Document()
    if header:
        document.sections[0].header.paragraphs[0].text = header
    for line in text.split("\n"):
        document.add_paragraph(line)
    if cells:
        table = document.add_table(rows=1, cols=len(cells))
        for cell, content in zip(table.rows[0].cells, cells, strict=True):
            cell.text = content
    out = BytesIO()
    document.save(out)
    return out.getvalue()


W = b"http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def docx_of(body: bytes) -> bytes:
    """A DOCX around the XML of a body."""
    return docx_of_xml(b'<w:document xmlns:w="%s"><w:body>%s</w:body></w:document>' % (W, body))


def docx_of_xml(xml: bytes) -> bytes:
    """A DOCX around any main part."""
    return packed({"[Content_Types].xml": b"<Types/>", "word/document.xml": xml})


def zip_bomb(size: int) -> bytes:
    """A DOCX whose main part unpacks to `size` bytes."""
    return docx_of(b" " * size)


def section(paragraphs: Iterable[str]) -> bytes:
    """The XML of an HWPX section."""
    inner = "".join(
        f'<hp:p id="0"><hp:run charPrIDRef="0"><hp:t>{p}</hp:t></hp:run></hp:p>' for p in paragraphs
    )
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes" ?>'
        '<hs:sec xmlns:hs="http://www.hancom.co.kr/hwpml/2011/section"'
        f' xmlns:hp="http://www.hancom.co.kr/hwpml/2011/paragraph">{inner}</hs:sec>'
    ).encode()


def hwpx_file(*sections: bytes, manifest: bytes = b"<manifest/>") -> bytes:
    """An HWPX of sections; of `KOREAN` without any."""
    parts = sections or (section(KOREAN.split("\n")),)
    entries = {"mimetype": HWPX_TYPE, "version.xml": b"<version/>", "META-INF/manifest.xml": manifest}
    return packed(entries | {f"Contents/section{number}.xml": part for number, part in enumerate(parts)})


def lying(archive: bytes, size: int) -> bytes:
    """The same zip, whose entries all say that they unpack to `size` bytes."""
    out = bytearray(archive)
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        for found in re.finditer(re.escape(signature), archive):
            struct.pack_into("<I", out, found.start() + offset, size)
    return bytes(out)


def locked(archive: bytes) -> bytes:
    """The same zip, whose entries all say that they are encrypted."""
    out = bytearray(archive)
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        for found in re.finditer(re.escape(signature), archive):
            out[found.start() + offset] |= 1
    return bytes(out)


LAUGHS = "".join(
    [
        '<!DOCTYPE w:document [<!ENTITY a "ha">',
        *(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
        "]>",
    ]
)
EXTERNAL = '<!DOCTYPE w:document [<!ENTITY i SYSTEM "file:///etc/hostname">]>'


# --- mutations ------------------------------------------------------------------------------------


def mutated(data: bytes, dice: random.Random) -> bytes:
    """A few random changes: bytes, numbers, pieces cut out, doubled or moved, an end that is missing."""
    out = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        if not out:
            break
        start = dice.randrange(len(out))
        end = min(len(out), start + dice.choice((1, 4, 30, 400)))
        match dice.randrange(6):
            case 0:
                out[start] = dice.randrange(256)
            case 1:
                del out[start:end]
            case 2:
                out[start:start] = out[start:end] * dice.choice((1, 2, 50))
            case 3:
                out[start:end] = dice.randbytes(end - start)
            case 4:
                numbers = list(re.finditer(rb"\d+", out))
                if numbers:
                    number = dice.choice(numbers)
                    out[number.start() : number.end()] = dice.choice((b"0", b"-1", b"3", b"99999999", b"1e9"))
            case 5 if dice.random() < 0.3:
                del out[start:]
    return bytes(out)


def mutated_inside(archive: bytes, dice: random.Random) -> bytes:
    """A good zip around parts of which one is changed, so that the change reaches the XML."""
    with zipfile.ZipFile(BytesIO(archive)) as opened:
        entries = {name: opened.read(name) for name in opened.namelist()}
    name = dice.choice(
        [name for name in entries if re.search(r"document\.xml|header\d|section|mimetype", name)]
    )
    return packed(entries | {name: mutated(entries[name], dice)})
