"""Footnotes, and their marks in the text: lines in small type that begin with a raised number, or lines below a short
rule that begin with any.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from docward.converter.conversion.pdf.blocks import Style
from docward.converter.conversion.pdf.lines import Line
from docward.converter.conversion.pdf.page import Page, Rule

NOTE_MARK = re.compile(r"^(?:([⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})\s*|(\d{1,3})\s+)(?=\S)")
REFERENCE = re.compile(r"(?<=[^\s⁰¹²³⁴⁵⁶⁷⁸⁹])\s?([⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})(?![⁰¹²³⁴⁵⁶⁷⁸⁹])")
RAISED_DIGIT = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]")
PLAIN = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
SMALLER = 0.95
"""Of the size of running text; notes are set below it."""
LARGER = 1.05
"""Of the size of running text; what is set above it is a heading, also below a rule."""


@dataclass
class Note:
    mark: str
    """As printed."""
    page: int
    lines: list[Line]
    label: str = ""
    """Unlike that of any other note of the document."""


def take_notes(lines: Sequence[Line], style: Style, pages: Sequence[Page]) -> tuple[list[Line], list[Note]]:
    """The lines of the text, and the notes below it; a note is one only if its mark stands in the text of its page."""
    raised = (line for line in lines if RAISED_DIGIT.search(line.text))
    marks = {(line.page, found[1]) for line in raised for found in REFERENCE.finditer(line.text)}
    if not marks:
        return list(lines), []
    marked = {page for page, _ in marks}
    rules = {page.number: [rule for rule in page.rules if _is_floor(rule, page)] for page in pages}
    notes: list[Note] = []
    kept: list[Line] = []
    open_note: Note | None = None
    for line in lines:
        if line.page not in marked:
            kept.append(line)
            continue
        small = not line.whole and line.size < SMALLER * style.size
        plain = not line.whole and line.size < LARGER * style.size
        below = plain and any(line.y1 < rule.y0 + 2 and line.x0 > rule.x0 - 5 for rule in rules[line.page])
        found = NOTE_MARK.match(line.text) if small or below else None
        mark = found and (found[1] if found[1] or not below else found[2].translate(RAISED))
        if mark and (line.page, mark) in marks:
            open_note = Note(mark, line.page, [line])
            notes.append(open_note)
        elif open_note and (small or below) and _goes_on(open_note.lines[-1], line):
            open_note.lines.append(line)
        else:
            open_note = None
            kept.append(line)
    used = Counter(note.mark for note in notes)
    for note in notes:
        number = note.mark.translate(PLAIN)
        note.label = number if used[note.mark] == 1 else f"{number}-{note.page}"
    return kept, notes


def _is_floor(rule: Rule, page: Page) -> bool:
    """Whether a rule is one under which notes stand."""
    return rule.y0 == rule.y1 < 0.6 * page.height and 30 < rule.x1 - rule.x0 < 0.45 * page.width


def _goes_on(last: Line, line: Line) -> bool:
    near = 0 < last.base - line.base < 1.6 * last.size
    return line.page == last.page and line.left == last.left and near and abs(line.size - last.size) < 0.3


def with_references(text: str, pages: AbstractSet[int], notes: Sequence[Note]) -> str:
    """The text with `[^n]` for each raised number that is the mark of a note of its page."""
    if not RAISED_DIGIT.search(text):
        return text
    labels = {note.mark: note.label for note in notes if note.page in pages}
    return REFERENCE.sub(lambda found: f"[^{labels[found[1]]}]" if found[1] in labels else found[0], text)
