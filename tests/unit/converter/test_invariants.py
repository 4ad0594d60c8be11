"""What holds for every document: sound spans and ids, the same result twice, and no surprise on any bytes."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from reportlab.pdfgen import canvas

from docward.converter.conversion import ConversionError, convert
from docward.converter.conversion.prose import at_word, plain
from docward.converter.conversion.writing import escape, heading, paragraph, table
from docward.runtime.sniffing import DOCX, MARKDOWN, PDF

RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

PHRASES = """the rate of each order is 5 % EUR 1.5 million means “Trading Day” **Bar**: (ATR) Section 3.2 Appendix B
Table 1 where $x_t$ = a / b `code` [link](#a) https://e.org/x Policy v2.1 TBD * _ | \\ $ ![i](x) [^1] <b> & . ,"""
WORDS = st.sampled_from(sorted(set(PHRASES.split())))
LINE = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
PREFIX = st.sampled_from(
    ["", "# ", "## 1 ", "### 1.1 ", "- ", "  - ", "1. ", "> ", "    ", "[^1]: ", "| ", "Table 1: "]
)
SPECIAL = st.sampled_from(
    [
        "---",
        "```",
        "~~~python",
        "$$",
        "$$ a = b / c $$",
        "| a | b |\n| --- | --- |\n| 1 | 2 |",
        "===",
        "",
        "",
        "<div>",
        "\\begin{equation}",
    ]
)
DOCUMENT = st.lists(st.one_of(st.builds("{}{}".format, PREFIX, LINE), SPECIAL), max_size=25).map("\n".join)


@RELAXED
@given(DOCUMENT)
@example("- - a\n\n  b\n> - c\n\n| x |\n| - |\n| y |")
@example("[^1]: note\n\n    more\n\ntext[^1]")
def test_markdown_documents_are_sound(sound, text):
    if text.strip():
        sound(convert(text.encode(), MARKDOWN, document_id="d"))


@RELAXED
@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=1))
def test_any_text_is_sound(sound, text):
    with contextlib.suppress(ConversionError):
        sound(convert(text.encode(), MARKDOWN, document_id="d"))


@RELAXED
@given(st.binary(max_size=400), st.sampled_from([MARKDOWN, DOCX, PDF]))
def test_any_bytes_end_in_a_result_or_a_typed_error(data, media_type):
    with contextlib.suppress(ConversionError):
        convert(data, media_type, document_id="d")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 255)), min_size=1, max_size=20), st.booleans())
def test_damaged_files_end_in_a_result_or_a_typed_error(sound, intact, changes, as_pdf):
    original = intact[PDF if as_pdf else DOCX]
    data = bytearray(original)
    for at, byte in changes:
        data[at % len(data)] = byte
    with contextlib.suppress(ConversionError):
        sound(convert(bytes(data), PDF if as_pdf else DOCX, document_id="d"))


@pytest.fixture
def intact(word_file, paragraph) -> dict[str, bytes]:
    page = canvas.Canvas(out := io.BytesIO(), invariant=1, pageCompression=0)
    page.drawString(72, 700, "1 Scope")
    page.drawString(72, 680, "The rate is 5 % of the volume.")
    page.grid([72, 172, 272], [500, 520, 540])
    page.drawString(80, 525, "Name")
    page.save()
    return {PDF: out.getvalue(), DOCX: word_file(paragraph("The rate is 5 %.") * 3)}


@RELAXED
@given(DOCUMENT)
def test_the_same_document_has_the_same_ir_and_other_ids_under_another_id(text):
    if not text.strip():
        return
    one, same = (convert(text.encode(), MARKDOWN, document_id="d") for _ in range(2))
    other = convert(text.encode(), MARKDOWN, document_id="e")
    assert one == same
    assert not {block.id for block in one.ir.blocks} & {block.id for block in other.ir.blocks}


@RELAXED
@given(st.lists(st.text(alphabet="ab 5%*_`[](){}<>&$|#+-=\\^~!.1", min_size=1, max_size=12), min_size=1, max_size=6))
@example(["__1", "1_"])
@example(["<$1", "$1$"])
@example(["+"])
@example(["_", "_", "_"])
@example(["=", "="])
def test_escaped_text_reads_back_as_itself(words):
    text = " ".join(" ".join(words).split())
    if not text or text[0] in "-*1" or plain(text) == "":
        return
    markdown = paragraph(escape(text))
    pieces = convert(f"before\n\n{markdown}\n\nafter\n".encode(), MARKDOWN, document_id="d").ir
    assert [block.kind for block in pieces.blocks] == ["paragraph"] * 3
    assert rendered(markdown) == text


def rendered(markdown: str) -> str:
    """The words that a reader sees, by the parser itself."""
    from docward.converter.conversion.blocks import parser

    inline = parser().parse(markdown)[1]
    assert all(child.type in {"text", "text_special", "softbreak"} for child in inline.children or ())
    return "".join("\n" if child.type == "softbreak" else child.content for child in inline.children or ())


@RELAXED
@given(st.lists(st.lists(st.text(alphabet="ab|\\ 5*", max_size=6), min_size=2, max_size=2), min_size=2, max_size=4))
@example([["", ""], ["", "\\|"]])
@example([["", ""], ["", "* 5*"]])
def test_written_tables_read_back_cell_by_cell(rows):
    rows = [[" ".join(cell.split()) for cell in row] for row in rows]
    if not any(any(row) for row in rows):
        return
    markdown = table([[escape(cell) for cell in row] for row in rows])
    (found,) = convert(markdown.encode(), MARKDOWN, document_id="d").ir.tables
    assert [[cell.text for cell in row] for row in (found.header, *found.rows)] == rows


def test_headings_are_one_line():
    assert heading(9, "a\nb") == "###### a b"


def test_the_result_does_not_depend_on_the_hash_seed():
    program = (
        "from docward.converter.conversion import convert; from pathlib import Path; import hashlib;"
        "c = convert(Path('samples/intraday-mean-reversion.md').read_bytes(), 'text/markdown', document_id='d');"
        "print(hashlib.sha256(c.ir.model_dump_json().encode()).hexdigest())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


@RELAXED
@given(st.text(alphabet="Sst. _(é", max_size=20))
def test_a_pattern_that_skips_to_letters_finds_what_a_word_boundary_finds(text):
    skipping = re.compile(at_word(r"S\(", "[Ss]t?", r"t\."))
    trying = re.compile(r"\b(?:S\(|[Ss]t?|t\.)")
    assert [found.span() for found in skipping.finditer(text)] == [found.span() for found in trying.finditer(text)]
