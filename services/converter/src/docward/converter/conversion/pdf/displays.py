r"""Displayed formulas of a page: groups of pieces of lines that stand apart from the text and hold no sentence.

A formula is told by what typesetting leaves: a sign of relation or a large operator, and beside it shifted scripts,
fraction bars, mathematical letters. Plain text with an equals sign is left to the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from docward.converter.conversion.pdf.lines import Line, fragments
from docward.converter.conversion.pdf.mathematics import SMALL, latex
from docward.converter.conversion.pdf.page import Page, Rule, Run
from docward.converter.conversion.pdf.symbols import CONDITIONS, FUNCTIONS, GREEK

SIGN = re.compile(r"[=<>≤≥≈≡∝∼≠∑∏∫√∈⩽⩾]")
LETTER = re.compile(rf"[{''.join(GREEK)}∑∏∫√\U0001d400-\U0001d7ff]")
TAG = re.compile(r"\((?:[A-Z]\.?)?\d{1,3}(?:\.\d{1,3})*[a-z]?\)")
GLUED = re.compile(r"(.*\S) +(\(\S+\))$")
FOREIGN = re.compile(r"[\\_\"`@]|\.{4}|(?: \.){3}")
"""What code and tables of contents hold and formulas do not."""
WORD = re.compile(r"[A-Za-z]{2,}")
NAMES = FUNCTIONS | CONDITIONS
MOST_WORDS = 3
"""Words that no function bears: with more, a piece is a sentence, not a formula."""


def take_displays(page: Page, runs: Sequence[Run]) -> tuple[list[Line], list[Line]]:
    """The page's displayed formulas, each as a line in its place, and the pieces of lines of all other runs."""
    if not SIGN.search("\n".join([run.text for run in runs])):
        return [], fragments(page.number, runs)
    pieces = fragments(page.number, _unglued(runs))
    if not any(SIGN.search(piece.text) and _is_mathematical(piece) for piece in pieces):
        return [], pieces
    bars = [rule for rule in page.rules if rule.y0 == rule.y1 and rule.x1 - rule.x0 < 0.75 * page.width]
    numbers = [piece for piece in pieces if TAG.fullmatch(piece.text)]
    able, others = list[Line](), list[Line]()
    for piece in pieces:
        if not TAG.fullmatch(piece.text):
            (able if _is_mathematical(piece) else others).append(piece)
    formulas, gone = list[Line](), set[int]()
    for group, drawn in _groups(able, bars):
        if _is_display(group, drawn, others):
            tag = next((one for one in numbers if _is_tag(one, group)), None)
            formulas.append(_formula(page.number, group, drawn, tag))
            gone.update(map(id, group if tag is None else [*group, tag]))
    return formulas, [piece for piece in pieces if id(piece) not in gone]


def _unglued(runs: Sequence[Run]) -> Iterator[Run]:
    """Runs without the number of an equation that stands far behind them, which PDFium takes for their next word."""
    for run in runs:
        wide = run.text[-1] == ")" and run.x1 - run.x0 >= 0.8 * run.size * len(run.text)
        found = GLUED.match(run.text) if wide else None
        if found is None or not TAG.fullmatch(found[2]):
            yield run
        else:
            middle = run.x0 + 0.6 * run.size * len(found[1])
            yield replace(run, text=found[1], x1=middle)
            yield replace(run, text=found[2], x0=run.x1 - 0.45 * run.size * len(found[2]))


def _is_mathematical(piece: Line) -> bool:
    """Whether a piece of a line could be part of a formula: no sentence, no code."""
    upright = " ".join([run.text for run in piece.runs if not (run.italic and len(run.text.strip()) < 6)])
    if len(_words(upright[:60])) > MOST_WORDS + 1:  # most pieces are sentences; the end may have cut a word
        return False
    words = _words(upright)
    if len(words) > MOST_WORDS or (words and not SIGN.search(piece.text) and len(words) * 4 > len(upright)):
        return False
    return not any(run.mono or FOREIGN.search(run.text) for run in piece.runs)


def _words(text: str) -> list[str]:
    return [word for word in WORD.findall(text) if not word.isupper() and word not in NAMES]


def _groups(pieces: Sequence[Line], bars: Sequence[Rule]) -> Iterator[tuple[list[Line], list[Rule]]]:
    """Pieces that stand close together or over, under and beside one bar; and the bars among them."""
    touching = [[at for at, piece in enumerate(pieces) if _at_bar(piece, bar)] for bar in bars]
    parts = _linked(len(pieces), [*_close_pairs(pieces), *(pair for close in touching for pair in pairwise(close))])
    for part in parts:
        members = set(part)
        drawn = [bar for bar, close in zip(bars, touching, strict=True) if close and close[0] in members]
        yield [pieces[at] for at in part], drawn


