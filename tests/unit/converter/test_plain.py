"""Plain text: its structure is found, its characters stay."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from docward.converter.conversion import convert

TEXT = "text/plain"


def converted(text: str | bytes):
    return convert(text.encode() if isinstance(text, str) else text, TEXT, document_id="d")


def test_underlined_numbered_and_capital_headings(sound):
    done = converted("Momentum Rules\n==============\n\nSCOPE OF RULES\n\n2.1 Entry Signal\n\nBuy at 5 %.\n")
    assert done.markdown == "# Momentum Rules\n\n## SCOPE OF RULES\n\n### 2.1 Entry Signal\n\nBuy at 5 %.\n"
    assert done.ir.title == "Momentum Rules"
    assert [(item.what, item.characters) for item in done.report.dropped] == [("underlines", 14)]
    sound(done)


def test_lists_keep_their_nesting_and_their_words(sound):
    done = converted("Rules\n\n* one\n  - inner\n* two\n  goes on\n")
    assert done.markdown == "# Rules\n\n- one\n  - inner\n- two\n  goes on\n"
    assert [block.depth for block in done.ir.blocks if block.kind == "list-item"] == [0, 1, 0]
    sound(done)


def test_what_is_laid_out_by_blanks_stays_as_it_is(sound):
    table = "Name      Value\nLookback  20\nCap       5 %"
    wide = table.replace("  ", "     ")
    done = converted(f"Parameters\n\n{wide}\n")
    assert f"```\n{wide}\n```" in done.markdown
    sound(done)


def test_a_mark_of_markdown_that_was_none_is_escaped():
    done = converted("Notes here.\n\n# not a heading, a sentence.\n")
    assert done.markdown.endswith("\n\n\\# not a heading, a sentence.\n")


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=400))
def test_of_any_bytes_nothing_is_lost(data):
    done = converted(b"Title.\n\n" + data)
    lost = sum(item.characters for item in done.report.dropped)
    assert done.report.characters_in <= done.report.characters_out + lost
