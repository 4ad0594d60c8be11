"""The inside of a paragraph: runs, links, fields, formulas and notes, in the accepted view of tracked changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from docward.converter.conversion import writing
from docward.converter.conversion.docx.omml import latex
from docward.converter.conversion.docx.package import M, R, Relation, W, is_on, tag
from docward.converter.conversion.docx.review import (
    DELETED,
    KINDS,
    RANGE_END,
    RANGE_START,
    REFERENCE,
    Review,
    text_of,
)
from docward.converter.conversion.docx.styles import CODE_FONTS, R_PR, VAL, Styles
from docward.converter.conversion.outcome import visible
from docward.converter.conversion.pagetext import shifted

AtomKind = Literal["text", "math", "display", "raw"]
SYMBOL_FONT = {
    0xB7: "•", 0xA7: "▪", 0xD7: "⋅", 0xB4: "×", 0xA3: "≤", 0xB3: "≥", 0xB9: "≠", 0xBB: "≈", 0xB1: "±",
    0xAE: "→", 0x61: "α", 0x62: "β", 0x67: "γ", 0x64: "δ", 0x65: "ε", 0x6C: "λ", 0x6D: "μ", 0x70: "π",
    0x72: "ρ", 0x73: "σ", 0x74: "τ", 0x53: "Σ", 0x44: "Δ",
}  # fmt: skip
SHIFTS = frozenset("^_")
SWITCHES = {W + "b": "b", W + "i": "i", W + "strike": "s", W + "dstrike": "s"}
SHIFT, BOX = W + "vertAlign", W + "txbxContent"
RUN, TEXT, VANISH, FONTS, STYLE, ASCII, TYPE, CHAR, FONT, ID = (
    W + name for name in ("r", "t", "vanish", "rFonts", "rStyle", "ascii", "type", "char", "font", "id")
)
FIELD_CHAR, INSTRUCTION, FIELD_TYPE, SIMPLE_FIELD, LINK, SYMBOL = (
    W + name for name in ("fldChar", "instrText", "fldCharType", "fldSimple", "hyperlink", "sym")
)
CHARACTERS = {
    W + "tab": "\t", W + "br": "\n", W + "cr": "\n", W + "noBreakHyphen": "\u2011", W + "ptab": "\t",
}  # fmt: skip
NOTES = {W + "footnoteReference": "footnote", W + "endnoteReference": "endnote"}
DRAWINGS = frozenset({"drawing", "pict", "object", "AlternateContent"})
MATH, DISPLAY = M + "oMath", M + "oMathPara"
PROPERTIES = frozenset(W + name for name in ("pPr", "rPr", "sdtPr", "sdtEndPr", "delText", "delInstrText"))


class Atom(NamedTuple):
    kind: AtomKind
    text: str
    marks: str = ""
    """`b` bold, `i` italic, `c` code, `s` struck through; `^` raised, `_` lowered until the paragraph is read."""
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
    review: Review
    notes: dict[tuple[str, str], int] | None = None
    """Numbers of the notes met, by kind and id; None inside a note, where marks say nothing."""
    fields: list[Field] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)
    """Content of the text boxes met; the caller takes them after each paragraph."""
    images: int = 0
    hidden: int = 0
    """Characters of text that Word does not show."""
    atoms: list[Atom] = field(default_factory=list)
    """Of the paragraph that is read."""

    def read(self, inside: Iterable[Any]) -> None:
        """Append what is inside a paragraph to `atoms`."""
        self._walk(inside, "")

    def take(self) -> list[Atom]:
        """The atoms read, equal neighbours as one."""
        atoms, self.atoms = self.atoms, []
        if any(atom.marks[-1:] in SHIFTS for atom in atoms):
            atoms = _level(atoms)
        self.review.read(atoms)
        return _merged(atoms) if len(atoms) > 1 else atoms

    def _walk(self, inside: Iterable[Any], link: str) -> None:
        for child in inside:
            name = child.tag
            if name == RUN:
                self._run(child, link)
            elif name in KINDS:
                self._change(child, link)
            elif name not in PROPERTIES:
                self._inline(child, name, link)

    def _inline(self, child: Any, name: str, link: str) -> None:
        if name == TEXT:  # no program writes it outside a run; its words are text all the same
            self.atoms.append(Atom("text", child.text or "", "", link))
        elif name == MATH:
            self.atoms.append(Atom("math", latex(child)))
        elif name == DISPLAY:
            self.atoms.append(Atom("display", latex(child)))
        elif name == LINK:
            relation = self.relations.get(child.get(R + "id", ""))
            self._walk(child, relation.target if relation and relation.external else link)
        elif name == SIMPLE_FIELD:
            self._walk(child, Field(child.get(W + "instr", "")).link() or link)
        elif name in {RANGE_START, RANGE_END}:
            self.review.comment(child, len(self.atoms))
        else:
            self._walk(child, link)

    def _change(self, node: Any, link: str) -> None:
        first = len(self.atoms)
        if node.tag in DELETED:
            text = text_of(node)
        else:
            self._walk(node, link)
            text = "".join(atom.text for atom in self.atoms[first:])
        self.review.change(node, first, len(self.atoms), text)

    def _run(self, run: Any, link: str) -> None:
        marks, fields = "", self.fields
        for child in run:
            name = child.tag
            if name == TEXT:
                text = child.text
                if text and (not fields or fields[-1].shows):
                    self.atoms.append(Atom("text", text, marks, (self._link() or link) if fields else link))
            elif name == R_PR:
                found = self._marks(child)
                if found is None:
                    self.hidden += sum(visible(one.text or "") for one in run.iter(TEXT))
                    return
                marks = found
            else:
                self._other(child, name, marks, link)

    def _other(self, child: Any, name: str, marks: str, link: str) -> None:
        """What stands in a run beside text."""
        if name in {FIELD_CHAR, INSTRUCTION}:
            self._field(child, name)
        elif self.fields and not self.fields[-1].shows:
            return
        elif name in CHARACTERS:
            if child.get(TYPE) not in {"page", "column"}:
                self.atoms.append(Atom("text", CHARACTERS[name], marks, self._link() or link))
        elif name == SYMBOL:
            self.atoms.append(Atom("text", _symbol(child), marks, link))
        elif name in NOTES:
            if self.notes is not None:
                number = self.notes.setdefault((NOTES[name], child.get(ID, "")), len(self.notes) + 1)
                self.atoms.append(Atom("raw", f"[^{number}]"))
        elif name == REFERENCE:
            self.review.comment(child, len(self.atoms))
        elif tag(child) in DRAWINGS:
            self._drawing(child)

    def _marks(self, properties: Any) -> str | None:
        """None for text that is not shown."""
        code = False
        on = shift = ""
        styled: frozenset[str] = frozenset()
        for node in properties:
            name = node.tag
            if name in SWITCHES:
                on += SWITCHES[name] if is_on(node) else ""
            elif name == VANISH:
                if is_on(node):
                    return None
            elif name == FONTS:
                code = bool(CODE_FONTS.search(node.get(ASCII, "")))
            elif name == SHIFT:
                shift = {"superscript": "^", "subscript": "_"}.get(node.get(VAL), "")
            elif name == STYLE:
                styled = self.styles.kind(node.get(VAL)).marks
        struck = "s" if "s" in on or "s" in styled else ""
        if code or "c" in styled:
            return "c" + struck
        return (
            ("b" if "b" in on or "b" in styled else "") + ("i" if "i" in on or "i" in styled else "") + struck + shift
        )

    def _field(self, node: Any, name: str) -> None:
        kind = node.get(FIELD_TYPE)
        if name == INSTRUCTION:
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

    def _drawing(self, node: Any) -> None:
        boxes = list(node.iter(BOX))
        self.boxes += [box for box in boxes if next(box.iterancestors(BOX), None) is None]
        if boxes:
            return
        self.images += 1
        described = next((one for one in node.iter() if tag(one) == "docPr"), None)
        words = described.get("descr", "") if described is not None else ""
        if words.strip():
            self.atoms.append(Atom("raw", f"![{writing.escape(' '.join(words.split()))}](image)"))


def _symbol(node: Any) -> str:
    code = node.get(CHAR, "")
    number = int(code, 16) if re.fullmatch(r"[0-9A-Fa-f]{1,6}", code) else 0xFFFD
    low = number - 0xF000 if 0xF000 <= number <= 0xF0FF else number
    if low != number or "ymbol" in node.get(FONT, ""):
        return SYMBOL_FONT.get(low, "\ufffd" if low < 32 else chr(low))
    return chr(number) if 32 <= number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"


def _level(atoms: list[Atom]) -> list[Atom]:
    """The same atoms on one level: raised and lowered text, however it is cut into runs, stands in its first atom."""
    level: list[Atom] = []
    for (kind, marks, link), group in groupby(atoms, key=itemgetter(0, 2, 3)):
        if kind != "text" or marks[-1:] not in SHIFTS:
            level += group
            continue
        text, *others = [atom.text for atom in group]
        inside = "".join([text, *others])
        core = inside.strip()
        at = inside.find(core)
        moved = f"{inside[:at]}{shifted(core, raised=marks[-1] == '^')}{inside[at + len(core) :]}"
        level += [Atom("text", part, marks[:-1], link) for part in (moved, *[""] * len(others))]
    return level


def _merged(atoms: list[Atom]) -> list[Atom]:
    merged: list[Atom] = []
    for (kind, marks, link), group in groupby(atoms, key=itemgetter(0, 2, 3)):
        if kind == "text":
            merged.append(Atom(kind, "".join([atom.text for atom in group]), marks, link))
        else:
            merged += group
    return merged


def render(atoms: list[Atom], *, marked: bool = True) -> str:
    """Markdown of a paragraph's inside; `marked=False` leaves bold and italic out (headings, header cells)."""
    parts: list[str] = []
    struck = False
    for atom in atoms:
        if atom.kind == "raw":
            parts.append(atom.text)
        elif atom.kind == "text":
            text = _text(atom, marked=marked)
            if struck and parts[-1].endswith("~~") and text.startswith("~~"):  # both as one: `~~~~` marks nothing
                parts[-1], text = parts[-1][:-2], text[2:]
            parts.append(text)
        else:
            parts.append(_inline_math(atom.text))
        struck = "s" in atom.marks
    text = "".join(parts)
    if "\t" in text:
        text = re.sub(r"[ \t\u00a0]*\t[ \t]*", " ", text)
    return re.sub(r" *\n *", "\n", text) if "\n" in text else text


def _inline_math(text: str) -> str:
    return f"${text.strip()}$" if text.strip() else ""


def _text(atom: Atom, *, marked: bool) -> str:
    if not atom.marks and not atom.link:
        return writing.escape(atom.text)
    if "s" in atom.marks:
        inside = _text(atom._replace(marks=atom.marks.replace("s", "")), marked=marked)
        return "\n".join([writing.emphasised(line, "~~") for line in inside.split("\n")])
    if "c" in atom.marks and atom.text.strip():
        inside = writing.code(atom.text) if "\n" not in atom.text else writing.escape(atom.text)
    else:
        inside = writing.escape(atom.text)
        mark = {"b": "**", "i": "*", "bi": "***"}.get(atom.marks, "") if marked else ""
        if mark:
            inside = "\n".join(writing.emphasised(line, mark) for line in inside.split("\n"))
    if atom.link and inside.strip():
        address = re.sub(r"[\s<>()]", lambda found: f"%{ord(found.group()):02X}", atom.link)
        return f"[{inside.strip()}]({address})" + (" " if inside.endswith(" ") else "")
    return inside
