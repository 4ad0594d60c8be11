"""Definitions, formulas, parameters and references of the IR."""

from __future__ import annotations

import pytest

from docward.converter.conversion import convert
from docward.converter.conversion.formulas import latex_symbols, plain_symbols


def ir_of(text: str):
    return convert(text.encode(), "text/markdown", document_id="d").ir


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("“Trading Day” means a day on which the venue is open.", "Trading Day"),
        ('The term "Parent Order" refers to the whole quantity.', "Parent Order"),
        ("The arrival price is defined as the mid at creation.", "arrival price"),
        ("The company (the “Administrator”) publishes the index.", "Administrator"),
        ("**Lookback**: the number of days that are used.", "Lookback"),
        ("- **Net asset value (NAV)**: the value of all positions.", "Net asset value"),
        ("Sizes follow the average true range (ATR) of the share.", "ATR"),
        ("Prices use VWAP (volume weighted average price) data.", "VWAP"),
        ("For the purpose of weights, Dividend Yield means the forecast divided by the price.", "Dividend Yield"),
        ("Let $\\alpha$ be the smoothing factor.", "\\alpha"),
    ],
)
def test_forms_of_definitions(text, term):
    definitions = ir_of(text + "\n").definitions
    assert [one.term for one in definitions] == [term]


@pytest.mark.parametrize(
    "text",
    [
        "**Note**: the value of all positions is shown.",
        "**Lookback**: 20 days",
        "This means that no order is sent.",
        "The limits (see below) apply (if at all) to orders.",
        "where it is needed, the desk decides.",
    ],
)
def test_what_is_no_definition(text):
    assert ir_of(text + "\n").definitions == ()


def test_an_alias_and_its_term_are_one_definition():
    definition = ir_of("- **Net asset value (NAV)**: the value of all positions.\n").definitions[0]
    assert definition.aliases == ("NAV",)


def test_glossary_tables_and_lists():
    ir = ir_of(
        "# Terms\n\n- Session: the hours of trading\n\n| Term | Meaning |\n| --- | --- |\n| Bar | One minute |\n"
    )
    assert [one.term for one in ir.definitions] == ["Session", "Bar"]


def test_lineage_names_the_terms_that_a_definition_uses():
    ir = ir_of("“Bar” means one minute.\n\n“Bar Price” means the last price in a Bar.\n")
    bar, price = ir.definitions
    assert [(one.kind, one.target) for one in price.lineage] == [("direct-reference", bar.id)]


def test_a_displayed_formula_with_its_where_list():
    ir = ir_of("$$ z_t = \\frac{P_t - \\mu_t}{\\sigma_t} $$\n\nwhere $P_t$ is the price, and $\\mu_t$ is the mean.\n")
    formula = ir.formulas[0]
    assert formula.name == "z_t"
    defined = {variable.symbol: variable.defined_in for variable in formula.variables}
    assert defined["P_t"] == ir.definitions[0].id
    assert defined["\\mu_t"] == ir.definitions[1].id
    assert defined["\\sigma_t"] is None


def test_a_where_list_of_items():
    ir = ir_of("```\nIndex(t) = Sum / Divisor\n```\n\nWhere:\n- Sum = the sum of all prices\n- Divisor = a constant\n")
    assert all(variable.defined_in for variable in ir.formulas[0].variables)
    assert [one.symbol for one in ir.formulas[0].variables] == ["Sum", "Divisor"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MOM_i = P_i(t-21) / P_i(t-252) - 1", "MOM_i"),
        ("- Spread = Ask - Bid", "Spread"),
        ("It is adjusted: New Divisor = Old Divisor * (A / B).", "New Divisor"),
        ("The size is $q = E / P$ in shares.", "q"),
    ],
)
def test_plain_and_inline_formulas(text, name):
    assert [formula.name for formula in ir_of(text + "\n").formulas] == [name]


@pytest.mark.parametrize(
    "text", ["lookback = 20 days", "The set a = b holds.", "See key=value pairs.", "Price: $5 - $7"]
)
def test_what_is_no_formula(text):
    assert ir_of(text + "\n").formulas == ()


def test_functions_are_no_variables():
    (formula,) = ir_of("Weight = Score / Sum(Scores) + max(Floor, 0)\n").formulas
    assert [one.symbol for one in formula.variables] == ["Score", "Scores", "Floor"]


