"""A Word document in document order: headings with Word's numbers, lists, tables in place, notes at the end.

Tracked changes are accepted; what was deleted, comments, headers and footers are kept as data beside the text.
Generated tables of contents are left out and counted in the report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from docward.converter.conversion import writing
from docward.converter.conversion.docx.margins import Margins
from docward.converter.conversion.docx.metadata import metadata_of
from docward.converter.conversion.docx.numbering import Label, Numbering
from docward.converter.conversion.docx.package import MC, Package, W, value, whole_number
from docward.converter.conversion.docx.review import RANGE_END, RANGE_START, Review, text_of
from docward.converter.conversion.docx.runs import DISPLAY, MATH, Atom, Runs, render
from docward.converter.conversion.docx.styles import P_STYLE, PLAIN, VAL, Paragraph, Styles, paragraph_of
from docward.converter.conversion.grid import filled
from docward.converter.conversion.outcome import Draft, visible
from docward.events.ir import Comment, Issue
from docward.events.losses import Dropped, Kept

EQUATION_NUMBER = re.compile(r"^[\s(\[]*([A-Z]?\.?\d+(?:\.\d+)*)[\s)\]]*$")
P, TABLE, ROW, ROW_PROPERTIES, CELL, CELL_PROPERTIES, V_MERGE, SPAN, CONTROL = (
    W + name for name in ("p", "tbl", "tr", "trPr", "tc", "tcPr", "vMerge", "gridSpan", "sdt")
)
AROUND = frozenset({CONTROL, W + "sdtContent", W + "ins", W + "customXml"})
"""What may stand between a table and its rows, or a row and its cells."""
ASIDE = frozenset(W + name for name in ("del", "moveFrom", "sectPr", "sdtPr", "sdtEndPr"))
DRAWN = "{http://schemas.openxmlformats.org/drawingml/2006/main}t"
CHARTED = "{http://schemas.openxmlformats.org/drawingml/2006/chart}v"
KEPT = {
    "deleted text": "tracked changes of the IR",
    "comments": "comments of the IR",
    "headers and footers": "page margins of the IR",
}


def read_docx(data: bytes) -> Draft:
    return Reader(Package(data)).read()


@dataclass
class Output:
    """Chunks of Markdown; items of one list follow each other without a blank line."""

    review: Review
    parts: list[str] = field(default_factory=list)
    last: str = ""
    length: int = 0

    def add(self, kind: str, text: str) -> None:
        if text.strip():
            between = "" if not self.parts else "\n" if kind == self.last == "item" else "\n\n"
            self.review.written(text, self.length + len(between))
            self.parts += (between, text)
            self.length += len(between) + len(text)
            self.last = kind

    def text(self) -> str:
        return "".join(self.parts) + "\n" if self.parts else ""


class Reader:
    def __init__(self, package: Package) -> None:
        self._package = package
        self._root = self._tree(package.main)
        relations = package.relations(package.main)
        self._parts = {one.kind: one.target for one in relations.values() if not one.external}
        self._relations = relations
        self._drawings = [one.target for one in relations.values() if one.kind in {"diagramData", "chart"}]
        self._styles = Styles(package.tree(self._parts.get("styles", "word/styles.xml")))
        numbering = package.tree(self._parts.get("numbering", "word/numbering.xml"))
        self._numbering = Numbering(numbering, self._styles.list_of_style)
        self._review = Review()
        self._runs = Runs(self._styles, relations, self._review, {})
        self._out = Output(self._review)
        self._code: list[str] = []
        self._open: list[tuple[int, int]] = []
        """Level and width of the marker of each open list item, outermost first."""
        self._joined: Paragraph | None = None
        """Of a paragraph that goes on in the next one, for which its atoms wait."""
        self._dropped: dict[tuple[str, str], int] = {}
        self._warnings: list[Issue] = []
        self._shift = 0

    def _tree(self, name: str) -> Any | None:
        root = self._package.tree(name)
        for alternative in list(root.iter(MC + "AlternateContent")) if root is not None else ():
            choice, fallback = alternative.find(MC + "Choice"), alternative.find(MC + "Fallback")
            if choice is not None and fallback is not None:
                alternative.remove(fallback)  # the same text again, for older programs
        return root

    def read(self) -> Draft:
        body = self._root.find(W + "body") if self._root is not None else None
        characters = _characters(self._root)
        if body is not None:
            self._shift = int(any(map(self._is_title, body.iter(P_STYLE))))
            self._container(body)
            self._flush_code()
            self._review.written("", self._out.length)
        characters += self._add_notes() + sum(map(self._drawn, self._drawings))
        comments = tuple(self._comments())
        kept = {"deleted text": self._review.deleted, "comments": sum(visible(one.text) for one in comments)}
        margins = Margins(self._tree, self._parts.get("settings", "word/settings.xml"), self._styles)
        page_margins = tuple(margins.read(self._root, self._relations))
        kept["headers and footers"] = sum(visible(one.text) for one in page_margins)
        self._drop("hidden headers and footers", "no page shows it, or it is deleted or struck through", margins.hidden)
        characters += kept["comments"] + kept["headers and footers"] + margins.hidden
        if self._runs.images:
            message = f"{self._runs.images} image(s) are not converted; only their descriptions stand in the text."
            self._warnings.append(Issue(code="image", message=message))
        metadata, markdown = metadata_of(self._package), self._out.text()
        self._drop("hidden text", "Word does not show it", self._runs.hidden)
        unplaced = characters - visible(markdown) - sum(self._dropped.values()) - sum(kept.values())
        self._drop("text that is not shown", "it stands outside paragraphs", unplaced)
        return Draft(
            markdown=markdown,
            characters_in=characters,
            title=metadata.get("title"),
            metadata=metadata,
            dropped=tuple(
                Dropped(what=what, characters=count, why=why) for (what, why), count in self._dropped.items()
            ),
            kept=tuple(Kept(what=what, characters=count, where=KEPT[what]) for what, count in kept.items() if count),
            warnings=tuple(self._warnings),
            tracked_changes=tuple(self._review.changes()),
            comments=comments,
            page_margins=page_margins,
        )

    def _is_title(self, style: Any) -> bool:
        """Whether a `w:pStyle` makes a title, and is no longer that of an earlier version of the paragraph."""
        return self._styles.kind(style.get(VAL)).role == "title" and style.getparent().getparent().tag == P

    def _drop(self, what: str, why: str, characters: int) -> None:
        if characters > 0:
            self._dropped[what, why] = self._dropped.get((what, why), 0) + characters

    def _container(self, container: Any) -> None:
        """A body or a text box: its last paragraph ends with it."""
        self._blocks(container)
        self._end_joined()

    def _blocks(self, container: Any) -> None:
        for node in container:
            name = node.tag
            if name == P:
                self._paragraph(node)
            elif name == TABLE:
                self._table(node)
            elif name == CONTROL and _is_contents(node):
                self._drop("table of contents", "it repeats the headings", _characters(node))
            elif name in {MATH, DISPLAY}:
                self._runs.read([node])
                self._emit_math([atom for atom in self._runs.take() if atom.text])
            elif name in {RANGE_START, RANGE_END}:
                self._review.comment(node, len(self._runs.atoms))
            elif name not in ASIDE:
                self._blocks(node)

    def _paragraph(self, node: Any) -> None:
        own = self._read(node)
        if own.joined:
            self._joined = own
            return
        self._joined = None
        boxes, self._runs.boxes = self._runs.boxes, []
        atoms = self._runs.take()
        if self._styles.kind(own.style).role == "toc":
            self._drop("table of contents", "it repeats the headings", sum(visible(atom.text) for atom in atoms))
        else:
            self._finish(own, atoms)
        for box in boxes:
            self._container(box)

    def _read(self, paragraph: Any) -> Paragraph:
        """Append what is inside the paragraph to the atoms that wait."""
        own = paragraph_of(paragraph)
        self._runs.read(paragraph)
        if own.end is not None:
            at = len(self._runs.atoms)
            self._review.change(own.end, at, at, "\n")
        return own

    def _finish(self, own: Paragraph, atoms: list[Atom]) -> None:
        if self._styles.kind(own.style).role == "code" or self._is_listing(own, atoms):
            self._code.append("".join([atom.text for atom in atoms]))
            self._review.rendered(self._code[-1])
        else:
            self._flush_code()
            self._write(own, atoms)

    def _end_joined(self) -> None:
        """A paragraph that goes on in the next one stands alone where none follows."""
        own, self._joined = self._joined, None
        if own is not None:
            boxes, self._runs.boxes = self._runs.boxes, []
            self._finish(own, self._runs.take())
            for box in boxes:
                self._container(box)

    def _is_listing(self, own: Paragraph, atoms: list[Atom]) -> bool:
        """Whether a paragraph is code from its first to its last character, without a style that says so."""
        coded = bool(atoms) and all(atom.marks == "c" and not atom.link for atom in atoms)
        return coded and self._styles.list_of(own) is None and self._styles.heading_level(own) is None

    def _flush_code(self) -> None:
        lines, self._code = self._code, []
        if any(line.strip() for line in lines):
            self._open = []
            self._out.add("code", writing.fence("\n".join(lines)))

    def _write(self, own: Paragraph, atoms: list[Atom]) -> None:
        kind = self._styles.kind(own.style)
        level = 1 if kind.role == "title" else self._styles.heading_level(own)
        label = self._label(own)
        if level is not None:
            text = " ".join(render(atoms, marked=False).split())
            if text:
                self._open = []
                shift = 0 if kind.role == "title" else self._shift
                self._review.rendered(text)
                self._out.add("heading", writing.heading(level + shift, f"{label[0].text if label else ''} {text}"))
            return
        if self._emit_math(atoms):
            return
        text = writing.paragraph(render(atoms))
        if not text:
            return
        self._review.rendered(text)
        if label:
            self._item(text, *label)
        else:
            self._open = []
            quote = kind.role == "quote"
            self._out.add("paragraph", "\n".join(f"> {line}" for line in text.split("\n")) if quote else text)

    def _label(self, own: Paragraph) -> tuple[Label, int] | None:
        """What Word prints before the paragraph, and how deep it is nested."""
        found = self._styles.list_of(own) if own is not PLAIN else None
        if found is None:
            return None
        list_id, level, style = found
        if level is None:
            level = self._numbering.level_of_style(list_id, style) or 0
        label = self._numbering.next(list_id, level)
        return (label, max(level, self._styles.kind(own.style).nesting)) if label else None

    def _item(self, text: str, label: Label, depth: int) -> None:
        if label.compound:
            self._open = []
            self._out.add("paragraph", f"{label.text} {text}")
            return
        marker = label.text if re.fullmatch(r"\d{1,9}[.)]", label.text) else "-"
        if marker == "-" and label.text:
            text = f"{label.text} {text}"
        while self._open and self._open[-1][0] >= depth:
            self._open.pop()
        indent = sum(width for _, width in self._open)
        self._open.append((depth, len(marker) + 1))
        inner = "\n" + " " * (indent + len(marker) + 1)
        self._out.add("item", f"{' ' * indent}{marker} {text.replace(chr(10), inner)}")

    def _emit_math(self, atoms: list[Atom]) -> bool:
        """A paragraph that holds nothing but formulas (and their number) is displayed."""
        maths = [atom for atom in atoms if atom.kind in {"math", "display"}]
        if not maths:
            return False
        words = render([atom for atom in atoms if atom not in maths]).strip()
        number = EQUATION_NUMBER.match(words)
        if words.strip(" .,;") and number is None:
            return False
        latex = r" \quad ".join(atom.text.strip() for atom in maths if atom.text.strip())
        latex, own_number = re.subn(r"\s*\\#\s*\(?([\w.]+)\)?(?=\s*(?:\\end|$))", r" \\tag{\1}", latex)
        tag_text = rf" \tag{{{number[1]}}}" if number and not own_number else ""
        self._open = []
        self._out.add("formula", f"$$\n{latex}{tag_text}\n$$" if latex else "")
        return True

    def _table(self, node: Any) -> None:
        self._end_joined()
        self._flush_code()
        self._open = []
        rows = [row for row in filled(self._rows(node)) if row]
        if len(rows) == 1 and len(rows[0]) == 1:  # a frame around text, not a table
            self._out.add("paragraph", writing.paragraph(rows[0][0]))
        elif any(cell.strip() for row in rows for cell in row):
            rows[0] = [re.sub(r"\*\*(.+?)\*\*", r"\1", cell) for cell in rows[0]]
            self._out.add("table", writing.table(rows))

    def _rows(self, table: Any) -> Iterator[list[tuple[str | None, int, int]]]:
        """Cells as `filled` takes them."""
        first = True
        for row in _members(table, ROW):
            properties = next(row.iterchildren(ROW_PROPERTIES), None)
            deleted = properties.find(W + "del") if properties is not None else None
            if deleted is not None:
                at = len(self._runs.atoms)
                self._review.change(deleted, at, at, text_of(row))
                continue
            before = whole_number(value(properties, "gridBefore"))
            cells: list[tuple[str | None, int, int]] = [("", before, 1)] if before > 0 else []
            for cell in _members(row, CELL):
                span, covered = _merging(cell)
                text = self._cell(cell)
                cells.append((None if covered and not first else text, span, 1))
            first = False
            yield cells

    def _cell(self, cell: Any) -> str:
        """A cell's paragraphs as lines; lists and inner tables in it are lines, too."""
        lines = []
        for node in cell.iter(P):
            own = self._read(node)
            if not own.joined:
                lines.append(self._line(own))
        if self._runs.atoms:
            lines.append(self._line(PLAIN))
        self._runs.boxes = []
        return "\n".join(filter(None, lines))

    def _line(self, own: Paragraph) -> str:
        text = render(self._runs.take()).strip()
        self._review.rendered(text.replace("|", r"\|"))
        label = self._label(own)
        return f"{label[0].text or '-'} {text}" if label and text else text

    def _add_notes(self) -> int:
        characters, numbers = 0, self._runs.notes or {}
        for kind in ("footnote", "endnote"):
            root = self._tree(self._parts.get(kind + "s", f"word/{kind}s.xml"))
            characters += _characters(root)
            relations = self._package.relations(self._parts.get(kind + "s", f"word/{kind}s.xml"))
            runs = Runs(self._styles, relations, self._review)
            for node in root.iter(W + kind) if root is not None else ():
                text = " ".join(_note_line(runs, one) for one in node.iter(P)).strip()
                number = numbers.get((kind, node.get(W + "id", "")))
                if number is not None and text:
                    self._out.add("item" if self._out.last == "note" else "note", f"[^{number}]: {text}")
                    self._out.last = "note"
                elif text:
                    self._drop(f"{kind} without a mark", "nothing refers to it", visible(text))
            self._drop("hidden text", "Word does not show it", runs.hidden)
        return characters

    def _drawn(self, target: str) -> int:
        root = self._package.tree(target)
        count = sum(visible(one.text or "") for one in root.iter(DRAWN, CHARTED)) if root is not None else 0
        self._drop("text of drawings", "diagrams and charts are not converted", count)
        return count

    def _comments(self) -> Iterator[Comment]:
        root = self._tree(self._parts.get("comments", "word/comments.xml"))
        return self._review.comments(root, self._package.tree(self._parts.get("commentsExtended", "")))


def _members(node: Any, name: str) -> Iterator[Any]:
    """Rows of a table or cells of a row, through content controls and accepted insertions."""
    for child in node:
        found = child.tag
        if found == name:
            yield child
        elif found in AROUND:
            yield from _members(child, name)


def _merging(cell: Any) -> tuple[int, bool]:
    """How many columns a cell covers, and whether a cell above covers it."""
    span, covered = 1, False
    properties = next(iter(cell), None)
    if properties is not None and properties.tag == CELL_PROPERTIES:
        for node in properties:
            if node.tag == SPAN:
                span = max(1, whole_number(node.get(VAL), 1))
            elif node.tag == V_MERGE:
                covered = node.get(VAL, "continue") == "continue"
    return span, covered


def _note_line(runs: Runs, paragraph: Any) -> str:
    runs.read(paragraph)
    return render(runs.take()).replace("\n", " ").strip()


def _is_contents(node: Any) -> bool:
    gallery = node.find(f"{W}sdtPr/{W}docPartObj/{W}docPartGallery")
    return gallery is not None and gallery.get(VAL) == "Table of Contents"


def _characters(root: Any | None) -> int:
    return visible(text_of(root)) if root is not None else 0
