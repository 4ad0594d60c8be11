"""A page as PDFium sees it: runs of text with box, baseline, size and weight; ruling lines; how much of it is image.

One run is one text object; asking per object instead of per character keeps the calls into PDFium few.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pypdfium2.raw as pdfium_c

from docward.converter.conversion.pdf.gaps import divide

BOLD = re.compile(r"bold|black|heavy|semibold|demi|cmbx|-b\b|\bbd\b", re.IGNORECASE)
ITALIC = re.compile(r"ital|oblique|cmti|cmmi|-i\b|-it\b", re.IGNORECASE)
MONO = re.compile(r"courier|mono|consol|menlo|cmtt|typewriter|fixed", re.IGNORECASE)
THIN = 3.0
"""Points; a thinner rectangle is a line."""
MAX_DEPTH = 8
MAX_OBJECTS = 200_000
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")
EXTENSION = re.compile(r"cmex|mathextension", re.IGNORECASE)
LIGATURES = str.maketrans(
    {"\x02": "-", "ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "ﬃ": "ffi", "ﬄ": "ffl", "\u00ad": "-", "\u00a0": " ", "\u200b": ""}
)

LARGE = str.maketrans(
    {
        **{start + at: glyph for start in (0x00, 0x20) for at, glyph in enumerate("()[]⌊⌋⌈⌉{}⟨⟩")},
        **{0x10 + at: glyph for at, glyph in enumerate("()()[]⌊⌋⌈⌉{}⟨⟩")},
        **{0x30 + at: glyph for at, glyph in enumerate("()[][][]{}{}{}{|")},
        **{0x40 + at: glyph for at, glyph in enumerate("()()⟨⟩⊔⊔∮∮⊙⊙⊕⊕⊗⊗")},
        **{start + at: glyph for start in (0x50, 0x58) for at, glyph in enumerate("∑∏∫⋃⋂⊎⋀⋁")},
        **{0x62 + at: glyph for at, glyph in enumerate("ˆˆˆ˜˜˜[]⌊⌋⌈⌉{}√√√√√√√")},
        **dict.fromkeys((0x0E, 0x1E, 0x2C, 0x2E), "/"), 0x0C: "|", 0x0D: "‖", 0x60: "∐", 0x61: "∐",
    }
)  # fmt: skip
"""TeX's large operators, brackets and roots, whose fonts say no meanings: by their places in the OMX encoding."""


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


@dataclass
class Page:
    number: int
    width: float
    height: float
    runs: list[Run] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    rotated: list[str] = field(default_factory=list)
    """Text that does not run from left to right."""
    doubtful: list[str] = field(default_factory=list)
    """Words that text recognition is not sure of."""
    recognised: float | None = None
    """How sure text recognition is of the runs, 0 to 1; None: they are the document's own."""
    image_area: float = 0.0
    """Part of the page that the largest image covers."""


@dataclass(frozen=True)
class Font:
    bold: bool
    italic: bool
    mono: bool
    extension: bool
    """Holds TeX's large symbols."""


Matrix = tuple[float, float, float, float, float, float]
IDENTITY: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


