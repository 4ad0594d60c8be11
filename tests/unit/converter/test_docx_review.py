"""Tracked changes and comments of Word documents: the accepted text, and beside it who changed or said what, where."""

from __future__ import annotations

import pytest

from docward.converter.conversion import convert
from docward.runtime.sniffing import DOCX

BY = 'w:id="1" w:author="Ada" w:date="2026-01-02T09:30:00Z"'
COMMENTED = 'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml"'


@pytest.fixture
def converted(word_file, sound):
    def convert_body(body: str, **parts: str):
        conversion = convert(word_file(body, **parts), DOCX, document_id="d")
        sound(conversion)
        return conversion

    return convert_body


def run(text: str, properties: str = "") -> str:
    return f'<w:r><w:rPr>{properties}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def inserted(*runs: str) -> str:
    return f"<w:ins {BY}>{''.join(runs)}</w:ins>"


def deleted(text: str) -> str:
    return f'<w:del {BY}><w:r><w:delText xml:space="preserve">{text}</w:delText></w:r></w:del>'


def table(*cells: str) -> str:
    return f"<w:tbl><w:tr>{''.join(f'<w:tc><w:p>{cell}</w:p></w:tc>' for cell in cells)}</w:tr></w:tbl>"


def changes(conversion):
    """Kind, text and what the span covers, with what stands before and after it."""
    markdown, found = conversion.markdown, []
    for one in conversion.ir.tracked_changes:
        start, end = one.span.start, one.span.end
        found.append((one.kind, one.text, f"{markdown[:start]}[{markdown[start:end]}]{markdown[end:]}"))
    return found


def test_the_text_is_the_accepted_one_and_changes_keep_author_date_and_place(converted):
    conversion = converted(f"<w:p>{run('The cap is ')}{deleted('4 %')}{inserted(run('5 %'))}{run('.')}</w:p>")
    assert conversion.markdown == "The cap is 5 %.\n"
    assert changes(conversion) == [
        ("deletion", "4 %", "The cap is []5 %.\n"),
        ("insertion", "5 %", "The cap is [5 %].\n"),
    ]
    assert {(one.author, one.date) for one in conversion.ir.tracked_changes} == {("Ada", "2026-01-02T09:30:00Z")}


def test_deleted_text_is_kept_not_dropped(converted):
    report = converted(f"<w:p>{run('The cap')}{deleted('4 %')}</w:p>").report
    assert report.dropped == ()
    assert [(one.what, one.characters) for one in report.kept] == [("deleted text", 2)]
    assert report.characters_in == 8


def test_runs_that_one_author_inserted_together_are_one_change(converted):
    body = f"<w:p>{run('a ')}{inserted(run('bold', '<w:b/>'))}{inserted(run(' and more'))}{run(' b')}</w:p>"
    assert changes(converted(body)) == [("insertion", "bold and more", "a **[bold** and more] b\n")]


@pytest.mark.parametrize(
    ("paragraph", "around"),
    [
        (f'<w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr>{run("Aim and ")}{inserted(run("scope"))}</w:p>',
         "# Aim and [scope]\n"),
        (table(run("a|b"), run("a ") + inserted(run("b"))), "| a\\|b | a [b] |\n| --- | --- |\n"),
        (f"<w:p>{inserted(run('a'))}<w:r><w:br/></w:r>{run('b')}</w:p>", "[a]\nb\n"),
        (f'<w:p><w:hyperlink r:id="web">{run("web")}</w:hyperlink>{run(" s ")}{inserted(run("t"))}</w:p>',
         "web s [t]\n"),
    ],
)  # fmt: skip
def test_a_change_is_found_in_headings_tables_and_lines(converted, paragraph, around):
    assert [place for _, _, place in changes(converted(paragraph))] == [around]


def test_moved_text_stands_at_its_new_place_and_both_places_are_told(converted):
    moved = f"<w:moveFrom {BY}>{run('Sell.')}</w:moveFrom>"
    body = f"<w:p>{run('Buy.')}{moved}</w:p><w:p><w:moveTo {BY}>{run('Sell.')}</w:moveTo></w:p>"
    assert changes(converted(body)) == [
        ("moved-away", "Sell.", "Buy.[]\n\nSell.\n"),
        ("moved-here", "Sell.", "Buy.\n\n[Sell.]\n"),
    ]


