"""A PDF document as Markdown, with the page and box of every block.

What cannot be converted ends typed: encrypted, damaged, empty, needs-ocr. Pages that are pictures are read by text
recognition where there is one, and named in a warning in any case.
"""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import takewhile
from typing import Any

import pypdf
import pypdfium2
import pypdfium2.raw as pdfium_c
from pypdf.errors import PyPdfError

from docward.converter.conversion import writing
from docward.converter.conversion.outcome import ConversionError, Draft, Place, visible
from docward.converter.conversion.pages import Pages
from docward.converter.conversion.pdf.blocks import Block, blocks_of, body_style, code_of, text_of
from docward.converter.conversion.pdf.displays import take_displays
from docward.converter.conversion.pdf.grids import take_tables, without_running_rules
from docward.converter.conversion.pdf.headings import (
    CONTENTS_TITLE,
    Outline,
    is_contents_line,
    mark_headings,
    running_lines,
)
from docward.converter.conversion.pdf.lines import Line, in_reading_order
from docward.converter.conversion.pdf.links import links_on, with_links
from docward.converter.conversion.pdf.notes import NOTE_MARK, Note, take_notes, with_references
from docward.converter.conversion.pdf.page import Page
from docward.converter.conversion.pdf.reading import PageReader
from docward.converter.conversion.pdf.scans import FEW, MOST, is_scan, recognise
from docward.events.ir import Issue
from docward.events.losses import Dropped

INFO = {
    "Title": "title",
    "Author": "author",
    "Subject": "subject",
    "Keywords": "keywords",
    "CreationDate": "created",
    "ModDate": "modified",
}
PYPDF_ERRORS = (
    PyPdfError, ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, NotImplementedError, OSError,
    RecursionError, TypeError, ValueError, zlib.error, struct.error,
)  # fmt: skip
"""What pypdf raises on bytes that are no PDF."""
CATALOG = re.compile(rb"(\d{1,7}) (\d{1,5}) obj\s*<<(?:(?!endobj).){0,400}?/Type\s*/Catalog\b", re.DOTALL)
WORDS = re.compile(r"[a-z]+(?:-[a-z]+)*")
DAMAGED = "The file is damaged and cannot be opened as a PDF; please create it again and upload that."
SCANNED = "The pages are pictures without text; please upload the original document, or run text recognition first."


def read_pdf(data: bytes, wanted: Pages) -> Draft:
    document, repaired = _opened(data)
    try:
        reader = PageReader(document)
        pages = _pages(document, reader, wanted)
        wanted.done()
        _check(pages)
        outline = _outline(document) or reader.headings()
        metadata = _metadata(document)
    finally:
        document.close()
    return _Composer(pages, repaired).compose(outline, metadata)


def _opened(data: bytes) -> tuple[Any, bool]:
    """The document, and whether it had to be repaired first."""
    try:
        document, repaired = pypdfium2.PdfDocument(data), False
    except pypdfium2.PdfiumError as error:
        if error.err_code in {pdfium_c.FPDF_ERR_PASSWORD, pdfium_c.FPDF_ERR_SECURITY}:
            detail = "The PDF is protected by a password; please remove it and upload it again."
            raise ConversionError("encrypted", detail) from error
        document, repaired = _repaired(data), True
    if len(document):
        return document, repaired
    raise ConversionError("empty", "The PDF has no pages; please check that the right file was uploaded.")


def _repaired(data: bytes) -> Any:
    """A file that PDFium refuses, with the end that it lost; or what the second reader makes of it."""
    catalog = CATALOG.search(data)
    if catalog is not None:
        trailer = b"\ntrailer\n<< /Root %b %b R >>\nstartxref\n0\n%%%%EOF\n" % catalog.groups()
        with contextlib.suppress(pypdfium2.PdfiumError):
            return pypdfium2.PdfDocument(data + trailer)
    out = BytesIO()
    try:
        pypdf.PdfWriter(clone_from=pypdf.PdfReader(BytesIO(data))).write(out)
        return pypdfium2.PdfDocument(out.getvalue())
    except (pypdfium2.PdfiumError, *PYPDF_ERRORS) as error:
        raise ConversionError("damaged", DAMAGED) from error


def _pages(document: Any, reader: PageReader, wanted: Pages) -> list[Page]:
    pages = list[Page]()
    for index in range(len(document)):
        page = None
        if wanted.wanted(index + 1, len(document)):
            with contextlib.suppress(pypdfium2.PdfiumError):
                page = document[index]
        if page is None:
            pages.append(Page(index + 1, 612.0, 792.0))
            continue
        found = reader.read(page, index + 1)
        if is_scan(found):
            recognise(page, found, wanted)
        pages.append(found)
        page.close()
    return pages


def _characters(page: Page) -> int:
    return page.characters + visible("\n".join([*page.rotated, *page.doubtful]))


