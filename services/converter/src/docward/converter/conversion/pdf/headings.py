"""Which blocks are headings, and of what level: the outline says it, or numbering and type do.

Running headers and footers and tables of contents are recognised here too: both repeat what stands elsewhere.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import takewhile

from docward.converter.conversion.pdf.blocks import CAPTION, EQUATION, NUMBERED, Block, Style
from docward.converter.conversion.pdf.lines import Line
from docward.converter.conversion.prose import key

Outline = Sequence[tuple[str, int, int | None]]
"""Title, level from 0, 1-based page."""
PAGE_NUMBER = re.compile(
    r"^(?:page\s+)?(?:[-–—]\s*)?(?:\d{1,4}|[ivxlc]{1,6})(?:\s*(?:of|/)\s*\d{1,4})?(?:\s*[-–—])?$", re.IGNORECASE
)
CONTENTS_LINE = re.compile(
    r"(?:\s*\.){3,}\s*(?:\d{1,4}|[ivxlc]{1,6})$|^(?:[A-Z]?\d*(?:\.\d+)*\s+)?\S.*?\s{1,}\.{2,}\s*\d{1,4}$"
)
CONTENTS_TITLE = re.compile(r"^(?:table of )?contents$", re.IGNORECASE)
NUMBER = re.compile(r"\d{1,6}")
LEADING = re.compile(r"^[\d.A-Z]+\s+")
EDGE_ROWS = 3
LONGEST = 160


def running_lines(pages: Sequence[Sequence[Line]], heights: Sequence[float]) -> set[int]:
    """Ids of the lines of running headers and footers: rows at a page's edge that repeat on others, but for one number
    that counts the pages, and bare page numbers. Only rows without text of the page between them and the edge count.
    """
    seen: dict[tuple[str, int], set[int]] = defaultdict(set)
    edges = [
        (number, [(row, _shapes(row, number)) for row in edge])
        for number, lines in enumerate(pages)
        for edge in _edges(lines)
    ]
    for number, edge in edges:
        for _, shapes in edge:
            for shape in shapes:
                seen[shape].add(number)
    enough = max(2, min(len(pages) * 0.4, 5.0))
    running: set[int] = set()
    for number, edge in edges:
        for row, shapes in edge:
            repeats = any(len(seen[shape]) >= enough for shape in shapes)
            if not repeats and not all(_is_page_number(line, heights[number]) for line in row):
                break
            running.update(map(id, row))
    return running


def _shapes(row: Sequence[Line], page: int) -> list[tuple[str, int]]:
    """What a row may share with those of other pages: its words as they are, or but for one number, of which the
    distance to the page's stands. Values that merely differ from page to page make no header: they are of a table.
    """
    words = " ".join(line.text for line in sorted(row, key=lambda line: line.x0))
    counting = (f"{words[: n.start()]}#{int(n[0]) - page}{words[n.end() :]}" for n in NUMBER.finditer(words))
    return [(each, round(row[0].base / 6)) for each in (words, *counting)]


def _is_page_number(line: Line, height: float) -> bool:
    return bool(PAGE_NUMBER.match(line.text)) and (line.y1 < 0.12 * height or line.y0 > 0.9 * height)


def _edges(lines: Sequence[Line]) -> Iterator[list[list[Line]]]:
    """The outermost rows of a page, at its top and at its bottom, the outermost first."""
    rows: dict[int, list[Line]] = defaultdict(list)
    for line in lines:
        rows[round(line.base)].append(line)
    bases = sorted(rows)
    for outermost in (bases[: -EDGE_ROWS - 1 : -1], bases[:EDGE_ROWS]):
        yield list(takewhile(lambda row: not any(one.whole for one in row), [rows[base] for base in outermost]))


def is_contents_line(line: Line) -> bool:
    dotted = ".." in line.text or ". ." in line.text
    return dotted and not line.whole and bool(CONTENTS_LINE.search(line.text))


def mark_headings(blocks: Sequence[Block], outline: Outline, style: Style) -> None:
    """Turn the blocks that are headings into headings, with their levels from 1."""
    titled = _by_outline(blocks, outline)
    if len(titled) * 10 >= len(outline) * 6 and len(titled) >= 3:
        _apply(blocks, titled, style)
    else:
        _by_type(blocks, style)


def _by_outline(blocks: Sequence[Block], outline: Outline) -> dict[int, int]:
    """Levels from 0 of the blocks whose text is an entry of the outline, by position."""
    if not outline:
        return {}
    at_text: dict[str, list[int]] = defaultdict(list)
    for index, block in enumerate(blocks):
        if block.kind in {"paragraph", "item"} and (text := _text(block)) and len(text) <= LONGEST:
            whole, bare = key(text), LEADING.sub("", text)
            at_text[whole].append(index)
            at_text[whole if bare == text else key(bare)].append(index)
    titled: dict[int, int] = {}
    for title, level, page in outline:
        places = [at for at in at_text.get(key(title), ()) if at not in titled]
        near = [at for at in places if page is None or abs(blocks[at].first.page - page) <= 1]
        if near or len(places) == 1:
            titled[(near or places)[0]] = level
    return titled


def _apply(blocks: Sequence[Block], titled: dict[int, int], style: Style) -> None:
    first = min(titled)
    before = [at for at in range(first) if blocks[at].kind == "paragraph" and blocks[at].first.size > style.size * 1.3]
    title = max(before, key=lambda at: (blocks[at].first.size, -at)) if before else None
    looks: dict[tuple[float, bool], Counter[int]] = defaultdict(Counter)
    for at, known in titled.items():
        looks[_look(blocks[at])][known] += 1
    for at, block in enumerate(blocks):
        level = titled.get(at)
        if (
            level is None
            and block.kind == "paragraph"
            and at > first
            and _look(block) in looks
            and _is_heading(block, style)
        ):
            level = looks[_look(block)].most_common(1)[0][0]
        if level is not None:
            block.kind, block.depth = "heading", level + 1 + (title is not None)
    if title is not None:
        blocks[title].kind, blocks[title].depth = "heading", 1


def _by_type(blocks: Sequence[Block], style: Style) -> None:
    candidates = [
        at for at, block in enumerate(blocks) if block.kind in {"paragraph", "item"} and _is_heading(block, style)
    ]
    numbered = {at: depth for at in candidates if (depth := _depth(_text(blocks[at]))) is not None}
    by_look: dict[tuple[float, bool], Counter[int]] = defaultdict(Counter)
    for at, depth in numbered.items():
        by_look[_look(blocks[at])][depth] += 1
    title = _title(blocks, candidates, numbered)
    sizes = sorted({_look(blocks[at])[0] for at in candidates if at != title}, reverse=True)
    start = min(numbered, default=0) if len(numbered) > 2 else 0
    for at in candidates:
        look = _look(blocks[at])
        if at in numbered:
            level = numbered[at]
        elif by_look[look]:
            level = by_look[look].most_common(1)[0][0]
        elif at < start and at != title:  # a subtitle: where headings are numbered, it is none
            continue
        else:
            level = sizes.index(look[0]) + 1 if look[0] in sizes else 1
        blocks[at].kind, blocks[at].depth = "heading", level + (title is not None)
    if title is not None:
        blocks[title].depth = 1


def _title(blocks: Sequence[Block], candidates: Sequence[int], numbered: dict[int, int]) -> int | None:
    """The one block in the largest type, before everything that is numbered, on the first page with text."""
    early = [at for at in candidates if at not in numbered and blocks[at].first.page == blocks[0].first.page]
    early = [at for at in early if not numbered or at < min(numbered)]
    if not early:
        return None
    largest = max(early, key=lambda at: (blocks[at].first.size, -at))
    others = [blocks[at].first.size for at in candidates if at != largest]
    least = max(others, default=0.0) + (-0.4 if numbered else 0.4)  # among numbered headings it is the one without
    return largest if blocks[largest].first.size > least else None


def _is_heading(block: Block, style: Style) -> bool:
    text = _text(block)
    if not 1 < len(text) <= LONGEST or len(block.lines) > 3 or CAPTION.match(text) or EQUATION.match(text):
        return False
    if not re.search(r"[^\W\d_]{2}", text) or (text.endswith((".", ";", ",", ":")) and not NUMBERED.match(text)):
        return False
    size = block.first.size
    if block.kind == "item":
        return size > style.size * 1.08 and bool(NUMBERED.match(text))
    if size > style.size * 1.12:
        return True
    return block.first.bold and size > style.size * 0.97 and (bool(NUMBERED.match(text)) or len(block.lines) == 1)


def _look(block: Block) -> tuple[float, bool]:
    return round(block.first.size * 2) / 2, block.first.bold


def _text(block: Block) -> str:
    return block.first.text if len(block.lines) == 1 else " ".join([line.text for line in block.lines])


def _depth(text: str) -> int | None:
    """1 for “3 Signals” and “Appendix B”, 2 for “3.1 Momentum”."""
    if re.match(r"(?:Appendix|Annex|Schedule)\s+[A-Z0-9]", text):
        return 1
    found = re.match(r"((?:[A-Z]\.)?\d{1,3}(?:\.\d{1,3})*|[A-Z](?:\.\d{1,3})+)\.?\s", text)
    return found[1].count(".") + 1 if found else None
