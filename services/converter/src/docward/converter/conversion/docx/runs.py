"""The inside of a paragraph: runs, links, fields, formulas and notes, in the accepted view of tracked changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal

from docward.converter.conversion import writing
from docward.converter.conversion.docx.omml import latex
from docward.converter.conversion.docx.package import M, R, Relation, W, switched_on, tag
from docward.converter.conversion.docx.styles import Styles
from docward.converter.conversion.outcome import visible

AtomKind = Literal["text", "math", "display", "raw"]
SYMBOL_FONT = {
    0xB7: "•", 0xA7: "▪", 0xD7: "⋅", 0xB4: "×", 0xA3: "≤", 0xB3: "≥", 0xB9: "≠", 0xBB: "≈", 0xB1: "±",
    0xAE: "→", 0x61: "α", 0x62: "β", 0x67: "γ", 0x64: "δ", 0x65: "ε", 0x6C: "λ", 0x6D: "μ", 0x70: "π",
    0x72: "ρ", 0x73: "σ", 0x74: "τ", 0x53: "Σ", 0x44: "Δ",
}  # fmt: skip
CHARACTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011", "softHyphen": "", "ptab": "\t"}
DELETED = frozenset({"del", "moveFrom", "delText", "delInstrText"})


@dataclass(frozen=True)
class Atom:
    kind: AtomKind
    text: str
    marks: str = ""
    """`b` bold, `i` italic, `c` code."""
    link: str = ""


@dataclass
class Field:
    instruction: str = ""
    shows: bool = False
    """Whether its result follows, rather than its instruction."""

    def link(self) -> str:
        found = re.match(r'\s*HYPERLINK\s+"([^"]+)"', self.instruction)
        return found[1] if found else ""


@dataclass
class Runs:
    """Reads paragraphs. Fields may span paragraphs, so one reader reads them all, in order."""

    styles: Styles
    relations: Mapping[str, Relation]
    note: Callable[[str, str], str]
    """Called with the kind and id of a note; gives the mark that stands for it."""
    fields: list[Field] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)
    """Content of the text boxes met; the caller takes them after each paragraph."""
    images: int = 0
    hidden: int = 0
    """Characters of text that Word does not show."""

    def read(self, paragraph: Any) -> list[Atom]:
        return _merged(self._atoms(paragraph, ""))

    def _atoms(self, node: Any, link: str) -> Iterator[Atom]:
        for child in node:
            name = tag(child) if isinstance(child.tag, str) else ""
            if child.tag == W + "r":
                yield from self._run(child, link)
            elif child.tag == W + "t":  # no program writes it outside a run; its words are text all the same
                yield Atom("text", child.text or "", "", link)
            elif child.tag == M + "oMath":
                yield Atom("math", latex(child))
            elif child.tag == M + "oMathPara":
                yield Atom("display", latex(child))
            elif name == "hyperlink":
                relation = self.relations.get(child.get(R + "id", ""))
                yield from self._atoms(child, relation.target if relation and relation.external else link)
            elif name == "fldSimple":
                yield from self._atoms(child, Field(child.get(W + "instr", "")).link() or link)
            elif name and name not in DELETED and name not in {"pPr", "rPr", "sdtPr", "sdtEndPr"}:
                yield from self._atoms(child, link)

    def _run(self, run: Any, link: str) -> Iterator[Atom]:
        properties = run.find(W + "rPr")
        if switched_on(properties, "vanish"):
            self.hidden += sum(visible(one.text or "") for one in run.iter(W + "t"))
            return
        marks = self._marks(properties)
        for child in run:
            name = tag(child) if isinstance(child.tag, str) else ""
            if name in {"fldChar", "instrText"}:
                self._field(child, name)
            elif self.fields and not self.fields[-1].shows:
                continue
            elif name == "t":
                yield Atom("text", child.text or "", marks, self._link() or link)
            elif name in CHARACTERS and child.get(W + "type") not in {"page", "column"}:
                yield Atom("text", CHARACTERS[name], marks, self._link() or link)
            elif name == "sym":
                yield Atom("text", _symbol(child), marks, link)
            elif name in {"footnoteReference", "endnoteReference"}:
                yield Atom("raw", self.note(name.removesuffix("Reference"), child.get(W + "id", "")))
            elif name in {"drawing", "pict", "object", "AlternateContent"}:
                yield from self._drawing(child)

    def _marks(self, properties: Any | None) -> str:
        if self.styles.is_code(properties):
            return "c"
        marks = self.styles.emphasis(properties)
        marks |= {mark for mark in "bi" if switched_on(properties, mark)}
        return "".join(sorted(marks))

    def _field(self, node: Any, name: str) -> None:
        kind = node.get(W + "fldCharType")
        if name == "instrText":
            if self.fields:
                self.fields[-1].instruction += node.text or ""
        elif kind == "begin":
            self.fields.append(Field())
        elif kind == "separate" and self.fields:
            self.fields[-1].shows = True
        elif kind == "end" and self.fields:
            self.fields.pop()

    def _link(self) -> str:
        return next((link for one in reversed(self.fields) if (link := one.link())), "")

    def _drawing(self, node: Any) -> Iterator[Atom]:
        boxes = list(node.iter(W + "txbxContent"))
        self.boxes += [box for box in boxes if not any(tag(above) == "txbxContent" for above in box.iterancestors())]
        if boxes:
            return
        self.images += 1
        described = next((one for one in node.iter() if isinstance(one.tag, str) and tag(one) == "docPr"), None)
        words = described.get("descr", "") if described is not None else ""
        if words.strip():
            yield Atom("raw", f"![{writing.escape(' '.join(words.split()))}](image)")


def _symbol(node: Any) -> str:
    code = node.get(W + "char", "")
    number = int(code, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,6}", code) else 0xFFFD
    low = number - 0xF000 if 0xF000 <= number <= 0xF0FF else number
    if low != number or "ymbol" in node.get(W + "font", ""):
        return SYMBOL_FONT.get(low, "\ufffd" if low < 32 else chr(low))
    return chr(number) if 32 <= number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"


def _merged(atoms: Iterator[Atom]) -> list[Atom]:
    merged: list[Atom] = []
    for (kind, marks, link), group in groupby(atoms, key=lambda atom: (atom.kind, atom.marks, atom.link)):
        members = list(group)
        if kind == "text":
            merged.append(Atom(kind, "".join(atom.text for atom in members), marks, link))
        else:
            merged += members
    return merged


def render(atoms: list[Atom], *, marked: bool = True) -> str:
    """Markdown of a paragraph's inside; `marked=False` leaves bold and italic out (headings, header cells)."""
    parts = []
    for atom in atoms:
        if atom.kind == "raw":
            parts.append(atom.text)
        elif atom.kind in {"math", "display"}:
            parts.append(_inline_math(atom.text))
        else:
            parts.append(_text(atom, marked=marked))
    text = re.sub(r"[ \t\u00a0]*\t[ \t]*", " ", "".join(parts))
    return re.sub(r" *\n *", "\n", text)


def _inline_math(text: str) -> str:
    return f"${text.strip()}$" if text.strip() else ""


def _text(atom: Atom, *, marked: bool) -> str:
    if "c" in atom.marks and atom.text.strip():
        inside = writing.code(atom.text) if "\n" not in atom.text else writing.escape(atom.text)
    else:
        mark = {"b": "**", "i": "*", "bi": "***"}.get(atom.marks, "") if marked else ""
        lines = writing.escape(atom.text).split("\n")
        inside = "\n".join(writing.emphasised(line, mark) for line in lines)
    if atom.link and inside.strip():
        address = re.sub(r"[\s<>()]", lambda found: f"%{ord(found.group()):02X}", atom.link)
        return f"[{inside.strip()}]({address})" + (" " if inside.endswith(" ") else "")
    return inside
