"""What only looks like a defect is left alone, and what stands beside it is still found."""

from __future__ import annotations

import pytest

TERMS = '"Index Day" means a day.\n"Base Date" means a date.\n"Cap Level" means a level.\n\n'
CAPS = "| Item | Value |\n|---|---|\n| Issuer cap | 3 % |\n| Cap of the exposure | 125 % |\n\n"
FORMULA = "Every second:\n\n    FV = n_i * p_i / 2\n"
RANGE = "The exposure lies between 0 % and 150 %."


@pytest.mark.parametrize(
    ("check", "harmless", "defect"),
    [
        ("acronyms", "It trades coins on Binance and OKX.", "It trades coins on OKX."),
        ("acronyms", "| Source |\n|---|\n| Bloomberg CBBT |\n", "| Source |\n|---|\n| The CBBT |\n"),
        ("acronyms", "Days follow the QXT calendar.", "Days follow the QXT rules."),
        ("acronyms", "Capital is PYUSD 1.5m per pair.", "Capital is PYUSD per pair."),
        ("acronyms", "A bond of AAA or BBB- is bought on TARGET days.", "A bond of XAA is bought."),
        ("acronyms", "It sends an IOC order to the venue.", "The IOC meets twice a year."),
        (
            "time-zones",
            "Times are London local time.\n\nIt stops at 12:30.",
            "Times are rounded.\n\nIt stops at 12:30.",
        ),
        ("rounding", "Quantities are whole, so nothing is rounded.", "Quantities are rounded."),
        (
            "acronyms",
            "| Venue | Code |\n|---|---|\n| London | XQLO |\n\nThe last trade on XQLO counts.",
            "The last trade on XQLO counts.",
        ),
        (
            "formula-symbols",
            f"{FORMULA}\n    n_i    shares of i\n    p_i    price of i\n",
            f"{FORMULA}\nThe shares n_i are read.\n",
        ),
        (
            "formula-symbols",
            "$$\nI = T_1 + T_2\n$$\n\n| Symbol | Meaning |\n|---|---|\n| $I$ | level |\n| $T_j$ | term j |\n",
            "$$\nI = T_1 + T_2\n$$\n\n| Symbol | Meaning |\n|---|---|\n| $I$ | level |\n",
        ),
        (
            "business-calendars",
            "Constituents whose market is closed are moved with the future.",
            "If the market is closed on the roll day, the day is moved.",
        ),
        (
            "business-calendars",
            "Complaints are answered within 20 working days.",
            "The fee is paid within 20 working days.",
        ),
        ("unsourced-inputs", "The average price stays near the limit price.", "The size is divided by the price."),
        (
            "undefined-terms",
            f"{TERMS}It began on its Start Date, 4 January 2016.",
            f"{TERMS}It began on its Start Date.",
        ),
        (
            "vague-wording",
            "Slippage 5 % worse than expected is investigated.",
            "Slippage worse than usual is investigated.",
        ),
        ("vague-wording", "It rests for a suitable period, that is, 5 days.", "It is used for a suitable period."),
        ("acronyms", "Quotes come over the feed (product QXTP).", "Quotes are in QXTP."),
        (
            "formula-symbols",
            '- "ADV": the average volume.\n\n$$\nq = a \\cdot ADV\n$$\n\nwhere $q$ is a size and $a$ is 0.1.',
            "$$\nq = a \\cdot ADV\n$$\n\nwhere $q$ is a size and $a$ is 0.1.",
        ),
        (
            "ties",
            "The 30 with the lowest beta are selected; if two have the same beta, the larger one ranks higher.",
            "The 30 with the lowest beta are selected; two have the same sector.",
        ),
        ("unsourced-inputs", "Exchange rates are the ECB reference rates.", "Exchange rates are reference rates."),
        ("unsourced-inputs", "Interest rate risk is hedged with futures.", "The interest rate is deducted."),
        ("unsourced-inputs", "Settlement prices are taken from the exchanges.", "Settlement prices are averaged."),
        (
            "named-sources",
            "The mean of the prices of the sources:\n\n- Tradeweb\n- Bloomberg\n",
            "The mean of the prices of the sources:\n\nIt is rounded.",
        ),
        ("vague-wording", "As soon as it is filled, a hedge is sent.", "As soon as possible, a hedge is sent."),
        (
            "vague-wording",
            "Orders are split so that the total cost is as low as possible.",
            "Orders are sent as late as possible.",
        ),
        ("vague-wording", "- **R-1** It is late.", "- **R-303** A source that deviates from the others is removed."),
        (
            "stated-values",
            "**R-1** The gross inventory is capped at EUR 5m.",
            "**R-503** The gross inventory is capped.",
        ),
        ("time-zones", "It trades in the 4 p.m. London fix.", "It trades at 4 p.m. and is done."),
        ("time-zones", "It is fixed at 4 p.m. London time.", "It is fixed at 4 p.m. Trading ends then."),
        (
            "division-by-zero",
            "$$\nw = \\frac{1 / \\sigma_i}{\\sum_j 1 / \\sigma_j}\n$$",
            "$$\nw = \\frac{m}{\\sigma_j}\n$$",
        ),
        (
            "division-by-zero",
            "$$\ne = \\min\\left( c, \\frac{v}{\\sigma} \\right)\n$$",
            "$$\ne = c + \\frac{v}{\\sigma}\n$$",
        ),
        (
            "vague-wording",
            "Bonds with more than two serious controversies, that is, severity 4 or 5, are removed.",
            "Bonds of an issuer that is involved in serious controversies are removed.",
        ),
        (
            "ties",
            "Those with the largest size are kept; of equal sizes the larger turnover is ranked first.",
            "The index holds 250 bonds. If more are eligible, those with the largest size are kept.",
        ),
        (
            "rounding",
            "Contracts are rounded down to whole contracts. The level is rounded half up to two decimals.",
            "Contracts are rounded to the nearest whole contract. Quotes are rounded to three decimals.",
        ),
        (
            "rounding",
            "The level is published with two decimals, rounded half up.",
            "The level is published with two decimal places.",
        ),
        (
            "look-ahead",
            "The weight from the open of day t is computed with the close of day t-1.",
            "The weight from the open of day t is computed with the close of day t.",
        ),
        (
            "conflicting-values",
            f"{CAPS}The weight of one issuer is limited to 3 %; the excess is divided until no issuer is above it.",
            f"{CAPS}The weight of one issuer is limited to 4 %; the excess is divided until no issuer is above it.",
        ),
        ("conflicting-values", f"{CAPS}The weight of one sector is limited to 4 %.", f"{CAPS}{RANGE}"),
        ("conflicting-values", f"{CAPS}The exposure lies between 0 % and 125 %.", f"{CAPS}{RANGE}"),
        ("undefined-terms", f"{TERMS}The Index Day counts.", f"{TERMS}The Modified Duration is published."),
        (
            "undefined-terms",
            f"{TERMS}See Appendix 1 for the list of Disruption Events.",
            f"{TERMS}The level is not changed by a Disruption Event.",
        ),
    ],
)
def test_a_check_tells_a_defect_from_what_resembles_it(run, check, harmless, defect):
    assert run(check, defect).drafts
    assert run(check, harmless).drafts == ()


