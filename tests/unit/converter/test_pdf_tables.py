"""Tables of a PDF whose rows the drawn lines alone do not tell: cut by a page's end, wrapped, grouped, between text."""

from __future__ import annotations

import io
from collections.abc import Iterable

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from docward.converter.conversion import convert
from docward.runtime.sniffing import PDF

TOP = 780


def drawn(
    *texts: tuple[float, float, str], rules: Iterable[float] = (), upright: Iterable[float] = (), right: float = 500
) -> bytes:
    """A page with texts, with horizontal lines at some heights, and with upright lines between the outer ones."""
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4, invariant=1)
    page.setFont("Helvetica", 9)
    heights = list(rules)
    for y in heights:
        page.line(70, y, right, y)
    for x in upright:
        page.line(x, min(heights), x, max(heights))
    for x, y, words in texts:
        page.drawString(x, y, words)
    page.save()
    return out.getvalue()


def tables(data: bytes) -> list[list[list[str]]]:
    found = convert(data, PDF, document_id="d").ir.tables
    return [[[cell.text for cell in row] for row in (table.header, *table.rows)] for table in found]


def test_rows_that_stand_apart_hold_the_lines_of_their_cells_also_where_the_page_ends():
    header = [(72, TOP - 10, "Rule"), (140, TOP - 10, "Condition"), (320, TOP - 10, "Action")]
    rows, wanted = [], [["Rule", "Condition", "Action"]]
    for at in range(28):
        y = TOP - 35 - 25 * at
        rows += [(140, y + 5, "the quote is older than the"), (140, y - 5, "limit"), (72, y, f"R-{at}")]
        rows += [(320, y + 5, "the order is withdrawn and"), (320, y - 5, "sent again")]
        wanted.append([f"R-{at}", "the quote is older than the limit", "the order is withdrawn and sent again"])
    data = drawn(*header, *rows, (72, 30, "Page 8"), rules=[TOP, TOP - 14])
    assert tables(data) == [wanted]


def test_cells_of_two_and_of_three_lines_beside_each_other_are_one_row():
    texts = [(72, 690, "Rule"), (140, 690, "Condition"), (320, 690, "Action")]
    wanted = [["Rule", "Condition", "Action"]]
    for at in range(3):
        y = 670 - 58 * at
        texts += [(72, y, f"R-{at}"), (140, y, "after the"), (320, y, "send")]
        texts += [(72, y - 10, "old"), (140, y - 10, "auction"), (320, y - 10, "it")]
        texts += [(72, y - 29, f"S-{at}"), (140, y - 24, "before"), (140, y - 34, "it"), (140, y - 44, "closes")]
        texts += [(320, y - 29, "hold"), (320, y - 39, "it back")]
        wanted += [[f"R-{at} old", "after the auction", "send it"], [f"S-{at}", "before it closes", "hold it back"]]
    assert tables(drawn(*texts, rules=[700, 686, 490])) == [wanted]


def test_text_between_two_tables_of_one_width_is_in_neither():
    def table(y: float, name: str) -> list[tuple[float, float, str]]:
        cells = [(72, y - 10, "Name"), (300, y - 10, "Value"), (72, y - 24, name), (300, y - 24, "5 ticks")]
        return [*cells, (72, y - 36, f"{name} again"), (300, y - 36, "6 ticks")]

    words = "The limits of the second table hold from the opening of the venue to its close on every day of trading."
    texts = [*table(700, "spread"), (60, 630, words), *table(610, "size")]
    rules = [700, 686, 660, 610, 596, 570]
    assert tables(drawn(*texts, rules=rules)) == [
        [["Name", "Value"], ["spread", "5 ticks"], ["spread again", "6 ticks"]],
        [["Name", "Value"], ["size", "5 ticks"], ["size again", "6 ticks"]],
    ]


def test_one_cell_over_two_columns_does_not_make_them_one():
    texts = [(72, 690, "Regime"), (200, 690, "Entry"), (300, 690, "Exit")]
    for at in range(4):
        texts += [(72, 674 - 12 * at, f"Trend {at}"), (200, 674 - 12 * at, "1.20"), (300, 674 - 12 * at, "0.40")]
    texts += [(72, 626, "Crisis"), (210, 626, "no position is opened at all")]
    (table,) = tables(drawn(*texts, rules=[700, 686, 620]))
    assert table[0] == ["Regime", "Entry", "Exit"]
    assert table[4] == ["Trend 3", "1.20", "0.40"]


