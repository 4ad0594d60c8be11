"""The objects of a PDF page, asked of PDFium one by one: runs of text, ruling lines, the largest image.

One run is one text object; asking per object instead of per character keeps the calls few. `_objects.c` does the same
in one call, where it has been built.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium_c

from docward.converter.conversion.pdf.page import Rule, Run

THIN = 3.0
"""Points; a thinner rectangle is a line."""
WIDE = 0.85
"""Of the size; a wider gap is none between words."""
BLANK = ord(" ")
MAX_DEPTH, MAX_OBJECTS, MAX_SEGMENTS = 8, 200_000, 2000
FUNCTIONS = (
    "FPDFPage_CountObjects", "FPDFPage_GetObject", "FPDFFormObj_CountObjects", "FPDFFormObj_GetObject",
    "FPDFPageObj_GetType", "FPDFPageObj_GetMatrix", "FPDFPageObj_GetBounds", "FPDFTextObj_GetFont",
    "FPDFTextObj_GetFontSize", "FPDFTextObj_GetText", "FPDFFont_GetBaseFontName", "FPDFFont_GetFlags",
    "FPDFFont_GetWeight", "FPDFPath_GetDrawMode", "FPDFPath_CountSegments", "FPDFPath_GetPathSegment",
    "FPDFPathSegment_GetPoint", "FPDFPathSegment_GetType", "FPDFPathSegment_GetClose", "FPDFText_CountChars",
    "FPDFText_GetTextObject", "FPDFText_GetUnicode", "FPDFText_IsGenerated", "FPDFText_GetCharBox",
)  # fmt: skip
"""Of PDFium, in the order in which `_objects` learns their addresses."""

Matrix = tuple[float, float, float, float, float, float]
Box = tuple[float, float, float, float]
IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
Part = tuple[str, float, float]
"""Of a run: its text, where it begins and where it ends."""


class Style(NamedTuple):
    """What a font tells of the texts that are set in it."""

    bold: bool
    italic: bool
    mono: bool
    spelling: dict[int, str]
    """Characters, and what is written for them; the printable ones of ASCII are written as they are, unless `bare`."""
    bare: bool
    """Its characters are glyphs, not text: all of them count, and no blanks that PDFium puts between."""


class Sheet(NamedTuple):
    """A page and how it is to be read."""

    page: Any
    text_page: Any
    turn: Matrix
    """From the page's own space to that of the page as it is shown."""
    left: float
    """Where the page begins in its own space."""
    area: float
    divides: bool
    """Whether runs are looked through for wide gaps."""
    style: Callable[[bytes, int, int], Style]
    """Of a font, by its name, flags and weight."""


class Objects(NamedTuple):
    runs: list[Run]
    rules: list[Rule]
    rotated: list[str]
    """Text that does not run from left to right."""
    image_area: float
    """Part of the page that the largest image covers."""
    divisible: Iterable[int]
    """Runs that may have parts, by their places."""
    parts: Callable[[int], Sequence[Part]]
    """What a wide gap divides such a run into; empty where it has none."""


@dataclass(slots=True)
class _Text:
    """The characters of a text object, on the text page."""

    first: int
    last: int
    odd: bool = False
    """They are not simply one after the other, with PDFium's own blanks between."""


