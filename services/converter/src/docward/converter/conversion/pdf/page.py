"""A page as it is read: runs of text with box, baseline, size and weight; ruling lines; links; how much of it is image.

A run is what a program drew at once, and ends at a wide gap.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from docward.converter.conversion.outcome import visible


@dataclass(slots=True)
class Run:
    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    base: float
    size: float
    bold: bool = False
    italic: bool = False
    mono: bool = False


@dataclass(slots=True)
class Rule:
    """A drawn line: horizontal where y0 = y1, vertical where x0 = x1."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Link:
    text: str
    address: str
    x: float
    y: float
    """The middle of the words, in the space of the page as it is shown."""


@dataclass
class Page:
    number: int
    width: float
    height: float
    runs: list[Run] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    rotated: list[str] = field(default_factory=list)
    """Text that does not run from left to right."""
    doubtful: list[str] = field(default_factory=list)
    """Words that text recognition is not sure of."""
    recognised: float | None = None
    """How sure text recognition is of the runs, 0 to 1; None: they are the document's own."""
    image_area: float = 0.0
    """Part of the page that the largest image covers."""
    characters: int = 0
    """Visible ones of the runs."""
    unreadable: int = 0
    """Characters of the runs that have no known meaning (U+FFFD)."""

    def hold(self, runs: list[Run]) -> None:
        self.runs = runs
        text = "\n".join([run.text for run in runs])
        self.characters, self.unreadable = visible(text), text.count("\ufffd")

    def let_go(self) -> None:
        """The page has been laid out; runs take most of the memory of a large document."""
        self.runs = []
