"""Which of the supported types a file has, told by its bytes; a name only helps where text looks like text.

Whatever is not surely one of them is None: it is refused with a sentence instead of being guessed at.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import PurePath

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MARKDOWN = "text/markdown"
HEAD_BYTES = 64 * 1024
"""How much of a file `sniff` wants to see."""

TEXT_SUFFIXES = frozenset({"", ".md", ".markdown", ".mdown", ".mkd", ".text", ".txt"})
OTHER_TEXT = (b"{\\rtf", b"<!doctype html", b"<html", b"<?xml", b"%!ps")


def sniff(head: bytes, filename: str = "", whole: Callable[[], bytes] | None = None) -> str | None:
    """The media type, or None for an unsupported one.

    `head` is the file's beginning (HEAD_BYTES suffice). `whole` is called only for a ZIP whose head does not say what
    it holds: writers are free to put the telling entries at the end.
    """
    if b"%PDF-" in head[:1024]:
        return PDF
    if head.startswith(b"PK\x03\x04"):
        return DOCX if _is_word(head, whole) else None
    if not head.strip() or not _is_text(head, PurePath(filename).suffix.lower()):
        return None
    return MARKDOWN


def _is_word(head: bytes, whole: Callable[[], bytes] | None) -> bool:
    if b"word/" in head and b"[Content_Types].xml" in head:
        return True
    if whole is None:
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(whole())) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError):
        return False
    return "[Content_Types].xml" in names and any(name.startswith("word/") for name in names)


def _is_text(head: bytes, suffix: str) -> bool:
    if suffix not in TEXT_SUFFIXES or head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(OTHER_TEXT):
        return False
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    # Text has no control characters beyond the blank ones; a stray NUL or form feed is repaired by the converter.
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head)
    return control * 100 <= len(head)
