"""Struck-through text: it stays in the Markdown, is known by its place and states nothing."""

from __future__ import annotations

import pytest

from docward.converter.conversion import convert
from docward.events.ir import Ir
from docward.runtime.sniffing import DOCX, HTML, MARKDOWN

STRIKE = "<w:strike/>"


@pytest.fixture
def converted(sound):
    def convert_content(content, media_type=MARKDOWN):
        conversion = convert(content if isinstance(content, bytes) else content.encode(), media_type, document_id="d")
        sound(conversion)
        return conversion

    return convert_content


def struck(conversion) -> list[str]:
    return [conversion.markdown[span.start : span.end] for span in conversion.ir.struck]


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


@pytest.mark.parametrize(
    ("runs", "written"),
    [
        (run("The cap is ") + run("4 % ", STRIKE) + run("5 %."), "The cap is ~~4 %~~ 5 %."),
        (run("a ") + run("b", "<w:dstrike/>"), "a ~~b~~"),
        (run("a", STRIKE) + run("b", "<w:b/>" + STRIKE), "~~a**b**~~"),
        (run("a ") + run("b", '<w:strike w:val="0"/>'), "a b"),
        (run("f(x)", STRIKE + '<w:rFonts w:ascii="Consolas"/>') + run(" g"), "~~`f(x)`~~ g"),
        (run("a") + run("2", STRIKE + '<w:vertAlign w:val="superscript"/>'), "a~~²~~"),
        (run("about ~5 and a~~b~~c"), r"about ~5 and a\~~b\~~c"),
    ],
)
def test_struck_text_of_word_has_the_marks_of_markdown(converted, word_file, runs, written):
    conversion = converted(word_file(f"<w:p>{runs}</w:p>"), DOCX)
    assert conversion.markdown == written + "\n"
    assert len(struck(conversion)) == ("strike/>" in runs)


def test_a_style_may_strike_through(converted, word_file):
    style = '<w:style w:styleId="Gone"><w:name w:val="gone"/><w:rPr><w:strike/></w:rPr></w:style>'
    runs = run("Buy ") + run("high", '<w:rStyle w:val="Gone"/>')
    assert (
        converted(word_file(f"<w:p>{runs}</w:p>", styles=f"<w:styles XMLNS>{style}</w:styles>"), DOCX).markdown
        == "Buy ~~high~~\n"
    )


def test_a_heading_keeps_that_it_is_struck(converted, word_file):
    heading = f'<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr>{run("Old aim", STRIKE)}</w:p>'
    conversion = converted(word_file(heading), DOCX)
    assert conversion.markdown == "# ~~Old aim~~\n"
    assert [one.title for one in conversion.ir.sections] == ["Old aim"]


@pytest.mark.parametrize("name", ["s", "del", "strike"])
def test_struck_text_of_html_is_known(converted, name):
    page = f"<html><body><p>The cap is <{name}>4 %</{name}> 5 %.</p></body></html>"
    assert struck(converted(page, HTML)) == ["~~4 %~~"]


def test_a_heading_of_html_keeps_that_it_is_struck(converted):
    assert struck(converted("<html><body><h1><b>New</b> <s>old</s> aim</h1></body></html>", HTML)) == ["~~old~~"]


def test_struck_text_of_a_footer_is_no_part_of_it(converted, word_file):
    footer = f"<w:ftr XMLNS><w:p>{run('Version 1', STRIKE)}{run('Version 2')}</w:p></w:ftr>"
    section = '<w:sectPr><w:footerReference w:type="default" r:id="p0"/></w:sectPr>'
    conversion = converted(word_file(f"<w:p>{run('Text')}</w:p>{section}", footer1=footer), DOCX)
    assert [one.text for one in conversion.ir.page_margins] == ["Version 2"]
    assert [one.characters for one in conversion.report.dropped] == [8]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a ~~b\nc~~ d ~~e~~", ["~~b\nc~~", "~~e~~"]),
        ("a ~~b\n\nc~~ d", []),
        ("a ~~ b ~~ c", []),
        (r"a \~~b~~ c", []),
        ("`~~a~~` ~~b~~", ["~~b~~"]),
        ("~~~\n~~a~~\n~~~\n", []),
        ("| ~~a | b~~ | ~~c~~ |\n| --- | --- | --- |\n| ~~d~~ | e | f |\n", ["~~c~~", "~~d~~"]),
    ],
)
def test_what_markdown_strikes_through_is_known(converted, text, found):
    assert struck(converted(text)) == found


def test_struck_text_states_no_parameter_and_no_cell(converted):
    text = (
        "# Limits\n\nThe participation rate is ~~4 %~~ 5 %.\n\n"
        "| Parameter | Value |\n| --- | --- |\n| Order cap | ~~7 %~~ 8 % |\n\n"
        "~~“Lag” means two days.~~\n\n“Lookback” means ~~20~~ 30 days.\n"
    )
    conversion = converted(text)
    ir: Ir = conversion.ir
    assert {one.value for one in ir.parameters} >= {"5", "8"}
    assert not {one.value for one in ir.parameters} & {"4", "7", "20"}
    assert ir.tables[0].rows[0][1].text == "8 %"
    assert [(one.term, one.text) for one in ir.definitions] == [("Lookback", "“Lookback” means ~~20~~ 30 days.")]


def test_an_ir_of_before_knows_neither_struck_text_nor_margins(converted):
    old = converted("a").ir.model_dump(mode="json", exclude={"struck", "page_margins"})
    read = Ir.model_validate(old)
    assert not read.struck
    assert not read.page_margins
