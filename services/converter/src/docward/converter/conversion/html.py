"""HTML as Markdown: what a reader of the page sees. Nothing is run and nothing is loaded.

Every character of the page is counted as placed or as dropped; what is neither (text that stands where a page can hold
none, as between the rows of a table) is listed as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from lxml import etree, html

from docward.converter.conversion import writing
from docward.converter.conversion.encodings import decode
from docward.converter.conversion.grid import filled
from docward.converter.conversion.outcome import ConversionError, Draft, visible
from docward.converter.conversion.pagetext import bare_tex, flat, formula, joined, shifted, tidy
from docward.converter.conversion.prose import words
from docward.events.ir import Issue
from docward.events.losses import Dropped

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = words(
    "address article aside blockquote body caption center dd details dialog div dl dt fieldset figcaption figure footer"
    " form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol p pre section summary table tbody td tfoot th"
    " thead tr ul"
)
LEFT_OUT = {
    **dict.fromkeys(("script", "style", "template"), "it is a program's, not a reader's"),
    **dict.fromkeys(("iframe", "object", "embed", "applet", "video", "audio", "svg", "canvas"), "it is no text"),
    "nav": "it leads elsewhere or repeats the headings",
    "title": "it is kept as the document's title",
}
MARKS = {
    **dict.fromkeys(("em", "i", "cite", "dfn"), "*"),
    **dict.fromkeys(("strong", "b"), "**"),
    **dict.fromkeys(("del", "s", "strike"), "~~"),
}
CODE = frozenset(("code", "tt", "kbd", "samp"))
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
HARMLESS = re.compile(r"(?:https?:|mailto:|[^:]*(?:[/?#]|$))", re.IGNORECASE)
"""Addresses that only lead somewhere: those with a scheme of the web, and relative ones."""
META = ("author", "date", "version", "description", "keywords", "owner", "status")


def read_html(data: bytes) -> Draft:
    decoded = decode(data, page=True)
    return draft_of(decoded.text, decoded.dropped, decoded.warnings)


def draft_of(page: str, dropped: Sequence[Dropped] = (), warnings: Sequence[Issue] = ()) -> Draft:
    """The draft of a page that has been decoded; with what was lost and noticed before."""
    root = _parsed(page)
    characters = _characters(root)
    walker = _Walker(root)
    markdown = "\n\n".join(walker.blocks(root))
    meta = {node.get("name", "").lower(): " ".join(node.get("content", "").split()) for node in root.iter("meta")}
    title = " ".join(root.findtext(".//head/title", "").split())
    return Draft(
        markdown=f"{markdown}\n" if markdown else "",
        characters_in=characters + sum(one.characters for one in dropped),
        title=title or None,
        metadata={name: meta[name] for name in META if meta.get(name)},
        dropped=(*dropped, *walker.dropped(characters)),
        warnings=(*warnings, *walker.warnings()),
    )


def _parsed(page: str) -> Any:
    parser = html.HTMLParser(encoding="utf-8", no_network=True, huge_tree=True)
    try:
        return html.document_fromstring(page.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError as error:
        detail = "The page has no content; please check that the right file was uploaded."
        raise ConversionError("empty", detail) from error
    except etree.XMLSyntaxError as error:
        detail = "The page cannot be read as HTML; please save it anew from a browser and upload that."
        raise ConversionError("damaged", detail) from error


def _characters(node: Any) -> int:
    """Everything that is text below a node: what comments say, too."""
    return sum(visible(part) for one in node.iter() for part in (one.text, one.tail if one is not node else "") if part)


def _name(node: Any) -> str:
    return node.tag if isinstance(node.tag, str) else ""


def _classes(node: Any) -> list[str]:
    return (node.get("class") or "").split()


class _Walker:
    def __init__(self, root: Any) -> None:
        self._dropped: dict[tuple[str, str], int] = {}
        self._placed = 0
        self._images = 0
        self._formulas = 0
        self._in_cell = False
        self._shift = min((int(node.tag[1]) for node in root.iter(*HEADINGS)), default=1) - 1
        self._holders = set(_holders(root))
        self._notes: dict[str, int] = {}
        for note in root.iter():
            if _name(note) and note.get("role") in {"doc-footnote", "doc-endnote"} and note.get("id"):
                self._notes.setdefault(note.get("id"), len(self._notes) + 1)

    def dropped(self, characters: int) -> Iterator[Dropped]:
        """What was left out of the characters of the page."""
        rest = characters - self._placed - sum(self._dropped.values())
        self._count("misplaced text", "it stands where a page can hold none", rest)
        for (what, why), count in self._dropped.items():
            yield Dropped(what=what, characters=count, why=why)

    def warnings(self) -> Iterator[Issue]:
        if self._images:
            message = f"{self._images} image(s) are not converted; only their descriptions stand in the text."
            yield Issue(code="image", message=message)
        if self._formulas:
            message = f"{self._formulas} formula(s) have no TeX in the page; their characters stand in a row."
            yield Issue(code="formula", message=message)

    def _drop(self, node: Any, what: str, why: str) -> None:
        self._count(what, why, _characters(node))

    def _count(self, what: str, why: str, characters: int) -> None:
        if characters:
            self._dropped[what, why] = self._dropped.get((what, why), 0) + characters

    def _said(self, text: str | None) -> str:
        """Text of the page as it stands in a line."""
        self._placed += visible(text or "")
        return writing.escape(flat(text))

    def _verbatim(self, node: Any) -> str:
        text = _text(node)
        self._placed += visible(text)
        self._count("comments", "they are not part of the text", _characters(node) - visible(text))
        return text

    def _left_out(self, node: Any) -> bool:
        """Whether a node is not for readers; then what it says is listed."""
        name = _name(node)
        if not name:
            self._drop(node, "comments", "they are not part of the text")
        elif name == "script" and (node.get("type") or "").startswith("math/tex"):
            return False
        elif name in LEFT_OUT:
            self._drop(node, f"<{name}>", LEFT_OUT[name])
        elif node.get("hidden") is not None or HIDDEN.search(node.get("style") or ""):
            self._drop(node, "hidden text", "a reader of the page does not see it")
        elif node.get("role") == "doc-backlink" or "headerlink" in _classes(node):
            self._drop(node, "marks of links", "they only lead back")
        else:
            return False
        return True

    # Blocks

    def blocks(self, node: Any) -> list[str]:
        """The Markdown blocks of what a node holds."""
        chunks: list[str] = []
        line = [self._said(node.text)]

        def end_line() -> None:
            if text := writing.paragraph(tidy("".join(line))):
                chunks.append(text)
            line.clear()

        for child in node:
            if child in self._holders:
                end_line()
                if not self._left_out(child):
                    chunks += self._block(child)
            else:
                line.append(self._inline(child))
            line.append(self._said(child.tail))
        end_line()
        return chunks

    def _block(self, node: Any) -> list[str]:
        name = _name(node)
        if node.get("role") in {"doc-footnote", "doc-endnote"} and node.get("id"):
            return self._note(node)
        if name in HEADINGS:
            return self._heading(node)
        match name:
            case "pre":
                return self._listing(node)
            case "div" if "math" in _classes(node):
                return self._display(self._verbatim(node))
            case "ul" | "ol" | "menu":
                return self._list(node)
            case "dl":
                return self._definitions(node)
            case "table":
                return self._table(node)
            case "blockquote":
                text = "\n\n".join(self.blocks(node))
                return [writing.indented(text, "> ", "> ")] if text else []
        return self.blocks(node)

    def _heading(self, node: Any) -> list[str]:
        text = " ".join(self._line(node, marked=False).split())
        if not text or self._in_cell:
            return [text] if text else []
        return [writing.heading(int(node.tag[1]) - self._shift, text)]

    def _listing(self, node: Any) -> list[str]:
        text = self._verbatim(node)
        if "math" in _classes(node):
            return self._display(text)
        if self._in_cell:
            return [writing.code(" ".join(line.split())) for line in text.split("\n") if line.strip()]
        return [writing.fence(text.strip("\n"), _language(node))] if text.strip() else []

    def _display(self, text: str) -> list[str]:
        tex = bare_tex(text)
        return [f"$$\n{tex}\n$$"] if tex else []

    def _list(self, node: Any) -> list[str]:
        start = node.get("start", "1")
        number = int(start) if re.fullmatch(r"\d{1,6}", start) else 1
        items: list[str] = []
        for child in node:
            if self._left_out(child):
                continue
            blocks = self._block(child) if child in self._holders else [self._inline(child).strip()]
            if child.get("role") == "doc-endnote":
                items += blocks
                continue
            mark = f"{number}." if _name(node) == "ol" else "-"
            if text := joined([block for block in blocks if block]):
                items.append(writing.indented(text, f"{mark} ", " " * (len(mark) + 1)))
                number += 1
        loose = [text for text in (writing.paragraph(writing.escape(flat(part))) for part in _loose(node)) if text]
        return [*loose, "\n".join(items)] if items else loose

    def _definitions(self, node: Any) -> list[str]:
        """`**term**: what it is`, as the reader of definitions expects them."""
        chunks, terms = list[str](), list[str]()
        for child in node.iter("dt", "dd"):
            if next(child.iterancestors("dl")) is not node or self._left_out(child):
                continue
            if _name(child) == "dt":
                terms.append(self._line(child, marked=False).strip().rstrip(":"))
                continue
            blocks = self.blocks(child)
            if terms:
                head = f"**{', '.join(terms)}**: "
                blocks = [head + blocks[0], *blocks[1:]] if blocks else [head.rstrip()]
            chunks += blocks
            terms = []
        return chunks + [f"**{term}**" for term in terms if term]

    def _table(self, node: Any) -> list[str]:
        outer, self._in_cell = self._in_cell, True
        own = [row for row in node.iter("tr") if next(row.iterancestors("table")) is node]
        captions = [block for caption in node.iterchildren("caption") for block in self.blocks(caption)]
        rows = filled(
            [
                (self._cell(cell), _span(cell, "colspan"), _span(cell, "rowspan"))
                for cell in row.iterchildren("td", "th")
            ]
            for row in own
        )
        self._in_cell = outer
        rows = [row for row in rows if row]
        if not any(cell for row in rows for cell in row):
            return captions
        if outer or (len(rows) == 1 and len(rows[0]) == 1):  # a table in a cell, or a frame around text
            return [*captions, *(" ".join(row) for row in rows)]
        return [*captions, writing.table(rows)]

    def _cell(self, cell: Any) -> str:
        return "" if self._left_out(cell) else "\n".join(self.blocks(cell))

    def _note(self, node: Any) -> list[str]:
        for label in [one for one in node.iterchildren() if "label" in _classes(one)]:
            self._drop(label, "marks of footnotes", "a footnote has its own mark")
            label.drop_tree()
        text = "\n\n".join(self.blocks(node))
        return [writing.indented(text, f"[^{self._notes[node.get('id')]}]: ", " " * 4)] if text else []

    # Inside a line

    def _line(self, node: Any, *, marked: bool = True) -> str:
        parts = [self._said(node.text)]
        for child in node:
            parts += [self._inline(child, marked=marked), self._said(child.tail)]
        return tidy("".join(parts))

    def _inline(self, node: Any, *, marked: bool = True) -> str:  # noqa: C901 -- one line per element
        if self._left_out(node):
            return ""
        name, classes = _name(node), _classes(node)
        if name == "math":
            return self._mathml(node)
        if "math" in classes or name == "script":
            return formula(self._verbatim(node), display="display" in classes)
        if name in CODE or "literal" in classes:
            text = " ".join(self._verbatim(node).split())
            return writing.code(text) if text else ""
        match name:
            case "br":
                return "\n"
            case "wbr":
                return ""
            case "img":
                return self._image(node)
            case "input":
                checked = "x" if node.get("checked") is not None else " "
                return f"[{checked}] " if node.get("type") == "checkbox" else ""
            case "sup" | "sub":
                return shifted(self._line(node, marked=marked), raised=name == "sup")
            case "a":
                return self._link(node, marked=marked)
        mark = MARKS.get(name, "")
        return writing.emphasised(self._line(node, marked=marked), mark if marked or mark == "~~" else "")

    def _link(self, node: Any, *, marked: bool) -> str:
        href = (node.get("href") or "").strip()
        if href.startswith("#") and href[1:] in self._notes:
            self._drop(node, "marks of footnotes", "a footnote has its own mark")
            return f"[^{self._notes[href[1:]]}]"
        text = self._line(node, marked=marked)
        if not marked or not text.strip() or not href or href.startswith("#") or not HARMLESS.match(href):
            return text
        address = re.sub(r"[\s<>()]", lambda found: f"%{ord(found.group()):02X}", href)
        return f"[{text.strip()}]({address})"

    def _image(self, node: Any) -> str:
        self._images += 1
        return writing.escape(" ".join((node.get("alt") or "").split()))

    def _mathml(self, node: Any) -> str:
        tex = next((one for one in node.iter("annotation") if "tex" in (one.get("encoding") or "")), None)
        if tex is None or not bare_tex(_text(tex)):
            self._formulas += 1
            return " ".join(self._said(part).strip() for part in node.itertext("*"))
        rest = _characters(node) - _characters(tex)
        self._count("formulas as they are drawn", "their TeX stands in the text", rest)
        return formula(self._verbatim(tex), display=node.get("display") == "block")


def _holders(root: Any) -> Iterator[Any]:
    """Elements that are blocks, or hold one."""
    seen: set[Any] = set()
    for node in root.iter():
        if _name(node) in BLOCKS:
            for one in (node, *node.iterancestors()):
                if one in seen:
                    break
                seen.add(one)
    yield from seen


def _loose(node: Any) -> Iterator[str]:
    """Text in a list that is in none of its items."""
    yield node.text or ""
    for child in node:
        yield child.tail or ""


def _text(node: Any) -> str:
    """The text with the breaks of lines as they are; what comments say is not in it."""
    for line_break in list(node.iter("br")):
        line_break.text = "\n"
    return "".join(node.itertext("*"))


def _language(node: Any) -> str:
    names = [*_classes(node), *(name for code in node.iterchildren("code") for name in _classes(code))]
    for name in names:
        if named := re.fullmatch(r"(?:language|lang|highlight)-([\w+#-]{1,20})", name):
            return named[1]
    plain = [name for name in names if name not in {"code", "literal-block", "sourceCode", "highlight"}]
    return plain[0] if "code" in names and plain and re.fullmatch(r"[\w+#-]{1,20}", plain[0]) else ""


def _span(cell: Any, name: str) -> int:
    value = cell.get(name) or "1"
    return max(1, int(value)) if re.fullmatch(r"\d{1,6}", value) else 1
