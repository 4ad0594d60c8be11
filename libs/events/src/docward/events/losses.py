"""The loss report of a conversion, stored as a JSON object beside the version's Markdown and IR.

Characters are counted without blanks. `characters_in` ≤ `characters_out` + everything in `dropped` and `kept`:
Markdown's own marks are among the characters that come out.
"""

from __future__ import annotations

from docward.events.ir import Issue
from docward.events.messages import Value


class Dropped(Value):
    """Text of the original that does not stand in the Markdown."""

    what: str
    characters: int
    why: str


class Kept(Value):
    """Text of the original that stands beside the Markdown."""

    what: str
    characters: int
    where: str


class LossReport(Value):
    converter: str
    """Name and version of the converter."""
    characters_in: int
    characters_out: int
    dropped: tuple[Dropped, ...] = ()
    kept: tuple[Kept, ...] = ()
    warnings: tuple[Issue, ...] = ()
    pages: int | None = None
    partial: bool = False
    """Pages are missing that could not be read; warnings with the code `pages-left-out` name them."""
