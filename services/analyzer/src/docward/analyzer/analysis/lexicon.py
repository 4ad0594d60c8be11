"""The concept lexicon (`policies/concepts.yaml`) and the phrases of packs as one matcher.

A single pass over the document's stems finds every word and word group that a phrase uses; phrases of several parts are
then put together sentence by sentence. The grammar of a phrase is in `phrases`; an exclusion that covers a match
removes it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import ahocorasick
import yaml
from pydantic import BaseModel, ConfigDict

from docward.analyzer.analysis import phrases
from docward.analyzer.analysis.phrases import Form, Phrase, Step
from docward.analyzer.analysis.text import Token, base_form

BREAK = "\x1e"
"""Stands between sentences in the stem stream: no phrase reaches over it."""

Kind = Literal["found", "fault", "excluded"]
Hits = dict[str, list[tuple[int, int]]]
"""Of one sentence: where each symbol stands, as indices of its first and last token."""


class Concept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    label: str
    phrases: tuple[str, ...]
    faults: tuple[str, ...] = ()
    """Phrases that name what goes wrong: `is not used` beside one of them is a rule, no denial of the concept."""
    exclusions: tuple[str, ...] = ()
    dimension: str = ""
    """For a parameter: a quantity of this dimension after the concept is its value."""
    domain: bool = False
    """A subject of whole documents: one that speaks of another domain is not meant by what asks for this one."""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    words: dict[str, tuple[str, ...]] = {}
    concepts: tuple[Concept, ...]


class Mention(NamedTuple):
    """Ordered by place."""

    first: int
    """Index of its first token in the document."""
    last: int
    concept: str
    fault: bool = False


@dataclass(frozen=True, slots=True)
class _Rule:
    concept: str
    kind: Kind
    phrase: Phrase


class Lexicon:
    """Immutable. `words` are the classes that phrases name in angle brackets."""

    def __init__(self, concepts: Iterable[Concept], words: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.concepts = {concept.id: concept for concept in concepts}
        self.words = dict(words or {})
        rules = list(self._rules())
        uses = Counter(symbol for rule in rules for symbol in rule.phrase.symbols)
        self._by_symbol: dict[str, list[_Rule]] = {}
        for rule in rules:
            rarest = min(rule.phrase.symbols, key=lambda symbol: (uses[symbol], symbol))
            self._by_symbol.setdefault(rarest, []).append(rule)
        self._automaton = ahocorasick.Automaton()
        forms: dict[tuple[str, ...], list[tuple[str, Form]]] = {}
        for symbol in sorted(uses):
            for form in phrases.forms(symbol, self.words):
                if form.stems:
                    forms.setdefault(form.stems, []).append((symbol, form))
        for stems, meanings in forms.items():
            self._automaton.add_word(f" {' '.join(stems)} ", (meanings, len(stems)))
        self._is_empty = not forms
        if forms:
            self._automaton.make_automaton()

    def _rules(self) -> Iterator[_Rule]:
        for concept in self.concepts.values():
            kinds: tuple[tuple[Kind, tuple[str, ...]], ...] = (
                ("found", concept.phrases),
                ("fault", concept.faults),
                ("excluded", concept.exclusions),
            )
            for kind, texts in kinds:
                for text in texts:
                    phrase = phrases.parsed(text)
                    if phrase.symbols:
                        yield _Rule(concept.id, kind, phrase)

    @cached_property
    def domains(self) -> frozenset[str]:
        return frozenset(concept.id for concept in self.concepts.values() if concept.domain)

    def with_phrases(self, texts: frozenset[str]) -> Lexicon:
        """With phrases that packs write in the place of a concept: each is one, under its own text as id."""
        return _extended(self, texts) if texts else self

    def mentions(self, tokens: tuple[Token, ...], breaks: Iterable[int]) -> list[Mention]:
        """In document order. `breaks` are the indices of tokens that begin a sentence."""
        starts = sorted(breaks)
        found: set[Mention] = set()
        for hits in self._sentences(tokens, starts):
            found.update(_kept(self._matches(hits)))
        return sorted(found)

    def _matches(self, hits: Hits) -> Iterator[tuple[_Rule, int, int]]:
        for symbol in hits:
            for rule in self._by_symbol.get(symbol, ()):
                if rule.phrase.needed <= hits.keys():
                    for first, last in _places(rule.phrase, hits):
                        yield rule, first, last

    def _sentences(self, tokens: tuple[Token, ...], breaks: Sequence[int]) -> Iterator[Hits]:
        stream, ends = _stream(tokens, frozenset(breaks))
        begin, beyond, hits = 0, 0, Hits()
        for end, (meanings, length) in () if self._is_empty else self._automaton.iter(stream):
            last = ends[end]
            first = last - length + 1
            if not begin <= first < beyond:
                if hits:
                    yield hits
                number = bisect_right(breaks, first)
                begin = breaks[number - 1] if number else 0
                beyond = breaks[number] if number < len(breaks) else len(tokens)
                hits = Hits()
            written: tuple[str, ...] | None = None
            for symbol, form in meanings:
                if form.exact is not None:
                    written = written or tuple(base_form(token.text) for token in tokens[first : last + 1])
                    if written != form.exact:
                        continue
                hits.setdefault(symbol, []).append((first, last))
        if hits:
            yield hits


def _kept(matches: Iterable[tuple[_Rule, int, int]]) -> Iterator[Mention]:
    """Without the matches that an exclusion of their concept covers."""
    found = list(matches)
    excluded = [(rule.concept, first, last) for rule, first, last in found if rule.kind == "excluded"]
    for rule, first, last in found:
        if rule.kind == "excluded" or any(c == rule.concept and a <= first and last <= b for c, a, b in excluded):
            continue
        yield Mention(first, last, rule.concept, rule.kind == "fault")


def _places(phrase: Phrase, hits: Hits) -> Iterable[tuple[int, int]]:
    """Where the phrase stands; of one with `&`, the stretch from its first part to its last."""
    parts = [_runs(steps, hits) for steps in phrase.parts]
    if len(parts) == 1:
        return parts[0]
    if not all(parts):
        return ()
    return ((min(part[0][0] for part in parts), max(part[0][1] for part in parts)),)


def _runs(steps: tuple[Step, ...], hits: Hits) -> list[tuple[int, int]]:
    """Of one part: for each end the latest beginning, so that their number stays linear in the sentence."""
    ends = {last: first for first, last in hits[steps[0].symbol]}
    for step in steps[1:]:
        reached: dict[int, int] = {}
        for first, last in hits[step.symbol]:
            before = [begin for end, begin in ends.items() if 0 < first - end <= step.gap + 1]
            if before:
                reached[last] = max(before)
        ends = reached
    return sorted((first, last) for last, first in ends.items())


def _stream(tokens: tuple[Token, ...], breaks: frozenset[int]) -> tuple[str, dict[int, int]]:
    """The stems with single blanks, and for the blank after each token the token's index."""
    parts, position, ends = [" "], 1, {}
    for index, token in enumerate(tokens):
        if index in breaks:
            parts.append(f"{BREAK} ")
            position += 2
        parts.append(f"{token.stem} ")
        position += len(token.stem) + 1
        ends[position - 1] = index
    return "".join(parts), ends


@lru_cache(maxsize=16)
def _extended(lexicon: Lexicon, texts: frozenset[str]) -> Lexicon:
    """Once per set of releases that are used together."""
    own = [Concept(id=text, label=text, phrases=(text,)) for text in sorted(texts)]
    return Lexicon([*lexicon.concepts.values(), *own], lexicon.words)


@cache
def lexicon(path: Path) -> Lexicon:
    """Raises ValueError that names the file when it is no lexicon."""
    file = _File.model_validate(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    repeated = {c.id for c in file.concepts if sum(o.id == c.id for o in file.concepts) > 1}
    if repeated:
        raise ValueError(f"{path}: concept ids must be unique: {sorted(repeated)}")
    wrong = [
        f"{concept.id}: {text!r}: {why}"
        for concept in file.concepts
        for text in (*concept.phrases, *concept.faults, *concept.exclusions)
        if (why := phrases.mistake(text, file.words))
    ]
    if wrong:
        raise ValueError(f"{path}: {'; '.join(wrong)}")
    return Lexicon(file.concepts, file.words)
