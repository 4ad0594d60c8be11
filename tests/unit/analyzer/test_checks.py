"""Each check finds its defect, quotes it exactly, and stays silent beside it."""

from __future__ import annotations

import pytest

from docward.analyzer.analysis.checks import CHECKS, NAMES

LONG = "\n\nThe desk opens its books at the start of each session and closes them at its end.\n" * 45
"""Enough words for a whole specification, with nothing in them that a check looks at."""

ABSENT = {"ownership", "approvals", "document-control", "missing-data", "document-kind"}
"""Checks for something absent; they have tests of their own."""

TERMS = "".join(f'"{name} Price" means the price at the {name.lower()}.\n\n' for name in ("Closing", "Opening", "Noon"))

DEFECTS = [
    # check, text, words that must be quoted
    ("internal-references", "# 1 A\n\nSee Appendix B for the list.", "Appendix B"),
    ("internal-references", "# 1 A\n\nThe rule of section 7.2 applies.", "section 7.2"),
    ("external-documents", "Splits follow the Northgate Corporate Actions Guide.", "Northgate Corporate Actions Guide"),
    ("acronyms", "The desk reads the QRX report.", "QRX"),
    (
        "double-definitions",
        (
            '"Closing Price" means the price of the closing auction.\n\n"Closing Price" means the mean of bid and offer'
            " at noon."
        ),
        "mean of bid and offer",
    ),
    ("formula-symbols", "$$\nS = \\kappa \\cdot M\n$$\n\nwhere M is the momentum and S is the score.", "\\kappa"),
    ("formula-symbols", "$$\nw = w_0 + v\n$$\n\nwhere $w$ is the width and $v$ is the vega.", "w_0"),
    ("formula-symbols", "$$\nd_t = A_t - B_t\n$$\n\nwhere $d_t$ is the gap and $B_t$ is a price.", "A_t"),
    ("formula-windows", "A position is opened above the moving average.", "moving average"),
    ("formula-windows", "It buys above the historical average by 2 standard deviations.", "historical average"),
    (
        "division-by-zero",
        "$$\nR = \\frac{M}{\\sigma}\n$$\n\nwhere M is a mean and $\\sigma$ is a deviation.",
        "\\sigma",
    ),
    ("rounding", "The order quantity is the target value divided by the price.", "divided by"),
    ("ties", "The top 40 shares by score are selected.", "top 40"),
    (
        "unused-symbols",
        "$$\nw = a \\cdot v\n$$\n\nwhere $a$ is 0.2, $v$ is the vega and $h$ is the cost.",
        "$h$ is the cost",
    ),
    (
        "circular-definitions",
        "The Net Level is the Gross Level less the Fee. The Fee is 0.2 % times the Net Level.",
        "The Fee is",
    ),
    (
        "circular-definitions",
        "$$\nX_m = Y_m + 1\n$$\n\n$$\nY_m = X_m / 2\n$$\n\nwhere $X_m$ is a rate.",
        "Y_m = X_m / 2",
    ),
    ("look-ahead", "$$\nr_t = P_{t+1} - P_t\n$$\n\nwhere $P_t$ is a price.", "P_{t+1}"),
    ("look-ahead", "Orders of closing prices of the same day are sent at the open.", "closing prices"),
    ("repeated-sections", "# 1 Limits\n\nOne.\n\n# 2 Scope\n\nTwo.\n\n# 3 Limits\n\nThree.\n", "Limits"),
    (
        "inventory-tables",
        "# 1 Inventory of algorithms\n\n| Name | Desk | Status |\n|---|---|---|\n| Arrow | Equities | live |\n",
        "Desk",
    ),
    ("self-approvals", "The desk head proposes a limit and approves it.", "approves it"),
    ("self-approvals", "Tests are approved by the developer who wrote the release.", "approved by"),
    ("self-approvals", "| Item | Value |\n|---|---|\n| Owner | A. Berg |\n| Approver | A. Berg |\n", "Approver"),
    ("stated-values", "A repeated execution throttle limit applies to every order.", "limit"),
    ("stated-values", "Orders outside the collar are rejected.", "collar"),
    ("stated-values", "The filter has a window as configured.", "window"),
    (
        "stated-values",
        "| Limit | One | Two |\n|---|---|---|\n| Value | 1 % | 2 % |\n| Size | 5 % | 6 % |\n| Rate | 9 % | |\n",
        "Rate",
    ),
    (
        "conflicting-values",
        "# 1 A\n\nOrder files are kept for 5 years.\n\n# 2 B\n\nOrder files are kept for 7 years.",
        "7 years",
    ),
    (
        "conflicting-values",
        "The index is rebalanced on the last day of each month.\n\nIt is said that rebalancing is quarterly.",
        "each month",
    ),
    ("vague-wording", "It does not trade when the spread is wide.", "spread is wide"),
    ("vague-wording", "The limit is raised accordingly.", "raised accordingly"),
    ("stated-values", "A maximum order value applies to every order.", "maximum order value"),
    ("stated-values", "The stop is triggered if the loss exceeds the limit.", "limit"),
    ("stated-values", "When the count exceeds the configured maximum, the symbol is disabled.", "configured maximum"),
    (
        "conflicting-values",
        (
            "# 1 A\n\nThe maximum weight of a share is 5 %.\n\n# 2 B\n\n| Parameter | Value |\n|---|---|\n"
            "| Maximum weight of a share | 4 % |\n"
        ),
        "4 %",
    ),
    ("conflicting-values", "# 1 A\n\n- Payout ratio below 70%\n\n# 2 B\n\n- Payout ratio must not exceed 60%\n", "60%"),
    (
        "conflicting-values",
        "- Payout ratio between 2% and 6%\n\n# 2 B\n\n- Payout ratio must be at least 3%\n",
        "at least 3%",
    ),
    (
        "conflicting-values",
        "The index is rebalanced monthly.\n\n| Parameter | Value |\n|---|---|\n| Rebalancing | quarterly |\n",
        "quarterly",
    ),
    ("conflicting-values", "Shares are weighted by dividend yield. The index uses equal weighting.", "equal weighting"),
    (
        "conflicting-values",
        (
            "# 1 A\n\n- the position has been open for 45 minutes;\n\n# 2 B\n\n| Control | Limit |\n|---|---|\n"
            "| Maximum holding time | 60 minutes |\n"
        ),
        "45 minutes",
    ),
    ("conflicting-values", "The index is rebalanced semi-annually. It is said that rebalancing is quarterly.", "semi-"),
    ("conflicting-values", "The base date is 2 January 2015.\n\nThe base date is 2 January 2016.", "2 January 2016"),
    (
        "conflicting-values",
        (
            "A weight above 5 % is reduced to 5 %.\n\n| Parameter | Value | Unit |\n|---|---|---|\n"
            "| Weight cap | 6 | per cent |\n"
        ),
        "Weight cap | 6",
    ),
    (
        "conflicting-values",
        (
            "The median of the daily traded value on the exchange is at least EUR 6 million.\n\n| Parameter | Value |"
            "\n|---|---|\n| Minimum median daily traded value | EUR 5 million |\n"
        ),
        "EUR 6 million",
    ),
    ("business-calendars", "The index is rebalanced on the last business day of June.", "business day"),
    ("business-calendars", "It is rebalanced on the third Friday of June.", "third Friday"),
    ("business-calendars", "All markets are rebalanced simultaneously.", "simultaneously"),
    ("time-zones", "The score is computed at 10:30.", "10:30"),
    ("time-zones", "Orders are placed at market open.", "market open"),
    ("vague-wording", "Risk adjusts the limits as appropriate.", "as appropriate"),
    ("vague-wording", "Shares must be sufficiently liquid.", "sufficiently"),
    ("vague-wording", "The index is rebalanced periodically.", "periodically"),
    ("vague-wording", "Errors must normally be reported.", "normally"),
    ("required-values", "The strategy uses leverage to raise returns.", "uses leverage"),
    ("required-values", "The desk sells call options at a strike above the price.", "strike"),
    ("required-values", "The fund allocates among shares and bonds.", "allocates among"),
    ("required-values", "Weights are adjusted when the trend turns.", "Weights are adjusted"),
    ("open-questions", "The desk writes puts on shares. A share that is assigned is sold.", "is assigned"),
    ("open-questions", "The desk writes puts on shares.", "writes puts"),
    ("open-questions", "The fund may hold digital assets.", "digital assets"),
    ("open-questions", "Derivatives may be used to hedge.", "Derivatives may be used"),
    ("open-questions", "The score reads satellite images of car parks.", "satellite images"),
    (
        "conflicting-values",
        "The index is rebalanced annually in May. Constituents are reviewed monthly.",
        "reviewed monthly",
    ),
    ("open-questions", "The desk watches the wires for rumours.", "for rumours"),
    ("unspecified-computations", "Signals are derived from momentum, value and quality.", "derived from"),
    ("unspecified-computations", "Assets are traded based on macro signals.", "based on macro signals"),
    ("unsourced-inputs", "The signal uses closing prices.", "closing prices"),
    ("unsourced-inputs", "Growth must exceed the inflation rate.", "inflation rate"),
    ("risk-disclosures", "The portfolio holds concentrated positions.", "concentrated positions"),
    ("several-markets", "Equities are traded in Tokyo and London.", "Tokyo and London"),
    ("placeholders", "The maximum loss is TBD.", "TBD"),
    ("placeholders", "The maximum loss is [insert amount].", "[insert amount]"),
    ("named-sources", "Prices are taken from the data vendor.", "the data vendor"),
    ("named-sources", "Scores are obtained from a leading third-party provider.", "a leading third-party provider"),
    ("regulation-citations", "The kill switch meets Article 18 of RTS 6.", "Article 18"),
    ("regulation-citations", "Regulation (EU) 2017/589, Article 12, rules the stress test.", "Article 12"),
    ("regulation-citations", "Article 28 of the Benchmarks Regulation asks for a control framework.", "Article 28"),
    ("regulation-citations", "Layering is forbidden by MAR, Article 17.", "Article 17"),
    ("regulation-citations", "The kill switch is required by Rule 15c3-5.", "15c3-5"),
    ("responsibilities", "Every change is approved before release.", "is approved"),
    ("responsibilities", "An alert is escalated after two minutes.", "is escalated"),
    ("undefined-terms", f"{TERMS}It is computed from the Adjusted Price.", "Adjusted Price"),
    ("sampling", "The spread is averaged over the last 30 observations.", "last 30 observations"),
    ("tallies", "| Asset | Weight |\n|---|---|\n| Gold | 60 % |\n| Silver | 35 % |\n", "Gold"),
    ("denied-controls", "The gateway does not support a kill switch.", "kill switch"),
    ("deployments", "A new version goes live once its tests pass.", "goes live"),
]

