"""The concept lexicon (`policies/concepts.yaml`) as one matcher: a single pass over the document finds every concept.

Phrases are stemmed, so `kill switches` finds `kill switch`; an exclusion that covers a match removes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import ahocorasick
import yaml
from pydantic import BaseModel, ConfigDict

from docward.analyzer.analysis.text import Token, base_form, base_forms, stems

BREAK = "\x1e"
"""Stands between sentences in the stem stream: no phrase reaches over it."""


class Concept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    label: str
    phrases: tuple[str, ...]
    faults: tuple[str, ...] = ()
    """Phrases that name what goes wrong: `is not used` beside one of them is a rule, no denial of the concept."""
    exclusions: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    dimension: str = ""
    """For a parameter: a quantity of this dimension after the concept is its value."""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    concepts: tuple[Concept, ...]


@dataclass(frozen=True, slots=True)
class Mention:
    concept: str
    first: int
    """Index of its first token in the document."""
    last: int
    fault: bool = False


@dataclass
class _Pattern:
    """Phrases with the same stems. Stems alone confuse `position` with `positive`: the base forms decide."""

    found: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    faults: dict[tuple[str, ...], set[str]] = field(default_factory=dict)
    excluded: dict[tuple[str, ...], set[str]] = field(default_factory=dict)


class Lexicon:
    def __init__(self, concepts: Iterable[Concept]) -> None:
        self.concepts = {concept.id: concept for concept in concepts}
        self._automaton = ahocorasick.Automaton()
        patterns: dict[tuple[str, ...], _Pattern] = {}
        for concept in self.concepts.values():
            for phrase in (*concept.phrases, *concept.faults, *concept.exclusions):
                pattern = patterns.setdefault(stems(phrase), _Pattern())
                kind = pattern.excluded if phrase in concept.exclusions else pattern.found
                kind.setdefault(base_forms(phrase), set()).add(concept.id)
                if phrase in concept.faults:
                    pattern.faults.setdefault(base_forms(phrase), set()).add(concept.id)
        for words, pattern in patterns.items():
            self._automaton.add_word(f" {' '.join(words)} ", (pattern, len(words)))
        if patterns:
            self._automaton.make_automaton()

    def mentions(self, tokens: tuple[Token, ...], breaks: Iterable[int]) -> list[Mention]:
        """In document order. `breaks` are the indices of tokens that begin a sentence."""
        stream, starts = _stream(tokens, frozenset(breaks))
        found: list[Mention] = []
        excluded: dict[str, list[tuple[int, int]]] = {}
        for end, (pattern, length) in self._matches(stream):
            last = starts[end]
            first = last - length + 1
            form = tuple(base_form(token.text) for token in tokens[first : last + 1])
            faults = pattern.faults.get(form, ())
            found.extend(Mention(c, first, last, c in faults) for c in sorted(pattern.found.get(form, ())))
            for concept in sorted(pattern.excluded.get(form, ())):
                excluded.setdefault(concept, []).append((first, last))
        kept = (
            mention
            for mention in found
            if not any(a <= mention.first and mention.last <= b for a, b in excluded.get(mention.concept, ()))
        )
        return sorted(kept, key=lambda mention: (mention.first, mention.last, mention.concept))

    def _matches(self, stream: str) -> Iterator[tuple[int, tuple[_Pattern, int]]]:
        if self.concepts:
            yield from self._automaton.iter(stream)


def _stream(tokens: tuple[Token, ...], breaks: frozenset[int]) -> tuple[str, dict[int, int]]:
    """The stems with single blanks, and for the blank after each token the token's index."""
    parts, position, starts = [" "], 1, {}
    for index, token in enumerate(tokens):
        if index in breaks:
            parts.append(f"{BREAK} ")
            position += 2
        parts.append(f"{token.stem} ")
        position += len(token.stem) + 1
        starts[position - 1] = index
    return "".join(parts), starts


@cache
def lexicon(path: Path) -> Lexicon:
    """Raises ValueError that names the file when it is no lexicon."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    concepts = _File.model_validate(content).concepts
    repeated = {c.id for c in concepts if sum(o.id == c.id for o in concepts) > 1}
    if repeated:
        raise ValueError(f"{path}: concept ids must be unique: {sorted(repeated)}")
    return Lexicon(concepts)
