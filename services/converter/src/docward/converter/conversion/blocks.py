"""Markdown as a list of pieces with exact spans: every character that is not blank lies in exactly one piece.

The structure is markdown-it's (CommonMark, tables, front matter, dollar math, footnotes, MyST); spans come from its
line maps. What a directive holds are pieces of their own. Inside a piece, code, math, links and images are found again
at their exact place.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.colon_fence import colon_fence_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin
from mdit_py_plugins.front_matter import front_matter_plugin
from mdit_py_plugins.myst_blocks import myst_block_plugin

from docward.converter.conversion.myst import (
    LABEL_ROLES,
    MARKUP,
    VERBATIM,
    Directive,
    directive_of,
    label_of,
    role_before,
)
from docward.events.ir import BlockKind

InlineKind = Literal["code", "math", "link", "image", "footnote"]

LEAVES: dict[str, BlockKind] = {
    "front_matter": "front-matter",
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "fence": "code",
    "code_block": "code",
    "html_block": "paragraph",
    "hr": "paragraph",
    "table_open": "table",
    "math_block": "formula",
    "math_block_label": "formula",
    "amsmath": "formula",
    "blockquote_open": "quote",
    "myst_target": "paragraph",
    "colon_fence": "code",
}
INLINE_MARK = re.compile(r"[`$\[<]")
MAX_DIRECTIVES = 8
"""Directives within one another; deeper ones are code."""


@dataclass(frozen=True)
class Inline:
    """`start`, `end` include the marks; `content` does not."""

    kind: InlineKind
    start: int
    end: int
    content: str
    target: str = ""


@dataclass(frozen=True)
class Piece:
    kind: BlockKind
    start: int
    end: int
    depth: int = 0
    level: int = 0
    """Of a heading."""
    info: str = ""
    """Language of a fence."""
    content: str = ""
    """Of code and formulas: the inside, without fences."""
    inlines: tuple[Inline, ...] = ()
    row_lines: tuple[int, ...] = ()
    """Of a table: the offsets at which its rows' lines start; the header's first."""
    cells: tuple[tuple[tuple[int, int], ...], ...] = ()
    """Of a table that is written as a list: where its cells stand, by rows."""
    label: str = ""
    """By which the text refers to it, or to what follows."""


@cache
def parser(*, whole: bool = True) -> MarkdownIt:
    """`whole`: with every inline; else only with those of text that may hold what `Inline` knows, as little does."""
    md = MarkdownIt("commonmark").enable("table")
    front_matter_plugin(md)
    # "$5 and $10" is money: a closing dollar has no blank before it and no digit after it.
    dollarmath_plugin(md, allow_space=False, allow_digits=False, double_inline=True)
    amsmath_plugin(md)
    footnote_plugin(md, inline=False, move_to_end=False)
    colon_fence_plugin(md)
    myst_block_plugin(md)
    if not whole:
        md.core.ruler.at("inline", _parse_inline)
    return md.disable(["myst_line_comment", "myst_block_break"])  # a line may begin with “%” or a row of pluses


def _parse_inline(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline" and token.children is not None and INLINE_MARK.search(token.content):
            state.md.inline.parse(token.content, state.md, state.env, token.children)


def split(markdown: str) -> list[Piece]:
    """The pieces in reading order."""
    lines = Lines(markdown)
    pieces: list[Piece] = []
    covered = 0  # first line that no piece owns
    for piece, first, last in sorted(_leaves(parser(whole=False).parse(markdown), lines), key=lambda leaf: leaf[1:]):
        if first < covered:
            continue
        pieces += _gap(lines, covered, first)
        pieces += _trimmed(lines, piece, first, last)
        covered = last
    return pieces + list(_gap(lines, covered, len(lines.starts) - 1))


Leaf = tuple[Piece, int, int]
"""A piece with its first line and the one after its last."""
ITEM_MARKS = re.compile(r"(?:[-*+](?:[ \t]+|$))+")


class Lines:
    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0, *(found.end() for found in re.finditer("\n", text)), len(text) + 1]

    def number(self, offset: int) -> int:
        return bisect_right(self.starts, offset) - 1

    def extent(self, first: int, last: int) -> tuple[int, int]:
        """Start and end of lines first..last (exclusive), blanks at both ends left out."""
        start, end = self.starts[first], min(self.starts[min(last, len(self.starts) - 1)], len(self.text))
        inside = self.text[start:end]
        return start + len(inside) - len(inside.lstrip()), start + len(inside.rstrip())


def _trimmed(lines: Lines, piece: Piece, first: int, last: int) -> Iterator[Piece]:
    start, end = lines.extent(first, last)
    if start < end:
        yield replace(piece, start=start, end=end)


def _gap(lines: Lines, first: int, last: int) -> Iterator[Piece]:
    """Lines without a token of their own, such as link definitions and empty list items, each run a paragraph."""
    run = first
    for line in range(first, last + 1):
        if line == last or not lines.text[lines.starts[line] : lines.starts[line + 1]].strip():
            yield from _trimmed(lines, Piece("paragraph", 0, 0), run, line)
            run = line + 1


def _leaves(tokens: list[Token], lines: Lines, within: int = 0) -> Iterator[Leaf]:
    depth, quote, item_line = -1, 0, -1
    for index, token in enumerate(tokens):
        if token.type in {"bullet_list_open", "ordered_list_open", "bullet_list_close", "ordered_list_close"}:
            depth += token.nesting
        elif token.type == "list_item_open" and token.map:
            item_line = token.map[0]
        quote += (token.type == "blockquote_open") - (token.type == "blockquote_close")
        kind = LEAVES.get(token.type)
        if kind is None or token.map is None or quote > (token.type == "blockquote_open"):
            continue
        first, last = token.map
        if within < MAX_DIRECTIVES and (found := directive_of(token)):
            yield from _directive(found, token, lines, within)
            continue
        if depth >= 0 and first == item_line and kind == "paragraph":
            kind = "list-item"
        yield _leaf(kind, tokens, index, max(depth, 0), lines), first, last


def _directive(found: Directive, token: Token, lines: Lines, within: int) -> Iterator[Leaf]:
    """A formula, a table or code as a whole; else its marks, and what it holds."""
    first, last = token.map or [0, 0]
    body, end = first + 1 + found.skipped, first + 1 + token.content.count("\n")
    piece = Piece("code", 0, 0, info=MARKUP, label=found.label)
    if found.name == "math":
        yield replace(piece, kind="formula", content=f"{found.argument}\n{found.body}".strip("\n")), first, last
        return
    if found.name in VERBATIM:
        yield replace(piece, info=found.argument.split(" ")[0] or MARKUP, content=found.body), first, last
        return
    inside = parser().parse(found.body)
    for one in inside:
        one.map = [line + body for line in one.map] if one.map else None
    if found.name == "list-table" and (cells := _listed_cells(inside, lines)):
        yield replace(piece, kind="table", info=found.argument, cells=cells), first, last
        return
    opening: BlockKind = "image" if found.name in {"image", "figure"} else "paragraph" if found.argument else "code"
    yield replace(piece, kind=opening), first, body
    for leaf, start, stop in _leaves(inside, lines, within + 1):
        yield (replace(leaf, info=found.argument) if leaf.kind == "table" else leaf), start, stop
    yield Piece("code", 0, 0, info=MARKUP), end, last


def _listed_cells(tokens: list[Token], lines: Lines) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Where the cells of a list of lists stand."""
    rows, depth = list[list[tuple[int, int]]](), 0
    for token in tokens:
        depth += token.nesting if token.type in {"bullet_list_open", "bullet_list_close"} else 0
        if token.type == "list_item_open" and token.map and depth == 1:
            rows.append([])
        elif token.type == "list_item_open" and token.map and depth == 2 and rows:
            start, end = lines.extent(*token.map)
            mark = ITEM_MARKS.match(lines.text, start, end)
            rows[-1].append((mark.end() if mark else start, end))
    return tuple(tuple(row) for row in rows if row)


