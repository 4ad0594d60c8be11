"""CON: a table of key facts that gives another base value, base date or time of day than the text.

`Base level | 1,000` contradicts `the index had the value 100 on …`; `Closing level | published at 17:00` contradicts a
sentence about the closing level in which `published at` leads to another time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft
from docward.analyzer.analysis.quantities import Quantity
from docward.analyzer.analysis.text import Caseless, content_stems, stems
from docward.events.ir import Span

_BASE = Caseless(
    r"\W*(?:index )?(?:base|start(?:ing)?|initial)(?: (?:index )?(?:level|value|date|day))?(?: and date)?\W*"
)
_VALUE = Caseless(
    r"\b(?:base (?:level|value)|(?:has|had) (?:the|a|an) (?:initial |starting )?(?:level|value)|"
    r"(?:starts|started) (?:at|with)(?: a (?:level|value) of)?)\s(?:(?:of|is|was|at|equals)\s)?"
    r"(?P<value>\d[\d,]*(?:\.\d+)?)(?![\w%:]| (?:%|days?))"
)
_NAMED = Caseless(r"\bbase (?:level|value)\b|\b(?:starts|started) (?:at|with)\b")
_BASE_DATE = Caseless(r"\bbase date\b")
"""Without these words a level is one of the base only on its day, and a day only with its level."""
_LEVEL = re.compile(r"(?<![\w,.])\d[\d,]*(?:\.\d+)?(?![\w,:.])")
_LED = re.compile(r"(?P<verb>[A-Za-z]+)\s(?:is\s|are\s)?(?:at|by|until|from)\s(?:about\s)?$")


def key_facts(document: Document, settled: AbstractSet[Span]) -> Iterator[Draft]:
    """Rows of `settled` contradict something already."""
    prose = [s for s in document.body if s.kind != "row"]
    for row in (s for s in document.body if s.kind == "row" and len(s.cells) == 2 and s.span not in settled):
        said = next(_contradictions(row, prose), None)
        if said is not None:
            yield _draft(document, row, *said)


def _contradictions(row: Sentence, prose: list[Sentence]) -> Iterator[tuple[Sentence, str, str]]:
    """Sentences that say otherwise, with the value of the row and theirs."""
    label = row.cells[0][1].text
    if _BASE.fullmatch(label):
        yield from _bases(row, prose)
    named = content_stems(label)
    times = [q for q in row.quantities if q.dimension == "clock"]
    for sentence in prose if len(times) == 1 and named else ():
        if named <= sentence.content:
            theirs = [q for q in sentence.quantities if q.dimension == "clock" and _verb(sentence, q) & _verbs(row)]
            if theirs and all(q.value != times[0].value for q in sentence.quantities if q.dimension == "clock"):
                yield sentence, times[0].text, theirs[0].text


def _verb(sentence: Sentence, quantity: Quantity) -> frozenset[str]:
    """The word that leads to the time: `published at 16:45`."""
    led = _LED.search(sentence.text[: quantity.start - sentence.start])
    return frozenset(stems(led["verb"])) if led else frozenset()


def _verbs(row: Sentence) -> frozenset[str]:
    return frozenset(stems(" ".join(cell.text for _, cell in row.cells)))


def _bases(row: Sentence, prose: list[Sentence]) -> Iterator[tuple[Sentence, str, str]]:
    dates = [q for q in row.quantities if q.dimension == "date"]
    cell = row.cells[1][1].text
    level = _LEVEL.match(cell.strip())
    of_row = None if level is None or any(q.text.startswith(level.group()) for q in dates) else level.group()
    for sentence in prose:
        value = _VALUE.search(sentence.text)
        theirs = [q for q in sentence.quantities if q.dimension == "date"]
        named = _NAMED.search(sentence.text) is not None
        same_value = value is not None and of_row is not None and _number(value["value"]) == _number(of_row)
        same_date = len(dates) == len(theirs) == 1 and dates[0].value == theirs[0].value
        if value and of_row and not same_value and (named or same_date):
            yield sentence, of_row, value["value"]
        if len(dates) == len(theirs) == 1 and not same_date and (_BASE_DATE.search(sentence.text) or same_value):
            yield sentence, dates[0].text, theirs[0].text


def _number(digits: str) -> float:
    return float(digits.replace(",", ""))


def _draft(document: Document, row: Sentence, sentence: Sentence, ours: str, theirs: str) -> Draft:
    name = " ".join(re.sub(r"[^\w /-]+", " ", row.cells[0][1].text).split())
    return Draft(
        family="CON",
        category="inconsistent-content",
        severity="critical",
        title=f"Two values for {name[:40]}: {ours[:16]} and {theirs[:16]}",
        explanation=(
            f"{document.label(row.section)} gives {ours} for {name}, {document.label(sentence.section)} says {theirs}. "
            "One of them is wrong."
        ),
        spans=tuple(sorted((row.span, sentence.span), key=lambda span: span.start)),
        confidence=0.85,
        decision=(f"key fact {name!r}", f"{ours} against {theirs}"),
    )
