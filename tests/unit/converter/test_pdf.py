"""PDF documents: headings, paragraphs, lists, tables, pages and boxes; and typed ends for what cannot be read."""

from __future__ import annotations

import io
from typing import Any

import pypdf
import pytest
from PIL import Image as Picture
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.pdfgen import canvas
from reportlab.platypus import BaseDocTemplate, Frame, Image, PageBreak, PageTemplate, Paragraph, Preformatted, Table

from docward.converter.conversion import ConversionError, convert
from docward.converter.conversion.pdf.blocks import BULLET
from docward.runtime.sniffing import PDF

STYLES = getSampleStyleSheet()
BODY = STYLES["BodyText"]
SENTENCE = (
    "The strategy sends no order while the venue reports a halt, and it resumes five minutes after trading restarts. "
)
GRID = [("GRID", (0, 0), (-1, -1), 0.5, colors.black)]


def converted(data: bytes):
    return convert(data, PDF, document_id="d")


def text(words: str, style: str = "BodyText") -> Paragraph:
    return Paragraph(words, STYLES[style])


def test_headings_by_number_and_type(pdf, sound):
    conversion = converted(
        pdf(
            [
                text("Alpha specification", "Title"),
                text("1 Scope", "Heading1"),
                text(SENTENCE * 3),
                text("1.1 Limits", "Heading2"),
                text(SENTENCE * 3),
                text("Appendix A: Rates", "Heading1"),
                text(SENTENCE),
            ]
        )
    )
    sound(conversion)
    found = [(section.level, section.number, section.title) for section in conversion.ir.sections]
    assert found == [
        (1, None, "Alpha specification"),
        (2, "1", "Scope"),
        (3, "1.1", "Limits"),
        (2, "Appendix A", "Rates"),
    ]
    assert conversion.ir.title == "Alpha specification"


def test_the_outline_says_what_is_a_heading():
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4, invariant=1)
    for at, (title, level) in enumerate([("Scope", 0), ("Aim", 1), ("Risk", 0)]):
        page.bookmarkPage(title)
        page.addOutlineEntry(title, title, level)
        page.setFont("Helvetica", 10)  # as large as the text below it
        page.drawString(72, 760 - 100 * at, title)
        page.drawString(72, 720 - 100 * at, SENTENCE[:90])
    page.save()
    ir = converted(out.getvalue()).ir
    assert [(section.level, section.title) for section in ir.sections] == [(1, "Scope"), (2, "Aim"), (1, "Risk")]


def test_paragraphs_are_whole_over_lines_and_pages(pdf):
    long = SENTENCE * 60
    markdown = converted(pdf([text(long)])).markdown
    assert markdown.split() == long.split()
    assert markdown.count("\n\n") == 0


def test_running_headers_and_page_numbers_are_left_out_and_counted(pdf):
    def decorate(page, document):
        page.drawString(72, 815, "Alpha desk confidential")
        page.drawString(280, 20, f"Page {document.page} of 3")

    story: list[Any] = []
    for words in ("Orders rest at the bid.", "Limits hold for each day.", "Prices come from one feed."):
        story += [text(words * 4), PageBreak()]
    conversion = converted(pdf(story, decorate=decorate))
    assert "confidential" not in conversion.markdown
    assert "of 3" not in conversion.markdown
    assert {item.what: item.characters for item in conversion.report.dropped} == {"page header": 63, "page footer": 24}


def test_a_first_line_of_each_page_with_values_of_its_own_stays():
    out = io.BytesIO()
    drawn = canvas.Canvas(out, pagesize=A4, invariant=1)
    for day in range(6):
        drawn.drawString(72, 770, f"Day {day * 7} closes at {100 + day * day} points.")
        drawn.drawString(72, 400, "The close is the last price of the session.")
        drawn.drawString(72, 30, f"Alpha desk 2026, page {day + 3} of 9")
        drawn.showPage()
    drawn.save()
    conversion = converted(out.getvalue())
    assert all(f"Day {day * 7} closes at {100 + day * day} points." in conversion.markdown for day in range(6))
    assert "Alpha desk" not in conversion.markdown
    assert [item.what for item in conversion.report.dropped] == ["page footer"]


def test_lists_keep_their_marks_and_nesting(pdf):
    inner = ParagraphStyle("inner", BODY, leftIndent=36, bulletIndent=24)
    outer = ParagraphStyle("outer", BODY, leftIndent=18, bulletIndent=6)
    story = [
        text("Steps:"),
        Paragraph("first " + SENTENCE, outer, bulletText="•"),
        Paragraph("nested", inner, bulletText="–"),
        Paragraph("second", outer, bulletText="•"),
        text("Then:"),
        Paragraph("one", outer, bulletText="1."),
        Paragraph("two", outer, bulletText="2."),
    ]
    assert converted(pdf(story)).markdown == (
        f"Steps:\n\n- first {SENTENCE.strip()}\n  - nested\n- second\n\nThen:\n\n1. one\n2. two\n"
    )


