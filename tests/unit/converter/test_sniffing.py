"""Which files are taken, and which are refused."""

from __future__ import annotations

import io
import zipfile

import pytest

from docward.runtime.sniffing import DOCX, HTML, MARKDOWN, PDF, RST, TEXT, refusal, sniff


def a_zip(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x" * 90_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"%PDF-1.7\n", "spec.pdf", PDF),
        (b"\xef\xbb\xbf%PDF-1.4", "", PDF),
        (b"# Title\n", "spec.md", MARKDOWN),
        ("# Überschrift".encode("utf-16"), "spec.md", MARKDOWN),
        ("Grenze: 5 €".encode("cp1252"), "spec.txt", TEXT),
        ("Grenze: fünf".encode("utf-16-le"), "spec.txt", TEXT),
        (b"# Title\n\nwords\n", "spec.txt", MARKDOWN),
        (b"plain words", "", MARKDOWN),
        (b"", "empty.md", None),
        (b"{\\rtf1 words}", "spec.md", None),
        (b"<!DOCTYPE html><p>x", "", HTML),
        (b"<?xml version='1.0'?>\n<!-- a --><html>", "spec.md", HTML),
        (b"<p>a fragment", "spec.htm", HTML),
        (b"<?xml version='1.0'?><feed>", "spec.html", None),
        (b"Title\n=====\n", "spec.rst", RST),
        (b"MZ\x90\x00\x03\x00\x00\x00\x04", "", None),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0d", "", None),
        (b"print(1)\n", "tool.py", None),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 64, "old.doc", None),
    ],
)
def test_types_are_told_by_their_bytes(head, name, expected):
    assert sniff(head, name) == expected


def test_a_word_document_is_told_from_another_archive():
    word, other = a_zip("[Content_Types].xml", "word/document.xml"), a_zip("xl/workbook.xml", "[Content_Types].xml")
    assert sniff(word[:200_000], "a.docx") == DOCX
    assert sniff(other, "a.docx", lambda: other) is None


def test_the_whole_file_is_asked_only_where_the_head_does_not_say():
    late = a_zip("docProps/app.xml", "[Content_Types].xml", "word/document.xml")
    assert sniff(late[:1000], "a.docx") is None
    assert sniff(late[:1000], "a.docx", lambda: late) == DOCX
    assert sniff(b"# Title\n", "a.md", lambda: pytest.fail("not needed")) == MARKDOWN


def test_a_broken_archive_is_refused():
    assert sniff(b"PK\x03\x04 broken", "a.docx", lambda: b"PK\x03\x04 broken") is None


@pytest.mark.parametrize(
    ("head", "name", "said"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 64, "old.doc", "save it as .docx or PDF"),
        (b"{\\rtf1 words}", "spec.rtf", "save it as .docx or PDF"),
        (b"PK\x03\x04 whatever", "all.zip", "one by one"),
        (b" \n", "spec.md", "empty"),
        (b"print(1)\n", "tool.py", "its name ends in .py"),
    ],
)
def test_a_refusal_says_what_to_do(head, name, said):
    assert sniff(head, name, lambda: head) is None
    assert said in refusal(head, name)


def test_a_word_document_under_a_password_is_taken_to_be_told_so():
    locked = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 90_000 + "EncryptedPackage".encode("utf-16-le")
    assert sniff(locked[:1000], "a.docx", lambda: locked) == DOCX
