"""What a paragraph is, told by its style, the styles that it is based on, and its own properties."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from docward.converter.conversion.docx.package import W, value, whole_number

Role = Literal["title", "toc", "code", "quote", "plain"]
CODE_FONTS = re.compile(r"courier|consolas|mono|menlo|code", re.IGNORECASE)


@dataclass(frozen=True)
class Style:
    id: str
    name: str
    based_on: str | None
    list_id: str | None
    list_level: int | None
    outline: int | None
    code_font: bool


class Styles:
    def __init__(self, root: Any | None) -> None:
        nodes = root.iter(W + "style") if root is not None else ()
        self._styles = {style.id: style for style in map(_style, nodes)}

    def chain(self, style_id: str | None) -> list[Style]:
        """The style and its ancestors; a circle of styles ends where it began."""
        chain: list[Style] = []
        while style_id in self._styles and self._styles[style_id] not in chain:
            chain.append(self._styles[style_id])
            style_id = chain[-1].based_on
        return chain

    def lists(self) -> dict[str, str]:
        """List ids by style id."""
        return {style.id: style.list_id for style in self._styles.values() if style.list_id}

    def heading_level(self, properties: Any | None) -> int | None:
        """1 for the highest level."""
        for style in self.chain(value(properties, "pStyle")):
            if found := re.fullmatch(r"heading ?([1-9])", style.name):
                return int(found[1])
            if style.outline is not None:
                return style.outline + 1 if style.outline < 9 else None
        own = value(properties, "outlineLvl")
        if own is not None and whole_number(own, 9) < 9:
            return whole_number(own) + 1
        found = re.fullmatch(r"Heading([1-9])", value(properties, "pStyle") or "")
        return int(found[1]) if found else None

    def role(self, properties: Any | None) -> Role:
        for style in self.chain(value(properties, "pStyle")):
            if style.name == "title":
                return "title"
            if re.match(r"toc (?:\d|heading)|table of figures", style.name):
                return "toc"
            if re.search(r"source code|\bcode\b|html preformatted|preformatted text|macro text", style.name):
                return "code"
            if style.name in {"quote", "intense quote", "block text"}:
                return "quote"
        return "plain"

    def list_of(self, properties: Any | None) -> tuple[str, int | None, str | None] | None:
        """List id, level and the style that says so; the level is None where only the list knows it."""
        own = properties.find(W + "numPr") if properties is not None else None
        own_id, own_level = value(own, "numId"), value(own, "ilvl")
        if own_id is not None:
            return None if own_id == "0" else (own_id, whole_number(own_level), None)
        for style in self.chain(value(properties, "pStyle")):
            if style.list_id == "0":
                return None
            if style.list_id is not None:
                level = whole_number(own_level) if own_level is not None else style.list_level
                return style.list_id, level, style.id
        return None

    def nesting(self, properties: Any | None) -> int:
        """Depth that the name of a list style says: 1 for “List Bullet 2”."""
        for style in self.chain(value(properties, "pStyle")):
            if found := re.fullmatch(r"list (?:bullet|number|continue)? ?([2-5])", style.name):
                return int(found[1]) - 1
        return 0

    def is_code(self, run_properties: Any | None) -> bool:
        if run_properties is None:
            return False
        fonts = run_properties.find(W + "rFonts")
        if fonts is not None and CODE_FONTS.search(fonts.get(W + "ascii", "")):
            return True
        names = self.chain(value(run_properties, "rStyle"))
        return any(
            style.code_font or re.search(r"verbatim|code|html (?:code|typewriter)", style.name) for style in names
        )

    def emphasis(self, run_properties: Any | None) -> set[str]:
        names = [style.name for style in self.chain(value(run_properties, "rStyle"))]
        marks = {"strong": "b", "intense emphasis": "b", "emphasis": "i"}
        return {marks[name] for name in names if name in marks}


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
    )
