"""Which pages of a document are read, and who is told of each before it is.

Where somebody reads pictures of text (`recognise`), the reader hands those of scanned pages over.

A page may be more than a conversion can bear. Whoever runs one learns from `begin` which page it was, and runs it again
without that page; what is left out stands in the loss report by its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from docward.events.documents import FailureReason
from docward.events.ir import Issue

LEFT_OUT = "pages-left-out"
"""Code of the warnings."""
WHY: dict[FailureReason, str] = {
    "too-slow": "reading it took too long",
    "too-much-memory": "it needs too much memory",
    "converter-crashed": "it made the converter fail",
}
MAX_PIXELS = 8_000_000
"""Of a picture of a page: twice A4 at 200 dots per inch."""


class Picture(NamedTuple):
    """Of a page, a byte of grey per pixel, row by row from the top."""

    page: int
    width: int
    height: int
    pixels: bytes


@dataclass
class Pages:
    skipped: Sequence[tuple[int, FailureReason]] = ()
    """Pages, and why they are not read."""
    until: tuple[int, FailureReason] | None = None
    """The first page from which on nothing is read, and why."""
    begin: Callable[[int, int], FailureReason | None] = lambda _number, _total: None
    """Told the number of a page before it is read, and how many there are; a reason ends the reading there."""
    recognise: Callable[[Picture], str] | None = None
    """The words of a picture as Tesseract's TSV, empty when it cannot be read; None where nobody reads pictures."""
    total: int = field(default=0, init=False)

    def wanted(self, number: int, total: int) -> bool:
        """Whether the reader is to read this page; 1 is the first."""
        self.total = total
        if number in dict(self.skipped) or (self.until and number >= self.until[0]):
            return False
        if reason := self.begin(number, total):
            self.until = number, reason
            return False
        return True

    def done(self) -> None:
        """All pages have been read: what goes wrong from here on is no page's fault."""
        if self.total:
            self.begin(0, self.total)

    def warnings(self) -> Iterator[Issue]:
        """One for each page that was left out, or for the rest of the document."""
        end = self.until[0] if self.until else self.total + 1
        for page, reason in sorted(self.skipped):
            if page < end:
                yield Issue(code=LEFT_OUT, message=f"Page {page} was left out: {WHY[reason]}.", page=page)
        if self.until and end <= self.total:
            message = f"Pages {end} to {self.total} were left out: the document is too large to be read whole."
            yield Issue(code=LEFT_OUT, message=message, page=end)