def _leaf(kind: BlockKind, tokens: list[Token], index: int, depth: int, lines: Lines) -> Piece:
    token, rest = tokens[index], (tokens[at] for at in range(index + 1, len(tokens)))
    if token.map is None:
        raise ValueError("a leaf has a line map")
    start, end = lines.extent(*token.map)
    if token.type == "fence" and token.info.strip() == "math":
        kind = "formula"
    label = token.content if token.type == "myst_target" else token.info if token.type == "math_block_label" else ""
    piece = Piece(kind, start, end, depth, info=token.info.split()[0] if token.info.split() else "", label=label)
    if token.type == "myst_target":
        return piece
    if kind == "heading":
        piece = replace(piece, level=int(token.tag[1]))
    if kind in {"code", "formula", "front-matter"}:
        return replace(piece, content=token.content)
    if kind == "table":
        return _table(piece, rest, lines)
    if kind == "quote":
        inline = [inline for child in _until(rest, "blockquote_close") for inline in _inlines(child, lines.text, piece)]
        return replace(piece, inlines=tuple(inline))
    content = next(rest, None)
    if content is not None and content.type == "inline":
        piece = replace(piece, inlines=tuple(_inlines(content, lines.text, piece)))
    return _only_one_thing(piece, lines.text)


def _only_one_thing(piece: Piece, text: str) -> Piece:
    """A paragraph that is nothing but an image or a displayed formula is one."""
    if piece.kind != "paragraph" or len(piece.inlines) != 1:
        return piece
    inline = piece.inlines[0]
    alone = text[piece.start : inline.start].strip() == "" and text[inline.end : piece.end].strip(" .,;") == ""
    if alone and inline.kind == "image":
        return replace(piece, kind="image")
    if alone and inline.kind == "math":
        return replace(piece, kind="formula", content=inline.content, inlines=())
    return piece


