"""What changed between two versions of a document: blocks first, then the words of changed blocks.

`difference` is a pure function of two versions' Markdown and outline. A block that stands in both, apart from its
line breaks, is unchanged, or moved where its neighbours say so; of the rest, blocks of one kind that share most of
their words are one block that was changed. Its work is bounded: equal parts are found by what is unique in both
versions, small gaps pair by pair, and what would take more than that is deleted on one side and inserted on the other.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict, deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Literal

from pydantic import Field

from docward.events.ir import Block, BlockKind, Section, Span
from docward.events.messages import Value

MAX_PAIRS = 40_000
"""Of elements of a gap without anything unique: difflib's time grows with them."""
MAX_WORDS = 20_000_000
"""Compared in all to tell which blocks are one that was changed: about two seconds."""
PER_PAIR = 30
"""What comparing two blocks costs beside their words, in words."""
ALIKE = 0.5
"""Share of common words from which on two blocks are one."""
TOKEN = re.compile(r"\w+|\s+|[^\w\s]")

ChangeKind = Literal["inserted", "deleted", "changed", "moved"]


class Side(Value):
    """A block of one of the versions."""

    span: Span
    kind: BlockKind
    section: str | None = Field(description="Title of the section that it stands in.")
    page: int | None
    text: str


class WordChange(Value):
    """Spans of the two Markdown texts; an empty one is the place where the other's words are missing."""

    before: Span
    after: Span


class Change(Value):
    kind: ChangeKind
    before: Side | None = Field(description="None: inserted.")
    after: Side | None = Field(description="None: deleted.")
    words: tuple[WordChange, ...] = Field(default=(), description="Of a changed block, in order.")


class Difference(Value):
    """Changes in the reading order of the later version; what was deleted stands where it stood."""

    before: int = Field(description="Number of a version.")
    after: int = Field(description="Number of the version that it is compared with.")
    unchanged: int = Field(description="Blocks that stand in both, at their place.")
    counts: dict[ChangeKind, int]
    changes: tuple[Change, ...]


class Outline(Value):
    """What a difference needs of a version's IR."""

    sections: tuple[Section, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True)
class Gap:
    """Ranges of both versions without an unchanged block in them."""

    start: int
    end: int
    other_start: int
    other_end: int


@dataclass(frozen=True)
class Text:
    """A version to compare."""

    version: int
    markdown: str
    outline: Outline


def difference(before: Text, after: Text) -> Difference:
    old, new = _sides(before), _sides(after)
    old_keys, new_keys = [_key(side) for side in old], [_key(side) for side in new]
    gaps = list(_gaps(old_keys, new_keys))
    compared = _Compared(old, new, _moved(old_keys, new_keys, gaps))
    changes = tuple(change for gap in gaps for change in compared.changes(gap))
    return Difference(
        before=before.version,
        after=after.version,
        unchanged=len(new) - sum(gap.other_end - gap.other_start for gap in gaps),
        counts=dict(Counter(change.kind for change in changes)),
        changes=changes,
    )


def _sides(text: Text) -> list[Side]:
    titles = {section.id: section.title for section in text.outline.sections}
    return [
        Side(
            span=block.span,
            kind=block.kind,
            section=titles.get(block.section_id or ""),
            page=block.page,
            text=text.markdown[block.span.start : block.span.end],
        )
        for block in text.outline.blocks
    ]


def _key(side: Side) -> tuple[str, str]:
    """What two blocks have in common that are the same; in code, line breaks say something."""
    return side.kind, side.text if side.kind == "code" else " ".join(side.text.split())


