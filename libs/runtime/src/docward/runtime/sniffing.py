"""Which of the supported types a file has, told by its bytes; a name only helps where text looks like text.

Whatever is not surely one of them is None: it is refused with a sentence instead of being guessed at.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import PurePath

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
MARKDOWN = "text/markdown"
TEXT = "text/plain"
HTML = "text/html"
RST = "text/x-rst"
HEAD_BYTES = 64 * 1024
"""How much of a file `sniff` wants to see."""

SUFFIXES = {PDF: ".pdf", DOCX: ".docx", MARKDOWN: ".md", TEXT: ".txt", HTML: ".html", RST: ".rst"}
"""The usual suffix of each supported type."""
TEXT_SUFFIXES = {
    **dict.fromkeys(("", ".md", ".markdown", ".mdown", ".mkd", ".myst"), MARKDOWN),
    **dict.fromkeys((".txt", ".text"), TEXT),
    **dict.fromkeys((".html", ".htm", ".xhtml"), HTML),
    **dict.fromkeys((".rst", ".rest"), RST),
}
MARKED_UP = re.compile(rb"^(?:#{1,6} \S|```|\|.*\|\s*$)", re.MULTILINE)
"""What in a `.txt` says that it is Markdown: a heading, a fence, a table."""
PAGE = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
"""How a page begins that says what it is."""
OTHER_TEXT = (b"{\\rtf", b"<?xml", b"%!ps")
ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
CONTAINERS = (ZIP, OLE)
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
TAKEN = "PDF, DOCX, Markdown, HTML, reStructuredText or plain text"
SAVE_AS = (
    (OLE, "This is a file of an old Office program (.doc): open it in Word, save it as .docx or PDF and send that."),
    (b"{\\rtf", "This is an RTF file: open it in Word, save it as .docx or PDF and send that."),
    (b"%!ps", "This is a PostScript file: make a PDF of it and send that."),
    (ZIP, "This is a ZIP file, but no Word document: send the documents in it one by one, each as .docx or PDF."),
)


def sniff(head: bytes, filename: str = "", whole: Callable[[], bytes] | None = None) -> str | None:
    """The media type, or None for an unsupported one.

    `head` is the file's beginning (HEAD_BYTES suffice). `whole` is called only for a container (CONTAINERS) whose head
    does not say what it holds: writers are free to put the telling entries at the end.
    """
    if b"%PDF-" in head[:1024]:
        return PDF
    if head.startswith(ZIP):
        return DOCX if _is_word(head, whole) else None
    if head.startswith(OLE) and (ENCRYPTED in head or (whole is not None and ENCRYPTED in whole())):
        return DOCX  # a Word document under a password: the converter says so
    media_type = TEXT_SUFFIXES.get(PurePath(filename).suffix.lower())
    text = _as_ascii(head)
    if PAGE.match(text):
        return HTML
    if media_type is None or not text.strip() or not _is_text(text):
        return None
    if media_type == TEXT and MARKED_UP.search(text):
        return MARKDOWN
    return media_type


def refusal(head: bytes, filename: str = "") -> str:
    """Why a file of which `sniff` says None is not taken, and what to do."""
    if not head.strip():
        return "The file is empty: check that the right one was sent."
    for start, sentence in SAVE_AS:
        if head.startswith(start) or head[:8].lower().startswith(start):
            return sentence
    suffix = PurePath(filename).suffix.lower()
    named = f" its name ends in {suffix};" if suffix and suffix not in TEXT_SUFFIXES else ""
    return f"This is no {TAKEN} file;{named} convert it to one of these and send that."


def utf16(head: bytes) -> str | None:
    """The name of the UTF-16 that the bytes are in, with or without byte order mark; None for another encoding."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    sample = head[: 2048 & ~1]
    half = len(sample) // 2
    if half >= 4:
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        if odd > 0.6 * half and even < 0.05 * half:
            return "utf-16-le"
        if even > 0.6 * half and odd < 0.05 * half:
            return "utf-16-be"
    return None


def _as_ascii(head: bytes) -> bytes:
    """Text in whatever encoding as bytes in which ASCII is ASCII."""
    encoding = utf16(head)
    text = head.decode(encoding, errors="replace").encode() if encoding else head
    return text.removeprefix(b"\xef\xbb\xbf")


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


def _is_text(text: bytes) -> bool:
    lowered = text.lstrip().lower()
    if lowered.startswith(OTHER_TEXT):
        return False
    # Text has no control characters beyond the blank ones; a stray NUL or form feed is repaired by the converter.
    control = sum(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in text)
    return control * 100 <= len(text)
