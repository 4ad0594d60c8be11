r"""Displayed formulas of a page: groups of pieces of lines that stand apart from the text and hold no sentence.

A formula is told by what typesetting leaves: a sign of relation or a large operator, and beside it shifted scripts,
fraction bars, mathematical letters. Plain text with an equals sign is left to the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter

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
    bars = [rule for rule in page.rules if rule.y0 == rule.y1 and rule.x1 - rule.x0 < 0.75 * page.width]
    sought = _Pieces(pieces, bars)
    formulas, seen, gone = list[Line](), set[int](), set[int]()
    for piece in pieces:
        if id(piece) in seen or not SIGN.search(piece.text) or not sought.is_mathematical(piece):
            continue
        group, drawn = sought.group_of(piece)
        seen.update(map(id, group))
        if _is_display(group, drawn, sought):
            tag = next((one for one in pieces if _is_tag(one, group)), None)
            formulas.append(_formula(page.number, group, drawn, tag))
            gone.update(map(id, group if tag is None else [*group, tag]))
    return formulas, [piece for piece in pieces if id(piece) not in gone]


class _Pieces:
    """Pieces of the lines of a page, and the lines drawn on it. Few are near a formula; only those are looked at."""

    def __init__(self, pieces: Sequence[Line], bars: Sequence[Rule]) -> None:
        self.pieces = sorted(pieces, key=attrgetter("y1"))
        self._places = {id(piece): at for at, piece in enumerate(pieces)}
        self._tops = [piece.y1 for piece in self.pieces]
        self._tallest = max(piece.y1 - piece.y0 + piece.largest for piece in pieces)
        self._bars = bars
        self._mathematical: dict[int, bool] = {}

    def is_mathematical(self, piece: Line) -> bool:
        known = self._mathematical.get(id(piece))
        if known is None:
            known = self._mathematical[id(piece)] = not TAG.fullmatch(piece.text) and _is_mathematical(piece)
        return known

    def is_other(self, piece: Line) -> bool:
        """Whether a piece can be no part of a formula, nor its number."""
        return not self.is_mathematical(piece) and not TAG.fullmatch(piece.text)

    def group_of(self, piece: Line) -> tuple[list[Line], list[Rule]]:
        """The pieces that hang together with one: that stand close, or over, under and beside one bar; and the bars."""
        group, members, drawn = [piece], {id(piece)}, dict[int, Rule]()
        for one in group:
            near = self._near(one)
            for bar in self._bars:
                if id(bar) not in drawn and _at_bar(one, bar):
                    drawn[id(bar)] = bar
                    near += [other for other in self.pieces if _at_bar(other, bar)]
            for other in near:
                if id(other) not in members and self.is_mathematical(other):
                    members.add(id(other))
                    group.append(other)
        group.sort(key=lambda one: self._places[id(one)])
        return group, [bar for bar in self._bars if id(bar) in drawn]

    def _near(self, piece: Line) -> list[Line]:
        low = bisect_left(self._tops, piece.y0 - piece.largest)
        high = bisect_right(self._tops, piece.y1 + self._tallest)
        return [one for one in self.pieces[low:high] if _near(piece, one)]


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
    """Whether a piece is the number of the equation, at the end of its line."""
    if piece.text[-1:] != ")" or not TAG.fullmatch(piece.text):
        return False
    level = piece.base + 0.25 * piece.size
    beside = min(one.y0 for one in group) < level < max(one.y1 for one in group)
    return beside and max(one.x1 for one in group) < piece.x0


def _is_display(group: Sequence[Line], bars: Sequence[Rule], sought: _Pieces) -> bool:
    """A group with the signs of typeset mathematics that no sentence goes on beside, and that stands apart."""
    if not _is_typeset([run for piece in group for run in piece.runs], bars):
        return False
    x0, x1 = min(one.x0 for one in group), max(one.x1 for one in group)
    y0, y1 = min(one.y0 for one in group), max(one.y1 for one in group)
    size = max(one.largest for one in group)
    for one in sought.pieces:
        if one.y1 <= y0 or y1 <= one.y0:
            continue
        beside = min(one.y1, y1) - max(one.y0, y0) > 0.3 * min(one.y1 - one.y0, y1 - y0)
        if beside and one.x0 - 3 * size < x1 and x0 < one.x1 + 3 * size and sought.is_other(one):
            return False
    over = [one for one in sought.pieces if one.base > y1 - 0.2 * size and one.x0 < x1 and x0 < one.x1]
    above = next(filter(sought.is_other, sorted(over, key=attrgetter("base"))), None)
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
    return Line(page, [], x0=x0, y0=y0, x1=x1, y1=y1, base=y1, text=text, formula=tex or "", whole=True)
