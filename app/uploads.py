"""Uploads: a form with one file in it, held in memory alone, since a temporary file would outlive a crash."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from flask import Request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from app import arrival
from app.problems import FieldError, Problem, invalid
from app.room import Claim

if TYPE_CHECKING:  # in the standard library from Python 3.12 on
    from typing_extensions import Buffer

PARTS = 20
"""Fields that a form may have beside the file."""
FIELDS = 64 * 1024
"""Bytes of everything but the file: the other fields, names, and what multipart puts between them."""
# Werkzeug holds the beginning of any part, up to 64 KiB of it, against the limit for a field too.
_FIELD_MEMORY = FIELDS + 128 * 1024


def file_part(request: Request, field: str, limit: int, claim: Claim) -> tuple[bytes, dict[str, str]]:
    """The file in a field, and the other fields' text, of a `multipart/form-data` body.

    The file's name and declared type are dropped: nothing depends on them, and a name is often a person's.

    :param field: the name of the file's field, `resume` or `audio`; no other may hold a file.
    :param limit: bytes of the file.
    :param claim: takes the room that the file needs, as it arrives; to be kept while the file is in use.
    :raises Problem: 400, no such form, or a field given twice; 408, too slow; 413, too large; 422, no file;
        503, no room for it.
    """
    remedy = "remedy.resume" if field == "resume" else "remedy.audio"
    if request.mimetype != "multipart/form-data":
        raise Problem(400, "invalid-multipart", field=field)
    request.max_content_length = limit + FIELDS
    if (request.content_length or 0) > limit + FIELDS:
        raise Problem(413, "too-large", limit=limit)
    parser = FormDataParser(
        lambda *_, **__: _Memory(limit, claim),
        max_form_memory_size=_FIELD_MEMORY,
        max_form_parts=PARTS + 1,
        silent=False,
    )
    try:
        with arrival.in_time(request, limit + FIELDS):
            _, fields, files = parser.parse(
                request.stream, request.mimetype, request.content_length, request.mimetype_params
            )
    except RequestEntityTooLarge:
        raise Problem(413, "fields-too-large", parts=PARTS, limit=FIELDS) from None
    except (ValueError, ClientDisconnected):
        raise Problem(400, "invalid-multipart", field=field) from None
    names = [name for name, _ in fields.items(multi=True)] + [name for name, _ in files.items(multi=True)]
    if None in names or len(set(names)) < len(names) or set(files) - {field}:
        raise Problem(400, "invalid-multipart", field=field)
    if field in fields:
        raise invalid(FieldError(field, "field.not-a-file", remedy, {}))
    stream = files[field].stream if field in files else None
    # Not read(), which makes a second copy.
    data = stream.getvalue() if isinstance(stream, _Memory) else b""
    if not data and not (field in files and files[field].filename):  # what browsers send when none is chosen
        raise invalid(FieldError(field, "field.missing", remedy, {}))
    return data, fields.to_dict()


class _Memory(BytesIO):
    """A file that refuses to grow above a limit, or where there is no room for it."""

    def __init__(self, limit: int, claim: Claim) -> None:
        super().__init__()
        self._limit = limit
        self._claim = claim

    def write(self, data: Buffer, /) -> int:
        size = memoryview(data).nbytes
        try:
            if self.tell() + size > self._limit:
                raise Problem(413, "too-large", limit=self._limit)
            self._claim.grow(size)
        except Problem:
            self.close()  # now: others get the room before the last of this request is gone
            raise
        return super().write(data)