def address_of(handle: Any) -> int:
    """Of something of PDFium's, or of one of its functions; 0 where there is nothing."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0


_owner_of, _code_of = (
    ctypes.CFUNCTYPE(answer, ctypes.c_void_p, ctypes.c_int)(address_of(function))
    for answer, function in (
        (ctypes.c_void_p, pdfium_c.FPDFText_GetTextObject),
        (ctypes.c_uint, pdfium_c.FPDFText_GetUnicode),
    )
)
"""Of a character of a text page, by their addresses: asked too often for a pointer that is a Python object."""


def read(sheet: Sheet) -> Objects:
    return _Reading(sheet).read()


class _Reading:
    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._text_page = sheet.text_page
        self._runs: list[Run] = []
        self._rules: list[Rule] = []
        self._rotated: list[str] = []
        self._image_area = 0.0
        self._sources: list[tuple[Any, Style]] = []
        """Of the runs."""
        self._styles: dict[int, Style] = {}
        self._buffer = (ctypes.c_ushort * (1 << 15))()
        self._matrix = pdfium_c.FS_MATRIX()
        self._edges = [ctypes.c_float() for _ in range(4)]
        self._size = ctypes.c_float()
        self._codes: list[int] = []
        """The characters of the text page."""
        self._owners: list[int] = []
        """The addresses of their text objects."""
        self._texts = cache(self._find_texts)

    def read(self) -> Objects:
        for item, kind, matrix in self._objects():
            if kind == pdfium_c.FPDF_PAGEOBJ_TEXT:
                self._text(item, matrix)
            elif kind == pdfium_c.FPDF_PAGEOBJ_PATH:
                self._path(item, matrix)
            elif kind == pdfium_c.FPDF_PAGEOBJ_IMAGE and (box := self._box(item, matrix)):
                area = (box[2] - box[0]) * (box[3] - box[1]) / self._sheet.area
                self._image_area = max(self._image_area, min(area, 1.0))
        divisible = range(len(self._runs)) if self._sheet.divides else ()
        return Objects(self._runs, self._rules, self._rotated, self._image_area, divisible, self._parts)

    def _objects(self) -> Iterator[tuple[Any, int, Matrix]]:
        count = min(pdfium_c.FPDFPage_CountObjects(self._sheet.page), MAX_OBJECTS)
        for index in range(count):
            yield from self._unfolded(pdfium_c.FPDFPage_GetObject(self._sheet.page, index), self._sheet.turn, 0)

    def _unfolded(self, item: Any, matrix: Matrix, depth: int) -> Iterator[tuple[Any, int, Matrix]]:
        """The object, or what is in it where it is a form."""
        kind = pdfium_c.FPDFPageObj_GetType(item)
        if kind != pdfium_c.FPDF_PAGEOBJ_FORM:
            yield item, kind, matrix
        elif depth < MAX_DEPTH:
            inner = _times(self._matrix_of(item), matrix)
            for index in range(min(pdfium_c.FPDFFormObj_CountObjects(item), MAX_OBJECTS)):
                yield from self._unfolded(pdfium_c.FPDFFormObj_GetObject(item, index), inner, depth + 1)

    def _matrix_of(self, item: Any) -> Matrix:
        if not pdfium_c.FPDFPageObj_GetMatrix(item, self._matrix):
            return IDENTITY
        m = self._matrix
        return (m.a, m.b, m.c, m.d, m.e, m.f)

    def _box(self, item: Any, matrix: Matrix) -> Box | None:
        left, bottom, right, top = self._edges
        if not pdfium_c.FPDFPageObj_GetBounds(item, left, bottom, right, top):
            return None
        one, other = _apply(matrix, left.value, bottom.value), _apply(matrix, right.value, top.value)
        box = (min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1]))
        return box if all(map(math.isfinite, box)) else None

    def _text(self, item: Any, outer: Matrix) -> None:
        style = self._style(pdfium_c.FPDFTextObj_GetFont(item))
        text = (self._own(item) if style.bare else self._words(item)).translate(style.spelling)
        if not text.strip():
            return
        box = self._box(item, outer)
        a, b, c, d, e, f = _times(self._matrix_of(item), outer)
        pdfium_c.FPDFTextObj_GetFontSize(item, self._size)
        size = self._size.value * math.sqrt(c * c + d * d)
        if box is None or not 0.1 < size < 1000:
            return
        if abs(b) > abs(a) * 0.2 or a < 0:
            self._rotated.append(text)
            return
        base = f if box[1] - size < f < box[3] + size else box[1]
        x0 = min(box[0], e) if abs(box[0] - e) < size else box[0]
        self._runs.append(Run(text, x0, box[1], box[2], box[3], base, size, style.bold, style.italic, style.mono))
        self._sources.append((item, style))

    def _words(self, item: Any) -> str:
        size = ctypes.sizeof(self._buffer)
        length = pdfium_c.FPDFTextObj_GetText(item, self._text_page, self._buffer, size)
        if length > size:
            self._buffer = (ctypes.c_ushort * (length // 2))()
            pdfium_c.FPDFTextObj_GetText(item, self._text_page, self._buffer, length)
        return ctypes.string_at(self._buffer, max(length - 2, 0)).decode("utf-16-le", errors="replace")

    def _own(self, item: Any) -> str:
        """The characters that are the object's own, those without a meaning too."""
        address, text = address_of(item), self._texts().get(address_of(item))
        if text is None:
            return ""
        return "".join(
            chr(self._codes[at])
            for at in range(text.first, text.last + 1)
            if self._owners[at] == address
            and not pdfium_c.FPDFText_IsGenerated(self._text_page, at)
            and _is_character(self._codes[at])
        )

    def _style(self, font: Any) -> Style:
        address = address_of(font)
        if address not in self._styles:
            length = pdfium_c.FPDFFont_GetBaseFontName(font, None, 0)
            buffer = ctypes.create_string_buffer(int(length) + 1)
            pdfium_c.FPDFFont_GetBaseFontName(font, buffer, length)
            flags, weight = pdfium_c.FPDFFont_GetFlags(font), pdfium_c.FPDFFont_GetWeight(font)
            self._styles[address] = self._sheet.style(buffer.value, flags, weight)
        return self._styles[address]

    def _path(self, item: Any, outer: Matrix) -> None:
        box = self._box(item, outer)
        if box is None:
            return
        x0, y0, x1, y1 = box
        if y1 - y0 <= THIN or x1 - x0 <= THIN:
            self._rules += _thin(x0, y0, x1, y1)
            return
        mode, stroke = ctypes.c_int(), ctypes.c_int()
        if pdfium_c.FPDFPath_GetDrawMode(item, mode, stroke) and stroke.value:
            self._rules += _segments(item, _times(self._matrix_of(item), outer))

    def _parts(self, at: int) -> Sequence[Part]:
        item, style = self._sources[at]
        text = self._texts().get(address_of(item))
        if text is None or text.odd or style.bare:
            return []
        return list(self._divided(self._runs[at], text, style))

    def _divided(self, run: Run, text: _Text, style: Style) -> Iterator[Part]:
        start, x0, last = text.first, run.x0, text.last
        while last > start and self._codes[last] == BLANK:
            last -= 1
        for at in range(start + 2, last + 1):
            if self._codes[at - 1] != BLANK or at - 1 <= start:
                continue
            before, after = self._character(at - 2), self._character(at)
            if before and after and after[0] - before[1] > WIDE * run.size:
                yield self._written(start, at - 1, style), x0, before[1] - self._sheet.left
                start, x0 = at, after[0] - self._sheet.left
        if start > text.first:
            ends_blank = self._codes[text.last + 1 : text.last + 2] == [BLANK]
            yield self._written(start, text.last + (2 if ends_blank else 1), style), x0, run.x1

    def _written(self, start: int, end: int, style: Style) -> str:
        return "".join(map(chr, self._codes[start:end])).translate(style.spelling)

    def _character(self, at: int) -> tuple[float, float] | None:
        """Where it begins and where it ends."""
        x0, x1, y0, y1 = (ctypes.c_double() for _ in range(4))
        return (x0.value, x1.value) if pdfium_c.FPDFText_GetCharBox(self._text_page, at, x0, x1, y0, y1) else None

    def _find_texts(self) -> dict[int, _Text]:
        """Where the characters of text objects stand on the text page, by the objects' addresses."""
        page, count = address_of(self._text_page), max(pdfium_c.FPDFText_CountChars(self._text_page), 0)
        self._codes = [_code_of(page, at) for at in range(count)]
        self._owners = [_owner_of(page, at) or 0 for at in range(count)]
        texts: dict[int, _Text] = {}
        blank = False
        for at, (code, owner) in enumerate(zip(self._codes, self._owners, strict=True)):
            text = texts.get(owner)
            if text is None:
                text = texts[owner] = _Text(at, at)
            elif text.last < at - 1 and not (blank and text.last == at - 2):
                text.odd = True
            if code == 0 or not _is_character(code):
                text.odd = True
            text.last, blank = at, code == BLANK
        return texts