def test_a_deleted_paragraph_end_joins_its_paragraphs(converted):
    ended = f"<w:p><w:pPr><w:rPr><w:del {BY}/></w:rPr></w:pPr>{run('The cap ')}</w:p>"
    conversion = converted(f"{ended}<w:p>{run('holds.')}</w:p>")
    assert conversion.markdown == "The cap holds.\n"
    assert changes(conversion) == [("deletion", "\n", "The cap []holds.\n")]


def test_a_deleted_paragraph_takes_no_number(converted, paragraph):
    numbering = (
        '<w:numbering XMLNS><w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/>'
        '<w:lvlText w:val="%1."/></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>'
        "</w:numbering>"
    )
    in_list = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    gone = f"<w:p><w:pPr>{in_list}<w:rPr><w:del {BY}/></w:rPr></w:pPr>{deleted('Gone.')}</w:p>"
    conversion = converted(paragraph("One.", in_list) + gone + paragraph("Two.", in_list), numbering=numbering)
    assert conversion.markdown == "1. One.\n2. Two.\n"


@pytest.mark.parametrize("after", ["", table(run("x"))])
def test_a_deleted_paragraph_end_before_no_paragraph_loses_nothing(converted, after):
    ended = f"<w:p><w:pPr><w:rPr><w:del {BY}/></w:rPr></w:pPr>{run('The cap.')}</w:p>"
    assert converted(ended + after).markdown.startswith("The cap.\n")


def test_a_deleted_row_is_kept_as_a_change(converted):
    row = "<w:tr><w:trPr>{}</w:trPr><w:tc><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:tc></w:tr>"
    body = f"<w:tbl>{row.format('', 'Limit')}{row.format(f'<w:del {BY}/>', 'Old')}{row.format('', 'New')}</w:tbl>"
    conversion = converted(body)
    assert conversion.markdown == "| Limit |\n| --- |\n| New |\n"
    assert [(one.kind, one.text) for one in conversion.ir.tracked_changes] == [("deletion", "Old")]


def comments_of(*texts: str) -> str:
    written = "".join(
        f'<w:comment w:id="{at}" w:author="Bob"><w:p w14:paraId="A{at}">{run(text)}</w:p></w:comment>'
        for at, text in enumerate(texts)
    )
    return f"<w:comments XMLNS {COMMENTED}>{written}</w:comments>"


def test_comments_keep_their_words_and_what_they_are_about(converted):
    body = (
        f'<w:p>{run("The ")}<w:commentRangeStart w:id="0"/>{run("cap", "<w:b/>")}<w:commentRangeEnd w:id="0"/>'
        f'<w:r><w:commentReference w:id="0"/></w:r>{run(" holds")}<w:r><w:commentReference w:id="1"/></w:r></w:p>'
    )
    conversion = converted(body, comments=comments_of("Per order?", "Since when?"))
    ir, markdown = conversion.ir, conversion.markdown
    assert [(one.author, one.text, markdown[one.span.start : one.span.end]) for one in ir.comments] == [
        ("Bob", "Per order?", "cap"),
        ("Bob", "Since when?", ""),
    ]
    assert ir.comments[1].span.start == len(markdown) - 1
    assert [(one.what, one.characters) for one in conversion.report.kept] == [("comments", 19)]
    assert conversion.report.dropped == ()


def test_a_comment_may_be_about_several_paragraphs(converted):
    body = (
        f'<w:p>{run("One ")}<w:commentRangeStart w:id="0"/>{run("two.")}</w:p>'
        f'<w:p>{run("Three")}<w:commentRangeEnd w:id="0"/>{run(" four.")}</w:p>'
    )
    conversion = converted(body, comments=comments_of("Both?"))
    span = conversion.ir.comments[0].span
    assert conversion.markdown[span.start : span.end] == "two.\n\nThree"


def test_answers_to_comments_and_resolved_ones_are_told(converted):
    extended = (
        '<w15:commentsEx xmlns:w15="http://schemas.microsoft.com/office/word/2012/wordml">'
        '<w15:commentEx w15:paraId="A0" w15:done="1"/><w15:commentEx w15:paraId="A1" w15:paraIdParent="A0"/>'
        "</w15:commentsEx>"
    )
    conversion = converted(
        f"<w:p>{run('Text')}</w:p>", comments=comments_of("Why?", "Because."), commentsExtended=extended
    )
    assert [(one.resolved, one.answers, one.span) for one in conversion.ir.comments] == [
        (True, None, None),
        (False, "0", None),
    ]
