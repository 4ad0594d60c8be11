"""A second chance for what no rule found: the passages whose words are closest to a requirement (BM25).

They are offered to a person for confirmation and never decide a verdict.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from weakref import WeakKeyDictionary

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.text import content_stems

PASSAGES = 3
_K1, _B = 1.2, 0.75
"""The usual saturation and length normalisation."""
_ENOUGH = 0.35
"""Share of the best score that a passage could have; below it the likeness is chance."""


class _Index:
    def __init__(self, document: Document) -> None:
        self._sentences = [s for s in document.body if s.content]
        self._postings: dict[str, list[int]] = {}
        for number, sentence in enumerate(self._sentences):
            for word in sentence.content:
                self._postings.setdefault(word, []).append(number)
        self._mean = sum(len(s.content) for s in self._sentences) / max(1, len(self._sentences))

    def closest(self, query: frozenset[str]) -> list[Sentence]:
        """In order of the document's text."""
        scores: Counter[int] = Counter()
        possible = 0.0
        for word in sorted(query):
            places = self._postings.get(word, ())
            weight = math.log(1 + (len(self._sentences) - len(places) + 0.5) / (len(places) + 0.5))
            possible += weight
            for number in places:
                length = len(self._sentences[number].content) / self._mean
                scores[number] += weight * (_K1 + 1) / (1 + _K1 * (1 - _B + _B * length))  # type: ignore[assignment]
        good = ((score, -number) for number, score in scores.items() if score >= _ENOUGH * possible)
        return [self._sentences[-number] for number in sorted((-n for _, n in heapq.nlargest(PASSAGES, good)))]


_INDEXES: WeakKeyDictionary[Document, _Index] = WeakKeyDictionary()


def second_chance(document: Document, text: str) -> list[Sentence]:
    """At most three sentences of the document."""
    if document not in _INDEXES:
        _INDEXES[document] = _Index(document)
    return _INDEXES[document].closest(content_stems(text))
