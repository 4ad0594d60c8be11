"""Markdown passes through; what had to be normalised is said."""

from __future__ import annotations

import pytest

from docward.converter.conversion import ConversionError, convert

MARKDOWN = "text/markdown"


def converted(data: bytes):
    return convert(data, MARKDOWN, document_id="d")


def test_bytes_pass_through(sound):
    text = "# Title\n\nA *paragraph* with `code`, “quotes” and 5 %.\n\n- one\n- two\n"
    conversion = converted(text.encode())
    assert conversion.markdown == text
    assert conversion.report.warnings == ()
    sound(conversion)


def test_line_ends_and_byte_order_mark_are_normalised():
    assert converted(b"\xef\xbb\xbf# A\r\n\r\nb\rc\n").markdown == "# A\n\nb\nc\n"


@pytest.mark.parametrize(("encoding", "name"), [("utf-16", "UTF-16"), ("cp1252", "Windows-1252")])
def test_another_encoding_is_read_and_named(encoding, name):
    conversion = converted("Überprüfung der Grenze: 5 € “heute”\n".encode(encoding))
    assert conversion.markdown == "Überprüfung der Grenze: 5 € “heute”\n"
    assert [issue.code for issue in conversion.ir.issues] == ["encoding"]
    assert name in conversion.ir.issues[0].message


def test_nul_characters_are_removed_and_reported():
    conversion = converted(b"a\0b\n")
    assert conversion.markdown == "ab\n"
    assert [(item.what, item.characters) for item in conversion.report.dropped] == [("NUL characters", 1)]


def test_nothing_but_blanks_is_empty():
    with pytest.raises(ConversionError) as error:
        converted(b" \n\t\n")
    assert error.value.reason == "empty"


def test_an_unknown_type_is_refused_with_its_name():
    with pytest.raises(ConversionError, match=r"spec\.rtf"):
        convert(b"{\\rtf1}", "application/rtf", document_id="d", filename="spec.rtf")


def test_front_matter_becomes_metadata():
    entries = 'title: "Alpha"\nversion: 1.2  # draft\nowner: Desk\ntags:\n  - one\n  - two\nlist: [a, b]\n'
    text = f"---\n{entries}---\n\n# Other\n"
    ir = converted(text.encode()).ir
    assert ir.title == "Alpha"
    assert ir.metadata == {"title": "Alpha", "version": "1.2", "owner": "Desk", "tags": "one, two", "list": "a, b"}
    assert ir.blocks[0].kind == "front-matter"


def test_version_and_owner_are_read_from_the_first_lines_and_from_a_control_table():
    control = "| Item | Value |\n| --- | --- |\n| Owner | Head of Desk |\n| Date | 2026-01-02 |\n"
    text = f"# A\n\n**Version:** 2.1\n\n## 1 Schedule\n\n- Effective date: third Friday\n\n{control}"
    assert converted(text.encode()).ir.metadata == {"version": "2.1", "owner": "Head of Desk", "date": "2026-01-02"}