CLEAN = [
    ("internal-references", "# 1 A\n\nSee section 2.\n\n# 2 B\n\nIt is empty."),
    ("external-documents", "Splits follow the Northgate Corporate Actions Guide, version 3.1 of 4 May 2025."),
    ("external-documents", "See [the guide](guide.md)."),
    ("acronyms", "The average daily volume (ADV) counts. The ADV is high. Prices are in EUR. UN Global Compact."),
    ("acronyms", "An order to BUY is sent when the desk wants to buy."),
    ("acronyms", "| Abbreviation | Meaning |\n|---|---|\n| QRX | Quarterly report |\n\nThe QRX is read."),
    (
        "double-definitions",
        (
            '"Closing Price" means the price of the closing auction.\n\n"Closing Price" means the price in the closing'
            " auction."
        ),
    ),
    ("acronyms", "| Venue | MIC |\n|---|---|\n| Xetra | XETR |\n\nIt sells two contracts of FDAX."),
    ("unused-symbols", "$$\nw = a \\cdot v\n$$\n\nwhere $a$ is 0.2 and $v$ is the vega."),
    ("unused-symbols", "# 1 A\n\nwhere $h$ is the cost."),
    ("circular-definitions", "The Net Level is the Gross Level less the Fee. The Fee is 0.2 % times the Gross Level."),
    (
        "circular-definitions",
        "The Level is the value divided by the Divisor. The Divisor is the value divided by the previous Level.",
    ),
    (
        "circular-definitions",
        "# 1 Level\n\n$$\nL_t = n \\cdot P_t\n$$\n\n# 2 Rebalancing\n\n$$\nn = L_t / P_t\n$$\n",
    ),
    (
        "formula-symbols",
        "$$\ny = \\alpha + 1\n$$\n\n| Name | Value |\n|---|---|\n| Value of alpha | 0.7 |\n\nwhere $y$ is a yield.",
    ),
    ("acronyms", "The basket holds shares of three companies: FGH, Harbour and Quay."),
    ("acronyms", "| Contract | Exchange |\n|---|---|\n| Oil | QRMX |\n"),
    ("unsourced-inputs", "| Limit | Value |\n|---|---|\n| Price collar | 3 % |\n"),
    (
        "rounding",
        "# 1 A\n\nThe numbers of shares are not rounded.\n\n# 2 B\n\nThe number of shares is multiplied by the ratio.",
    ),
    ("look-ahead", "$$\nr_t = P_t - P_{t-1}\n$$\n\nwhere $P_t$ is a price."),
    ("look-ahead", "Orders of closing prices of the previous day are sent at the open of the same day."),
    ("repeated-sections", "# 1 A\n\n## Limits\n\nOne.\n\n# 2 B\n\n## Limits\n\nTwo.\n"),
    (
        "inventory-tables",
        (
            "# 1 Inventory of algorithms\n\n| Id | Name | Owner | Desk | Status | Approved |\n"
            "|---|---|---|---|---|---|\n| 7 | Arrow | Head of Equities | Equities | live | 2026-01-02 |\n"
        ),
    ),
    ("inventory-tables", "# 1 List of instruments\n\n| Name | Desk |\n|---|---|\n| Arrow | Equities |\n"),
    ("self-approvals", "The desk proposes a limit and the Risk Committee approves it."),
    ("self-approvals", "Nobody who wrote a release approves it; the developer never signs off on his own work."),
    (
        "stated-values",
        "Orders outside the collar are rejected.\n\n| Limit | Value |\n|---|---|\n| Price collar | 3 % |\n",
    ),
    ("vague-wording", "It does not trade when the spread is wider than 5 basis points."),
    ("formula-symbols", "$$\nS = a \\cdot M\n$$\n\nwhere S is the score, a is 0.4 and M is the momentum."),
    ("formula-symbols", "The cost of a level is\n\n$$\nc_v = P_v\n$$\n\nwhere $P_v$ is the price."),
    ("formula-windows", "A position is opened above the moving average of the last 60 days."),
    ("division-by-zero", "$$\nR = \\frac{M}{\\sigma}\n$$\n\nwhere $\\sigma$ is set to 0.05 where it is below 0.05."),
    ("rounding", "The order quantity is the target value divided by the price, rounded down to whole shares."),
    ("ties", "The top 40 shares by score are selected. Of two with the same score the larger one is taken."),
    ("stated-values", "A maximum order value of EUR 500,000 applies to every order."),
    ("stated-values", "The price collar is described in section 3."),
    ("stated-values", "A breach of the price limit is logged."),
    (
        "conflicting-values",
        (
            "# 1 A\n\nThe minimum capitalisation is EUR 1.5 billion. For an existing constituent the minimum"
            " capitalisation is EUR 1.2 billion."
        ),
    ),
    ("conflicting-values", "The maximum gross exposure is USD 4 million. The maximum net exposure is USD 2 million."),
    (
        "conflicting-values",
        "The maximum exposure is USD 4 million. In the first five sessions the maximum exposure is USD 500,000.",
    ),
    ("conflicting-values", "- Payout ratio between 2% and 6%\n\n# 2 B\n\n- Payout ratio must be at least 2%\n"),
    ("conflicting-values", "The minimum weight of a share is 1 %. The maximum weight of a share is 5 %."),
    ("business-calendars", "It is rebalanced on the last NYSE trading day of June."),
    ("business-calendars", '"Business Day" means a day on which Xetra is open. It acts on the last business day.'),
    ("time-zones", "Orders are sent at 09:30 Europe/Paris time. Reports follow at 4:00 PM ET."),
    ("time-zones", "All times are in UTC. The score is computed at 10:30."),
    ("vague-wording", "# Purpose\n\nThe index aims to give appropriate exposure."),
    ("vague-wording", "The cost was approximately 1.7 basis points."),
    ("vague-wording", "A material change is a change to the objective."),
    ("vague-wording", "There is no periodic rebalancing."),
    ("required-values", "The strategy uses leverage of at most 1.5x."),
    ("required-values", "The desk sells one call option per 100 shares at a strike 5 % above the price."),
    ("required-values", "The fund allocates among shares and bonds: 60 % and 40 %, each between 30 % and 70 %."),
    ("required-values", "Weights are adjusted when the trend turns: the weight of each share moves by 2 %."),
    (
        "open-questions",
        (
            "The desk writes puts on whole contracts of 100 shares. Early exercise is handled as exercise at expiry: an"
            " assigned share is sold at the next open. Before dividends the put is bought back. After corporate actions"
            " the adjusted contract is kept."
        ),
    ),
    ("open-questions", "Derivatives may be used; their notional is at most 20 % of the net asset value."),
    ("open-questions", "Satellite images arrive every day; images with missing data are not used."),
    ("open-questions", "The desk watches the wires for rumours. No order is sent while rumours are unconfirmed."),
    ("open-questions", "The strategy buys shares and holds them for a week."),
    (
        "conflicting-values",
        "The index is rebalanced annually. Constituents are reviewed quarterly; a review can only remove one.",
    ),
    ("unspecified-computations", "The score is calculated as the mean of momentum, value and quality."),
    ("unsourced-inputs", "Closing prices are sourced from the Northgate feed."),
    ("risk-disclosures", "The portfolio holds concentrated positions. A loss in one of them weighs heavily."),
    (
        "several-markets",
        (
            "Equities are traded in Tokyo and London. Holidays, half days and halts of a market are skipped. All times"
            " are in UTC."
        ),
    ),
    ("several-markets", "Equities are traded in Paris and Frankfurt."),
    ("placeholders", "The maximum loss is USD 40,000."),
    ("named-sources", "Prices are taken from the Northgate End-of-Day feed, release 4."),
    ("named-sources", "| Input | Source |\n|---|---|\n| Prices | Northgate feed |\n"),
    ("regulation-citations", "The kill switch meets Article 12 of RTS 6."),
    ("regulation-citations", "Article 5 of the BMR: the oversight function reviews the methodology."),
    ("regulation-citations", "Surveillance looks for manipulation as Article 12 of MAR describes it."),
    ("regulation-citations", "The pre-trade controls of Article 15 of RTS 6 run in the gateway."),
    ("responsibilities", "Every change is approved by the Chief Risk Officer."),
    ("responsibilities", "An alert is escalated to the Head of Equities."),
    ("undefined-terms", f"{TERMS}It is computed from the Closing Price."),
    ("sampling", "The spread is averaged over the last 30 observations, one every second."),
    ("tallies", "| Asset | Weight |\n|---|---|\n| Gold | 60 % |\n| Silver | 40 % |\n"),
    ("denied-controls", "The kill switch does not cancel orders that hedge a position."),
    ("deployments", "A new version goes live once its tests pass. Market Risk approves each version."),
]


