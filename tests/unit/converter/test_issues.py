"""What a document leaves open or says twice stands in its IR, with the elements it is about."""

from __future__ import annotations

from typing import get_args

import pytest

from docward.converter.conversion import convert
from docward.events.ir import Ir, IssueCode
from docward.runtime.sniffing import MARKDOWN

ISSUES = {
    "duplicate-definition": "“Spread” means the ask less the bid.\n\n“Spread” means the cost of a round trip.\n",
    "undefined-variable": "$$S = \\frac{P}{q_0} + 1$$\n",
    "undefined-term": "The Turnover Ratio (as defined below) is capped.\n",
    "circular-dependency": "$$P = Q + 1$$\n\n$$Q = P \\cdot 2$$\n",
    "missing-reference": "See Section 9 for the limits.\n",
    "ambiguous-term": "Average price (AP) is a mean.\n\nAuction period (AP) is a time.\n",
    "incomplete-formula": "$$S = \\frac{P}{Q} +$$\n",
    "contradicting-value": "The participation rate is 5 %.\n\nThe participation rate is 4 %.\n",
    "unit-mismatch": "The holding period is 5 days.\n\nThe holding period is 5 %.\n",
}


def ir_of(text: str) -> Ir:
    return convert(f"# A\n\n{text}".encode(), MARKDOWN, document_id="d").ir


@pytest.mark.parametrize("code", sorted(ISSUES))
def test_an_issue_names_its_elements_and_its_place(code: str) -> None:
    ir = ir_of(ISSUES[code])
    found = [issue for issue in ir.issues if issue.code == code]
    assert found, [(issue.code, issue.message) for issue in ir.issues]
    ids = {one.id for some in (ir.definitions, ir.formulas, ir.parameters, ir.references) for one in some}
    assert all(set(issue.elements) <= ids and issue.span for issue in found)
    assert all(issue.elements for issue in found) or code == "undefined-term"


def test_every_kind_of_issue_is_found() -> None:
    assert set(ISSUES) == set(get_args(IssueCode))


@pytest.mark.parametrize(
    "text",
    [
        "“Spread” means the ask less the bid.\n\n“Spread” means the ask less the bid.\n",
        "The average true range (ATR) is used. ATR (average true range) is a mean.\n",
        "The gross exposure is 4 million USD.\n\nThe gross exposure is 4,000,000 USD.\n",
        "The holding period is 5 days.\n\nThe holding period is 5 day.\n",
        "The interval is $I = [a, b)$ where a is the start and b is the end.\n",
        "“Turnover” means trades by value. The Turnover (as defined below) is capped.\n",
        "See Section 4 of the Trading Policy.\n",
    ],
)
def test_what_is_said_twice_alike_is_no_issue(text: str) -> None:
    assert [(issue.code, issue.message) for issue in ir_of(text).issues] == []


def test_a_default_stands_beside_the_value() -> None:
    table = (
        "| Parameter | Default | Value |\n| --- | --- | --- |\n| Lookback | 20 days | 30 days |\n| Lag | 1 | TBD |\n"
    )
    lookback, lag = ir_of(table).parameters
    assert (lookback.value, lookback.unit, lookback.default) == ("30", "days", "20 days")
    assert (lag.value, lag.default) == (None, "1")
