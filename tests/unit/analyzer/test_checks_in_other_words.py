"""Checks find their defect however it is worded, and leave alone what only looks like it."""

from __future__ import annotations

import pytest

LIMITS = (
    "| Limit | Value | Unit |\n|---|---|---|\n"
    "| Maximum parent order | 50 million | USD |\n| Daily loss | 60,000 | EUR |\n\n"
)
FACTS = "| Fact | Entry |\n|---|---|\n| Base value | 1,000 on 4 May 2015 |\n| Net asset value | computed at 18:30 |\n\n"
RANGES = "| Parameter | Default | Range |\n|---|---|---|\n"
TERMS = '"Share" means a stock. "Fund" means a pool. "Venue" means a market.\n\n'
HOLDING = "| Limit | Value |\n|---|---|\n| Maximum position | 200 contracts |\n\n"
SETTINGS = (
    "| Parameter | Value |\n|---|---|\n"
    "| Number of constituents | 40 |\n| Decimal places | 2 |\n| Exit threshold | 3 % |\n\n"
)


@pytest.mark.parametrize(
    ("check", "text", "words"),
    [
        ("conflicting-values", f"{LIMITS}An order above USD 60 million is refused.", "60 million"),
        ("conflicting-values", f"{LIMITS}An order above EUR 50 million is refused.", "EUR 50 million"),
        ("conflicting-values", f"{LIMITS}It stops for the day when its loss reaches EUR 75,000.", "75,000"),
        ("conflicting-values", f"{SETTINGS}The 50 companies with the highest score are selected.", "50 companies"),
        ("conflicting-values", f"{SETTINGS}The level is published with four decimal places.", "four decimal"),
        ("conflicting-values", "It trades in slices of 30 seconds.\n\n# 2 B\n\nSlices last 45 seconds.", "45 seconds"),
        (
            "tallies",
            "Capital is allocated to Xetra 50 %, Euronext 30 % and SIX 25 %.",
            "SIX 25 %",
        ),
        ("tallies", "It rolls from the fifth to the ninth business day. The roll takes four days.", "four days"),
        ("tallies", "Funding is paid every eight hours. The rate assumes four payments a day.", "four payments a day"),
        ("tallies", "The day count is ACT/365.\n\n$$\nF = r \\cdot \\frac{n}{360}\n$$", "360"),
        (
            "stated-values",
            "A trade is opened above the entry threshold, and closed when it is below 2 %.",
            "entry threshold",
        ),
        (
            "stated-values",
            "- Lookback: 20 days\n- Entry: 2 %\n- Rebalance trigger:\n- Exit: 1 %\n",
            "Rebalance trigger",
        ),
        ("stated-values", "The largest order is 5 million.", "5 million"),
        ("stated-values", "The index had a level of 1,000 on the base date.", "base date"),
        ("stated-values", "Over all bonds the gross inventory is capped.", "gross inventory"),
        ("stated-values", "The stop loss of a pair works on both legs.", "stop loss"),
        ("rounding", "Quantities are rounded to the lot size.", "rounded to"),
        ("sampling", "The excess is distributed among the other constituents.", "The excess"),
        ("business-calendars", "It does not run on public holidays.", "public holidays"),
        ("business-calendars", "It is off when one of the markets is closed.", "one of the markets"),
        ("business-calendars", "When the day is a holiday, the roll is postponed.", "postponed"),
        ("vague-wording", "When it is late, it trades more aggressively.", "more aggressively"),
        ("vague-wording", "A share is replaced when its liquidity is insufficient.", "insufficient"),
        ("vague-wording", "Errors are corrected if they are material.", "material"),
        ("vague-wording", "Only the most liquid share class is considered.", "most liquid"),
        ("vague-wording", "The agent may use any value it deems fair.", "deems fair"),
        ("named-sources", "The weights come from production statistics.", "production statistics"),
        ("named-sources", "It is converted with the exchange rate of the day.", "exchange rate of the day"),
        ("external-documents", "Companies on the exclusion list of the administrator are removed.", "exclusion list"),
        ("external-documents", "The universe is the parent index, as described in its rules.", "its rules"),
        ("open-questions", "Dividends are reinvested net of withholding tax.", "withholding tax"),
        ("open-questions", "The average rating is at least BBB-.", "average rating"),
        ("responsibilities", "Parameters are changed by an authorised person.", "authorised person"),
        ("self-approvals", "Changes are proposed, tested and signed off by the quant developer.", "signed off"),
        ("self-approvals", "Its decisions are approved by nobody else.", "nobody else"),
        ("regulation-citations", "Kill functionality (Art. 15) is a button.", "Art. 15"),
        (
            "regulation-citations",
            "1. The stress test is that of Article 15 of Commission\n   Delegated   Regulation (EU) 2017/589.",
            "Article 15",
        ),
        ("regulation-citations", "RTS 6 applies. The stress test follows Article 12.", "Article 12"),
        ("unused-symbols", "$$\nw = a\n$$\n\nwith\n\n- $a$: the rate\n- $u$: the use\n", "$u$: the use"),
        (
            "conflicting-values",
            f"{HOLDING}Positions of up to 250 contracts are allowed.",
            "250 contracts",
        ),
        ("stated-values", "A drawdown limit protects the strategy.", "drawdown limit"),
        ("vague-wording", "Orders beyond a certain size are split.", "a certain size"),
        ("vague-wording", "The stop is placed a few ticks below the entry.", "a few ticks"),
        ("vague-wording", "Illiquid instruments are avoided.", "Illiquid"),
        ("vague-wording", "The size is scaled down in nervous markets.", "nervous markets"),
        ("vague-wording", "The trader may override the signal where justified.", "where justified"),
        ("vague-wording", "If data are missing, the analyst fills the gap.", "the analyst fills"),
        ("ties", "The ten best-ranked funds are bought.", "ten best-ranked"),
        ("rounding", "Weights are rounded.", "rounded"),
        ("business-calendars", "The roll takes place five days before expiry.", "five days before"),
        ("time-zones", "The fixing is taken at noon.", "noon"),
        ("named-sources", "Dividend forecasts are bought from a third party.", "a third party"),
        ("internal-references", "# 1 A\n\nSee the appendix for the list of markets.", "appendix"),
        ("responsibilities", "Exceptions are granted by management.", "by management"),
        ("responsibilities", "Breaches of a limit are reported.", "reported"),
        ("responsibilities", "Overrides need no approval.", "no approval"),
        ("self-approvals", "The author of a change also approves it.", "also approves"),
        ("denied-controls", "Backtests were not carried out.", "Backtests"),
        ("denied-controls", "There is no kill functionality.", "kill functionality"),
        ("denied-controls", "The algorithm runs without a kill switch.", "kill switch"),
        ("denied-controls", "There is a limit. The gateway offers no safeguard against wash trades.", "wash trades"),
        ("denied-controls", "The size of each order is never verified.", "never verified"),
        ("denied-controls", "Manual orders bypass the pre-trade checks.", "bypass"),
        ("denied-controls", "A kill switch exists. Two engines are not wired to the kill switch.", "not wired"),
        ("tallies", "The data is split: 80 % for fitting, 30 % for the test.", "30 % for the test"),
        ("tallies", f"{RANGES}| lookback | 90 | 10 to 60 |\n", "90"),
        ("tallies", f"{RANGES}| cut | 0.5 % | 1 % – 4 % |\n", "0.5 %"),
        ("undefined-terms", f"{TERMS}Names in the Reserve Pool replace them.", "Reserve Pool"),
        ("undefined-terms", f"{TERMS}Changes need the consent of the Pricing Board.", "Pricing Board"),
        ("inventory-tables", "# Register\n\n| Strategy | Market |\n|---|---|\n| Alpha | Xetra |\n", "Strategy"),
        ("unused-symbols", "$$\nw = a\n$$\n\n- $a$ — the rate\n- $\\mu$ — the drift\n", "the drift"),
        (
            "unused-symbols",
            "$$\nw = a\n$$\n\n| Variable | Meaning |\n|---|---|\n| $a$ | the rate |\n| $g_k$ | the growth |\n",
            "the growth",
        ),
        ("conflicting-values", f"{FACTS}The index started with a value of 500 on 4 May 2015.", "value of 500"),
        ("conflicting-values", f"{FACTS}The index had the level 1,000 on 4 May 2017.", "4 May 2017"),
        ("conflicting-values", f"{FACTS}The net asset value is computed at 17:15.", "17:15"),
        ("responsibilities", "Waivers can be granted for up to a month.", "Waivers"),
        ("external-documents", "The haircuts are kept in the team's spreadsheet.", "the team's spreadsheet"),
        ("external-documents", "A failover follows the operations manual.", "the operations manual"),
        ("self-approvals", "The quant team drafts amendments, decides upon them and files them.", "decides upon"),
        ("vague-wording", "A fund must have adequate trading volume over the last 30 days.", "adequate"),
        ("vague-wording", "The desk runs it with half size for a limited time.", "limited time"),
        ("vague-wording", "Amendments that are not significant need no notice.", "not significant"),
        ("vague-wording", "The team recalibrates periodically.", "periodically"),
    ],
)
def test_a_defect_is_found_in_other_words(run, document, check, text, words):
    drafts = run(check, text).drafts
    assert drafts, "nothing found"
    made = document(text)
    assert any(words in made.quote(made.context(span)).text for draft in drafts for span in draft.spans)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("conflicting-values", f"{LIMITS}An order above USD 50 million is refused."),
        ("conflicting-values", f"{LIMITS}An alert is raised when the loss of the day reaches EUR 30,000."),
        ("conflicting-values", f"{LIMITS}It stops for the day when its loss reaches EUR 60,000."),
        ("conflicting-values", f"{SETTINGS}The 40 companies with the highest score are selected."),
        ("conflicting-values", f"{SETTINGS}Of each of the 50 companies the price is read."),
        ("tallies", "Capital is allocated to Xetra 50 %, Euronext 30 % and SIX 20 %."),
        ("tallies", "| Asset | Weight |\n|---|---|\n| A | 33.3 % |\n| B | 33.3 % |\n| C | 33.3 % |\n"),
        ("tallies", "| Asset | Maximum weight |\n|---|---|\n| A | 60 % |\n| B | 60 % |\n"),
        ("tallies", "It rolls from the fifth to the ninth business day. The roll takes five days."),
        ("tallies", "Funding is paid every eight hours, three payments a day."),
        ("stated-values", "- Lookback: 20 days\n- Entry: 2 %\n- Triggers:\n    - Drift: 2 %\n    - Time: 1 day\n"),
        ("stated-values", "The largest order is EUR 5 million, or 2 million shares."),
        ("stated-values", "The level was 1,000 on the base date, 2 January 2020."),
        ("stated-values", "The gross inventory is limited to EUR 5 million."),
        ("rounding", "Quantities are rounded down to the lot size."),
        ("sampling", "The excess is distributed in proportion to the weights of the others."),
        ("business-calendars", "It does not run on public holidays of Germany."),
        (
            "business-calendars",
            "When the day is a holiday on Xetra, the roll is postponed to the next trading day on Xetra.",
        ),
        ("vague-wording", "The price is rounded to the less aggressive tick."),
        ("vague-wording", "The share class that is most liquid by turnover counts."),
        ("external-documents", "Companies on the exclusion list of the administrator of 2 May 2026 are removed."),
        ("open-questions", "Dividends are reinvested net of withholding tax at the rates of table 2."),
        ("open-questions", "The average rating of S&P and Moody's is at least BBB-."),
        ("self-approvals", "Changes are proposed and tested by the developer and signed off by Market Risk."),
        ("regulation-citations", "Kill functionality (Art. 12) is a button."),
        ("denied-controls", "The kill switch cannot be overridden, and is not needed for hedges."),
        ("vague-wording", "If the exchange is closed, the administrator decides within five minutes by table 2."),
        ("formula-symbols", "The score is $s = p - m$, where $p$ is the price and $m$ the mean."),
        (
            "formula-symbols",
            "$$\nS = M^{fast} - M^{slow}\n$$\n\nwhere $S$ is the signal and $M$ is a mean of the price.",
        ),
        (
            "division-by-zero",
            "$$\nn = \\frac{E}{\\sigma}\n$$\n\nwhere $\\sigma$ is a deviation, floored at 0.1 % when smaller.",
        ),
        ("ties", "The top ten by size are selected. In case of equal capitalisation the larger turnover ranks first."),
        ("business-calendars", "The roll takes place five calendar days before expiry."),
        ("business-calendars", "It uses the trading calendar of that exchange. It is tested over 20 trading days."),
        ("internal-references", "# 1 A\n\nSee the appendix for markets.\n\n# Appendix\n\nXetra."),
        ("internal-references", "# 1 A\n\nSee Appendix 1.\n\nAppendix 1: Markets\n\nXetra."),
        ("responsibilities", "Breaches of a limit are reported to Market Risk."),
        (
            "open-questions",
            "# Coin Index\n\nThe index tracks ten crypto assets by the prices of an exchange at midnight UTC.",
        ),
        ("denied-controls", "No order is sent while the kill switch is pressed."),
        ("denied-controls", "An order whose value was not checked is refused."),
        ("denied-controls", "The size of an order is not checked here because the venue does so."),
        ("tallies", "The data is split: 80 % for fitting, 20 % for the test."),
        ("tallies", f"{RANGES}| lookback | 30 days | 10 to 60 |\n| cut | 1,000 | 1,000 – 2,000 |\n"),
        ("undefined-terms", f"{TERMS}The Management Board meets monthly."),
        ("inventory-tables", "# Register\n\n| Client | Market |\n|---|---|\n| Alpha | Xetra |\n"),
        ("unused-symbols", "$$\nw = a \\mu\n$$\n\n- $a$ — the rate\n- $\\mu$ — the drift\n"),
        ("conflicting-values", f"{FACTS}The index had the level 1,000 on 4 May 2015."),
        ("conflicting-values", f"{FACTS}On 4 June 2018 the index had a level of 1,250."),
        ("conflicting-values", f"{FACTS}The net asset value is computed at 18:30, and sent at 19:00."),
        ("conflicting-values", f"{FACTS}The net asset value of a fund without trades is read at 09:00."),
        ("responsibilities", "Waivers can be granted by the Head of Risk."),
        ("external-documents", "A failover follows the operations manual, version 4."),
        ("self-approvals", "The quant team drafts amendments, the committee decides upon them."),
        ("vague-wording", "A fund needs adequate volume: EUR 2 million over 30 days."),
        (
            "formula-symbols",
            "$$\nv = \\sum_j p_j q_j\n$$\n\n- $v$ — value\n- $p_j$, $q_j$ — price and size of trade $j$\n",
        ),
        (
            "formula-symbols",
            "$$\nv = r \\Delta T\n$$\n\nwhere\n\n- $v$: value\n- $r$: rate\n- $\\Delta T$: time step\n- $T$: time\n",
        ),
    ],
)
def test_what_is_precise_in_other_words_is_left_alone(run, check, text):
    assert run(check, text).drafts == ()