@pytest.mark.parametrize(("check", "text", "words"), DEFECTS)
def test_a_defect_is_found_and_quoted(run, document, check, text, words):
    drafts = run(check, text).drafts
    assert drafts, "nothing found"
    made = document(text)
    assert any(words in made.quote(made.context(span)).text for draft in drafts for span in draft.spans)


@pytest.mark.parametrize(("check", "text"), CLEAN)
def test_a_precise_text_is_left_alone(run, check, text):
    assert run(check, text).drafts == ()


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("ownership", "# 1 Scope" + LONG),
        ("approvals", "# 1 Changes" + LONG),
        ("document-control", "# 1 Scope" + LONG),
    ],
)
def test_an_absence_names_the_sections_that_were_searched(run, check, text):
    (draft,) = run(check, text).drafts
    assert draft.spans == ()
    assert draft.searched


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("ownership", "# 1 Scope\n\nThe Head of Equities owns this document." + LONG),
        ("approvals", "# 1 Changes\n\nThe Chief Risk Officer approves each release." + LONG),
        ("document-control", "# 1 Scope\n\nVersion: 1.2\n\nDate: 4 May 2026" + LONG),
        ("document-control", "---\nversion: 1.2\ndate: 2026-05-04\n---\n\n# 1 Scope" + LONG),
        ("document-control", "# 1 Scope\n\nAn excerpt."),
    ],
)
def test_what_is_present_is_not_absent_and_an_excerpt_is_not_judged(run, check, text):
    assert run(check, text).drafts == ()


