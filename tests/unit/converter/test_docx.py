"""Word documents: order, numbers, tables, formulas, notes, tracked changes; and what is left out, counted."""

from __future__ import annotations

import io
import zipfile

import docx
import pytest
from lxml import etree

from docward.converter.conversion import ConversionError, convert
from docward.converter.conversion.docx.numbering import formatted
from docward.converter.conversion.docx.omml import latex
from docward.converter.conversion.prose import plain
from docward.runtime.sniffing import DOCX

MATH = "http://schemas.openxmlformats.org/officeDocument/2006/math"


def converted(data: bytes):
    return convert(data, DOCX, document_id="d")


def saved(document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


@pytest.fixture
def specification():
    document = docx.Document()
    document.core_properties.title = "Alpha"
    document.core_properties.author = "Quant Desk"
    document.add_heading("Alpha specification", 0)
    document.add_heading("1 Scope", 1)
    paragraph = document.add_paragraph("The ")
    paragraph.add_run("strategy").bold = True
    paragraph.add_run(" trades a_b * c and keeps [1] as it is.")
    document.add_paragraph("First", style="List Bullet")
    document.add_paragraph("Nested", style="List Bullet 2")
    document.add_paragraph("Step", style="List Number")
    document.add_heading("1.1 Limits", 2)
    table = document.add_table(rows=3, cols=3)
    for at, text in enumerate(["Limit", "Value", "Note", "Order | value", "5 %", "soft", "Loss", "7 %", "hard"]):
        table.cell(at // 3, at % 3).text = text
    table.cell(1, 2).merge(table.cell(2, 2))
    table.cell(1, 2).text = "both"
    document.sections[0].header.paragraphs[0].text = "Confidential"
    return document


def test_headings_lists_and_tables_stand_in_their_order(specification, sound):
    conversion = converted(saved(specification))
    sound(conversion)
    assert conversion.markdown == (
        "# Alpha specification\n\n## 1 Scope\n\nThe **strategy** trades a_b * c and keeps [1] as it is.\n\n"
        "- First\n  - Nested\n1. Step\n\n### 1.1 Limits\n\n"
        "| Limit | Value | Note |\n| --- | --- | --- |\n| Order \\| value | 5 % | both |\n| Loss | 7 % | both |\n"
    )


def test_properties_become_metadata(specification):
    ir = converted(saved(specification)).ir
    assert ir.title == "Alpha"
    assert ir.metadata["author"] == "Quant Desk"


def test_headers_and_footers_stand_apart_with_their_pages_and_sections(specification, sound):
    first, second = specification.sections[0], specification.add_section()
    first.different_first_page_header_footer = True
    first.first_page_header.paragraphs[0].text = "Draft"
    second.footer.is_linked_to_previous = False
    second.footer.paragraphs[0].text = "Version 2.1\t12 March 2026"
    conversion = converted(saved(specification))
    sound(conversion)
    assert [(one.kind, one.pages, one.section, one.text) for one in conversion.ir.page_margins] == [
        ("header", "default", 1, "Confidential"),
        ("header", "first", 1, "Draft"),
        ("footer", "default", 2, "Version 2.1\t12 March 2026"),
    ]
    assert not any(word in conversion.markdown for word in ("Confidential", "Draft", "March"))
    assert [(one.what, one.characters) for one in conversion.report.kept] == [("headers and footers", 38)]
    assert conversion.report.dropped == ()


def test_a_header_that_no_page_shows_is_left_out_and_counted(specification, sound):
    specification.sections[0].even_page_header.paragraphs[0].text = "Template"
    conversion = converted(saved(specification))
    sound(conversion)
    assert [one.text for one in conversion.ir.page_margins] == ["Confidential"]
    assert [(one.what, one.characters) for one in conversion.report.dropped] == [("hidden headers and footers", 8)]
    specification.settings.odd_and_even_pages_header_footer = True
    shown = converted(saved(specification)).ir.page_margins
    assert [(one.pages, one.text) for one in shown] == [("default", "Confidential"), ("even", "Template")]


def test_every_paragraph_that_another_reader_finds_is_there(specification):
    markdown = plain(converted(saved(specification)).markdown.replace("\n", " "))
    for paragraph in docx.Document(io.BytesIO(saved(specification))).paragraphs:
        assert plain(paragraph.text) in markdown


NUMBERING = """<w:numbering XMLNS><w:abstractNum w:abstractNumId="0">
<w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:pStyle w:val="H1"/><w:lvlText w:val="%1"/></w:lvl>
<w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:pStyle w:val="H2"/><w:lvlText w:val="%1.%2"/>
</w:lvl>
<w:lvl w:ilvl="2"><w:start w:val="1"/><w:numFmt w:val="lowerLetter"/><w:lvlText w:val="(%3)"/></w:lvl>
</w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>
</w:num></w:numbering>"""
STYLES = """<w:styles XMLNS>
<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr>
</w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/><w:pPr><w:numPr><w:ilvl w:val="1"/>
<w:numId w:val="1"/></w:numPr></w:pPr></w:style></w:styles>"""


def in_list(level: int, number: int = 1) -> str:
    return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr>'


def test_numbers_that_word_computes_are_printed(word_file, paragraph):
    body = "".join(
        [
            paragraph("Scope", '<w:pStyle w:val="H1"/>'),
            paragraph("Aim", '<w:pStyle w:val="H2"/>'),
            paragraph("first", in_list(2)),
            paragraph("second", in_list(2)),
            paragraph("Users", '<w:pStyle w:val="H2"/>'),
            paragraph("again", in_list(2)),
            paragraph("Risk", '<w:pStyle w:val="H1"/>'),
            paragraph("Limits", '<w:pStyle w:val="H2"/>'),
            paragraph("Clause text.", in_list(1)),
            paragraph("Annex", '<w:pStyle w:val="H1"/>' + in_list(0, 2)),
        ]
    )
    conversion = converted(word_file(body, numbering=NUMBERING, styles=STYLES))
    assert conversion.markdown == (
        "# 1 Scope\n\n## 1.1 Aim\n\n- (a) first\n- (b) second\n\n## 1.2 Users\n\n- (a) again\n\n# 2 Risk\n\n"
        "## 2.1 Limits\n\n2.2 Clause text.\n\n# 7 Annex\n"
    )
    assert [section.number for section in conversion.ir.sections] == ["1", "1.1", "1.2", "2", "2.1", "7"]


@pytest.mark.parametrize(
    ("number", "style", "text"),
    [(4, "lowerRoman", "iv"), (1994, "upperRoman", "MCMXCIV"), (28, "lowerLetter", "bb"), (3, "decimalZero", "03")],
)
def test_formats_of_numbers(number, style, text):
    assert formatted(number, style) == text


def test_links_fields_and_content_controls(word_file):
    field = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
    body = (
        '<w:p><w:hyperlink r:id="web"><w:r><w:t>venue manual</w:t></w:r></w:hyperlink>'
        f'<w:r><w:t xml:space="preserve"> and </w:t></w:r>{field.format("begin")}<w:r><w:instrText>REF s </w:instrText>'
        f"</w:r>{field.format('separate')}<w:r><w:t>Section 3</w:t></w:r>{field.format('end')}</w:p>"
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>Controlled.</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    )
    relation = '<Relationship Id="web" Type="x/hyperlink" Target="https://example.com/a b" TargetMode="External"/>'
    conversion = converted(word_file(body, relations=relation))
    assert conversion.markdown == "[venue manual](https://example.com/a%20b) and Section 3\n\nControlled.\n"


def test_footnotes_follow_the_text(word_file):
    notes = (
        '<w:footnotes XMLNS><w:footnote w:id="2"><w:p><w:r><w:t>On T+2.</w:t></w:r></w:p></w:footnote></w:footnotes>'
    )
    body = '<w:p><w:r><w:t>Settled.</w:t><w:footnoteReference w:id="2"/></w:r></w:p>'
    assert converted(word_file(body, footnotes=notes)).markdown == "Settled.[^1]\n\n[^1]: On T+2.\n"


def test_text_boxes_are_read_once(word_file):
    box = "<w:txbxContent><w:p><w:r><w:t>In the box.</w:t></w:r></w:p></w:txbxContent>"
    markup = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    body = (
        f'<w:p><w:r><w:t>Text.</w:t><mc:AlternateContent xmlns:mc="{markup}"><mc:Choice>{box}</mc:Choice>'
        f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
    )
    assert converted(word_file(body)).markdown == "Text.\n\nIn the box.\n"


def test_text_boxes_in_a_cell_are_its_lines(word_file, paragraph):
    box = f"<w:p><w:r><w:pict><w:txbxContent>{paragraph('boxed')}</w:txbxContent></w:pict></w:r></w:p>"
    cells = f"<w:tc>{paragraph('a')}{box}</w:tc><w:tc>{paragraph('b')}</w:tc>"
    assert converted(word_file(f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>")).markdown.startswith("| a<br>boxed | b |")


def test_horizontally_merged_cells_repeat_their_text(word_file, paragraph):
    cell = "<w:tc><w:tcPr>{}</w:tcPr>{}</w:tc>"
    head = cell.format('<w:gridSpan w:val="2"/>', paragraph("Long")) + cell.format("", paragraph("Short"))
    rest = "".join(cell.format("", paragraph(text)) for text in "abc")
    conversion = converted(word_file(f"<w:tbl><w:tr>{head}</w:tr><w:tr>{rest}</w:tr></w:tbl>"))
    assert conversion.markdown.splitlines()[0] == "| Long | Long | Short |"


def test_lines_in_one_paragraph_stay_lines(word_file):
    body = "<w:p><w:r><w:t>Signals:</w:t><w:br/><w:t>- buy</w:t><w:br/><w:t># sell</w:t></w:r></w:p>"
    assert converted(word_file(body)).markdown == "Signals:\n- buy\n\\# sell\n"


def test_code_is_fenced_with_its_indents(word_file):
    run = '<w:p><w:r><w:rPr><w:rFonts w:ascii="Consolas"/></w:rPr><w:t xml:space="preserve">{}</w:t></w:r></w:p>'
    body = run.format("if a:") + run.format("    b()")
    assert converted(word_file(body)).markdown == "```\nif a:\n    b()\n```\n"


def math(inner: str) -> str:
    return latex(etree.fromstring(f'<m:oMath xmlns:m="{MATH}">{inner}</m:oMath>'))


def run(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


A, B, I = run("a"), run("b"), run("i")  # noqa: E741 - the index of a sum is called i
CHAR = '<m:{0}Pr><m:chr m:val="{1}"/></m:{0}Pr>'


LIMITS = f"<m:sub>{I}{run('=1')}</m:sub><m:sup>{run('n')}</m:sup>"
SUM = f"<m:nary>{CHAR.format('nary', '∑')}{LIMITS}<m:e>{A}</m:e></m:nary>"


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (f"<m:f><m:num>{A}</m:num><m:den>{B}</m:den></m:f>", r"\frac{a}{b}"),
        (f"<m:sSub><m:e>{A}</m:e><m:sub>{I}</m:sub></m:sSub>", "a_{i}"),
        (f"<m:sSubSup><m:e>{A}</m:e><m:sub>{I}</m:sub><m:sup>{run('2')}</m:sup></m:sSubSup>", "a_{i}^{2}"),
        (
            f"<m:sSup><m:e><m:f><m:num>{A}</m:num><m:den>{B}</m:den></m:f></m:e><m:sup>{run('2')}</m:sup></m:sSup>",
            r"{\frac{a}{b}}^{2}",
        ),
        (f'<m:rad><m:radPr><m:degHide m:val="1"/></m:radPr><m:deg/><m:e>{A}</m:e></m:rad>', r"\sqrt{a}"),
        (f"<m:rad><m:deg>{run('3')}</m:deg><m:e>{A}</m:e></m:rad>", r"\sqrt[3]{a}"),
        (
            SUM,
            r"\sum_{i=1}^{n} a",
        ),
        (f"<m:d><m:e>{A}{run('+')}{B}</m:e></m:d>", r"\left( a+b \right)"),
        (
            f'<m:d><m:dPr><m:begChr m:val="⌊"/><m:endChr m:val="⌋"/></m:dPr><m:e>{A}</m:e></m:d>',
            r"\left\lfloor a \right\rfloor",
        ),
        (f"<m:func><m:fName>{run('max')}</m:fName><m:e>{A}</m:e></m:func>", r"\max a"),
        (
            f"<m:func><m:fName><m:limLow><m:e>{run('max')}</m:e><m:lim>{I}</m:lim></m:limLow></m:fName><m:e>{A}</m:e></m:func>",
            r"\max_{i} a",
        ),
        (f"<m:acc>{CHAR.format('acc', '&#x304;')}<m:e>{A}</m:e></m:acc>", r"\bar{a}"),
        (
            f"<m:m><m:mr><m:e>{A}</m:e><m:e>{B}</m:e></m:mr><m:mr><m:e>{B}</m:e><m:e>{A}</m:e></m:mr></m:m>",
            r"\begin{matrix}a & b \\ b & a\end{matrix}",
        ),
        (run("α≤β×100%"), r"\alpha \leq \beta \times 100\%"),
        (run("𝜎"), r"\sigma"),
        (f"<m:unknown>{A}</m:unknown>", "a"),
    ],
)
def test_omml_becomes_latex(inner, expected):
    assert math(inner) == expected


def test_a_formula_alone_is_displayed_with_its_number(word_file):
    equation = f"<m:oMath>{run('a=b+c')}</m:oMath>"
    numbered = f"<w:p>{equation}<w:r><w:tab/><w:t>(3)</w:t></w:r></w:p>"
    body = f"{numbered}<w:p><w:r><w:t>Here {{x}}</w:t></w:r>{equation}</w:p>"
    conversion = converted(word_file(body))
    assert conversion.markdown == "$$\na=b+c \\tag{3}\n$$\n\nHere {x}$a=b+c$\n"
    assert [formula.name for formula in conversion.ir.formulas] == ["a", "a"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "damaged"),
        (b"PK\x03\x04 nothing", "damaged"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        (b"\xd0\xcf\x11\xe0 old", "unsupported-type"),
    ],
)
def test_what_cannot_be_read_ends_typed(data, reason):
    with pytest.raises(ConversionError) as error:
        converted(data)
    assert error.value.reason == reason


def test_a_bomb_is_refused_while_it_inflates(word_file):
    with pytest.raises(ConversionError) as error:
        converted(word_file(f"<w:p><w:r><w:t>{'a' * 40_000_000}</w:t></w:r></w:p>"))
    assert error.value.reason == "too-large"


def test_a_document_type_with_entities_is_refused(word_file):
    data = word_file("<w:p><w:r><w:t>before &hidden; after</w:t></w:r></w:p>")
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "word/document.xml":
                content = b'<!DOCTYPE w [<!ENTITY hidden SYSTEM "file:///etc/hostname">]>' + content
            target.writestr(name, content)
    with pytest.raises(ConversionError) as error:
        converted(out.getvalue())
    assert error.value.reason == "damaged"


def test_words_outside_runs_are_text_and_words_outside_paragraphs_are_listed_as_dropped(word_file, sound):
    body = "<w:p><w:t>Kept</w:t></w:p><w:tbl><w:t>A stray sentence</w:t></w:tbl>"
    conversion = convert(word_file(body), DOCX, document_id="d")
    sound(conversion)
    assert conversion.markdown == "Kept\n"
    assert [(item.what, item.characters) for item in conversion.report.dropped] == [("text that is not shown", 14)]


def test_hidden_text_is_listed_as_dropped(word_file, sound):
    hidden = "<w:r><w:rPr><w:vanish/></w:rPr><w:t>secret</w:t></w:r>"
    conversion = convert(word_file(f"<w:p><w:r><w:t>**Seen**</w:t></w:r>{hidden}</w:p>"), DOCX, document_id="d")
    sound(conversion)
    assert [(item.what, item.characters) for item in conversion.report.dropped] == [("hidden text", 6)]


def shifted(text: str, place: str) -> str:
    return f'<w:r><w:rPr><w:vertAlign w:val="{place}"/></w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def test_raised_and_lowered_text_stays_so_however_it_is_cut_into_runs(word_file):
    lowered = shifted("t", "subscript") + shifted("-1 ", "subscript")
    body = f"<w:p><w:r><w:t>R</w:t></w:r>{lowered}<w:r><w:t>m</w:t></w:r>{shifted('2', 'superscript')}</w:p>"
    assert converted(word_file(body)).markdown == "R_(t-1) m²\n"


def test_the_raised_end_of_an_ordinal_is_a_part_of_it(word_file):
    body = f"<w:p><w:r><w:t>the 3</w:t></w:r>{shifted('rd', 'superscript')}<w:r><w:t> Friday</w:t></w:r></w:p>"
    assert converted(word_file(body)).markdown == "the 3rd Friday\n"


def test_a_large_initial_begins_its_paragraph(word_file, paragraph):
    body = paragraph("T", '<w:framePr w:dropCap="drop"/>') + paragraph("he index.")
    assert converted(word_file(body)).markdown == "The index.\n"


def test_words_of_diagrams_are_listed_as_dropped(word_file, paragraph, sound):
    diagram = '<d xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:t>Order flow</a:t></d>'
    conversion = converted(word_file(paragraph("See the diagram."), diagramData=diagram))
    sound(conversion)
    assert [(item.what, item.characters) for item in conversion.report.dropped] == [("text of drawings", 9)]


def test_cells_merged_downwards_repeat_their_text(word_file, paragraph):
    cell = "<w:tc><w:tcPr>{}</w:tcPr>{}</w:tc>"
    first = cell.format('<w:vMerge w:val="restart"/>', paragraph("Both")) + cell.format("", paragraph("a"))
    second = cell.format("<w:vMerge/>", paragraph("")) + cell.format("", paragraph("b"))
    head = cell.format("", paragraph("Scope")) + cell.format("", paragraph("Limit"))
    conversion = converted(
        word_file(f"<w:tbl>{''.join(f'<w:tr>{row}</w:tr>' for row in (head, first, second))}</w:tbl>")
    )
    assert conversion.markdown.splitlines()[2:] == ["| Both | a |", "| Both | b |"]


def test_columns_that_a_row_leaves_out_are_empty(word_file, paragraph):
    cells = "".join(f"<w:tc>{paragraph(text)}</w:tc>" for text in "abc")
    short = f'<w:tr><w:trPr><w:gridBefore w:val="2"/></w:trPr><w:tc>{paragraph("d")}</w:tc></w:tr>'
    assert converted(word_file(f"<w:tbl><w:tr>{cells}</w:tr>{short}</w:tbl>")).markdown.endswith("|  |  | d |\n")


OPEN_XML = "http://schemas.openxmlformats.org"


def test_strict_documents_are_read_as_others(word_file, paragraph):
    table = f"<w:tbl><w:tr><w:tc>{paragraph('a')}</w:tc><w:tc>{paragraph('b')}</w:tc></w:tr></w:tbl>"
    body = paragraph("Aim", in_list(1)) + f"{table}<w:p><m:oMath><m:r><m:t>x</m:t></m:r></m:oMath></w:p>"
    data = word_file(body, numbering=NUMBERING)
    strict = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(strict, "w") as target:
        for name in source.namelist():
            content = source.read(name).decode()
            for kind in ("wordprocessingml", "officeDocument"):
                content = content.replace(f"{OPEN_XML}/{kind}/2006/", f"http://purl.oclc.org/ooxml/{kind}/")
            target.writestr(name, content)
    assert b"purl.oclc.org" in zipfile.ZipFile(strict).read("word/document.xml")
    assert converted(strict.getvalue()).markdown == converted(data).markdown


def test_content_controls_may_hold_words_cells_and_rows(word_file, paragraph):
    def control(inside: str) -> str:
        return f"<w:sdt><w:sdtPr><w:alias w:val='x'/></w:sdtPr><w:sdtContent>{inside}</w:sdtContent></w:sdt>"

    words = f"<w:p><w:r><w:t>The </w:t></w:r>{control('<w:r><w:t>cap</w:t></w:r>')}</w:p>"
    cells = [f"<w:tc>{paragraph(text)}</w:tc>" for text in "ab"]
    row = f"<w:tr>{control(cells[0])}{cells[1]}</w:tr>"
    assert (
        converted(word_file(words + f"<w:tbl>{control(row)}</w:tbl>")).markdown
        == "The cap\n\n| a | b |\n| --- | --- |\n"
    )


LEVELS = "".join(
    f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{style}"/>{more}<w:lvlText w:val="{text}"/></w:lvl>'
    for at, (style, text, more) in enumerate(
        [
            ("upperRoman", "%1.", ""),
            ("decimal", "%1.%2", "<w:isLgl/>"),
            ("lowerLetter", "%3)", '<w:lvlRestart w:val="1"/>'),
            ("decimal", "%4.", '<w:lvlRestart w:val="0"/>'),
        ]
    )
)
OVERRIDES = (
    f'<w:numbering XMLNS><w:abstractNum w:abstractNumId="0">{LEVELS}</w:abstractNum>'
    '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
    '<w:num w:numId="2"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:startOverride w:val="9"/>'
    "</w:lvlOverride></w:num>"
    '<w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0"><w:lvl w:ilvl="0"><w:start w:val="1"/>'
    '<w:numFmt w:val="decimal"/><w:lvlText w:val="Rule %1:"/></w:lvl></w:lvlOverride></w:num></w:numbering>'
)


@pytest.mark.parametrize(
    ("items", "numbers"),
    [
        ([(0, 1), (1, 1), (1, 1), (0, 1), (1, 1)], ["I.", "1.1", "1.2", "II.", "2.1"]),  # legal: Roman shown as decimal
        ([(0, 1), (2, 1), (1, 1), (2, 1), (0, 1), (2, 1)], ["I.", "a)", "1.1", "b)", "II.", "a)"]),  # by level 1 only
        ([(3, 1), (0, 1), (3, 1)], ["1.", "I.", "2."]),  # never restarted
        ([(0, 1), (0, 2), (0, 2), (0, 1)], ["I.", "IX.", "X.", "XI."]),  # lists of one definition count on
        ([(0, 1), (0, 3), (0, 1)], ["I.", "Rule 2:", "III."]),  # another form, the same count
        ([(1, 1)], ["1.1"]),  # a level above that was never used shows its start
    ],
)
def test_levels_restart_and_are_overridden_as_word_does(word_file, paragraph, items, numbers):
    body = "".join(paragraph(f"#{at}", in_list(level, number)) for at, (level, number) in enumerate(items))
    markdown = converted(word_file(body, numbering=OVERRIDES)).markdown
    printed = [line.split("#")[0].strip(" -\\") for line in markdown.split("\n") if "#" in line]
    assert printed == numbers
