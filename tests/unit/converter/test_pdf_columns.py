"""Pages of two columns: what stands beside, across or under the gutter is read in its place, and never lost."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from docward.converter.conversion import convert
from docward.runtime.sniffing import PDF

WORDS = "each order of the strategy is checked against its"
LEFT, RIGHT = 62, 302


@contextmanager
def page(out: io.BytesIO) -> Iterator[canvas.Canvas]:
    drawing = canvas.Canvas(out, pagesize=A4, invariant=1)
    drawing.setFont("Helvetica", 10)
    yield drawing
    drawing.save()


def column(drawing: canvas.Canvas, x: float, name: str, first: float, last: float) -> None:
    for at in range(int((first - last) / 12)):
        drawing.drawString(x, first - 12 * at, f"{name}{at} {WORDS}")


def markdown(data: io.BytesIO) -> str:
    return convert(data.getvalue(), PDF, document_id="d").markdown


def test_a_heading_beside_a_line_of_the_other_column_is_a_heading():
    out = io.BytesIO()
    with page(out) as drawing:
        column(drawing, LEFT, "l", 700, 400)
        column(drawing, LEFT + 239, "r", 700, 590)  # hardly more than a blank further than the left one ends
        drawing.setFont("Helvetica-Bold", 14)
        drawing.drawString(LEFT + 239, 580, "2 Limits")
        drawing.setFont("Helvetica", 10)
        column(drawing, LEFT + 239, "s", 556, 400)
    assert "\n\n# 2 Limits\n\n" in markdown(out)


def test_text_beside_a_table_that_reaches_over_the_gutter_is_kept_in_order():
    out = io.BytesIO()
    with page(out) as drawing:
        column(drawing, LEFT, "l", 760, 600)
        column(drawing, RIGHT, "r", 760, 300)
        for y in (590, 570, 550, 530, 510):
            drawing.line(LEFT, y, 301, y)
        for x in (LEFT, 160, 301):
            drawing.line(x, 510, x, 590)
        for at in range(4):
            drawing.drawString(LEFT + 4, 576 - 20 * at, f"limit {at}")
            drawing.drawString(164, 576 - 20 * at, f"{at} ticks")
        column(drawing, LEFT, "m", 495, 300)
    text = markdown(out)
    places = [text.index(f"{name}0 {WORDS}") for name in "lmr"]
    assert [f"r{at} {WORDS}" in text for at in range(38)] == [True] * 38
    assert places == sorted(places)


def test_text_on_the_line_of_a_wide_one_is_kept():
    out = io.BytesIO()
    with page(out) as drawing:
        column(drawing, LEFT, "l", 760, 640)
        column(drawing, RIGHT, "r", 760, 640)
        drawing.drawString(LEFT, 630, "The limits that follow hold for both of the desks, and for no other than those")
        drawing.drawString(460, 630, "desk (R-77)")
        column(drawing, LEFT, "m", 610, 400)
        column(drawing, RIGHT, "s", 610, 400)
    assert "desk (R-77)" in markdown(out)


def test_a_heading_below_a_short_rule_is_no_note():
    out = io.BytesIO()
    with page(out) as drawing:
        drawing.drawString(LEFT, 700, f"It is stated once that {WORDS} limit")
        drawing.setFont("Helvetica", 6)
        drawing.drawString(LEFT + 328, 704, "3")
        drawing.line(LEFT, 400, 200, 400)
        drawing.setFont("Helvetica-Bold", 14)
        drawing.drawString(LEFT, 380, "3 Hedging")
        drawing.setFont("Helvetica", 10)
        column(drawing, LEFT, "l", 360, 300)
    assert "3 Hedging" in markdown(out)
    assert "]: Hedging" not in markdown(out)


def test_terms_beside_what_they_mean_are_no_column():
    out = io.BytesIO()
    with page(out) as drawing:
        column(drawing, 200, "l", 760, 560)
        for at in range(6):
            drawing.drawString(72, 760 - 24 * at, f"term {at}")
    text = markdown(out)
    assert text.index("l9 ") < text.index("term 5") < text.index("l11 ")


def test_code_that_goes_on_in_the_next_column_keeps_its_indents():
    out = io.BytesIO()
    with page(out) as drawing:
        column(drawing, LEFT, "l", 700, 400)
        column(drawing, RIGHT, "r", 680, 400)
        drawing.setFont("Courier", 8)
        drawing.drawString(LEFT + 10, 396, "def close(bar):")
        drawing.drawString(RIGHT + 10, 712, "    if bar.last:")
        drawing.drawString(RIGHT + 10, 702, "        return sell")
    assert "```\ndef close(bar):\n    if bar.last:\n        return sell\n```" in markdown(out)