class PageReader:
    """Reads the pages of one document; knows its fonts."""

    def __init__(self) -> None:
        self._fonts: dict[int, Font] = {}
        self._buffer = ctypes.create_string_buffer(1 << 16)
        self._matrix = pdfium_c.FS_MATRIX()
        self._edges = [ctypes.c_float() for _ in range(4)]
        self._size = ctypes.c_float()

    def read(self, page: Any, number: int) -> Page:
        """`page`: a pypdfium2 page."""
        width, height = page.get_size()
        found = Page(number, width, height)
        text_page = pdfium_c.FPDFText_LoadPage(page.raw)
        if not text_page:
            return found
        try:
            turn = _turn(page.get_rotation(), *page.get_mediabox())
            for item, kind, matrix in self._objects(page.raw, turn):
                if kind == pdfium_c.FPDF_PAGEOBJ_TEXT:
                    self._text(item, text_page, matrix, found)
                elif kind == pdfium_c.FPDF_PAGEOBJ_PATH:
                    self._path(item, matrix, found)
                elif kind == pdfium_c.FPDF_PAGEOBJ_IMAGE and (box := self._box(item, matrix)):
                    area = (box[2] - box[0]) * (box[3] - box[1]) / max(width * height, 1.0)
                    found.image_area = max(found.image_area, min(area, 1.0))
            if page.get_rotation() == 0:
                divide(found, text_page, *page.get_mediabox()[:2])
        finally:
            pdfium_c.FPDFText_ClosePage(text_page)
        return found

    def _objects(self, page: Any, matrix: Matrix) -> Iterator[tuple[Any, int, Matrix]]:
        count = min(pdfium_c.FPDFPage_CountObjects(page), MAX_OBJECTS)
        for index in range(count):
            yield from self._unfolded(pdfium_c.FPDFPage_GetObject(page, index), matrix, 0)

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

    def _box(self, item: Any, matrix: Matrix) -> tuple[float, float, float, float] | None:
        left, bottom, right, top = self._edges
        if not pdfium_c.FPDFPageObj_GetBounds(item, left, bottom, right, top):
            return None
        one, other = _apply(matrix, left.value, bottom.value), _apply(matrix, right.value, top.value)
        box = (min(one[0], other[0]), min(one[1], other[1]), max(one[0], other[0]), max(one[1], other[1]))
        return box if all(map(math.isfinite, box)) else None

    def _text(self, item: Any, text_page: Any, outer: Matrix, found: Page) -> None:
        font = self._font(pdfium_c.FPDFTextObj_GetFont(item))
        text = self._words(item, text_page, font)
        if not text.strip():
            return
        box = self._box(item, outer)
        a, b, c, d, e, f = _times(self._matrix_of(item), outer)
        pdfium_c.FPDFTextObj_GetFontSize(item, self._size)
        size = self._size.value * math.hypot(c, d)
        if box is None or not 0.1 < size < 1000:
            return
        if abs(b) > abs(a) * 0.2 or a < 0:
            found.rotated.append(text)
            return
        base = f if box[1] - size < f < box[3] + size else box[1]
        x0 = min(box[0], e) if abs(box[0] - e) < size else box[0]
        found.runs.append(Run(text, x0, box[1], box[2], box[3], base, size, font.bold, font.italic, font.mono))

    def _words(self, item: Any, text_page: Any, font: Font) -> str:
        length = pdfium_c.FPDFTextObj_GetText(
            item, text_page, ctypes.cast(self._buffer, _USHORTS), len(self._buffer) // 2
        )
        if length > len(self._buffer):
            self._buffer = ctypes.create_string_buffer(length)
            length = pdfium_c.FPDFTextObj_GetText(item, text_page, ctypes.cast(self._buffer, _USHORTS), length // 2)
        text = self._buffer.raw[: max(length - 2, 0)].decode("utf-16-le", errors="replace")
        if font.extension:
            text = (text.rstrip(" ") or text).translate(LARGE)
        return CONTROL.sub(" ", text.translate(LIGATURES).replace("\r", "").replace("\n", " "))

    def _font(self, font: Any) -> Font:
        address = ctypes.cast(font, ctypes.c_void_p).value or 0
        if address not in self._fonts:
            length = pdfium_c.FPDFFont_GetBaseFontName(font, None, 0)
            buffer = ctypes.create_string_buffer(max(int(length), 1))
            pdfium_c.FPDFFont_GetBaseFontName(font, buffer, len(buffer))
            name = buffer.value.decode("utf-8", errors="replace").split("+")[-1]
            flags = max(pdfium_c.FPDFFont_GetFlags(font), 0)
            heavy = pdfium_c.FPDFFont_GetWeight(font) >= 600
            mono = bool(MONO.search(name)) or bool(flags & 1)
            self._fonts[address] = Font(
                heavy or bool(BOLD.search(name)), bool(ITALIC.search(name)), mono, bool(EXTENSION.search(name))
            )
        return self._fonts[address]

    def _path(self, item: Any, outer: Matrix, found: Page) -> None:
        box = self._box(item, outer)
        if box is None:
            return
        x0, y0, x1, y1 = box
        if y1 - y0 <= THIN or x1 - x0 <= THIN:
            found.rules += _thin(x0, y0, x1, y1)
            return
        mode, stroke = ctypes.c_int(), ctypes.c_int()
        if not pdfium_c.FPDFPath_GetDrawMode(item, mode, stroke) or not stroke.value:
            return
        found.rules += self._segments(item, _times(self._matrix_of(item), outer))

    def _segments(self, item: Any, matrix: Matrix) -> Iterator[Rule]:
        x, y = ctypes.c_float(), ctypes.c_float()
        first = last = (0.0, 0.0)
        for index in range(min(pdfium_c.FPDFPath_CountSegments(item), 2000)):
            segment = pdfium_c.FPDFPath_GetPathSegment(item, index)
            pdfium_c.FPDFPathSegment_GetPoint(segment, x, y)
            point = _apply(matrix, x.value, y.value)
            kind = pdfium_c.FPDFPathSegment_GetType(segment)
            if kind == pdfium_c.FPDF_SEGMENT_MOVETO:
                first = point
            elif kind == pdfium_c.FPDF_SEGMENT_LINETO:
                yield from _straight(last, point)
            if pdfium_c.FPDFPathSegment_GetClose(segment):
                yield from _straight(point, first)
            last = point


_USHORTS = ctypes.POINTER(ctypes.c_ushort)


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
    if outer == IDENTITY:
        return inner
    a, b, c, d, e, f = inner
    g, h, i, j, k, m = outer
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _apply(matrix: Matrix, x: float, y: float) -> tuple[float, float]:
    if matrix == IDENTITY:
        return x, y
    a, b, c, d, e, f = matrix
    return a * x + c * y + e, b * x + d * y + f


def _turn(rotation: int, left: float, bottom: float, right: float, top: float) -> Matrix:
    """From the page's own space to the space of the page as it is shown, origin at the lower left corner."""
    return {
        90: (0.0, -1.0, 1.0, 0.0, -bottom, right),
        180: (-1.0, 0.0, 0.0, -1.0, right, top),
        270: (0.0, 1.0, -1.0, 0.0, top, -left),
    }.get(rotation, IDENTITY if left == bottom == 0 else (1.0, 0.0, 0.0, 1.0, -left, -bottom))
