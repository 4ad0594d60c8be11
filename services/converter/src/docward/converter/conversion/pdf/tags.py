"""Headings that a tagged PDF names by itself: text that its structure tree marks as H1 to H6."""

from __future__ import annotations

import ctypes
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pypdfium2.raw as pdfium_c

from docward.converter.conversion.pdf.fonts import SPELLING
from docward.converter.conversion.pdf.links import bounded

LEVELS = {f"H{level or ''}".encode("utf-16-le"): max(level - 1, 0) for level in range(7)}
MOST = 200_000
"""Elements that are looked at. PDFium goes through those of the whole document for every page; of a document with more,
type tells the headings."""


class Tags:
    def __init__(self, document: Any) -> None:
        """`document`: of pypdfium2. Its bookmarks cost less to read, and say the same."""
        told = bool(pdfium_c.FPDFBookmark_GetFirstChild(document.raw, None))
        self._left = MOST if pdfium_c.FPDFCatalog_IsTagged(document.raw) and not told else 0
        self._buffer = ctypes.create_string_buffer(32)
        self._headings: list[tuple[str, int, int]] = []

    def look_at(self, page: Any, text_page: Any, number: int) -> None:
        """`page`: of pypdfium2."""
        tree = pdfium_c.FPDF_StructTree_GetForPage(page.raw) if self._left > 0 else None
        if not tree:
            return
        try:
            marked = {mark: (at, level) for at, level, mark in self._marks(tree) if mark >= 0}
        finally:
            pdfium_c.FPDF_StructTree_Close(tree)
        boxes: dict[tuple[int, int], list[Any]] = defaultdict(list)
        for index in range(pdfium_c.FPDFPage_CountObjects(page.raw) if marked else 0):
            item = pdfium_c.FPDFPage_GetObject(page.raw, index)
            heading = marked.get(pdfium_c.FPDFPageObj_GetMarkedContentID(item))
            if heading and pdfium_c.FPDFPageObj_GetType(item) == pdfium_c.FPDF_PAGEOBJ_TEXT and (box := _box(item)):
                boxes[heading].append(box)
        for (_, level), found in sorted(boxes.items()):
            words = bounded(text_page, _around(found)).translate(SPELLING)
            self._headings.append((" ".join(words.split()), level, number))

    def headings(self) -> list[tuple[str, int, int | None]]:
        """Titles with their levels from 0 and pages; none where there were too many elements to look at."""
        if self._left <= 0:
            return []
        least = min((level for _, level, _ in self._headings), default=0)
        return [(title, level - least, page) for title, level, page in self._headings if title]

    def _type(self, element: Any) -> bytes:
        """In UTF-16; empty where it is longer than that of any heading."""
        length = pdfium_c.FPDF_StructElement_GetType(element, self._buffer, len(self._buffer))
        return self._buffer.raw[: length - 2] if 2 <= length <= len(self._buffer) else b""

    def _marks(self, tree: Any) -> Iterator[tuple[int, int, int]]:
        """Number and level of each heading on the page, with the marks that its text bears."""
        roots = range(pdfium_c.FPDF_StructTree_CountChildren(tree))
        todo = [(root, 0, -1) for at in reversed(roots) if (root := pdfium_c.FPDF_StructTree_GetChildAtIndex(tree, at))]
        number = 0
        while todo and self._left > 0:
            element, heading, level = todo.pop()
            if (own := LEVELS.get(self._type(element), -1)) >= 0:
                number += 1
                heading, level = number, own
            children = pdfium_c.FPDF_StructElement_CountChildren(element)
            self._left -= 1 + max(children, 0)
            for at in range(children - 1, -1, -1):
                if child := pdfium_c.FPDF_StructElement_GetChildAtIndex(element, at):
                    todo.append((child, heading, level))
                elif level >= 0:
                    yield heading, level, pdfium_c.FPDF_StructElement_GetChildMarkedContentID(element, at)


def _box(item: Any) -> Any:
    box = pdfium_c.FS_RECTF()
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    if not pdfium_c.FPDFPageObj_GetBounds(item, left, bottom, right, top):
        return None
    box.left, box.bottom, box.right, box.top = left.value, bottom.value, right.value, top.value
    return box


def _around(boxes: list[Any]) -> Any:
    box = boxes[0]
    for one in boxes[1:]:
        box.left, box.right = min(box.left, one.left), max(box.right, one.right)
        box.bottom, box.top = min(box.bottom, one.bottom), max(box.top, one.top)
    return box