def test_lists_that_differ_twice_need_a_rule_which_of_them_prevails(run):
    one, other = (
        "- Payout ratio below 70%\n- Debt ratio below 2%\n",
        "- Payout ratio below 60%\n- Debt ratio below 3%\n",
    )
    lists = f"# 1 A\n\n{one}\n# 2 B\n\n{other}"
    titles = {draft.title for draft in run("conflicting-values", lists).drafts}
    assert "Which of two sections prevails is not stated" in titles
    ruled = run("conflicting-values", f"{lists}\nSection 1 prevails.\n").drafts
    assert "Which of two sections prevails is not stated" not in {draft.title for draft in ruled}


def test_several_risks_and_no_word_about_them_are_a_missing_section(run):
    text = "The strategy uses leverage. It holds concentrated positions."
    assert "No section on risks" in {draft.title for draft in run("risk-disclosures", text).drafts}
    assert run("risk-disclosures", f"{text} Losses can exceed the capital.").drafts == ()


def test_missing_data_is_asked_for_where_formulas_use_prices(run):
    formula = "# 1 Level\n\n$$\nL = \\frac{P}{D}\n$$\n\nThe level is calculated from closing prices divided by D.\n"
    assert run("missing-data", formula + LONG).drafts
    assert not run("missing-data", formula + "\n\nA missing price is replaced by the previous one.\n" + LONG).drafts


def test_the_right_article_is_proposed(run, document):
    text = "The kill switch meets Article 18 of RTS 6."
    (draft,) = run("regulation-citations", text).drafts
    assert draft.proposal is not None
    span = draft.proposal.span
    assert (
        text[: span.start] + draft.proposal.replacement + text[span.end :]
        == "The kill switch meets Article 12 of RTS 6."
    )


def test_every_check_has_a_test_of_both_kinds():
    found = {name for name, *_ in DEFECTS} | ABSENT
    silent = {name for name, *_ in CLEAN} | ABSENT
    assert found == silent == NAMES == {check.name for check in CHECKS}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_an_empty_section_gives_nothing(document, check):
    outcome = check.run(document("# Title\n"))
    assert outcome.drafts == ()
