"""Lines become blocks: paragraphs, list items, captions, code, tables; each knows the lines that it is made of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Literal

from docward.converter.conversion.pdf.lines import Line

Kind = Literal["paragraph", "item", "code", "table", "heading", "formula", "note"]
BULLET = re.compile(r"^(?P<mark>[•●○◦▪■–—‣∙·\uf0a7\uf0b7o*-])\s+(?=\S)")
ORDERED = re.compile(r"^(?P<mark>\d{1,3}[.)]|\([a-z0-9]{1,4}\)|[a-z][.)]|[ivx]{1,4}[.)])\s+(?=\S)")
CAPTION = re.compile(r"^(?:Table|Figure|Fig\.|Exhibit|Listing)\s+[A-Z]?\.?\d+(?:[.-]\d+)*\s*(?:[:.–—-]|$)")
NUMBERED = re.compile(
    r"^(?:(?:Appendix|Annex|Schedule|Section|Chapter|Part)\s+[A-Z0-9IVX]{1,4}\b|(?:[A-Z]\.)?\d{1,3}"
    r"(?:\.\d{1,3})*\.?\s+(?=[A-Z“\"(])|[A-Z](?:\.\d{1,3})+\.?\s+(?=[A-Z]))"
)
EQUATION = re.compile(r"^[A-Za-zα-ωΑ-Ω][\w .{}(),\[\]^′'*−-]{0,50}\s*=\s*\S")
BROKEN = re.compile(r"([A-Za-z]+)[-‐]$")
SMALL_LETTERS = re.compile(r"[a-z]+")
TERMINAL = re.compile(r"[.:;!?][\"”’)\]]*$")


@dataclass
class Block:
    kind: Kind
    lines: list[Line]
    depth: int = 0
    """Nesting of an item; level of a heading."""
    mark: str = ""
    """Of an item, as printed."""
    rows: list[list[str]] = field(default_factory=list)

    @property
    def first(self) -> Line:
        return self.lines[0]


@dataclass(frozen=True)
class Style:
    """What the document's running text looks like."""

    size: float
    pitch: float
    """From baseline to baseline, in units of the size."""


