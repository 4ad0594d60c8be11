"""Pages that are pictures of text: drawn for a recogniser, and its words as runs of text with their places.

A recogniser answers in Tesseract's TSV: one word per row of level 5, with its box in pixels and its confidence in
per cent.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, NamedTuple

from docward.converter.conversion.outcome import visible
from docward.converter.conversion.pages import MAX_PIXELS, Pages, Picture
from docward.converter.conversion.pdf.page import Page, Run

FEW = 12
"""Visible characters; a page with fewer and a picture over most of it is a scan."""
MOST = 0.6
PIXELS_PER_POINT = 200 / 72
DOUBTFUL = 0.3
"""Confidence; what recognisers see in drawings and stains lies below."""
COLUMN = 1.5
"""Of the type's height: a wider gap parts columns."""
LOW, HIGH = re.compile(r"[gjpqyQ,;()\[\]{}|]"), re.compile(r"[A-Z0-9bdfhkltij%()\[\]{}|/]")
"""Letters that reach below the baseline, and above the small letters."""
BELOW, SMALL, ABOVE = 0.21, 0.52, 0.2
"""Parts of an em that they reach; as in most typefaces."""
WORD, FIELDS = "5", 12


class Word(NamedTuple):
    line: tuple[str, ...]
    left: float
    top: float
    right: float
    bottom: float
    confidence: float
    text: str


def is_scan(page: Page) -> bool:
    return page.image_area > MOST and page.characters < FEW


def recognise(source: Any, page: Page, pages: Pages) -> None:
    """Put on the page what `pages` recognises on it; nothing changes where that is nothing. `source`: a pypdfium2
    page."""
    if pages.recognise is None:
        return
    scale = min(PIXELS_PER_POINT, math.sqrt(MAX_PIXELS / max(page.width * page.height, 1.0)) * 0.99)
    words = list(_words(pages.recognise(_picture(source, page.number, scale))))
    sure = [word for word in words if word.confidence >= DOUBTFUL]
    length = sum(visible(word.text) for word in sure)
    if length < FEW:
        return
    page.hold(list(_runs(sure, page.height, scale)))
    page.doubtful = [word.text for word in words if word.confidence < DOUBTFUL]
    page.recognised = round(sum(word.confidence * visible(word.text) for word in sure) / length, 2)


def _picture(source: Any, number: int, scale: float) -> Picture:
    bitmap = source.render(scale=scale, grayscale=True)
    try:
        rows, width, stride = bytes(bitmap.buffer), bitmap.width, bitmap.stride
        return Picture(
            number,
            width,
            bitmap.height,
            b"".join(rows[at * stride : at * stride + width] for at in range(bitmap.height)),
        )
    finally:
        bitmap.close()


def _words(tsv: str) -> Iterator[Word]:
    for row in tsv.split("\n"):
        fields = row.rstrip("\r").split("\t", FIELDS - 1)
        if len(fields) < FIELDS or fields[0] != WORD or not fields[-1].strip():
            continue
        try:
            left, top, width, height, confidence = map(float, fields[6:11])
        except ValueError:
            continue
        if all(map(math.isfinite, (left, top, width, height))) and 0 <= confidence <= 100 and min(width, height) > 0:
            yield Word(tuple(fields[1:5]), left, top, left + width, top + height, confidence / 100, fields[-1].strip())


def _runs(words: Sequence[Word], height: float, scale: float) -> Iterator[Run]:
    """One run per line and column. Sizes about the usual one are the usual one: a word's height tells its size but
    roughly."""
    lines: dict[tuple[str, ...], list[Word]] = defaultdict(list)
    for word in words:
        lines[word.line].append(word)
    usual = median(map(_size, words))
    for line in lines.values():
        size = median(map(_size, line))
        size = usual if 0.8 < size / usual < 1.25 else size
        base = median(word.bottom - (BELOW * size if LOW.search(word.text) else 0) for word in line)
        for part in _parts(line, COLUMN * size):
            yield Run(
                text=" ".join(word.text for word in part),
                x0=part[0].left / scale,
                y0=height - max(word.bottom for word in line) / scale,
                x1=part[-1].right / scale,
                y1=height - min(word.top for word in line) / scale,
                base=height - base / scale,
                size=size / scale,
            )


def _size(word: Word) -> float:
    """Of the type, by the height of the word."""
    em = SMALL + (BELOW if LOW.search(word.text) else 0) + (ABOVE if HIGH.search(word.text) else 0)
    return (word.bottom - word.top) / em


def _parts(line: Sequence[Word], gap: float) -> Iterator[list[Word]]:
    part: list[Word] = []
    for word in sorted(line, key=lambda one: one.left):
        if part and word.left - part[-1].right > gap:
            yield part
            part = []
        part.append(word)
    yield part
