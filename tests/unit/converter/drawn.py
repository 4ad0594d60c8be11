"""Documents drawn for every parser: put together of what its format knows, damaged, or of any bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from reportlab.pdfgen import canvas

from docward.runtime.sniffing import DOCX, HTML, MARKDOWN, PDF, RST, TEXT
from unit.converter.hostile import CATALOG, FONT, PAGES, one_page, pdf, said, stream, word

T = TypeVar("T")
MARKS = (
    *"#*_`~|-+>[](){}$\\:!<&\n\t ", "---\n", "```\n", "```{math}\n", ":::{note}\n", "(target)=\n", "{math}`x`", "[^1]",
    "[^1]: ", "$$\n", "\n\n", "    ", "| a | b |\n| - | - |\n", "\\begin{align}\n", "\\end{align}\n",
    "1. ", "α", "\ufeff", "word", "5 %", "\x00", "\u2028",
)  # fmt: skip
DIRECTIVES = (
    *"*_`|:.-=~^+>[]() \n\t", "\n\n", "====\n", "----\n", ".. math::\n\n   ", ".. note::\n\n   ", ".. table:: a\n\n   ",
    ".. list-table::\n\n   * - a\n     - b\n", ".. csv-table::\n\n   a,b\n", ".. code::\n\n   ", ".. |s| replace:: ",
    "|s|", ".. _t:\n\n", "t_", ":math:`x`", ":ref:`t`", ".. [1] ", "[1]_", "::\n\n  ", "+--+--+\n", "|a |b |\n",
    "== ==\n", "a  b\n", ".. include:: x\n", ".. raw:: html\n\n   ", "word", "5 %", "α", "\x00",
)  # fmt: skip
TAGS = (
    "<p>", "</p>", "<h1>", "</h1>", "<h3>", "</h3>", "<ul>", "<ol start=7>", "<li>", "</ul>", "<table>", "<tr>", "<td>",
    "<td colspan=3>", "<td rowspan=2>", "<th>", "</td>", "</table>", "<a href='#a'>", "</a>", "<b>", "</b>", "<pre>",
    "</pre>", "<code>", "</code>", "<sup>2</sup>", "<math><mi>x</mi></math>", "<script>", "</script>", "<style>",
    "</style>", "<div hidden>", "</div>", "<nav>", "</nav>", "<br>", "<img alt='a'>", "<!--", "-->", "<blockquote>",
    "</blockquote>", "<dl><dt>", "<dd>", "&amp;", "&#0;", "&nosuch;", "<", ">", "word", "5 %", "$1$", "α", "\x00", "\n",
)  # fmt: skip
NAMES = (
    "w:p", "w:r", "w:t", "w:tbl", "w:tr", "w:tc", "w:tcPr", "w:gridSpan", "w:vMerge", "w:trPr", "w:gridBefore", "w:pPr",
    "w:numPr", "w:ilvl", "w:numId", "w:pStyle", "w:sdt", "w:sdtContent", "w:ins", "w:del", "w:delText", "w:fldChar",
    "w:instrText", "w:hyperlink", "w:footnoteReference", "w:txbxContent", "w:sym", "w:br", "w:drawing", "w:outlineLvl",
    "w:moveFrom", "w:moveTo", "w:rPr", "w:commentRangeStart", "w:commentRangeEnd", "w:commentReference",
    "m:oMath", "m:oMathPara", "m:r", "m:t", "m:f", "m:num", "m:den", "m:nary", "m:e", "m:sub", "m:d", "m:m", "m:mr",
    "m:eqArr", "m:acc", "m:func", "m:fName", "m:limLow", "m:lim",
)  # fmt: skip
VALUES = (
    "", "0", "-1", "1", "2", "9", "999999999", "99999999999", "restart", "begin", "separate", "end", "Heading1", "F0B7",
)  # fmt: skip
OPERATORS = (
    b"BT", b"ET", b"q", b"Q", b"/F 12 Tf", b"/F 0 Tf", b"/F 1e9 Tf", b"/G 9 Tf", b"20 100 Td", b"0 -14 TD", b"T*",
    b"(Hello) Tj", b"(5 % of \\(x\\)) Tj", b"<0041FFFF> Tj", b"[(a) -250 (b) 1e9 (c)] TJ", b"() '", b"1 Tr", b"3 Tr",
    b"1 0 0 1 50 50 Tm", b"0 1 -1 0 90 90 Tm", b"0 0 0 0 0 0 cm", b"2 0 0 -2 0 0 cm", b"10 10 90 40 re", b"0 0 m",
    b"100 0 l", b"S", b"f", b"W n", b"/A Do", b"BI /W 2 /H 2 /BPC 8 /CS /G ID abcd EI", b"/P <</MCID 0>> BDC", b"EMC",
    b"1e38 -1e38 Td", b"99999999999999999999 w", b"]", b">>", b"(", b"\x00\xff",
)  # fmt: skip
OBJECTS = (
    b"null", b"[]", b"<<>>", b"[1 0 R 2 0 R 3 0 R]", b"<</Type/Pages/Kids[3 0 R 4 0 R]/Count 2>>", b"<</Length 4 0 R>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents[4 0 R 4 0 R 5 0 R]/Rotate 90>>", FONT, b"-1", b"(text)",
    b"<</Type/Page/Parent 2 0 R/MediaBox[9 9 1 1]/Contents 3 0 R/Resources 5 0 R>>", stream(b"BT (x) Tj ET"),
    b"<</Font<</F 5 0 R>>/XObject<</A 4 0 R>>>>", b"<</Type/ObjStm/N 9/First 2>>", b"<</Annots[5 0 R]/Dests 1 0 R>>",
    b"<</Type/Font/Subtype/Type0/DescendantFonts[5 0 R]/ToUnicode 4 0 R>>", b"<</Subtype/Link/A<</URI(x)>>/Rect[0]>>",
)  # fmt: skip


def _some(parts: Sequence[T], most: int = 60) -> st.SearchStrategy[list[T]]:
    """Also many: left to itself, a list is short."""
    return st.integers(0, most).flatmap(lambda least: st.lists(st.sampled_from(parts), min_size=least, max_size=most))


def _written(parts: Sequence[str]) -> st.SearchStrategy[bytes]:
    return _some(parts).map(lambda some: "".join(some).encode())


def _element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def written(name: str, value: str, inside: list[str]) -> str:
        attributes = f'w:val="{value}" w:id="{value}" w:fldCharType="{value}" w:char="{value}"'
        return f"<{name} {attributes}>{''.join(inside)}</{name}>"

    return st.builds(written, st.sampled_from(NAMES), st.sampled_from(VALUES), st.lists(children, max_size=4))


def _page() -> bytes:
    page = canvas.Canvas(out := io.BytesIO(), invariant=1, pageCompression=0)
    page.drawString(72, 700, "1 Scope")
    page.drawString(72, 680, "The rate is 5 % of the volume.")
    page.grid([72, 172, 272], [500, 520, 540])
    page.drawString(80, 525, "Name")
    page.save()
    return out.getvalue()


def _damaged(intact: bytes) -> st.SearchStrategy[bytes]:
    """With some bytes replaced, and maybe cut, repeated, or without a piece."""

    def damage(changes: list[tuple[int, int]], start: int, end: int, again: int) -> bytes:
        data = bytearray(intact)
        for at, byte in changes:
            data[at % len(data)] = byte
        start, end = sorted((start % len(data), end % len(data)))
        return bytes(data[:start] + data[start:end] * again + data[end:])

    place = st.integers(0, 10**9)
    return st.builds(
        damage, st.lists(st.tuples(place, st.integers(0, 255)), max_size=20), place, place, st.integers(0, 3)
    )


_BODIES = st.lists(st.recursive(st.sampled_from(("text", "$1_a*", "(2)", "α≤β")), _element, max_leaves=25), max_size=5)
_CONTENTS = _some(OPERATORS).map(lambda some: one_page(b" ".join((b"BT /F 12 Tf 20 100 Td (Hello) Tj", *some))))
_TREES = st.lists(st.sampled_from(OBJECTS), min_size=2, max_size=6).map(lambda some: pdf(CATALOG, PAGES, *some))
_TABLE = f"<w:tbl><w:tr><w:tc>{said('Name')}</w:tc><w:tc>{said('5 %')}</w:tc></w:tr></w:tbl>"
_ANY = st.binary(max_size=400)

DRAWN: dict[str, st.SearchStrategy[bytes]] = {
    PDF: st.one_of(_CONTENTS, _TREES, _damaged(_page()), _ANY.map(b"%PDF-1.7\n".__add__)),
    DOCX: st.one_of(
        _BODIES.map(lambda parts: word(said("A real paragraph.") + "".join(parts))),
        _damaged(word(said("The rate is 5 %.") * 3 + _TABLE)),
        _ANY.map(b"PK\x03\x04".__add__),
    ),
    MARKDOWN: st.one_of(_written(MARKS), _ANY),
    RST: st.one_of(_written(DIRECTIVES), _ANY),
    HTML: st.one_of(_written(TAGS), _damaged(b"<h1>Rate</h1><table><tr><td>5 %</td></tr></table>"), _ANY),
    TEXT: st.one_of(_written(MARKS), _ANY),
}
"""By media type."""
