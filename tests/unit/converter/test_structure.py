"""Sections, blocks and tables of the IR."""

from __future__ import annotations

import pytest

from docward.converter.conversion import convert


def ir_of(text: str):
    return convert(text.encode(), "text/markdown", document_id="d").ir


@pytest.mark.parametrize(
    ("heading", "number", "title"),
    [
        ("1. Scope", "1", "Scope"),
        ("3.2 Risk limits", "3.2", "Risk limits"),
        ("3.2.1. Order value", "3.2.1", "Order value"),
        ("A.1 Inputs", "A.1", "Inputs"),
        ("Appendix B: Data", "Appendix B", "Data"),
        ("Appendix C", "Appendix C", "Appendix C"),
        ("Section 4 – Limits", "4", "Limits"),
        ("IV. Execution", "IV", "Execution"),
        ("**5** Bold number", None, "5 Bold number"),
        ("2026 results", None, "2026 results"),
        ("A Momentum Strategy", None, "A Momentum Strategy"),
        ("15 Minutes of Delay", None, "15 Minutes of Delay"),
    ],
)
def test_numbers_are_told_from_titles(heading, number, title):
    section = ir_of(f"## {heading}\n\nText.\n").sections[0]
    assert (section.number, section.title) == (number, title)


def test_a_bare_integer_counts_where_the_document_counts():
    sections = ir_of("# 1 Scope\n\n# 2 Signals\n\n# 3 Risk\n").sections
    assert [section.number for section in sections] == ["1", "2", "3"]


def test_sections_know_their_parents_and_their_own_text():
    text = "# Spec\n\nIntro.\n\n## 1 Scope\n\nText.\n\n### 1.1 Part\n\nMore.\n\n## 2 Risk\n"
    ir = ir_of(text)
    spec, scope, part, risk = ir.sections
    assert (scope.parent_id, part.parent_id, risk.parent_id) == (spec.id, scope.id, spec.id)
    assert text[scope.span.start : scope.span.end] == "## 1 Scope\n\nText."
    assert text[scope.heading.start : scope.heading.end] == "Scope"
    paragraph = next(block for block in ir.blocks if text[block.span.start : block.span.end] == "More.")
    assert paragraph.section_id == part.id


def test_types_of_sections():
    ir = ir_of(
        "# Definitions\n\nx\n\n# Abbreviations\n\nx\n\n# Appendix A: Rates\n\nx\n\n## Details\n\nx\n\n# Grid\n\n"
        "| a | b |\n| --- | --- |\n| 1 | 2 |\n\n# Code\n\n```python\nprint(1)\n```\n\n# Rest\n\nx\n"
    )
    assert [section.type for section in ir.sections] == [
        "definition",
        "glossary",
        "annex",
        "annex",
        "table",
        "code",
        "narrative",
    ]


def test_blocks_and_nesting():
    ir = ir_of("para\n\n- one\n  - two\n    more\n- three\n\n> quote\n\n```\ncode\n```\n\n$$x = 1$$\n\n![alt](a.png)\n")
    assert [(block.kind, block.depth) for block in ir.blocks] == [
        ("paragraph", 0),
        ("list-item", 0),
        ("list-item", 1),
        ("list-item", 0),
        ("quote", 0),
        ("code", 0),
        ("formula", 0),
        ("image", 0),
    ]


def test_money_is_no_formula():
    ir = ir_of("The limit is $5 million and the cap is $10 million.\n")
    assert ir.formulas == ()


def test_tables_have_cells_with_spans_captions_and_types():
    rows = "| Name | **Value** | Note |\n| --- | --: | --- |\n| a\\|b | 5 % | `x` |\n| c | 7.5 % |  |\n"
    text = f"Table 2: Limits\n\n{rows}\nEnd.\n"
    table = ir_of(text).tables[0]
    assert table.caption == "Table 2: Limits"
    assert [cell.text for cell in table.header] == ["Name", "Value", "Note"]
    assert [[cell.text for cell in row] for row in table.rows] == [["a|b", "5 %", "x"], ["c", "7.5 %", ""]]
    assert table.column_types == ("text", "percentage", "text")
    value = table.rows[1][1].span
    assert text[value.start : value.end] == "7.5 %"


def test_ids_stay_when_other_text_changes():
    before = "# A\n\nThe cap is 5 %.\n\nSee Table 1.\n"
    after = "# A\n\nAn added paragraph about 9 shares.\n\nThe cap is 5 %.\n\nSee Table 1.\n"
    old, new = ir_of(before), ir_of(after)
    kept = {block.id for block in old.blocks} & {block.id for block in new.blocks}
    assert len(kept) == len(old.blocks)
    assert old.references[0].id == new.references[0].id
    assert old.parameters[0].id in {parameter.id for parameter in new.parameters}


def test_equal_paragraphs_have_different_ids():
    ir = ir_of("same\n\nsame\n")
    assert ir.blocks[0].id != ir.blocks[1].id
