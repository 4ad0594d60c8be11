"""The IR as text: every element on its line, whatever the document says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from docward.converter.conversion import convert
from docward.events.ir import Ir
from docward.reports.irtext import ir_text
from docward.runtime.sniffing import MARKDOWN

SAMPLES = Path(__file__).parents[3] / "samples"
EXAMPLE = Path(__file__).parents[3] / "libs" / "events" / "examples" / "ir.v1.json"
TEXT = """---
version: "1.2"
---
# Momentum

## 1 Signals

“Lookback” means the number of days in the return.

$$S = \\frac{P}{Lookback} + q$$

See Section 2 and Section 9.

## 2 Limits

Table 1: Limits

| Parameter | Value | Range |
| --- | --- | --- |
| Participation rate | 5 % | 1 to 10 % |

The participation rate is 4 %.
"""
STRING = r'"(?:[^"\\\n]|\\.)*"'
LABEL = r"[SDFPTR]\d+"
VALUE = rf"(?:\?|{STRING}(?: {STRING})?)"
SPAN = r"@\d+-\d+"
SAID = rf"(?: by {STRING})?(?: on {STRING})?(?: {SPAN})?"


def _list(item: str) -> str:
    return rf"{item}(?:, {item})*"


ELEMENT = re.compile(
    rf"{LABEL} (?:"
    rf"section {STRING} {STRING} level \d [a-z]+(?: in {LABEL})?"
    rf"|definition {STRING}(?: alias {STRING})* means {STRING}(?: uses {_list(rf'[a-z-]+ (?:{LABEL}|{STRING})')})?"
    rf"|formula(?: {STRING})? (?:latex|text) {STRING}(?: where {_list(rf'{STRING} (?:{LABEL}|[?])')})?"
    rf"(?: uses {_list(LABEL)})?"
    rf"|parameter {STRING} [a-z-]+ {VALUE}(?: default {STRING})?(?: within {STRING})?"
    rf"(?: also {_list(f'{VALUE} {SPAN}')})?"
    rf"|table(?: {STRING})? rows \d+(?: columns {_list(f'{STRING} [a-z-]+')})?"
    rf"|reference [a-z]+ {STRING} to (?:{LABEL}|external|resolved|[?])(?: version {STRING})?"
    rf") {SPAN}(?: p\d+)?(?: ~[01]\.\d\d)?(?: inferred)?"
)
OTHER = re.compile(
    rf"docward-ir-text/1|document {STRING} characters \d+(?: pages \d+)?|meta {STRING} {STRING}"
    rf"|change [a-z-]+ {STRING}{SAID}|comment {STRING} {STRING}(?: answers {STRING})?(?: resolved)?{SAID}"
    rf"|margin (?:header|footer) (?:default|first|even) [1-9]\d* {STRING}|struck {SPAN}"
    rf"|issue [a-z-]+ {STRING}(?: about {_list(LABEL)})?(?: {SPAN})?(?: p\d+)?"
)


def ir_of(text: str) -> Ir:
    return convert(text.encode(), MARKDOWN, document_id="d").ir


def test_it_says_what_the_ir_says() -> None:
    lines = [re.sub(r" @\S+.*", "", line) for line in ir_text(ir_of(TEXT)).splitlines()]
    assert lines[0] == "docward-ir-text/1"
    assert 'meta "version" "1.2"' in lines
    assert 'S2 section "1" "Signals" level 2 narrative in S1' in lines
    assert any(line.startswith('D1 definition "Lookback" means') for line in lines)
    assert any(
        line.startswith('F1 formula "S" latex') and '"Lookback" D1' in line and '"q" ?' in line for line in lines
    )
    assert any(line.startswith('P1 parameter "Participation rate" percentage "5" "%" within') for line in lines)
    assert any(" to S3" in line for line in lines)
    assert any(line.endswith("to ?") for line in lines)


def test_other_values_of_a_parameter_stand_on_its_line() -> None:
    line = next(line for line in ir_text(ir_of(TEXT)).splitlines() if line.startswith("P1"))
    value, start, end = re.search(r'also ("[^"]*") "%" @(\d+)-(\d+)', line).groups()  # type: ignore[union-attr]
    assert json.loads(value) in TEXT[int(start) : int(end)]


@pytest.mark.parametrize("text", [TEXT, *(path.read_text() for path in sorted(SAMPLES.glob("*.md")))])
def test_every_line_is_one_of_the_grammar(text: str) -> None:
    ir = ir_of(text)
    lines = ir_text(ir).splitlines()
    wrong = [line for line in lines if not (ELEMENT.fullmatch(line) or OTHER.fullmatch(line))]
    assert wrong == []
    elements = (ir.sections, ir.definitions, ir.formulas, ir.parameters, ir.tables, ir.references, ir.issues)
    assert len(lines) == 2 + len(ir.metadata) + sum(map(len, elements))


def test_what_stands_beside_the_text_is_told_before_the_issues() -> None:
    text = ir_text(Ir.model_validate_json(EXAMPLE.read_text()))
    assert text.splitlines()[-6:-1] == [
        'change insertion "daily" by "A. Analyst" on "2026-10-05T14:12:00Z" @120-125',
        'change deletion "weekly" by "A. Analyst" on "2026-10-05T14:12:00Z" @125-125',
        'comment "0" "Since which release?" by "Q. Reviewer" on "2026-10-06T08:00:00Z" @100-119',
        'margin footer default 1 "Momentum strategy\\tVersion 1.2"',
        "struck @130-142",
    ]
    assert all(ELEMENT.fullmatch(line) or OTHER.fullmatch(line) for line in text.splitlines())


def test_a_document_cannot_leave_its_line() -> None:
    text = ir_text(ir_of('# A "quoted"\u2028title\n\n“X” means one\n\\" issue two.\n'))
    assert all(ELEMENT.fullmatch(line) or OTHER.fullmatch(line) for line in text.rstrip("\n").split("\n"))