def test_an_earlier_formula_defines_a_symbol():
    ir = ir_of("A = B / C\n\nD = A * B\n")
    first, second = ir.formulas
    assert second.dependencies == (first.id,)


@pytest.mark.parametrize(
    ("text", "name", "value", "unit", "kind"),
    [
        ("The participation rate is 5 %.", "participation rate", "5", "%", "percentage"),
        ("The maximum order value is EUR 1.5 million.", "maximum order value", "1.5 million", "EUR", "currency"),
        ("The dividend yield must be at least 3 %.", "dividend yield", "3", "%", "percentage"),
        ("The delay must not exceed 250 ms.", "delay", "250", "ms", "duration"),
        ("- Lookback: 20 days", "Lookback", "20", "days", "duration"),
        ("- `tick_size` = 0.01", "tick_size", "0.01", None, "number"),
        ("Base date: 2020-01-02", "Base date", "2020-01-02", None, "date"),
    ],
)
def test_parameters_with_units(text, name, value, unit, kind):
    (parameter,) = ir_of(text + "\n").parameters
    assert (parameter.name, parameter.value, parameter.unit, parameter.kind) == (name, value, unit, kind)


def test_every_other_place_that_states_a_value_is_kept():
    table = "| Parameter | Value |\n| --- | --- |\n| Maximum weight of a constituent | 4 % |\n"
    text = f"The maximum weight of a constituent is 5 %.\n\n{table}"
    (parameter,) = ir_of(text).parameters
    assert parameter.value == "5"
    assert [(one.value, one.unit) for one in parameter.also] == [("4", "%")]
    span = parameter.also[0].span
    assert text[span.start : span.end] == "Maximum weight of a constituent | 4 %"


def test_a_parameter_without_a_value_is_kept():
    text = "| Limit | Value |\n| --- | --- |\n| Maximum order value | TBD |\n| Maximum loss | EUR 5 |\n"
    assert [(one.name, one.value) for one in ir_of(text).parameters] == [
        ("Maximum order value", None),
        ("Maximum loss", "5"),
    ]


SPEC = """# Spec

## 1 Scope

See section 2.1, Sections 1 and 9.4, Appendix A and Appendix C. Table 1 and Table 7 list limits; Equation (3) gives
the price. It follows Section 4 of the Trading Calendar Policy v2.1 and the Risk Handbook. Kill switch: Article 12 of
RTS 6. See [scope](#1-scope), [nowhere](#nowhere), https://example.com/a and the “Limits” section.

## 2 Rules

### 2.1 Limits

Table 1: Limits

| Limit | Value |
| --- | --- |
| a | 1 |

$$ p = a + b \\tag{3} $$

## Appendix A: Data

Nothing.
"""


def test_references_are_resolved_or_say_that_they_are_not():
    found = {reference.text: reference for reference in ir_of(SPEC).references}
    resolved = {text: one.resolved for text, one in found.items() if not one.external}
    assert resolved == {
        "section 2.1": True,
        "Sections 1": True,
        "9.4": False,
        "Appendix A": True,
        "Appendix C": False,
        "Table 1": True,
        "Table 7": False,
        "Equation (3)": True,
        "[scope](#1-scope)": True,
        "[nowhere](#nowhere)": False,
        "“Limits” section": True,
    }


def test_references_to_other_documents_are_external_and_keep_their_version():
    external = {one.text: (one.kind, one.version) for one in ir_of(SPEC).references if one.external}
    assert external == {
        "Section 4 of the Trading Calendar Policy v2.1": ("document", "2.1"),
        "Risk Handbook": ("document", None),
        "Article 12 of\nRTS 6": ("standard", None),
        "https://example.com/a": ("url", None),
    }


def test_headings_and_captions_do_not_refer_to_themselves():
    ir = ir_of("# Appendix B\n\nTable 3: Rates\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\nFigure 1: Curve\n")
    assert ir.references == ()


def test_a_single_capital_is_a_variable_and_an_article_is_none():
    assert latex_symbols(r"\frac{A}{B}") == ["A", "B"]
    assert plain_symbols("A(t) * B") == ["A", "B"]