def _is_character(code: int) -> bool:
    return code < 0xD800 or 0xE000 <= code <= 0x10FFFF


def _segments(item: Any, matrix: Matrix) -> Iterator[Rule]:
    x, y = ctypes.c_float(), ctypes.c_float()
    first = last = (0.0, 0.0)
    for index in range(min(pdfium_c.FPDFPath_CountSegments(item), MAX_SEGMENTS)):
        segment = pdfium_c.FPDFPath_GetPathSegment(item, index)
        if not segment or not pdfium_c.FPDFPathSegment_GetPoint(segment, x, y):
            continue
        point = _apply(matrix, x.value, y.value)
        if not all(map(math.isfinite, point)):
            continue
        kind = pdfium_c.FPDFPathSegment_GetType(segment)
        if kind == pdfium_c.FPDF_SEGMENT_MOVETO:
            first = point
        elif kind == pdfium_c.FPDF_SEGMENT_LINETO:
            yield from _straight(last, point)
        if pdfium_c.FPDFPathSegment_GetClose(segment):
            yield from _straight(point, first)
        last = point


def _straight(one: tuple[float, float], other: tuple[float, float]) -> Iterator[Rule]:
    x0, x1 = sorted((one[0], other[0]))
    y0, y1 = sorted((one[1], other[1]))
    if y1 - y0 <= 1 or x1 - x0 <= 1:
        yield from _thin(x0, y0, x1, y1)


def _thin(x0: float, y0: float, x1: float, y1: float) -> Iterator[Rule]:
    if x1 - x0 >= 3 and x1 - x0 > 2 * (y1 - y0):
        y = (y0 + y1) / 2
        yield Rule(x0, y, x1, y)
    elif y1 - y0 >= 6:
        x = (x0 + x1) / 2
        yield Rule(x, y0, x, y1)


def _times(inner: Matrix, outer: Matrix) -> Matrix:
    """First `inner`, then `outer`."""
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _apply(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f