def body_style(lines: Sequence[Line]) -> Style:
    sizes: Counter[float] = Counter()
    for line in lines:
        if not line.whole:
            sizes[round(line.size * 2) / 2] += len(line.text)
    size = sizes.most_common(1)[0][0] if sizes else 10.0
    steps = [
        (one.base - other.base) / size
        for one, other in pairwise(lines)
        if one.page == other.page and abs(one.size - size) < 0.6 and abs(other.size - size) < 0.6
    ]
    steps = [step for step in steps if 0.8 < step < 2.5]
    return Style(size, median(sorted(steps)[: max(1, len(steps) * 3 // 4)]) if steps else 1.2)


def blocks_of(lines: Sequence[Line], style: Style) -> list[Block]:
    blocks: list[Block] = []
    stack: list[float] = []  # left edges of the open list items, outermost first
    for line in lines:
        last = blocks[-1] if blocks else None
        if line.table is not None:
            blocks.append(Block("table", [line], rows=line.table))
            stack = []
        elif line.formula is not None:
            blocks.append(Block("formula", [line]))
        elif (
            line.mono and not (last and last.kind == "item") and (len(line.text) > 1 or (last and last.kind == "code"))
        ):
            if last and last.kind == "code" and last.lines[-1].page == line.page:
                last.lines.append(line)
            else:
                blocks.append(Block("code", [line]))
            stack = []
        elif marked := _marked(line, last, style):
            stack = [edge for edge in stack if edge < line.x0 - 4]
            blocks.append(Block("item", [line], depth=len(stack), mark=marked["mark"]))
            stack.append(line.x0)
        elif last is not None and _continues(last, line, style):
            last.lines.append(line)
        else:
            blocks.append(Block("paragraph", [line]))
            if not stack or line.x0 < stack[0] + 2:
                stack = []
    return blocks


def _marked(line: Line, last: Block | None, style: Style) -> re.Match[str] | None:
    """The list mark that begins a line. A bold number is a heading's; so is one in larger type."""
    found = BULLET.match(line.text) or ORDERED.match(line.text)
    if found is None or line.size > style.size * 1.12 or (line.bold and found.re is ORDERED):
        return None
    if (
        found["mark"] in {"-", "–", "—", "o", "*", "·"}
        and last
        and _continues(last, line, style)
        and last.kind == "paragraph"
    ):
        return None
    return found


def _continues(block: Block, line: Line, style: Style) -> bool:
    """Whether a line goes on with the block before it."""
    last = block.lines[-1]
    if block.kind in {"table", "code", "formula"} or abs(last.size - line.size) > 0.6 or last.bold != line.bold:
        return False
    alone = len(block.lines) == 1 and last.right - last.x1 > 4 * last.size
    if alone and EQUATION.match(last.text) and not line.text[:1].islower():
        return False
    if CAPTION.match(line.text) or (line.bold and NUMBERED.match(line.text)):
        return False
    if line.page != last.page or line.left != last.left or line.base > last.base:
        return _runs_on(block, line)
    if last.base - line.base > style.pitch * max(line.size, last.size) * 1.22 + 1:
        return False
    if block.kind == "item":
        return line.x0 > block.first.x0 + 2 or _unfinished(last, line)
    indented = line.x0 - last.x0 > 0.7 * line.size and len(block.lines) > 1
    return not indented and not _ended(last, line)


def _runs_on(block: Block, line: Line) -> bool:
    """Over a column or a page only an unfinished sentence goes on."""
    last = block.lines[-1].text
    return not TERMINAL.search(last) and line.text[:1].islower() and not EQUATION.match(line.text)


def _unfinished(last: Line, line: Line) -> bool:
    return not TERMINAL.search(last.text) and line.text[:1].islower()


def _ended(last: Line, line: Line) -> bool:
    """Whether the line above ended because its paragraph did: the next word had room there."""
    text = line.text
    goes_on = text[:1].islower()
    if "=" in text and not goes_on and EQUATION.match(text):
        return True
    width = (line.x1 - line.x0) * (len(text.partition(" ")[0]) + 1) / max(len(text), 1)
    room = last.right - last.x1 > width + last.size
    return room and (not goes_on or bool(TERMINAL.search(last.text)))


def text_of(lines: Iterable[str], known: Callable[[str], bool]) -> tuple[str, int]:
    """The lines as one text, and how many line-break hyphens went. `known`: whether the document has a word, in lower
    case.
    """
    chunks: list[str] = []  # what blanks go between
    removed = 0
    for line in lines:
        last = chunks[-1] if chunks else ""
        if not last.endswith(("-", "‐")):
            chunks.append(line)
            continue
        broken, rest = BROKEN.search(last), SMALL_LETTERS.match(line)
        if broken and rest:
            hyphenated = f"{broken[1]}-{rest[0]}".lower()
            if known(hyphenated.replace("-", "")) or not known(hyphenated):
                last, removed = last[:-1], removed + 1
            chunks[-1] = last + line
        elif last[-2:-1].isalnum() and line[:1].isalnum():  # “R-” and “1042” are one number
            chunks[-1] = last + line
        else:
            chunks.append(line)
    return " ".join(chunks), removed


def code_of(lines: Sequence[Line]) -> str:
    """Lines of code with indents, from where their columns begin. PDFium folds blanks, so an indent is what a line's
    width has beyond its text.
    """
    start = min(line.x0 - line.left for line in lines)
    longest = sorted((line for line in lines if line.text), key=lambda line: len(line.text))[-max(3, len(lines) // 2) :]
    width = max(min((line.x1 - line.x0) / len(line.text) for line in longest), 0.5)
    if abs(width - 0.6 * lines[0].size) < 0.04 * lines[0].size:  # the pitch of nearly every fixed font
        width = 0.6 * lines[0].size
    indents = [max(0, round((line.x1 - line.left - start) / width) - len(line.text)) for line in lines]
    return "\n".join(" " * min(indent, 80) + line.text for indent, line in zip(indents, lines, strict=True))