def test_a_ruled_table_keeps_its_cells_and_merged_cells(pdf):
    rows = [["Limit", "Value", ""], ["Order value", "5 %", "soft"], ["Loss", "7 %", "hard"]]
    table = Table(rows, style=[*GRID, ("SPAN", (1, 0), (2, 0))])
    conversion = converted(pdf([text(SENTENCE), text("Table 1: Limits"), table, text(SENTENCE)]))
    assert (
        "Table 1: Limits\n\n| Limit | Value | Value |\n| --- | --- | --- |\n"
        "| Order value | 5 % | soft |\n| Loss | 7 % | hard |"
    ) in conversion.markdown
    assert conversion.ir.tables[0].caption == "Table 1: Limits"


def test_wrapped_cells_are_one_cell(pdf):
    rows: list[list[Any]] = [["Role", "Task"], ["Desk", text(SENTENCE)], ["Risk", text("Sets limits.")]]
    conversion = converted(pdf([Table(rows, colWidths=[80, 150], style=GRID)]))
    assert conversion.ir.tables[0].rows[0][1].text == SENTENCE.strip()


def test_a_table_with_horizontal_rules_only(pdf):
    rows = [["Measure", "In", "Out"], ["Return", "9.6 %", "8.1 %"], ["Volatility", "16.0 %", "15.0 %"]]
    rules = [("LINEABOVE", (0, 0), (-1, 1), 0.7, colors.black), ("LINEBELOW", (0, -1), (-1, -1), 0.7, colors.black)]
    table = converted(pdf([text(SENTENCE), Table(rows, style=rules, colWidths=120)])).ir.tables[0]
    assert [[cell.text for cell in row] for row in (table.header, *table.rows)] == rows


def test_a_table_without_lines_at_its_sides_keeps_its_first_and_last_column(pdf):
    rows = [
        ["package", "votes", "size", "use"],
        ["vim", "97", "3570", "editing"],
        ["mc", "54", "1482", "managing files"],
    ]
    lines = [("LINEBEFORE", (1, 0), (-1, -1), 0.4, colors.black), ("LINEABOVE", (0, 0), (-1, -1), 0.4, colors.black)]
    lines.append(("LINEBELOW", (0, -1), (-1, -1), 0.4, colors.black))
    table = converted(pdf([text(SENTENCE), Table(rows, style=lines, colWidths=100)])).ir.tables[0]
    assert [[cell.text for cell in row] for row in (table.header, *table.rows)] == rows


def test_staves_of_music_are_no_table():
    out = io.BytesIO()
    drawing = canvas.Canvas(out, pagesize=A4, invariant=1)
    for at in range(5):
        drawing.line(100, 600 + 5 * at, 400, 600 + 5 * at)
        drawing.line(100 + 75 * at, 600, 100 + 75 * at, 620)
    drawing.setFont("Helvetica", 20)
    for at in range(12):
        drawing.drawString(110 + 24 * at, 600 + 5 * (at % 4), "h")
    drawing.save()
    assert converted(out.getvalue()).ir.tables == ()


def test_a_table_over_two_pages_is_one_table(pdf):
    rows = [["Name", "Value"], *([f"parameter {at}", str(at)] for at in range(70))]
    conversion = converted(pdf([Table(rows, style=GRID, repeatRows=1)]))
    (table,) = conversion.ir.tables
    assert len(table.rows) == 70
    assert conversion.report.pages == 2


def test_there_is_no_table_where_nothing_is_drawn(pdf):
    page = io.BytesIO()
    drawing = canvas.Canvas(page, pagesize=A4, invariant=1)
    drawing.rect(60, 60, 475, 720)  # a frame around the page
    drawing.line(60, 700, 535, 700)
    for at in range(12):
        drawing.drawString(72, 680 - 14 * at, f"left {at}")
        drawing.drawString(300, 680 - 14 * at, f"right {at}")
    drawing.save()
    assert converted(page.getvalue()).ir.tables == ()
    assert converted(pdf([text(SENTENCE * 20)])).ir.tables == ()


def test_two_columns_are_read_one_after_the_other():
    out = io.BytesIO()
    document = BaseDocTemplate(out, pagesize=A4, invariant=1)
    frames = [Frame(60, 60, 220, 720), Frame(310, 60, 220, 720)]
    document.addPageTemplates(PageTemplate(frames=frames))
    names = [f"{one}{other}" for one in "abcdef" for other in "klmnopqrst"]
    sentences = [f"Sentence {name} of the text stands in its own paragraph of some words." for name in names]
    document.build([Paragraph(words, BODY) for words in sentences])
    markdown = " ".join(converted(out.getvalue()).markdown.split())
    assert markdown == " ".join(sentences)


