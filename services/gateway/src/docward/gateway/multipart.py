"""multipart/form-data, read as it arrives: fields are small and kept, the file's bytes are handed on and never kept."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import TypeVar

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser

from docward.gateway.problems import ProblemError

MAX_FIELD_BYTES = 64 * 1024
MAX_FIELDS = 200
MAX_OVERHEAD = 1024 * 1024
"""Bytes of a body beside the file: fields, headers, boundaries, and what stands before and after the parts."""

Fields = dict[str, list[str]]
T = TypeVar("T")
TakeFile = Callable[[str, AsyncIterator[bytes]], Awaitable[T]]
"""Called with the file's name and its bytes. What it leaves unread is read and thrown away."""


class _Parts:
    """The parser's callbacks as a queue of what it has seen: a part's headers, its bytes, its end (None)."""

    def __init__(self, boundary: bytes) -> None:
        self.seen: deque[dict[str, bytes] | bytes | None] = deque()
        self._headers: dict[str, bytes] = {}
        self._name = bytearray()
        self._value = bytearray()
        self.closed = False
        self.parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers_begin,
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": lambda: self.seen.append(self._headers),
                "on_part_data": lambda data, start, end: self.seen.append(data[start:end]),
                "on_part_end": lambda: self.seen.append(None),
                "on_end": self._end,
            },
        )

    def _headers_begin(self) -> None:
        self._headers = {}

    def _header_end(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _end(self) -> None:
        self.closed = True


async def read_form(
    boundary: bytes, body: AsyncIterator[bytes], take_file: TakeFile[T], *, max_bytes: int
) -> tuple[Fields, T]:
    """The form's fields, and what `take_file` made of its one file. Raises ProblemError for what is no such form."""
    fields: Fields = {}
    taken: list[T] = []
    events = _events(boundary, body, max_bytes)
    async for event in events:
        if not isinstance(event, dict):
            continue  # the rest of a file that was not read to its end
        name, filename = disposition(event.get("content-disposition", b""), expected="form-data")
        if filename is not None:
            if name != "file" or taken:
                raise malformed("it must have exactly one file, in the part `file`")
            taken.append(await take_file(filename, _until_end(events)))
        elif sum(len(values) for values in fields.values()) < MAX_FIELDS:
            fields.setdefault(name, []).append(await _text(events))
        else:
            raise malformed("it has too many fields")
    if not taken:
        raise malformed("it must have exactly one file, in the part `file`")
    return fields, taken[0]


def boundary_of(content_type: str) -> bytes:
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not 1 <= len(boundary) <= 70 or not boundary.isascii():
        raise malformed("its Content-Type names no boundary")
    return boundary.encode()


def malformed(why: str) -> ProblemError:
    return ProblemError(400, "malformed-form", f"The form cannot be read: {why}.")


async def _events(
    boundary: bytes, body: AsyncIterator[bytes], limit: int
) -> AsyncIterator[dict[str, bytes] | bytes | None]:
    parts = _Parts(boundary)
    read = 0
    try:
        async for chunk in body:
            read += len(chunk)
            if read > limit:
                raise ProblemError(413, "too-large", f"The form is larger than {limit} bytes.")
            parts.parser.write(chunk)
            while parts.seen:
                yield parts.seen.popleft()
    except MultipartParseError as error:
        raise malformed("its parts are not well formed") from error
    if not parts.closed:
        raise malformed("it ends before its last boundary")


async def _until_end(events: AsyncIterator[dict[str, bytes] | bytes | None]) -> AsyncIterator[bytes]:
    async for event in events:
        if not isinstance(event, bytes):
            return
        yield event


async def _text(events: AsyncIterator[dict[str, bytes] | bytes | None]) -> str:
    value = bytearray()
    async for chunk in _until_end(events):
        value += chunk
        if len(value) > MAX_FIELD_BYTES:
            raise malformed("a field is too long")
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise malformed("a field is not UTF-8") from error


def disposition(value: bytes, *, expected: str = "") -> tuple[str, str | None]:
    """Name and file name in a Content-Disposition header: UTF-8, or as RFC 8187 encodes it, which counts more."""
    header = Message()
    header["content-disposition"] = value.decode("utf-8", errors="replace").replace("\r", " ").replace("\n", " ")
    if expected and header.get_content_disposition() != expected:
        raise malformed("a part has no Content-Disposition")
    found: dict[str, str] = {}
    for key, text in header.get_params([], header="content-disposition"):
        if key in {"name", "filename"} and (isinstance(text, tuple) or key not in found):
            found[key] = _plain(text)
    return found.get("name", ""), found.get("filename")


def _plain(text: str | tuple[str | None, str | None, str]) -> str:
    try:
        return collapse_rfc2231_value(text)
    except (LookupError, ValueError) as error:
        raise malformed("the file's name cannot be read") from error