def test_one_source_without_a_name_is_told_once_however_it_is_referred_to(run):
    text = "Prices are delivered by a pricing vendor.\n\nIn a default the price of the vendor is used."
    assert len(run("named-sources", text).drafts) == 1
    assert len(run("named-sources", "The price of the vendor is used.").drafts) == 1


def test_a_source_without_a_name_is_not_told_again_as_an_input_without_a_source(run):
    text = "Prices are converted with the exchange rate of the day."
    assert run("named-sources", text).drafts
    assert run("unsourced-inputs", text).drafts == ()


@pytest.mark.parametrize(
    "line", ["Edition 4, in force since 1 June 2026.", "*Version 3.4 — 2 March 2026 — Approved by the Board*"]
)
def test_a_date_beside_the_edition_is_the_date_of_the_document(run, line):
    rest = "\n\n## 1 Rules\n\n" + "The index holds ten shares of equal weight. " * 90
    assert run("document-control", f"# Guide\n\n{line}{rest}").drafts == ()
    assert run("document-control", f"# Guide\n\nEdition 4. It began on 1 June 2026.{rest}").drafts


def test_a_threshold_below_which_things_are_left_out_denies_nothing(document):
    made = document(
        "Shares with a turnover below EUR 500,000 a day are left out.\n\nThe turnover of shares is left out.\n"
    )
    assert [bool(sentence.negations) for sentence in made.body] == [False, True]


def test_who_approves_what_the_sentence_before_names_is_an_approver(run):
    rest = "\n\n## 1 Rules\n\n" + "The index holds ten shares of equal weight. " * 90
    proposes = "# Guide\n\n## Governance\n\nThe Head of Indices proposes changes."
    assert run("approvals", f"{proposes} The Oversight Committee approves them.{rest}").drafts == ()
    assert run("approvals", f"{proposes} The Oversight Committee reads them.{rest}").drafts


def test_an_index_bears_no_risk_of_its_own_whatever_its_title(run):
    text = "# Ten Coins\n\nThe index holds ten digital assets. The divisor of the index changes."
    assert run("open-questions", f"{text} The index is published at noon UTC, and the index is free.").drafts == ()
    assert run("open-questions", "# Ten Coins\n\nThe strategy trades ten digital assets at noon UTC.").drafts


def test_a_row_without_any_value_is_told_once(run):
    table = (
        "| Setting | Value | Range |\n|---|---|---|\n"
        "| Order cap | 5 % | 1 % |\n| Delay | 2 s | 3 s |\n| Loss limit | | |\n"
    )
    assert len(run("stated-values", table).drafts) == 1
    assert len(run("stated-values", table.replace("| Loss limit | |", "| Loss limit | 2 % |")).drafts) == 1
