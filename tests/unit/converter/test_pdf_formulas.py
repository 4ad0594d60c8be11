"""Typeset formulas of PDF documents: from places, sizes and drawn lines to LaTeX."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from docward.converter.conversion import Conversion, convert
from docward.converter.conversion.pdf.mathematics import latex
from docward.converter.conversion.pdf.page import Rule, Run
from docward.runtime.sniffing import PDF

SENTENCE = "The level of the index is computed once a day from the prices of all of its members"
Glyph = tuple[float, float, str]
"""Distance from the left, height over the baseline, text; small where the height is not 0."""


def runs(*glyphs: Glyph | tuple[float, float, str, float], size: float = 10.0) -> list[Run]:
    found = []
    for x, y, text, *sizes in glyphs:
        own = sizes[0] if sizes else size
        box = (x, y - 0.1 * own, x + 0.5 * own * len(text), y + 0.7 * own)
        found.append(Run(text, *box, base=y, size=own, italic=text.isalpha() and len(text) == 1))
    return found


def bar(x0: float, x1: float, y: float) -> Rule:
    return Rule(x0, y, x1, y)


@pytest.mark.parametrize(
    ("glyphs", "bars", "expected"),
    [
        pytest.param([(0, 0, "w"), (5, -2, "i", 7), (12, 0, "="), (20, 0, "2")], [], "w_i = 2", id="subscript"),
        pytest.param(
            [(0, 0, "σ"), (5, 4, "2", 7), (5, -2, "t", 7), (12, 0, "≤"), (20, 0, "1")],
            [],
            r"\sigma_t^2 \leq 1",
            id="subscript and exponent",
        ),
        pytest.param(
            [(0, 0, "r"), (8, 0, "="), (20, 7, "a"), (20, -8, "b"), (25, -10, "n", 7)],
            [bar(18, 30, 2.5)],
            r"r = \frac{a}{b_n}",
            id="fraction",
        ),
        pytest.param(
            [(0, 0, "a"), (8, 0, "="), (22, 7, "1"), (17, -8, "1"), (23, -8, "+"), (33, -4, "1", 7), (33, -12, "x", 7)],
            [bar(16, 40, 2.5), bar(31, 39, -6)],
            r"a = \frac{1}{1 + \frac{1}{x}}",
            id="fraction in a fraction",
        ),
        pytest.param(
            [(0, 0, "∑"), (-3, -8, "i=1", 7), (0, 9, "N", 7), (14, 0, "p"), (19, -2, "i", 7)],
            [],
            r"\sum_{i=1}^N p_i",
            id="limits",
        ),
        pytest.param(
            [(0, 0, "√", 12), (7, 0, "x"), (13, 0, "+"), (20, 0, "1")], [bar(6, 26, 9)], r"\sqrt{x + 1}", id="root"
        ),
        pytest.param(
            [(0, 0, "r"), (0, 0.5, "¯"), (8, 0, "="), (16, 0, "0")], [], r"\bar{r} = 0", id="accent over a letter"
        ),
        pytest.param([(0, 0, "VWAP"), (24, 0, "="), (32, 0, "𝑥")], [], r"\mathrm{VWAP} = x", id="letters of Unicode"),
        pytest.param([(0, 0, "x"), (8, 0, "="), (16, 0, "\ufffd")], [], None, id="a character without a meaning"),
        pytest.param([(0, 4, "2", 7), (8, 0, "="), (16, 0, "x")], [], None, id="a script of nothing"),
    ],
)
def test_places_and_sizes_say_what_a_formula_means(glyphs, bars, expected):
    assert latex(runs(*glyphs), bars) == expected


def page_with(
    glyphs: Sequence[tuple[float, float, str, str, float]], lines: Sequence[tuple[float, float, float]]
) -> Conversion:
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4, invariant=1)
    page.setFont("Times-Roman", 11)
    page.drawString(72, 700, SENTENCE)
    page.drawString(72, 620, SENTENCE)
    for x, y, text, font, size in glyphs:
        page.setFont(font, size)
        page.drawString(x, y, text)
    for x0, x1, y in lines:
        page.line(x0, y, x1, y)
    page.save()
    conversion: Conversion = convert(out.getvalue(), PDF, document_id="d")
    return conversion


def a_fraction() -> Conversion:
    return page_with(
        [
            (250, 660, "w", "Times-Italic", 11), (258, 658, "t", "Times-Italic", 8), (266, 660, "=", "Times-Roman", 11),
            (280, 668, "P", "Times-Italic", 11), (280, 652, "D", "Times-Italic", 11),
            (500, 660, "(7)", "Times-Roman", 11),
        ],
        [(278, 290, 663)],
    )  # fmt: skip


def test_a_displayed_formula_becomes_latex_with_its_number_and_place(sound):
    conversion = a_fraction()
    sound(conversion)
    assert conversion.markdown == f"{SENTENCE}\n\n$$w_t = \\frac{{P}}{{D}} \\tag{{7}}$$\n\n{SENTENCE}\n"
    (formula,) = conversion.ir.formulas
    assert formula.name == "w_t"
    assert [variable.symbol for variable in formula.variables] == ["P", "D"]
    block = next(block for block in conversion.ir.blocks if block.kind == "formula")
    assert block.box is not None
    assert 250 <= block.box.x0 < block.box.x1 < 520


def test_a_formula_that_cannot_be_rebuilt_keeps_its_characters_and_is_named(sound):
    conversion = page_with(
        [(252, 665, "2", "Times-Roman", 8), (266, 660, "=", "Times-Roman", 11), (280, 660, "x", "Times-Italic", 11)], []
    )
    sound(conversion)
    assert "```math\n2 = x\n```" in conversion.markdown
    assert ("formula-not-rebuilt", 1) in [(issue.code, issue.page) for issue in conversion.ir.issues]
    assert [block.kind for block in conversion.ir.blocks] == ["paragraph", "formula", "paragraph"]


def test_an_equals_sign_in_a_sentence_makes_no_formula():
    conversion = page_with(
        [(72, 660, "The cap is k = 5 on each of the days on which it trades", "Times-Roman", 11)], []
    )
    assert "$" not in conversion.markdown
