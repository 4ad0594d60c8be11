"""Two versions beside each other: what was inserted, deleted, moved and changed, and which words of it."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from docward.converter.conversion import convert
from docward.reports.differences import Change, Difference, Outline, Side, Text, difference
from docward.runtime.sniffing import MARKDOWN

TEXT = """# Momentum

## Signals

The signal is the return over 20 days.

It is computed at the close.

## Risk

Orders above 5 % of the volume are refused.
"""


def compared(before: str, after: str) -> Difference:
    sides = []
    for version, text in ((1, before), (2, after)):
        done = convert(text.encode(), MARKDOWN, document_id="d")
        sides.append(Text(version, done.markdown, Outline(sections=done.ir.sections, blocks=done.ir.blocks)))
    return difference(*sides)


def kinds(found: Difference) -> list[tuple[str | Side | None, ...]]:
    return [(c.kind, c.before and c.before.text, c.after and c.after.text) for c in found.changes]


def words(found: Difference, before: str, after: str) -> list[tuple[str, str]]:
    return [
        (before[word.before.start : word.before.end], after[word.after.start : word.after.end])
        for change in found.changes
        for word in change.words
    ]


def test_a_version_differs_from_itself_in_nothing() -> None:
    found = compared(TEXT, TEXT)
    assert (found.changes, found.counts, found.unchanged) == ((), {}, 6)


def test_a_reflowed_paragraph_has_not_changed() -> None:
    assert compared(TEXT, TEXT.replace("return over", "return\nover")).changes == ()


def test_changed_words_are_told_with_their_places_in_both_versions() -> None:
    after = TEXT.replace("over 20 days", "over 30 trading days")
    found = compared(TEXT, after)
    assert [change.kind for change in found.changes] == ["changed"]
    assert words(found, TEXT, after) == [("20", "30 trading")]
    assert found.changes[0].after is not None
    assert found.changes[0].after.section == "Signals"


def test_an_inserted_word_has_an_empty_place_before() -> None:
    after = TEXT.replace("volume are", "volume today are")
    assert [(one.strip(), other.strip()) for one, other in words(compared(TEXT, after), TEXT, after)] == [("", "today")]


def test_blocks_are_inserted_and_deleted_where_they_stand() -> None:
    after = TEXT.replace("It is computed at the close.\n\n", "").replace(
        "## Risk\n", "## Risk\n\nNobody trades alone.\n"
    )
    assert kinds(compared(TEXT, after)) == [
        ("deleted", "It is computed at the close.", None),
        ("inserted", None, "Nobody trades alone."),
    ]


def test_a_block_that_moved_is_neither_deleted_nor_inserted() -> None:
    line = "It is computed at the close.\n\n"
    after = TEXT.replace(line, "") + "\n" + line
    assert kinds(compared(TEXT, after)) == [("moved", line.strip(), line.strip())]


def test_what_shares_few_words_is_another_block() -> None:
    after = TEXT.replace("It is computed at the close.", "Fees follow the schedule of the venue.")
    assert [kind for kind, _, _ in kinds(compared(TEXT, after))] == ["deleted", "inserted"]


def test_lines_of_code_count() -> None:
    before = "```\na = b\n\nc = d\n```\n"
    assert [c.kind for c in compared(before, before.replace("\n\nc", "\nc")).changes] == ["changed"]


PARAGRAPHS = st.lists(
    st.sampled_from(["one two three", "one two four", "five", "# A", "- x\n- y", "six six"]), max_size=12
)


@given(PARAGRAPHS, PARAGRAPHS)
def test_every_block_is_told_once_and_every_place_is_exact(ours: list[str], theirs: list[str]) -> None:
    before, after = "\n\n".join(ours) + "\n\nend\n", "\n\n".join(theirs) + "\n\nend\n"
    found = compared(before, after)
    for at, text in ((0, before), (1, after)):
        blocks = convert(text.encode(), MARKDOWN, document_id="d").ir.blocks
        told = [side for change in found.changes if (side := (change.before, change.after)[at])]
        assert len(told) + found.unchanged == len(blocks)
        assert len({side.span.start for side in told}) == len(told)
        assert all(text[side.span.start : side.span.end] == side.text for side in told)
    for change in found.changes:
        if change.kind == "changed":
            assert change.before is not None
            assert change.after is not None
            assert rewritten(change.before.text, change.before.span.start, after, change) == change.after.text


def rewritten(text: str, offset: int, after: str, change: Change) -> str:
    """The earlier text with the changed words of the later one in it."""
    for word in reversed(change.words):
        start, end = word.before.start - offset, word.before.end - offset
        text = text[:start] + after[word.after.start : word.after.end] + text[end:]
    return text


def test_work_is_bounded_when_nothing_is_the_same_or_everything_is_alike() -> None:
    rows = range(3000)
    for before, after in (
        ("".join(f"alpha {at} beta\n\n" for at in rows), "".join(f"gamma {at} delta {at}\n\n" for at in rows)),
        ("same line\n\n" * 3000, "same line\n\nother line\n\n" * 1500),
        ("word " * 20_000, "word other " * 15_000),
    ):
        began = time.process_time()
        compared(before, after)
        assert time.process_time() - began < 20
