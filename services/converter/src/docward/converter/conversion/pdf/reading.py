"""Pages of a PDF document, read by PDFium: with one call a page where `_objects` has been built, else by many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pypdfium2.raw as pdfium_c

from docward.converter.conversion.pdf import objects
from docward.converter.conversion.pdf.fonts import style_of
from docward.converter.conversion.pdf.gaps import divided
from docward.converter.conversion.pdf.links import links_of
from docward.converter.conversion.pdf.objects import IDENTITY, Matrix, Objects, Sheet, address_of
from docward.converter.conversion.pdf.page import Page, Rule, Run
from docward.converter.conversion.pdf.tags import Tags

try:
    from docward.converter.conversion.pdf import _objects
except ImportError:  # there was no compiler
    _objects = None  # type: ignore[assignment]


class PageReader:
    """Reads the pages of one document."""

    def __init__(self, document: Any, read: Callable[[Sheet], Objects] | None = None) -> None:
        """`document`: of pypdfium2."""
        self._document = document
        self._tags = Tags(document)
        self._read = read or READ

    def read(self, page: Any, number: int) -> Page:
        """`page`: a pypdfium2 page."""
        width, height = page.get_size()
        found = Page(number, width, height)
        text_page = pdfium_c.FPDFText_LoadPage(page.raw)
        if not text_page:
            return found
        try:
            rotation, box = page.get_rotation(), page.get_mediabox()
            area = max(width * height, 1.0)
            upright = rotation == 0
            sheet = Sheet(page.raw, text_page, _turn(rotation, *box), box[0], area, upright, style_of)
            runs, found.rules, found.rotated, found.image_area, divisible, parts = self._read(sheet)
            found.hold(divided(runs, found.rules, divisible, parts))
            self._tags.look_at(page, text_page, number)
            if upright:
                found.links = links_of(self._document, page, text_page, *box[:2])
        finally:
            pdfium_c.FPDFText_ClosePage(text_page)
        return found

    def headings(self) -> list[tuple[str, int, int | None]]:
        """What the tags of the pages that were read say are headings; nothing where the document has bookmarks."""
        return self._tags.headings()


def read_at_once(sheet: Sheet) -> Objects:
    """What `objects.read` answers, by one call; only where it has been built."""
    page, text_page = address_of(sheet.page), address_of(sheet.text_page)
    limits = sheet.left, sheet.area, objects.THIN, objects.WIDE, sheet.divides
    runs, rules, rotated, image_area, parts = _objects.read(
        page, text_page, sheet.turn, *limits, sheet.style, Run, Rule
    )
    return Objects(runs, rules, rotated, image_area, parts, parts.__getitem__)


def _turn(rotation: int, left: float, bottom: float, right: float, top: float) -> Matrix:
    """From the page's own space to the space of the page as it is shown, origin at the lower left corner."""
    return {
        90: (0.0, -1.0, 1.0, 0.0, -bottom, right),
        180: (-1.0, 0.0, 0.0, -1.0, right, top),
        270: (0.0, 1.0, -1.0, 0.0, top, -left),
    }.get(rotation, IDENTITY if left == bottom == 0 else (1.0, 0.0, 0.0, 1.0, -left, -bottom))


def _connected() -> bool:
    """Whether what has been built fits this PDFium."""
    if _objects is None:
        return False
    try:
        _objects.connect(tuple(address_of(getattr(pdfium_c, name)) for name in objects.FUNCTIONS))
    except (AttributeError, ValueError):
        return False
    return True


READ = read_at_once if _connected() else objects.read
