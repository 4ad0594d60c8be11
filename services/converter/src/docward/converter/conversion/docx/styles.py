"""What a paragraph or a run is, told by its style, the styles that it is based on, and its own properties.

A style is resolved once, when it is first met.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from docward.converter.conversion.docx.package import W, switched_on, value, whole_number
from docward.converter.conversion.docx.review import DELETED, KINDS

Role = Literal["title", "toc", "code", "quote", "plain"]
CODE_FONTS = re.compile(r"courier|consolas|mono|menlo|code", re.IGNORECASE)
CONTENTS = re.compile(r"toc (?:\d|heading)|table of figures")
CODE = re.compile(r"source code|\bcode\b|html preformatted|preformatted text|macro text")
CODE_RUN = re.compile(r"verbatim|code|html (?:code|typewriter)")
NESTED = re.compile(r"list (?:bullet|number|continue)? ?([2-5])")
VAL, P_PR, P_STYLE, NUM_PR, OUTLINE, R_PR, FRAME, DROP_CAP = (
    W + name for name in ("val", "pPr", "pStyle", "numPr", "outlineLvl", "rPr", "framePr", "dropCap")
)
STRESS = {"strong": "b", "intense emphasis": "b", "emphasis": "i"}


@dataclass(frozen=True)
class Style:
    id: str
    name: str
    based_on: str | None
    list_id: str | None
    list_level: int | None
    outline: int | None
    code_font: bool
    struck: bool


@dataclass(frozen=True, slots=True)
class Kind:
    """What a style makes of its paragraphs and runs."""

    role: Role = "plain"
    heading: int | None = None
    """1 for the highest level."""
    body: bool = False
    """Whether it says that it is no heading, whatever the paragraph says."""
    list_id: str | None = None
    list_level: int | None = None
    """None where only the list knows it."""
    list_style: str = ""
    """The style in the chain that is in the list."""
    nesting: int = 0
    """Depth that the name of a list style says: 1 for “List Bullet 2”."""
    marks: frozenset[str] = frozenset()
    """`b` bold, `i` italic, `c` code, `s` struck through, of a run."""


class Paragraph(NamedTuple):
    """What stands in a paragraph's own `w:pPr`."""

    style: str | None = None
    list_id: str | None = None
    list_level: str | None = None
    outline: str | None = None
    end: Any = None
    """The tracked change of its end, if any: `w:ins`, `w:del`, …"""

    initial: bool = False
    """Whether it is the large letter with which the next paragraph begins."""

    @property
    def joined(self) -> bool:
        """Whether it goes on in the next paragraph."""
        return self.initial or (self.end is not None and self.end.tag in DELETED)


PLAIN = Paragraph()


class Styles:
    def __init__(self, root: Any | None) -> None:
        nodes = root.iter(W + "style") if root is not None else ()
        self._nodes = {node.get(W + "styleId", ""): node for node in nodes}
        self._styles: dict[str, Style] = {}
        self._kinds: dict[str | None, Kind] = {None: Kind()}

    def kind(self, style_id: str | None) -> Kind:
        found = self._kinds.get(style_id)
        if found is None:
            found = self._kinds[style_id] = _kind(style_id or "", self._chain(style_id))
        return found

    def list_of_style(self, style_id: str) -> str:
        """The id of the list that a numbering style stands for."""
        return (self._style(style_id).list_id or "") if style_id in self._nodes else ""

    def heading_level(self, own: Paragraph) -> int | None:
        kind = self.kind(own.style)
        if kind.heading is None and not kind.body and own.outline and whole_number(own.outline, 9) < 9:
            return whole_number(own.outline) + 1
        return kind.heading

    def list_of(self, own: Paragraph) -> tuple[str, int | None, str] | None:
        """List id, level and the style that says so; the level is None where only the list knows it."""
        if own.list_id is not None:
            return None if own.list_id == "0" else (own.list_id, whole_number(own.list_level), "")
        kind = self.kind(own.style)
        if kind.list_id is None or kind.list_id == "0":
            return None
        level = whole_number(own.list_level) if own.list_level is not None else kind.list_level
        return kind.list_id, level, kind.list_style

    def _style(self, style_id: str) -> Style:
        if style_id not in self._styles:
            self._styles[style_id] = _style(self._nodes[style_id])
        return self._styles[style_id]

    def _chain(self, style_id: str | None) -> list[Style]:
        """The style and its ancestors; a circle of styles ends where it began."""
        chain: dict[str, Style] = {}
        while style_id is not None and style_id in self._nodes and style_id not in chain:
            chain[style_id] = self._style(style_id)
            style_id = chain[style_id].based_on
        return list(chain.values())