def _linked(count: int, links: Iterable[tuple[int, int]]) -> list[list[int]]:
    """The numbers below `count` in groups that links hold together."""
    group = {at: [at] for at in range(count)}
    for one, other in links:
        if group[one] is not group[other]:
            group[one] += group[other]
            for at in group[other]:
                group[at] = group[one]
    return [members for at, members in group.items() if members[0] == at]


def _close_pairs(pieces: Sequence[Line]) -> Iterator[tuple[int, int]]:
    order = sorted(range(len(pieces)), key=lambda at: -pieces[at].y1)
    for place, at in enumerate(order):
        for other in order[place + 1 :]:
            if pieces[other].y1 < pieces[at].y0 - pieces[at].largest:
                break
            if _near(pieces[at], pieces[other]):
                yield at, other


def _near(one: Line, other: Line) -> bool:
    size = max(one.largest, other.largest)
    small = min(one.largest, other.largest) < 0.8 * size
    apart = max(one.y0, other.y0) - min(one.y1, other.y1)
    aside = max(one.x0, other.x0) - min(one.x1, other.x1)
    same_row = apart < -0.3 * min(one.y1 - one.y0, other.y1 - other.y0) or abs(one.base - other.base) < 0.5 * size
    return (same_row and aside < 4 * size) or (apart < (0.5 if small else 0.12) * size and aside < 0.3 * size)


def _at_bar(piece: Line, bar: Rule) -> bool:
    size = piece.largest
    reach = 0.6 * size
    over = bar.x0 - 1.2 * size < piece.x1 and piece.x0 < bar.x1 + 1.2 * size
    return over and piece.y0 - reach < bar.y0 < piece.y1 + reach


def _is_tag(piece: Line, group: Sequence[Line]) -> bool:
    """The number of the equation, at the end of its line."""
    level = piece.base + 0.25 * piece.size
    beside = min(one.y0 for one in group) < level < max(one.y1 for one in group)
    return beside and max(one.x1 for one in group) < piece.x0


def _is_display(group: Sequence[Line], bars: Sequence[Rule], others: Sequence[Line]) -> bool:
    """A group with the signs of typeset mathematics that no sentence goes on beside, and that stands apart."""
    if not _is_typeset([run for piece in group for run in piece.runs], bars):
        return False
    x0, x1 = min(one.x0 for one in group), max(one.x1 for one in group)
    y0, y1 = min(one.y0 for one in group), max(one.y1 for one in group)
    size = max(one.largest for one in group)
    for one in others:
        beside = min(one.y1, y1) - max(one.y0, y0) > 0.3 * min(one.y1 - one.y0, y1 - y0)
        if beside and one.x0 - 3 * size < x1 and x0 < one.x1 + 3 * size:
            return False
    over = [one for one in others if one.base > y1 - 0.2 * size and one.x0 < x1 and x0 < one.x1]
    above = min(over, key=lambda one: one.base, default=None)
    return above is None or x0 > above.x0 + 1.5 * size or above.base - max(one.base for one in group) > 1.4 * size


def _is_typeset(runs: Sequence[Run], bars: Sequence[Rule]) -> bool:
    """Whether a relation or a large operator of operands is set with shifted scripts or bars; where no words are among
    them, mathematical letters are enough.
    """
    size = max(run.size for run in runs)
    large = [run for run in runs if run.size > SMALL * size]
    if not any(SIGN.search(run.text) for run in large) or sum(map(str.isalnum, "".join(run.text for run in runs))) < 2:
        return False
    level = max(large, key=lambda run: len(run.text)).base
    if bars or any(run.size <= SMALL * size and abs(run.base - level) > 0.1 * size for run in runs):
        return True
    words = any(_words(run.text) for run in runs if not run.italic)
    return not words and any(LETTER.search(run.text) or (run.italic and len(run.text.strip()) < 4) for run in runs)


def _formula(page: int, group: Sequence[Line], bars: Sequence[Rule], tag: Line | None) -> Line:
    tex = latex([run for piece in group for run in piece.runs], bars)
    text = " ".join(piece.text for piece in sorted(group, key=lambda one: (-one.base, one.x0)))
    if tag is not None:
        text += f" {tag.text}"
        tex = tex and f"{tex} \\tag{{{tag.text[1:-1]}}}"
        group = [*group, tag]
    x0, y0 = min(one.x0 for one in group), min(one.y0 for one in group)
    x1, y1 = max(one.x1 for one in group), max(one.y1 for one in group)
    return Line(page, [], x0=x0, y0=y0, x1=x1, y1=y1, base=y1, text=text, formula=tex or "")