def _check(pages: Sequence[Page]) -> None:
    characters = sum(page.characters for page in pages)
    if characters >= FEW or (characters and not any(page.image_area > MOST for page in pages)):
        return
    if any(page.image_area > 0.3 for page in pages):
        raise ConversionError("needs-ocr", SCANNED)
    if any(page.rotated for page in pages):
        return
    raise ConversionError("empty", "The PDF contains no text; please check that the right file was uploaded.")


def _outline(document: Any) -> Outline:
    entries: list[tuple[str, int, int | None]] = []
    for bookmark in document.get_toc(max_depth=8):
        destination = bookmark.get_dest()
        index = destination.get_index() if destination else None
        title = " ".join((bookmark.get_title() or "").split())
        if title:
            entries.append((title, bookmark.level, None if index is None else index + 1))
        if len(entries) >= 10_000:
            break
    return entries


def _metadata(document: Any) -> dict[str, str]:
    found = document.get_metadata_dict(skip_empty=True)
    metadata = {ours: " ".join(found[theirs].split()) for theirs, ours in INFO.items() if found.get(theirs, "").strip()}
    unknown = {"untitled", "anonymous", "unspecified", "(anonymous)", "(unspecified)"}
    return {name: text for name, text in metadata.items() if text.casefold() not in unknown}


@dataclass
class _Composer:
    pages: Sequence[Page]
    repaired: bool

    def compose(self, outline: Outline, metadata: dict[str, str]) -> Draft:
        self.unclear: list[Line] = []
        self.notes: list[Note] = []
        self.dropped: dict[tuple[str, str], int] = {}
        lines = self._lines()
        style = body_style(lines)
        lines, self.notes = take_notes(lines, style, self.pages)
        blocks = _tables_joined(blocks_of(lines, style))
        mark_headings(blocks, outline, style)
        self.lines = lines
        blocks += [Block("note", note.lines, mark=note.label) for note in self.notes]
        markdown, places = self._markdown(blocks)
        title = next((_plain_text(block) for block in blocks if block.kind == "heading" and block.depth == 1), None)
        return Draft(
            markdown=markdown,
            characters_in=sum(map(_characters, self.pages)),
            title=metadata.get("title") or title,
            metadata=metadata,
            places=tuple(places),
            pages=len(self.pages),
            recognised={page.number: page.recognised for page in self.pages if page.recognised is not None},
            dropped=tuple(Dropped(what=what, characters=count, why=why) for (what, why), count in self.dropped.items()),
            warnings=tuple(self._warnings()),
        )

    @cached_property
    def _words(self) -> frozenset[str]:
        """Every word of the document in lower case, but for what the ends of lines may have broken."""
        return frozenset(WORDS.findall("\n".join([line.text[:-1] for line in self.lines]).lower()))

    def _knows(self, word: str) -> bool:
        return word in self._words

    def _drop(self, what: str, why: str, characters: int) -> None:
        if characters:
            self.dropped[what, why] = self.dropped.get((what, why), 0) + characters

    def _lines(self) -> list[Line]:
        by_page = []
        without_running_rules(self.pages)
        for page in self.pages:
            tables, runs = take_tables(page)
            formulas, pieces = take_displays(page, runs)
            by_page.append(in_reading_order([*pieces, *tables, *formulas], page.width))
            page.let_go()
            for line in by_page[-1]:
                line.runs = []
            rotated = sum(map(visible, page.rotated))
            self._drop("rotated text", "it stands beside the text, not in it", rotated)
            doubtful = sum(map(visible, page.doubtful))
            self._drop("doubtful words of scanned pages", "text recognition is not sure of them", doubtful)
        running = running_lines(by_page, [page.height for page in self.pages])
        kept: list[Line] = []
        for page, lines in zip(self.pages, by_page, strict=True):
            contents = sum(map(is_contents_line, lines)) >= 3
            for line in lines:
                if id(line) in running:
                    where = "header" if line.base > page.height / 2 else "footer"
                    self._drop(f"page {where}", "it repeats on every page", visible(line.text))
                elif contents and (is_contents_line(line) or CONTENTS_TITLE.match(line.text)):
                    self._drop("table of contents", "it repeats the headings", visible(line.text))
                else:
                    kept.append(line)
        return kept

    def _markdown(self, blocks: Sequence[Block]) -> tuple[str, list[Place]]:
        parts: list[str] = []
        places: list[Place] = []
        length, widths, last = 0, list[int](), None
        for block in blocks:
            if block.kind == "item":
                text, widths = self._item(block, widths)
            else:
                text, widths = self._block(block), []
            if not text.strip():
                continue
            if block.kind not in {"code", "formula", "heading"}:
                text, missed = with_links(text, links_on(block.lines, self.pages))
                for one in missed:
                    self._drop("addresses of links", "the words of the link are not found", visible(one.address))
            if last is not None:
                between = "\n" if block.kind == last == "item" else "\n\n"
                parts.append(between)
                length += len(between)
            places += _places(block, length, length + len(text))
            parts.append(text)
            length += len(text)
            last = block.kind
        return "".join(parts) + ("\n" if parts else ""), places

    def _block(self, block: Block) -> str:
        if block.kind == "table":
            return writing.table([[writing.escape(self._text(cell.split("\n"))) for cell in row] for row in block.rows])
        if block.kind == "code":
            return writing.fence(code_of(block.lines))
        if block.kind == "formula":
            return self._formula(block.first)
        text = self._marked(block)
        if block.kind == "note":
            return f"[^{block.mark}]: {NOTE_MARK.sub('', text, count=1)}"
        return writing.heading(block.depth, text) if block.kind == "heading" else writing.paragraph(text)

    def _marked(self, block: Block) -> str:
        """A block's text, with the marks of its notes."""
        text = writing.escape(self._text([line.text for line in block.lines]))
        if not self.notes or block.kind == "note":
            return text
        return with_references(text, {line.page for line in block.lines}, self.notes)

    def _formula(self, line: Line) -> str:
        if line.formula:
            return f"$${line.formula}$$"
        self.unclear.append(line)
        return writing.fence(line.text, "math")

    def _item(self, block: Block, widths: list[int]) -> tuple[str, list[int]]:
        text = self._marked(block)[len(writing.escape(block.mark)) :].strip()
        ordered = re.fullmatch(r"\d{1,3}[.)]", block.mark) is not None
        marker = block.mark if ordered else "-"
        if not ordered and re.search(r"[A-Za-z0-9]", block.mark) and block.mark != "o":
            text = f"{block.mark} {text}"
        depth = min(block.depth, len(widths))
        indent = sum(widths[:depth])
        return f"{' ' * indent}{marker} {text}", [*widths[:depth], len(marker) + 1]

    def _text(self, lines: Iterable[str]) -> str:
        text, removed = text_of(lines, self._knows)
        if removed:
            self._drop("hyphens at line ends", "the word is whole again", removed)
        return text

    def _warnings(self) -> Iterator[Issue]:
        if self.repaired:
            yield Issue(code="repaired", message="The file was damaged and was repaired; parts of it may be missing.")
        for line in self.unclear:
            message = f"A formula on page {line.page} could not be rebuilt: {line.text}"
            yield Issue(code="formula-not-rebuilt", message=message, page=line.page)
        for page in self.pages:
            if page.recognised is not None:
                sure = f"{page.recognised:.0%}"
                message = f"Page {page.number} is a picture; its text was recognised, {sure} sure. Please compare it."
                yield Issue(code="ocr", message=message, page=page.number)
            elif is_scan(page):
                yield Issue(
                    code="needs-ocr", message=f"Page {page.number} is a picture without text.", page=page.number
                )
            if page.unreadable:
                message = f"{page.unreadable} characters on page {page.number} have no known meaning (U+FFFD)."
                yield Issue(code="unmapped-characters", message=message, page=page.number)