def test_a_hint_between_two_lines_is_no_header_of_what_follows_it():
    hint = [
        (72, 690, "Hint"),
        (72, 678, "A limit that is stated twice holds in its stricter form, wherever it stands."),
    ]
    below = [(x, 650 - 14 * at, words) for at in range(40) for x, words in ((72, f"size {at}"), (300, "5 lots"))]
    assert tables(drawn(*hint, *below, rules=[700, 670])) == []


def test_lines_between_two_rules_of_a_grid_are_rows_where_they_end_on_purpose():
    header = [(75, 690, "Code"), (305, 690, "Meaning")]
    body = [(x, 674 - 12 * at, words) for at in range(4) for x, words in ((75, f"E{at}"), (305, f"error {at}"))]
    data = drawn(*header, *body, rules=[700, 686, 630], upright=[70, 300, 500])
    assert tables(data) == [[["Code", "Meaning"], *([f"E{at}", f"error {at}"] for at in range(4))]]


def test_wrapped_lines_between_two_rules_of_a_grid_stay_one_row():
    lines = ["The desk withdraws every order of the", "strategy while the venue reports a halt", "or an auction."]
    body = [(x, 674 - 12 * at, line) for at, line in enumerate(lines) for x in (75, 245)]
    header = [(75, 690, "Rule"), (245, 690, "Reason")]
    whole = " ".join(lines)
    last = [(75, 620, "R-2"), (245, 620, "None")]
    data = drawn(*header, *body, *last, rules=[700, 686, 634, 610], upright=[70, 240, 410], right=410)
    assert tables(data) == [[["Rule", "Reason"], [whole, whole], ["R-2", "None"]]]


CELLS = [["Limit", "Scope", "Value"], ["Order value", "per order", "5 000"], ["Loss", "per desk", "12 000"]]


def in_columns(top: float) -> list[tuple[float, float, str]]:
    return [(72 + 120 * at, top - 14 * n, cell) for n, row in enumerate(CELLS) for at, cell in enumerate(row)]


def test_columns_of_text_below_a_caption_are_a_table_and_others_are_none():
    after = (72, 620, "The limits hold from the opening of the venue to its close on every day of trading.")
    assert tables(drawn((72, 700, "Table 4: Limits of the desk"), *in_columns(680), after)) == [CELLS]
    assert tables(drawn((72, 700, "Figure 4: Limits of the desk"), *in_columns(680), after)) == []
    assert tables(drawn((72, 700, "Table 4 of the annex says:"), *in_columns(680), after)) == []
    assert tables(drawn((72, 700, "Table 4: Limits of the desk"), *in_columns(650))) == []


def test_a_row_without_lines_that_is_drawn_at_once_is_divided_below_a_caption():
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4, invariant=1)
    page.setFont("Helvetica", 9)
    page.drawString(72, 700, "Table 4: Limits")
    rows = [[f"{column}00000{row}" for column in "123"] for row in range(4)]
    for at, row in enumerate(rows):
        words = page.beginText(72, 680 - 14 * at)
        words.setWordSpace(14)
        words.textOut(" ".join(row))
        page.drawText(words)
    page.save()
    assert tables(out.getvalue()) == [rows]


def test_sentences_below_a_caption_are_no_table():
    words = "The desk keeps this limit for each order that it sends to the venue, and reports a breach."
    texts = [(x, 680.0 - 14 * at, text) for at in range(4) for x, text in ((72.0, words), (470.0, f"R-{at}"))]
    assert tables(drawn((72, 700, "Table 4: Limits of the desk"), *texts)) == []


def test_a_list_of_terms_below_a_caption_is_no_table():
    texts = [(72.0, 680.0, "v1"), (140.0, 680.0, "the first form")]
    texts += [(140.0, 666.0 - 14 * at, f"line {at} of what it says") for at in range(4)]
    texts += [(72.0, 610.0, "v2"), (140.0, 610.0, "the second form")]
    assert tables(drawn((72, 700, "Table 4: Forms"), *texts)) == []


def test_a_table_without_lines_in_one_column_of_a_page_does_not_take_the_other_column():
    words = "The desk keeps this limit for each order that it"
    other = [(310.0, 708.0 - 14 * at, words) for at in range(30)]
    own = [(72.0, 600.0 - 14 * at, words) for at in range(20)]
    narrow = [(x - (x - 72) * 0.4, y, text) for x, y, text in in_columns(680)]
    assert tables(drawn((72, 700, "Table 4: Limits"), *narrow, *own, *other)) == [CELLS]
