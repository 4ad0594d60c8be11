"""Headers and footers of a Word document: kept apart from its text, each with the pages that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, get_args

from docward.converter.conversion.docx.package import R, Relation, W, switched_on
from docward.converter.conversion.docx.review import Review, text_of
from docward.converter.conversion.docx.runs import Runs
from docward.converter.conversion.docx.styles import Styles
from docward.converter.conversion.outcome import visible
from docward.events.ir import PageMargin

P, SECTION = W + "p", W + "sectPr"
KINDS: dict[str, Literal["header", "footer"]] = {W + "headerReference": "header", W + "footerReference": "footer"}
Pages = Literal["default", "first", "even"]
PAGES: dict[str, Pages] = {one: one for one in get_args(Pages)}


class Margins:
    def __init__(self, tree: Callable[[str], Any | None], settings: str, styles: Styles) -> None:
        self._tree, self._settings, self._styles = tree, settings, styles
        self.hidden = 0
        """Characters of what no page shows, or is deleted or struck through."""

    def read(self, root: Any | None, relations: Mapping[str, Relation]) -> Iterator[PageMargin]:
        """Every header and footer once, where it first stands. Changes in them are accepted."""
        parts = dict.fromkeys(one.target for one in relations.values() if one.kind in KINDS.values())
        if not parts or root is None:
            return
        sections = [one for one in root.iter(SECTION) if one.getparent().tag != W + "sectPrChange"]
        shown = {"default"}
        if any(switched_on(one, "titlePg") for one in sections):
            shown.add("first")
        if switched_on(self._tree(self._settings), "evenAndOddHeaders"):
            shown.add("even")
        for number, section in enumerate(sections, 1):
            for node in section.iterchildren(*KINDS):
                pages = PAGES.get(node.get(W + "type", "default"), "default")
                relation = relations.get(node.get(R + "id", ""))
                if pages in shown and relation is not None and relation.target in parts:
                    del parts[relation.target]
                    if text := self._text(relation.target):
                        yield PageMargin(kind=KINDS[node.tag], pages=pages, section=number, text=text)
        for target in parts:
            root = self._tree(target)
            self.hidden += visible(text_of(root)) if root is not None else 0

    def _text(self, target: str) -> str:
        root = self._tree(target)
        if root is None:
            return ""
        runs = Runs(self._styles, {}, Review())
        lines = []
        for paragraph in root.iter(P):
            runs.read(paragraph)
            shown = [atom for atom in runs.take() if atom.kind != "raw" and "s" not in atom.marks]
            lines.append("".join([atom.text for atom in shown]).strip())
        text = "\n".join(filter(None, lines))
        self.hidden += max(0, visible(text_of(root)) - visible(text))
        return text