def test_words_broken_at_line_ends_are_whole_again():
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4, invariant=1)
    lines = [
        "The method uses volatility and cross-sectional ranks of the vola-",
        "tility, which are then cross-",
        "sectional.",
    ]
    for at, line in enumerate(lines):
        page.drawString(72, 700 - 14 * at, line)
    page.save()
    assert "ranks of the volatility, which are then cross-sectional." in converted(out.getvalue()).markdown


def test_code_keeps_its_lines_and_indents(pdf):
    code = "def size(risk):\n    if risk > 0:\n        return 1 / risk\n    return 0"
    markdown = converted(pdf([text(SENTENCE), Preformatted(code, STYLES["Code"]), text(SENTENCE)])).markdown
    assert f"```\n{code}\n```" in markdown


def test_every_block_has_its_page_and_box(pdf):
    ir = converted(pdf([text("1 Scope", "Heading1"), text(SENTENCE), PageBreak(), text("2 Risk", "Heading1")])).ir
    assert [(block.page, block.kind) for block in ir.blocks] == [(1, "heading"), (1, "paragraph"), (2, "heading")]
    box = ir.blocks[0].box
    assert box is not None
    assert 72 <= box.x0 < box.x1 < 200
    assert 700 < box.y0 < box.y1 < 800
    assert ir.sections[1].page == 2


def test_formulas_and_captions_stand_alone(pdf):
    story = [text(SENTENCE), text("VOL = sqrt(252) * STD"), text("Figure 1: Curve"), text(SENTENCE)]
    conversion = converted(pdf(story))
    assert (
        "\n\nVOL = sqrt(252) \\* STD\n\n" in conversion.markdown
        or "\n\nVOL = sqrt(252) * STD\n\n" in conversion.markdown
    )
    assert [formula.name for formula in conversion.ir.formulas] == ["VOL"]


def encrypted(data: bytes) -> bytes:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(data))
    writer.encrypt(user_password="secret", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_what_cannot_be_read_ends_typed(pdf):
    picture = io.BytesIO()
    Picture.new("L", (600, 800), 200).save(picture, "PNG")
    picture.seek(0)
    blank = io.BytesIO()
    page = canvas.Canvas(blank, invariant=1)
    page.showPage()
    page.save()
    readable = pdf([text(SENTENCE)])
    cases = {
        "encrypted": encrypted(readable),
        "damaged": b"%PDF-1.7\nnothing else",
        "needs-ocr": pdf([Image(picture, width=430, height=680)]),
        "empty": blank.getvalue(),
    }
    for reason, data in cases.items():
        with pytest.raises(ConversionError) as error:
            converted(data)
        assert error.value.reason == reason
        assert error.value.detail.endswith(".")


def test_a_scanned_page_among_others_is_named(pdf):
    picture = io.BytesIO()
    Picture.new("L", (600, 800), 200).save(picture, "PNG")
    picture.seek(0)
    margins = dict.fromkeys(("topMargin", "bottomMargin", "leftMargin", "rightMargin"), 20)
    conversion = converted(pdf([text(SENTENCE), PageBreak(), Image(picture, width=500, height=760)], **margins))
    assert [(issue.code, issue.page) for issue in conversion.ir.issues] == [("needs-ocr", 2)]


def test_subscripts_and_exponents_are_marked_and_notes_are_not(pdf):
    formula = text("z<sub>t</sub> = (P<sub>t-1</sub> - m) / s<super>2</super>")
    conversion = converted(pdf([text(SENTENCE), formula, text("The desk decides<super>3</super>.")]))
    assert conversion.markdown == f"{SENTENCE.strip()}\n\n$$z_t = (P_{{t-1}} - m)/s^2$$\n\nThe desk decides³.\n"
    assert conversion.ir.formulas[0].name == "z_t"


def test_a_file_whose_end_is_missing_is_repaired_and_says_so(pdf):
    whole = pdf([text(SENTENCE)])
    conversion = converted(whole[: whole.rindex(b"trailer") - 20])
    assert conversion.markdown == SENTENCE.strip() + "\n"
    assert [issue.code for issue in conversion.ir.issues] == ["repaired"]


def test_a_subtitle_is_no_heading_where_headings_are_numbered(pdf):
    story = [text("Alpha", "Title"), text("Specification CSM-1", "Heading2")]
    for number, title in enumerate(["Scope", "Signals", "Risk"], 1):
        story += [text(f"{number} {title}", "Heading1"), text(SENTENCE * 2)]
    assert [one.title for one in converted(pdf(story)).ir.sections] == ["Alpha", "Scope", "Signals", "Risk"]


def test_a_line_under_the_running_header_makes_no_table(pdf):
    def decorate(page, document):
        page.drawString(72, 800, "Alpha desk")
        page.line(72, 780, 523, 780)

    rows = [["Measure", "Value"], ["Return", "9.6 %"], ["Volatility", "16.0 %"]]
    rules = [("LINEABOVE", (0, 0), (-1, 1), 0.7, colors.black), ("LINEBELOW", (0, -1), (-1, -1), 0.7, colors.black)]
    story: list[Any] = []
    for _ in range(3):
        story += [text(SENTENCE * 4), Table(rows, style=rules, colWidths=120), PageBreak()]
    tables = converted(pdf(story, decorate=decorate)).ir.tables
    assert [[[cell.text for cell in row] for row in (one.header, *one.rows)] for one in tables] == [rows] * 3


def test_an_identifier_that_a_line_end_divides_is_whole_again():
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4, invariant=1)
    for at, line in enumerate(["The desk reports each breach of the limit under rule R-", "1042 on the same day."]):
        page.drawString(72, 700 - 14 * at, line)
    page.save()
    assert "under rule R-1042 on the same day." in converted(out.getvalue()).markdown


