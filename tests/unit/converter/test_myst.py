"""MyST Markdown: the text passes through, and its directives, roles and targets say what it is."""

from __future__ import annotations

import pytest

from docward.converter.conversion import convert
from docward.runtime.sniffing import MARKDOWN


@pytest.fixture
def converted(sound):
    def convert_text(text: str):
        conversion = convert(text.encode(), MARKDOWN, document_id="d")
        sound(conversion)
        assert conversion.markdown == text
        return conversion.ir

    return convert_text


def texts(ir, text: str, kind: str) -> list[str]:
    return [text[block.span.start : block.span.end] for block in ir.blocks if block.kind == kind]


@pytest.mark.parametrize("fence", ["```", ":::", "~~~"])
def test_what_a_directive_holds_is_text_with_its_structure(converted, fence):
    inside = "The order limit is 5 lots.\n\n- one\n- two\n\n| Name | Value |\n| --- | --- |\n| cap | 5 |\n"
    text = f"# A\n\n{fence}{{note}}\n:class: wide\n\n{inside}{fence}\n\nAfter.\n"
    ir = converted(text)
    assert texts(ir, text, "paragraph") == ["The order limit is 5 lots.", "After."]
    assert texts(ir, text, "list-item") == ["- one", "- two"]
    assert [[cell.text for cell in table.header] for table in ir.tables] == [["Name", "Value"]]


def test_the_title_of_a_directive_is_text(converted):
    text = ":::{admonition} Watch the cap\nIt is hard.\n:::\n"
    assert texts(converted(text), text, "paragraph") == [":::{admonition} Watch the cap", "It is hard."]


def test_directives_may_hold_directives(converted):
    text = "::::{note}\n:::{tip}\nRound down.\n:::\nThen trade.\n::::\n"
    assert texts(converted(text), text, "paragraph") == ["Round down.", "Then trade."]


def test_directives_in_lists_keep_their_place(converted):
    text = "- First:\n\n  :::{note}\n  Round down.\n  :::\n\n- Second\n"
    ir = converted(text)
    assert texts(ir, text, "paragraph") == ["Round down."]
    assert texts(ir, text, "list-item") == ["- First:", "- Second"]


def test_code_in_a_directive_is_no_prose(converted):
    text = "```{code-block} python\n:linenos:\n\n# limit = 5\n```\n\n```{eval-rst}\n.. note:: x\n```\n"
    assert {block.kind for block in converted(text).blocks} == {"code"}


@pytest.mark.parametrize(
    "text",
    [
        "```{math}\n:label: eq-weight\n\nw_i = \\frac{c_i}{C}\n```\n",
        ":::{math}\nw_i = \\frac{c_i}{C}\n:::\n",
        "```{math} w_i = \\frac{c_i}{C}\n```\n",
        "The weight is {math}`w_i = \\frac{c_i}{C}` for each.\n",
    ],
)
def test_math_is_a_formula(converted, text):
    (formula,) = converted(text).formulas
    assert (formula.name, formula.latex) == ("w_i", "w_i = \\frac{c_i}{C}")


def test_roles_refer_to_what_a_target_or_a_label_names(converted):
    text = (
        "(limits)=\n# Limits\n\n```{math}\n:label: eq-w\n\nw = \\frac{a}{b}\n```\n\n"
        ":::{table} Caps\n:name: tab-caps\n\n| Name | Value |\n| --- | --- |\n| cap | 5 |\n:::\n\n"
        "See {ref}`limits`, {ref}`the caps <tab-caps>`, {eq}`eq-w`, {ref}`nowhere` and {doc}`costs.md`.\n"
    )
    ir = converted(text)
    names = {ir.sections[0].id: "section", ir.tables[0].id: "table", ir.formulas[0].id: "formula"}
    found = [(one.text, one.kind, names.get(one.target_id), one.external) for one in ir.references]
    assert found == [
        ("{ref}`limits`", "section", "section", False),
        ("{ref}`the caps <tab-caps>`", "table", "table", False),
        ("{eq}`eq-w`", "formula", "formula", False),
        ("{ref}`nowhere`", "section", None, False),
        ("{doc}`costs.md`", "document", None, True),
    ]
    assert ir.tables[0].caption == "Caps"


def test_a_target_may_name_a_paragraph_or_a_labelled_formula(converted):
    text = "(why)=\nBecause.\n\n$$\nw = \\frac{a}{b}\n$$ (eq-w)\n\nSee {ref}`why` and {numref}`eq-w`.\n"
    ir = converted(text)
    because = next(block for block in ir.blocks if text[block.span.start : block.span.end] == "Because.")
    assert [one.target_id for one in ir.references] == [because.id, ir.formulas[0].id]


def test_a_table_written_as_a_list_is_a_table(converted):
    text = (
        "```{list-table} Caps\n:header-rows: 1\n\n* - Name\n  - Value\n* - `cap` of\n    an order\n  - 5 %\n"
        "* - stop\n  -\n```\n"
    )
    (table,) = converted(text).tables
    assert table.caption == "Caps"
    assert [cell.text for cell in table.header] == ["Name", "Value"]
    assert [[" ".join(cell.text.split()) for cell in row] for row in table.rows] == [
        ["cap of an order", "5 %"],
        ["stop", ""],
    ]
    assert table.column_types == ("text", "percentage")
    assert [text[cell.span.start : cell.span.end] for row in table.rows for cell in row][1:3] == ["5 %", "stop"]


def test_values_in_a_table_written_as_a_list_are_parameters(converted):
    text = ":::{list-table}\n* - Parameter\n  - Value\n* - Participation rate\n  - 5 %\n:::\n"
    assert [(one.name, one.value) for one in converted(text).parameters] == [("Participation rate", "5")]


@pytest.mark.parametrize("text", ["% of NAV is the unit.\n", "+++ is a mark.\n", "(not a target) = x\n", "a {b} `c`\n"])
def test_what_looks_like_it_is_left_as_text(converted, text):
    assert texts(converted(text), text, "paragraph") == [text.strip()]


def test_directives_without_end_or_bottom_lose_nothing(converted):
    converted("".join(f":::{{note}} {at}\n" for at in range(40)) + "Text.\n")
