"""Drawn documents: whatever is put together or damaged how, a conversion is sound or ends typed."""

from __future__ import annotations

import contextlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docward.converter.conversion import ConversionError, convert
from docward.runtime.sniffing import DOCX, MARKDOWN

BOUNDED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
MARKS = (
    *"#*_`~|-+>[](){}$\\:!<&\n\t ", "---\n", "```\n", "```{math}\n", ":::{note}\n", "(target)=\n", "{math}`x`", "[^1]",
    "[^1]: ", "$$\n", "\n\n", "    ", "| a | b |\n| - | - |\n", "\\begin{align}\n", "\\end{align}\n",
    "1. ", "α", "\ufeff", "word", "5 %", "\x00", "\u2028",
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


def element(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def written(name: str, value: str, inside: list[str]) -> str:
        attributes = f'w:val="{value}" w:id="{value}" w:fldCharType="{value}" w:char="{value}"'
        return f"<{name} {attributes}>{''.join(inside)}</{name}>"

    return st.builds(written, st.sampled_from(NAMES), st.sampled_from(VALUES), st.lists(children, max_size=4))


BODIES = st.lists(st.recursive(st.sampled_from(("text", "$1_a*", "(2)", "α≤β")), element, max_leaves=25), max_size=5)


@BOUNDED
@given(st.lists(st.sampled_from(MARKS), max_size=60))
def test_any_marks_make_sound_markdown(sound, parts):
    with contextlib.suppress(ConversionError):
        sound(convert("".join(parts).encode(), MARKDOWN, document_id="d"))


@BOUNDED
@given(BODIES)
def test_any_elements_make_a_sound_word_document(word_file, paragraph, sound, parts):
    with contextlib.suppress(ConversionError):
        sound(convert(word_file(paragraph("A real paragraph.") + "".join(parts)), DOCX, document_id="d"))