def _until(tokens: Iterable[Token], end: str) -> Iterator[Token]:
    for token in tokens:
        if token.type == end:
            return
        yield token


def _table(piece: Piece, rest: Iterable[Token], lines: Lines) -> Piece:
    rows, inlines = list[int](), list[Inline]()
    for token in _until(rest, "table_close"):
        if token.type == "tr_open" and token.map:
            rows.append(lines.starts[token.map[0]])
        elif token.type == "inline" and rows and token.children:
            end = lines.starts[lines.number(rows[-1]) + 1]
            cursor = inlines[-1].end if inlines else rows[-1]
            row = replace(piece, start=max(rows[-1], cursor), end=min(end, piece.end))
            inlines += _inlines(token, lines.text, row)
    return replace(piece, row_lines=tuple(rows), inlines=tuple(inlines))


def _inlines(token: Token, text: str, piece: Piece) -> Iterator[Inline]:
    """Inline elements of an inline token, at their places in text[piece.start:piece.end]."""
    cursor = piece.start
    links: list[tuple[int, str]] = []
    for child in token.children or ():
        if child.type in {"text", "text_special"} and child.content:
            found = text.find(child.content, cursor, piece.end)
            cursor = found + len(child.content) if found >= 0 else cursor
        elif child.type == "link_open":
            start = text.find("<" if child.markup == "autolink" else "[", cursor, piece.end)
            links.append((start, str(child.attrGet("href") or "")))
            cursor = max(cursor, start + 1)
        elif child.type == "link_close" and links:
            start, target = links.pop()
            end = _link_end(text, cursor, piece.end)
            if start >= 0 and end > start:
                inside = text[start + 1 : cursor]
                yield Inline("link", start, end, inside, target)
                cursor = end
        elif found_inline := _atom(child, text, cursor, piece.end):
            yield _in_role(found_inline, text, piece.start)
            cursor = found_inline.end


def _in_role(inline: Inline, text: str, start: int) -> Inline:
    """Code behind the mark of a role as what the role makes of it."""
    name, at = role_before(text, start, inline.start) if inline.kind == "code" else ("", 0)
    if name == "math":
        return replace(inline, kind="math", start=at)
    if name in LABEL_ROLES:
        return replace(inline, kind="link", start=at, target=f"#{label_of(inline.content)}")
    if name == "doc":
        return replace(inline, kind="link", start=at, target=label_of(inline.content))
    return inline


def _link_end(text: str, cursor: int, limit: int) -> int:
    found = re.compile(r"\]\((?:[^()\n]|\([^()\n]*\))*\)|\]\[[^\]\n]*\]|\]|>").search(text, cursor, limit)
    return found.end() if found else -1


def _atom(child: Token, text: str, cursor: int, limit: int) -> Inline | None:
    if child.type == "code_inline":
        mark = re.escape(child.markup)
        pattern = rf"{mark}\s*{_loose(child.content)}\s*{mark}"
        kind: InlineKind = "code"
    elif child.type in {"math_inline", "math_inline_double"}:
        mark = r"\$\$" if child.type.endswith("double") else r"\$"
        pattern, kind = rf"{mark}{_loose(child.content)}{mark}", "math"
    elif child.type == "image":
        pattern, kind = r"!\[[^\]]*\](?:\([^)\n]*\)|\[[^\]\n]*\])?", "image"
    elif child.type == "footnote_ref":
        pattern, kind = r"\[\^[^\]\s]+\]", "footnote"
    else:
        return None
    found = re.compile(pattern).search(text, cursor, limit)
    if found is None:
        return None
    target = str(child.attrGet("src") or "") if kind == "image" else ""
    return Inline(kind, found.start(), found.end(), child.content, target)


def _loose(content: str) -> str:
    """markdown-it joins the lines of a span and strips their indents; the text still has them."""
    return r"\s+(?:>\s*)?".join(re.escape(part) for part in content.split())
