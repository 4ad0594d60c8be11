"""The quantity grammar reads what finance documents write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docward.analyzer.analysis.quantities import parse, quantities

DAY = 86400
YEAR = 31557600


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("EUR 5m", "money", 5e6),
        ("EUR 5 million", "money", 5e6),
        ("$500 million", "money", 5e8),
        ("USD 2,500", "money", 2500),
        ("1.5bn EUR", "money", 1.5e9),
        ("20k USD", "money", 20_000),
        ("25 bp", "percent", 0.25),
        ("25 basis points", "percent", 0.25),
        ("5 %", "percent", 5),
        ("5 per cent", "percent", 5),
        ("0.5 percentage points", "percent", 0.5),
        ("2x", "multiple", 2),
        ("twice", "multiple", 2),
        ("50 orders per second", "rate", 50),
        ("120 messages/min", "rate", 2),
        ("five seconds", "time", 5),
        ("500 ms", "time", 0.5),
        ("500 milliseconds", "time", 0.5),
        ("100 µs", "time", 1e-4),
        ("20 trading days", "time", 20 * DAY),
        ("12-month", "time", 12 * 2629800),
        ("every 24 months", "cadence", 24 * 2629800),
        ("once a year", "cadence", YEAR),
        ("annually", "cadence", YEAR),
        ("semi-annually", "cadence", YEAR / 2),
        ("2.5 standard deviations", "sigma", 2.5),
        ("20,000 shares", "count", 20_000),
        ("six decimals", "count", 6),
        ("09:30", "clock", 9.5 * 3600),
        ("4:00 PM", "clock", 16 * 3600),
        ("253", "number", 253),
    ],
)
def test_a_quantity_is_read(text, dimension, value):
    quantity = parse(text)
    assert quantity.dimension == dimension
    assert quantity.value == pytest.approx(value)


def test_dates_compare_whatever_their_form():
    days = [parse(text).value for text in ("2 January 2015", "January 2015", "2015-01-02", "January 3, 2015")]
    assert days[0] == days[2] == days[1] + 1 == days[3] - 1


@pytest.mark.parametrize(
    "text", ["section 4", "Article 12", "RTS 6", "Table 3", "version 2", "Appendix 1", "no number"]
)
def test_numbers_that_only_number_something_are_no_quantities(text):
    assert quantities(text) == ()


@pytest.mark.parametrize(
    ("text", "comparator"),
    [
        ("at least 5 %", ">="),
        ("no later than 5 s", "<="),
        ("must not exceed 60%", "<="),
        ("below 70%", "<"),
        ("greater than $5 billion", ">"),
        ("older than two seconds", ">"),
        ("is 5 %", ""),
    ],
)
def test_the_comparison_before_a_quantity_is_read(text, comparator):
    (quantity,) = quantities(text)
    assert quantity.comparator == comparator


def test_an_m_after_a_currency_is_a_million_and_no_metre():
    assert [(q.dimension, q.unit) for q in quantities("limits of EUR 5m and GBP 2bn")] == [
        ("money", "EUR"),
        ("money", "GBP"),
    ]


def test_a_bound_that_is_no_quantity_is_refused():
    with pytest.raises(ValueError, match="'soon' is not one quantity"):
        parse("soon")


@given(st.text(max_size=200))
def test_any_text_is_read_without_error_and_spans_are_exact(text):
    for quantity in quantities(text, 7):
        assert text[quantity.start - 7 : quantity.end - 7] == quantity.text
