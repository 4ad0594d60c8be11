"""What a conversion ends in: Markdown with its IR and a loss report, or one typed error.

`Draft` is what a reader of one format hands to the builder of the IR; the builder needs no other knowledge of the
format. Characters are counted without blanks, so that a re-flowed paragraph has lost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import NamedTuple

from docward.events.documents import FailureReason
from docward.events.ir import Comment, Ir, Issue, PageMargin, TrackedChange
from docward.events.losses import Dropped, Kept, LossReport

CONVERTER = f"docward-converter/{version('docward-converter')}"


class Report(LossReport):
    """Of a conversion by this converter."""

    converter: str = CONVERTER


@dataclass(frozen=True)
class Conversion:
    markdown: str
    ir: Ir
    report: Report


class Place(NamedTuple):
    """Where a stretch of the Markdown stands on paper."""

    start: int
    end: int
    page: int
    box: tuple[float, float, float, float]
    """Left, bottom, right, top, in points from the page's lower left corner."""


@dataclass(frozen=True)
class Draft:
    markdown: str
    characters_in: int
    title: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    pages: int | None = None
    recognised: Mapping[int, float] = field(default_factory=dict)
    """Pages whose text was recognised in pictures, and how sure that is, 0 to 1."""
    dropped: tuple[Dropped, ...] = ()
    kept: tuple[Kept, ...] = ()
    tracked_changes: tuple[TrackedChange, ...] = ()
    comments: tuple[Comment, ...] = ()
    page_margins: tuple[PageMargin, ...] = ()
    warnings: tuple[Issue, ...] = ()


class ConversionError(Exception):
    """The document cannot be converted. `detail` tells its uploader what is wrong and what to do."""

    def __init__(self, reason: FailureReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason: FailureReason = reason
        self.detail = detail


PIECE = 1 << 16
"""Characters that are divided at a time; words of a whole document take ten times its memory."""


def visible(text: str) -> int:
    """Characters that are not blank."""
    return sum(sum(map(len, text[at : at + PIECE].split())) for at in range(0, len(text), PIECE))