def _gaps(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterator[Gap]:
    """Between the equal elements, in order."""
    at, to = 0, 0
    for start, other, size in [*_equal(old, new), (len(old), len(new), 0)]:
        if at < start or to < other:
            yield Gap(at, start, to, other)
        at, to = start + size, other + size


def _equal(old: Sequence[Hashable], new: Sequence[Hashable]) -> list[tuple[int, int, int]]:
    """Runs of equal elements `(start, other start, size)`, in order: a patience diff."""
    found: list[tuple[int, int, int]] = []
    unsearched = [Gap(0, len(old), 0, len(new))]
    while unsearched:
        gap = unsearched.pop()
        size = _alike(zip(old[gap.start : gap.end], new[gap.other_start : gap.other_end], strict=False))
        found.append((gap.start, gap.other_start, size))
        start, other = gap.start + size, gap.other_start + size
        size = _alike(zip(reversed(old[start : gap.end]), reversed(new[other : gap.other_end]), strict=False))
        end, other_end = gap.end - size, gap.other_end - size
        found.append((end, other_end, size))
        if anchors := _unique(old, new, Gap(start, end, other, other_end)):
            for anchor, its in anchors:
                unsearched.append(Gap(start, anchor, other, its))
                found.append((anchor, its, 1))
                start, other = anchor + 1, its + 1
            unsearched.append(Gap(start, end, other, other_end))
        elif 0 < (end - start) * (other_end - other) <= MAX_PAIRS:
            matcher = SequenceMatcher(None, old[start:end], new[other:other_end], autojunk=False)
            found += [(start + one.a, other + one.b, one.size) for one in matcher.get_matching_blocks()]
    return sorted(run for run in found if run[2])


def _alike(pairs: Iterable[tuple[Hashable, Hashable]]) -> int:
    """How many pairs from the first on are of equals."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _unique(old: Sequence[Hashable], new: Sequence[Hashable], gap: Gap) -> list[tuple[int, int]]:
    """Elements that stand once on both sides, the most of them that are in one order."""
    counts = Counter(old[gap.start : gap.end])
    other_counts = Counter(new[gap.other_start : gap.other_end])
    places = {new[at]: at for at in range(gap.other_start, gap.other_end)}
    ours = [at for at in range(gap.start, gap.end) if counts[old[at]] == other_counts.get(old[at]) == 1]
    return _increasing([(at, places[old[at]]) for at in ours])


def _increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of pairs, in order of the first, in which the second increases."""
    tops: list[int] = []
    ends: list[int] = []
    before: list[int] = []
    for at, (_, place) in enumerate(pairs):
        pile = bisect_left(tops, place)
        before.append(ends[pile - 1] if pile else -1)
        tops[pile : pile + 1] = [place]
        ends[pile : pile + 1] = [at]
    chain, at = list[tuple[int, int]](), ends[-1] if ends else -1
    while at >= 0:
        chain.append(pairs[at])
        at = before[at]
    return chain[::-1]


def _moved(old: Sequence[Hashable], new: Sequence[Hashable], gaps: Sequence[Gap]) -> dict[int, int]:
    """By its place in the new version: where a block stood that stands elsewhere in the old one."""
    left = defaultdict[Hashable, deque[int]](deque)
    for gap in gaps:
        for at in range(gap.start, gap.end):
            left[old[at]].append(at)
    moved: dict[int, int] = {}
    for gap in gaps:
        for to in range(gap.other_start, gap.other_end):
            if left.get(new[to]):
                moved[to] = left[new[to]].popleft()
    return moved


class _Compared:
    def __init__(self, old: Sequence[Side], new: Sequence[Side], moved: Mapping[int, int]) -> None:
        self._old = old
        self._new = new
        self._moved = moved
        self._departed = frozenset(moved.values())
        self._words_left = MAX_WORDS

    def changes(self, gap: Gap) -> Iterator[Change]:
        at, to = gap.start, gap.other_start
        for pair, its in [*self._changed(gap), (gap.end, gap.other_end)]:
            for gone in range(at, pair):
                if gone not in self._departed:
                    yield Change(kind="deleted", before=self._old[gone], after=None)
            for come in range(to, its):
                if come in self._moved:
                    yield Change(kind="moved", before=self._old[self._moved[come]], after=self._new[come])
                else:
                    yield Change(kind="inserted", before=None, after=self._new[come])
            if pair < gap.end:
                one, other = self._old[pair], self._new[its]
                yield Change(kind="changed", before=one, after=other, words=tuple(_words(one, other)))
            at, to = pair + 1, its + 1

    def _changed(self, gap: Gap) -> list[tuple[int, int]]:
        """Which blocks became which, in order: the alignment with the most in common."""
        gone = [at for at in range(gap.start, gap.end) if at not in self._departed]
        come = [to for to in range(gap.other_start, gap.other_end) if to not in self._moved]
        ours, theirs = ([_bag(sides[at]) for at in some] for sides, some in ((self._old, gone), (self._new, come)))
        cost = PER_PAIR * len(gone) * len(come)
        cost += sum(bag.total() for bag in ours) * len(come) + sum(bag.total() for bag in theirs) * len(gone)
        if not gone or not come or cost > self._words_left:
            return []
        self._words_left -= cost
        likeness = [
            [
                _likeness(one, other) if self._old[at].kind == self._new[to].kind else 0.0
                for to, other in zip(come, theirs, strict=True)
            ]
            for at, one in zip(gone, ours, strict=True)
        ]
        return [(gone[row], come[column]) for row, column in _aligned(likeness)]


def _bag(side: Side) -> Counter[str]:
    return Counter(re.findall(r"\w+", side.text.casefold()))


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    """2 × the common words by all words; 0 below ALIKE."""
    total = one.total() + other.total()
    if not total or 2 * min(one.total(), other.total()) < ALIKE * total:
        return 0.0
    share = 2 * (one & other).total() / total
    return share if share >= ALIKE else 0.0


def _aligned(likeness: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Pairs in order of rows and of columns with the greatest sum."""
    rows, columns = len(likeness), len(likeness[0])
    best = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        for column in range(columns - 1, -1, -1):
            paired = likeness[row][column] + best[row + 1][column + 1]
            best[row][column] = max(paired, best[row + 1][column], best[row][column + 1])
    pairs, row, column = list[tuple[int, int]](), 0, 0
    while row < rows and column < columns:
        if best[row][column] == best[row + 1][column]:
            row += 1
        elif best[row][column] == best[row][column + 1]:
            column += 1
        else:
            pairs.append((row, column))
            row, column = row + 1, column + 1
    return pairs


def _words(before: Side, after: Side) -> Iterator[WordChange]:
    """Changes with nothing but blanks between them are one."""
    old, new = _tokens(before), _tokens(after)
    words, other_words = [word for word, _, _ in old], [word for word, _, _ in new]
    merged: list[Gap] = []
    for gap in _gaps(words, other_words):
        last = merged[-1] if merged else None
        if last is not None and all(word == " " for word in words[last.end : gap.start]):
            merged[-1] = Gap(last.start, gap.end, last.other_start, gap.other_end)
        else:
            merged.append(gap)
    for gap in merged:
        if any(word != " " for word in (*words[gap.start : gap.end], *other_words[gap.other_start : gap.other_end])):
            yield WordChange(
                before=_span(before, old, gap.start, gap.end), after=_span(after, new, gap.other_start, gap.other_end)
            )


def _tokens(side: Side) -> list[tuple[str, int, int]]:
    """Words, marks and blanks, all blanks alike, with their places in the Markdown."""
    offset = side.span.start
    return [
        (" " if found[0].isspace() else found[0], offset + found.start(), offset + found.end())
        for found in TOKEN.finditer(side.text)
    ]


def _span(side: Side, tokens: Sequence[tuple[str, int, int]], start: int, end: int) -> Span:
    if start < end:
        return Span(start=tokens[start][1], end=tokens[end - 1][2])
    place = tokens[start][1] if start < len(tokens) else side.span.end
    return Span(start=place, end=place)