def _tables_joined(blocks: Sequence[Block]) -> list[Block]:
    """A table that goes on at the top of the next page is one table; its repeated header is left out."""
    joined: list[Block] = []
    for block in blocks:
        last = joined[-1] if joined else None
        if block.kind == "table" and last is not None and last.kind == "table" and _same_table(last, block):
            repeated = sum(
                1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(last.rows, block.rows, strict=False))
            )
            last.rows = [*last.rows, *block.rows[repeated:]]
            last.lines.append(block.first)
        else:
            joined.append(block)
    return joined


def _same_table(above: Block, below: Block) -> bool:
    one, other = above.lines[-1], below.first
    return (
        other.page == one.page + 1
        and len(one.columns) == len(other.columns)
        and abs(one.x0 - other.x0) <= 6
        and abs(one.x1 - other.x1) <= 6
    )


def _plain_text(block: Block) -> str:
    return " ".join(line.text for line in block.lines)


def _places(block: Block, start: int, end: int) -> Iterator[Place]:
    """One place per page that the block stands on; the text is divided as its lines are."""
    pages = list(dict.fromkeys([line.page for line in block.lines]))
    if len(pages) == 1:
        yield Place(start, end, pages[0], _box(block.lines))
        return
    sizes = {page: sum(max(len(line.text), 1) for line in block.lines if line.page == page) for page in pages}
    total, at = sum(sizes.values()), start
    for page in pages:
        stop = end if page == pages[-1] else at + (end - start) * sizes[page] // total
        yield Place(at, stop, page, _box([line for line in block.lines if line.page == page]))
        at = stop


def _box(lines: Sequence[Line]) -> tuple[float, float, float, float]:
    if len(lines) == 1:
        one = lines[0]
        return round(one.x0, 1), round(one.y0, 1), round(one.x1, 1), round(one.y1, 1)
    x0, y0 = min([line.x0 for line in lines]), min([line.y0 for line in lines])
    x1, y1 = max([line.x1 for line in lines]), max([line.y1 for line in lines])
    return round(x0, 1), round(y0, 1), round(x1, 1), round(y1, 1)
