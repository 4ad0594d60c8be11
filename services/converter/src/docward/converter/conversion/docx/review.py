"""What reviewers left in a Word document: tracked changes and comments, kept as data beside the accepted text.

While a paragraph is read, places are noted by how many atoms of it stand before them. When its Markdown is written,
they are found there again letter by letter, past whatever Markdown adds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest
from typing import Any

from docward.converter.conversion.docx.package import M, W
from docward.converter.conversion.outcome import visible
from docward.events.ir import Comment, Span, TrackedChange, TrackedChangeKind

KINDS: dict[str, TrackedChangeKind] = {
    W + "ins": "insertion",
    W + "moveTo": "moved-here",
    W + "del": "deletion",
    W + "moveFrom": "moved-away",
}
DELETED = frozenset({W + "del", W + "moveFrom"})
TEXTS = (W + "t", W + "delText", M + "t")
RANGE_START, RANGE_END, REFERENCE = (W + name for name in ("commentRangeStart", "commentRangeEnd", "commentReference"))
AUTHOR, DATE, ID = (W + name for name in ("author", "date", "id"))
W14 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
W15 = "{http://schemas.microsoft.com/office/word/2012/wordml}"
LOOK_AHEAD = 400
"""Markdown between two letters of a paragraph is no longer than that; a letter further away is another one."""


@dataclass
class Noted:
    """A tracked change and its first and last place."""

    kind: TrackedChangeKind
    author: str | None
    date: str | None
    texts: list[str]
    first: int
    last: int
    stop: int
    """Atoms of the paragraph up to its end."""


@dataclass
class Spot:
    """Places in one paragraph: their numbers, with the letters before each, and whether something begins there."""

    letters: str
    places: list[tuple[int, int, bool]]
    lead: str = ""
    """How the paragraph's Markdown begins, past its number."""


class Review:
    def __init__(self) -> None:
        self._changes: list[Noted] = []
        self._comments: dict[str, list[int]] = {}
        """First and last place of what a comment is about."""
        self._places: list[tuple[int, int, bool]] = []
        """Of the paragraph that is read: number, atoms before it, whether something begins there."""
        self._spots: list[Spot] = []
        """Of paragraphs whose Markdown is not yet written."""
        self._offsets: list[int] = []
        """By number of the place."""
        self.deleted = 0
        """Characters of what was deleted, or moved away."""

    def change(self, node: Any, first: int, stop: int, text: str) -> None:
        """A change of what stands in atoms first..stop of the paragraph; `text` is what was inserted or deleted."""
        kind, author, date = KINDS[node.tag], node.get(AUTHOR), node.get(DATE)
        if node.tag in DELETED:
            self.deleted += visible(text)
        if not text:
            return
        last = self._changes[-1] if self._changes and self._places else None
        if last and (last.kind, last.author, last.date, last.stop) == (kind, author, date, first):
            last.texts.append(text)
            last.stop = stop
            self._places[-1] = (last.last, stop, False)
        else:
            places = (self._place(first, begins=True), self._place(stop, begins=stop == first))
            self._changes.append(Noted(kind, author, date, [text], *places, stop))

    def comment(self, node: Any, atoms: int) -> None:
        """The start, the end or the mark of a comment."""
        at = self._comments.setdefault(node.get(ID, ""), [])
        if len(at) < 2:
            at.append(self._place(atoms, begins=node.tag == RANGE_START))

    def read(self, atoms: Sequence[Any]) -> None:
        """The paragraph is read: these are its atoms."""
        if not self._places:
            return
        texts = [_written(atom, after) for atom, after in zip_longest(atoms, atoms[1:])]
        before = [0, *accumulate(map(visible, texts))]
        places = [(number, before[min(count, len(atoms))], begins) for number, count, begins in self._places]
        self._spots.append(Spot("".join("".join(texts).split()), places))
        self._places = []

    def rendered(self, text: str) -> None:
        """So the Markdown of the paragraph begins that was read last."""
        if self._spots and not self._spots[-1].lead:
            self._spots[-1].lead = text.split("\n", maxsplit=1)[0]

    def written(self, markdown: str, offset: int) -> None:
        """The Markdown of all paragraphs read since the last call stands at the offset."""
        if not self._spots:
            return
        cursor = 0
        for spot in self._spots:
            cursor = max(markdown.find(spot.lead, cursor), cursor)
            found = list(_found(spot.letters, markdown, cursor))
            for number, before, begins in spot.places:
                at = found[before] if begins and before < len(found) else found[before - 1] + 1 if before else cursor
                self._offsets[number] = offset + min(at, len(markdown))
            cursor = found[-1] + 1 if found else cursor
        self._spots = []

    def changes(self) -> Iterator[TrackedChange]:
        for one in self._changes:
            yield TrackedChange(
                kind=one.kind,
                text="".join(one.texts),
                author=one.author,
                date=one.date,
                span=self._span(one.first, one.last),
            )

    def comments(self, root: Any | None, extended: Any | None) -> Iterator[Comment]:
        """Those of `comments.xml`; which of them answer others or are resolved stands in `commentsExtended.xml`."""
        more = (
            {node.get(W15 + "paraId"): node for node in extended.iter(W15 + "commentEx")}
            if extended is not None
            else {}
        )
        nodes = list(root.iter(W + "comment")) if root is not None else []
        ids = {one.get(W14 + "paraId"): node.get(ID, "") for node in nodes for one in node.iter(W + "p")}
        for node in nodes:
            paragraphs = list(node.iter(W + "p"))
            state = more.get(paragraphs[-1].get(W14 + "paraId")) if paragraphs else None
            places = self._comments.get(node.get(ID, ""))
            yield Comment(
                id=node.get(ID, ""),
                text="\n".join(filter(None, map(text_of, paragraphs))),
                author=node.get(AUTHOR),
                date=node.get(DATE),
                span=self._span(places[0], places[-1]) if places else None,
                answers=ids.get(state.get(W15 + "paraIdParent")) if state is not None else None,
                resolved=state is not None and state.get(W15 + "done") == "1",
            )

    def _place(self, atoms: int, *, begins: bool) -> int:
        number = len(self._offsets)
        self._offsets.append(-1)
        self._places.append((number, atoms, begins))
        return number

    def _span(self, first: int, last: int) -> Span | None:
        start, end = self._offsets[first], self._offsets[last]
        return Span(start=start, end=max(start, end)) if start >= 0 else None


def text_of(node: Any) -> str:
    """All text in an element, deleted or not."""
    return "".join([one.text or "" for one in node.iter(*TEXTS)])


def _written(atom: Any, after: Any | None) -> str:
    """An atom's text, with its address where a link ends."""
    return f"{atom.text}{atom.link}" if atom.link and (after is None or after.link != atom.link) else str(atom.text)


def _found(letters: str, markdown: str, cursor: int) -> Iterator[int]:
    """Where each letter stands. One that is nowhere near stands where the next one is looked for."""
    for letter in letters:
        at = markdown.find(letter, cursor, cursor + LOOK_AHEAD)
        yield max(at, cursor) if at < 0 else at
        cursor = at + 1 if at >= 0 else cursor