def paragraph_of(paragraph: Any) -> Paragraph:
    """Reads the `w:pPr` with which a paragraph begins."""
    properties = next(iter(paragraph), None)
    if properties is None or properties.tag != P_PR:
        return PLAIN
    style = list_id = list_level = outline = None
    end, initial = None, False
    for node in properties:
        name = node.tag
        if name == P_STYLE:
            style = node.get(VAL, "")
        elif name == NUM_PR:
            list_id, list_level = value(node, "numId"), value(node, "ilvl")
        elif name == OUTLINE:
            outline = node.get(VAL, "")
        elif name == R_PR:
            end = next(node.iterchildren(*KINDS), None)
        elif name == FRAME:
            initial = node.get(DROP_CAP, "none") != "none"
    return Paragraph(style, list_id, list_level, outline, end, initial)


def _kind(style_id: str, chain: list[Style]) -> Kind:
    heading, body = _heading(style_id, chain)
    in_list = next((style for style in chain if style.list_id is not None), None)
    names = [style.name for style in chain]
    marks = {STRESS[name] for name in names if name in STRESS}
    if any(style.code_font or CODE_RUN.search(style.name) for style in chain):
        marks = {"c"}
    if any(style.struck for style in chain):
        marks.add("s")
    return Kind(
        role=next((role for role in map(_role, names) if role != "plain"), "plain"),
        heading=heading,
        body=body,
        list_id=in_list.list_id if in_list else None,
        list_level=in_list.list_level if in_list else None,
        list_style=in_list.id if in_list else "",
        nesting=next((int(found[1]) - 1 for name in names if (found := NESTED.fullmatch(name))), 0),
        marks=frozenset(marks),
    )


def _heading(style_id: str, chain: list[Style]) -> tuple[int | None, bool]:
    for style in chain:
        if found := re.fullmatch(r"heading ?([1-9])", style.name):
            return int(found[1]), False
        if style.outline is not None:
            return (style.outline + 1, False) if style.outline < 9 else (None, True)
    found = re.fullmatch(r"Heading([1-9])", style_id)
    return (int(found[1]) if found else None), False


def _role(name: str) -> Role:
    if name == "title":
        return "title"
    if CONTENTS.match(name):
        return "toc"
    if CODE.search(name):
        return "code"
    return "quote" if name in {"quote", "intense quote", "block text"} else "plain"


def _style(node: Any) -> Style:
    paragraph, run = node.find(W + "pPr"), node.find(W + "rPr")
    numbering = paragraph.find(W + "numPr") if paragraph is not None else None
    level, outline = value(numbering, "ilvl"), value(paragraph, "outlineLvl")
    fonts = run.find(W + "rFonts") if run is not None else None
    return Style(
        id=node.get(W + "styleId", ""),
        name=(value(node, "name") or "").lower(),
        based_on=value(node, "basedOn"),
        list_id=value(numbering, "numId"),
        list_level=None if level is None else whole_number(level),
        outline=None if outline is None else whole_number(outline, 9),
        code_font=fonts is not None and bool(CODE_FONTS.search(fonts.get(W + "ascii", ""))),
        struck=switched_on(run, "strike") or switched_on(run, "dstrike"),
    )