def test_a_bullet_of_a_symbol_font_is_a_bullet():
    mark = BULLET.match("\uf0b7 Sends no order")
    assert mark is not None
    assert mark["mark"] == "\uf0b7"


def test_one_word_between_two_lines_above_two_columns_is_no_header():
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4, invariant=1)
    page.line(72, 720, 500, 720)
    page.drawString(72, 705, "Limits")
    page.line(72, 700, 500, 700)
    for at in range(3):
        page.drawString(72, 680 - 14 * at, f"left {at}")
        page.drawString(300, 680 - 14 * at, f"right {at}")
    page.save()
    assert converted(out.getvalue()).markdown.startswith("Limits")


def test_a_row_that_is_drawn_at_once_is_divided_at_its_wide_gaps():
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4, invariant=1)
    for y in (714, 698, 650):
        page.line(70, y, 300, y)
    for at, row in enumerate(["Limit Value Unit", "Order 5.00 lots", "Value 1000 EUR", "Share 25.0 bps"]):
        drawn = page.beginText(72, 702 - 16 * at)
        drawn.setWordSpace(40)
        drawn.textOut(row)
        page.drawText(drawn)
    page.save()
    (table,) = converted(out.getvalue()).ir.tables
    assert [[cell.text for cell in row] for row in (table.header, *table.rows)] == [
        ["Limit", "Value", "Unit"],
        ["Order", "5.00", "lots"],
        ["Value", "1000", "EUR"],
        ["Share", "25.0", "bps"],
    ]


def test_words_broken_at_the_ends_of_a_cells_lines_are_whole_again(pdf):
    rows = [["Rule", "Action"], ["R-1", "cancels the con-\ntracts"], ["R-2", "a cross-\nsectional rank"]]
    told = text("The contracts and their cross-sectional ranks are known.")
    (table,) = converted(pdf([told, Table(rows, style=GRID)])).ir.tables
    assert [row[1].text for row in table.rows] == ["cancels the contracts", "a cross-sectional rank"]


def test_notes_below_the_text_become_footnotes(sound):
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=A4, invariant=1)
    page.setFont("Times-Roman", 11)
    for at in range(4):
        page.drawString(72, 700 - 14 * at, SENTENCE[:80])
    page.drawString(72, 644, "The desk decides")
    page.drawString(72, 630, "The cap is 5 % of the volume of the day.")
    page.setFont("Times-Roman", 7)
    page.drawString(152, 648, "1")
    page.drawString(76, 103, "1")
    page.setFont("Times-Roman", 9)
    page.drawString(80, 100, "Except on holidays, on which the head")
    page.drawString(72, 89, "of the desk decides.")
    page.save()
    conversion = converted(out.getvalue())
    sound(conversion)
    assert "The desk decides[^1]" in conversion.markdown
    assert conversion.markdown.endswith("\n\n[^1]: Except on holidays, on which the head of the desk decides.\n")


def test_words_under_an_address_become_a_link_and_nothing_else_does(pdf, sound):
    story = [
        text('See the <a href="https://example.org/rules(1)">venue manual</a> and <a href="javascript:x()">this</a>.'),
        text('Write to <a href="mailto:desk@example.org">desk@example.org</a>.'),
    ]
    conversion = converted(pdf(story))
    sound(conversion)
    assert conversion.markdown.split() == (
        [
            "See",
            "the",
            "[venue",
            "manual](https://example.org/rules%281%29)",
            "and",
            "this.",
            "Write",
            "to",
            "desk@example.org.",
        ]
    )
