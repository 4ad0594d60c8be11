"""Gives every element its id, section, page and box from its span and its anchor."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Any

from docward.converter.conversion.outcome import Place
from docward.events.ir import Box, Span, element_id


class Anchors:
    """Ids follow from what an element says, and from how many before it said the same; not from where it stands."""

    def __init__(self, document_id: str, places: Sequence[Place], section_starts: Sequence[int]) -> None:
        self._document_id = document_id
        self._places = sorted(places, key=lambda place: place.start)
        self._place_starts = [place.start for place in self._places]
        self._section_starts = section_starts
        self._seen: Counter[tuple[str, str]] = Counter()
        self.section_ids: list[str] = []
        """Ids of the sections that start at `section_starts`; filled before anything else is located."""

    def identify(self, kind: str, anchor: str) -> str:
        occurrence = self._seen[kind, anchor]
        self._seen[kind, anchor] += 1
        return element_id(self._document_id, kind, anchor, occurrence)

    def locate(self, kind: str, anchor: str, start: int, end: int) -> dict[str, Any]:
        """The fields that every `Element` has."""
        page, box = self._on_paper(start, end)
        return {
            "id": self.identify(kind, anchor),
            "span": Span(start=start, end=end),
            "section_id": self.section_at(start),
            "page": page,
            "box": box,
        }

    def section_at(self, offset: int) -> str | None:
        index = bisect_right(self._section_starts, offset) - 1
        return self.section_ids[index] if 0 <= index < len(self.section_ids) else None

    def _on_paper(self, start: int, end: int) -> tuple[int | None, Box | None]:
        """The page where the element begins, and the box of its part on that page."""
        index = max(bisect_right(self._place_starts, start) - 1, 0)
        touched = list[Place]()
        for place in self._places[index:]:
            if place.start >= end:
                break
            if place.end > start and (not touched or touched[0].page == place.page):
                touched.append(place)
        if not touched:
            return None, None
        left, bottom, right, top = zip(*(place.box for place in touched), strict=True)
        return touched[0].page, Box(x0=min(left), y0=min(bottom), x1=max(right), y1=max(top))
