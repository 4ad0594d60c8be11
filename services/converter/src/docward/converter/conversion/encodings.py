"""Bytes of text files as text: the encoding is detected, line ends are LF, and what had to be guessed is said."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docward.events.ir import Issue
from docward.events.losses import Dropped
from docward.runtime.sniffing import utf16

DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
NAMES = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "Windows-1252"}


@dataclass(frozen=True)
class Decoded:
    text: str
    warnings: tuple[Issue, ...]
    dropped: tuple[Dropped, ...]

    @property
    def lost(self) -> int:
        """Characters of the file that are not in the text."""
        return sum(item.characters for item in self.dropped)


def decode(data: bytes, *, page: bool = False) -> Decoded:
    """UTF-8 unless the bytes say otherwise; a `page` (HTML) may declare another encoding. Every byte string decodes."""
    text, warnings = _text(data, page=page)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    nul = text.count("\0")
    if not nul:
        return Decoded(text, tuple(warnings), ())
    message = f"{nul} NUL character{'s' * (nul > 1)} removed: text cannot hold them."
    dropped = Dropped(what="NUL characters", characters=nul, why="text cannot hold them")
    return Decoded(text.replace("\0", ""), (*warnings, Issue(code="nul-removed", message=message)), (dropped,))


def _text(data: bytes, *, page: bool) -> tuple[str, list[Issue]]:
    if encoding := utf16(data):
        return _guessed(data, encoding)
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        declared = DECLARED.search(data[:4096]) if page else None
    if declared:
        try:
            return data.decode(declared[1].decode("ascii")), []
        except (UnicodeDecodeError, LookupError):
            pass  # it is not what it says: guess, as of any other text
    return _guessed(data, "cp1252")


def _guessed(data: bytes, encoding: str) -> tuple[str, list[Issue]]:
    text = data.decode(encoding, errors="replace")
    lost = text.count("\ufffd")
    more = f"; {lost} bytes have no meaning in it and became U+FFFD" if lost else ""
    return text, [Issue(code="encoding", message=f"The file is not UTF-8; it was read as {NAMES[encoding]}{more}.")]
