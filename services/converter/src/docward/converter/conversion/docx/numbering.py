"""Word's computed numbering: what Word prints before a paragraph but does not store in its text."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from docward.converter.conversion.docx.package import W, switched_on, value, whole_number

SHOWN = re.compile(r"%([1-9])")
ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


@dataclass(frozen=True)
class Level:
    start: int = 1
    format: str = "decimal"
    text: str = "%1."
    style: str | None = None
    restart: int | None = None
    """Level (1-based) whose use restarts this one; 0 = never; None = any higher one."""
    legal: bool = False


@dataclass
class List:
    abstract: str
    levels: dict[int, Level]
    starts: dict[int, int] = field(default_factory=dict)
    """Start values that this list sets itself, when it is first used."""


@dataclass(frozen=True)
class Label:
    text: str
    """As printed; empty for a bullet."""
    bullet: bool
    compound: bool
    """Shows more than one level (`4.2.1`): a numbered clause, not an item of a list."""


class Numbering:
    def __init__(self, root: Any | None, list_of_style: Callable[[str], str]) -> None:
        """`list_of_style`: the id of the list that a numbering style stands for."""
        nodes = root if root is not None else ()
        self._abstracts = {one.get(W + "abstractNumId", ""): one for one in nodes if one.tag == W + "abstractNum"}
        self._nodes = {one.get(W + "numId", ""): one for one in nodes if one.tag == W + "num"}
        self._list_of_style = list_of_style
        self._lists: dict[str, List | None] = {}
        self._counters: dict[str, dict[int, int]] = defaultdict(dict)
        self._used: set[tuple[str, int]] = set()

    def level_of_style(self, list_id: str, style: str) -> int | None:
        found = self._list(list_id)
        return next((index for index, level in found.levels.items() if level.style == style), None) if found else None

    def next(self, list_id: str, index: int) -> Label | None:
        """Count one paragraph of the list; None where the document has no such list."""
        found = self._list(list_id)
        if found is None or not 0 <= index <= 8:
            return None
        level = found.levels.get(index, Level())
        counters = self._counters[found.abstract]
        self._count(list_id, found, index, counters)
        for deeper in [one for one in counters if one > index]:
            restart = found.levels.get(deeper, Level()).restart
            if restart is None or (restart > 0 and index < restart):
                del counters[deeper]
        if level.format == "bullet":
            return Label("", bullet=True, compound=False)
        text, shown = SHOWN.subn(lambda part: self._shown(found, level, int(part[1]) - 1, counters), level.text)
        return Label(text.strip(), bullet=False, compound=shown > 1)

    def _list(self, list_id: str) -> List | None:
        if list_id not in self._lists:
            self._lists[list_id] = self._read(list_id)
        return self._lists[list_id]

    def _read(self, list_id: str) -> List | None:
        node = self._nodes.get(list_id)
        if node is None:
            return None
        abstract = value(node, "abstractNumId") or ""
        if linked := value(self._abstracts.get(abstract), "numStyleLink"):
            other = self._nodes.get(self._list_of_style(linked))
            abstract = (value(other, "abstractNumId") or abstract) if other is not None else abstract
        return _list(node, abstract, self._abstracts.get(abstract))

    def _count(self, list_id: str, found: List, index: int, counters: dict[int, int]) -> None:
        level = found.levels.get(index, Level())
        if index in found.starts and (list_id, index) not in self._used:
            counters[index] = found.starts[index]
        else:
            counters[index] = counters[index] + 1 if index in counters else found.starts.get(index, level.start)
        self._used.add((list_id, index))

    @staticmethod
    def _shown(found: List, level: Level, index: int, counters: dict[int, int]) -> str:
        other = found.levels.get(index, Level())
        number = counters.get(index, other.start)
        return formatted(number, "decimal" if level.legal else other.format)


def _list(node: Any, abstract_id: str, abstract: Any | None) -> List:
    levels = {
        whole_number(one.get(W + "ilvl")): _level(one)
        for one in (abstract.iter(W + "lvl") if abstract is not None else ())
    }
    starts: dict[int, int] = {}
    for override in node.iter(W + "lvlOverride"):
        index = whole_number(override.get(W + "ilvl"))
        if (own := override.find(W + "lvl")) is not None:
            levels[index] = _level(own)
        if (start := value(override, "startOverride")) is not None:
            starts[index] = whole_number(start, 1)
    return List(abstract_id, levels, starts)


def _level(node: Any) -> Level:
    restart = value(node, "lvlRestart")
    return Level(
        start=whole_number(value(node, "start"), 1),
        format=value(node, "numFmt") or "decimal",
        text=value(node, "lvlText") or "",
        style=value(node, "pStyle"),
        restart=None if restart is None else whole_number(restart),
        legal=switched_on(node, "isLgl"),
    )


def formatted(number: int, style: str) -> str:
    """A counter in one of Word's number formats; unknown formats are shown as decimal."""
    if style in {"none", "bullet"}:
        return ""
    if style in {"lowerRoman", "upperRoman"} and 0 < number < 4000:
        return roman(number).upper() if style == "upperRoman" else roman(number)
    if style in {"lowerLetter", "upperLetter"} and number > 0:
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 % 100 + 1)
        return letters.upper() if style == "upperLetter" else letters
    if style == "decimalZero":
        return f"{number:02d}"
    return str(number)


def roman(number: int) -> str:
    text = ""
    for amount, letters in ROMAN:
        text += letters * (number // amount)
        number %= amount
    return text
