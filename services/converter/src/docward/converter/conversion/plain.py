"""Plain text as Markdown: headings that are numbered, underlined or in capitals, lists, and what is laid out by blanks.

Whatever could be read as a mark of Markdown and was none is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from docward.converter.conversion import writing
from docward.converter.conversion.encodings import decode
from docward.converter.conversion.outcome import Draft, visible
from docward.events.losses import Dropped

UNDERLINE = re.compile(r"([=\-~^\"*#])\1{2,}\s*$")
NUMBERED = re.compile(
    r"(?P<number>\d{1,3}(?:\.\d{1,3}){0,4}|[A-Z](?:\.\d{1,3}){1,4})[.)]?\s+(?=[A-Z(])\S.*[^\s.:;,]$"
    r"|(?P<annex>(?:Appendix|Annex|Schedule|Exhibit)\s+[A-Z0-9]{1,3}\b.*[^.;,]$)",
)
CAPITALS = re.compile(r"[A-Z0-9][A-Z0-9 &/,()'-]{3,70}$")
ITEM = re.compile(r"(?P<indent>\s*)(?P<mark>[-*•‣◦·o–]|\d{1,3}[.)]|\(?[a-z]\)|\(?[ivx]{1,4}\))\s+(?P<text>\S.*)$")
LAID_OUT = re.compile(r"\S(?:\t| {3,})\S|^[+|].*[+|]$|^\s*(?:[-=]{2,}\s+)+[-=]{2,}$")
MAX_HEADING = 100


def read_plain(data: bytes) -> Draft:
    decoded = decode(data)
    text = decoded.text.expandtabs(8).replace("\f", "\n\n")
    writer = _Writer()
    for lines in _paragraphs(text):
        writer.add(lines)
    return Draft(
        markdown="\n\n".join(writer.chunks) + "\n" if writer.chunks else "",
        characters_in=visible(text) + decoded.lost,
        title=writer.title,
        dropped=(*decoded.dropped, *_lines(writer.underlines)),
        warnings=decoded.warnings,
    )


def _lines(characters: int) -> Iterator[Dropped]:
    if characters:
        yield Dropped(what="underlines", characters=characters, why="a heading has its own mark")


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Runs of lines that are not blank."""
    lines: list[str] = []
    for line in [*text.split("\n"), ""]:
        if line.strip():
            lines.append(line.rstrip())
        elif lines:
            yield lines
            lines = []


class _Writer:
    def __init__(self) -> None:
        self.chunks: list[str] = []
        self.title: str | None = None
        self.underlines = 0
        self._marks: list[str] = []
        """Characters of underlines, the one that was used first first: the order is their level."""

    def add(self, lines: Sequence[str]) -> None:
        lines = self._headings(lines)
        if not lines:
            return
        if sum(bool(LAID_OUT.search(line)) for line in lines) * 2 > len(lines) and len(lines) > 1:
            self.chunks.append(writing.fence("\n".join(lines)))
        elif ITEM.match(lines[0]):
            self.chunks.append("\n".join(_items(lines)))
        elif all(line.startswith("    ") for line in lines) and self.chunks and len(lines) > 1:
            self.chunks.append(writing.fence("\n".join(lines)))
        else:
            self.chunks.append(writing.paragraph(writing.escape("\n".join(line.strip() for line in lines))))

    def _headings(self, lines: Sequence[str]) -> Sequence[str]:
        """Writes the headings with which a paragraph begins; the lines that are left."""
        while len(lines) > 1 and UNDERLINE.match(lines[1]) and len(lines[0].strip()) <= MAX_HEADING:
            if len(lines[1].strip()) + 3 < len(lines[0].strip()):
                break
            self.underlines += visible(lines[1])
            self._heading(self._level(lines[1].strip()[0]), lines[0])
            lines = lines[2:]
        if len(lines) == 1 and len(lines[0].strip()) <= MAX_HEADING:
            line = lines[0].strip()
            if numbered := NUMBERED.match(line):
                level = 1 if numbered["annex"] else numbered["number"].count(".") + 1
                self._heading(level + 1, line)
                return []
            if CAPITALS.match(line) and re.search(r"[A-Z]{3}", line):
                self._heading(2 if self.title else 1, line)
                return []
            if not self.chunks and not line.endswith((".", ":", ";", ",")):
                self._heading(1, line)
                return []
        return lines

    def _level(self, mark: str) -> int:
        if mark not in self._marks:
            self._marks.append(mark)
        return self._marks.index(mark) + 1

    def _heading(self, level: int, text: str) -> None:
        text = " ".join(text.split())
        if self.title is None and not self.chunks:
            self.title = text
        self.chunks.append(writing.heading(level, writing.escape(text)))


def _items(lines: Sequence[str]) -> Iterator[str]:
    """List items nested as they are indented; a line without mark goes on with the item before it."""
    open_: list[tuple[int, int]] = []  # indents in the text and in the Markdown of the open items
    for line in lines:
        found = ITEM.match(line)
        if found is None:
            indent = open_[-1][1] if open_ else 0
            yield " " * indent + writing.escape(line.strip())
            continue
        at = len(found["indent"])
        while open_ and open_[-1][0] >= at:
            open_.pop()
        base = open_[-1][1] if open_ else 0
        ordered = re.fullmatch(r"\d{1,3}[.)]", found["mark"])
        marker = found["mark"] if ordered else "-"
        kept = f"{found['mark']} " if re.search(r"[a-z]", found["mark"]) and found["mark"] != "o" else ""
        yield f"{' ' * base}{marker} {kept}{writing.escape(found['text'])}"
        open_.append((at, base + len(marker) + 1))
