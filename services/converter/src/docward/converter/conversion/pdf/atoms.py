"""What the glyphs and words of a formula are: letters, operators, brackets, each in LaTeX and with its place.

What has no meaning here is no guess: it raises `UnknownError`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from docward.converter.conversion.pdf.page import Run
from docward.converter.conversion.pdf.symbols import (
    ACCENTS,
    CLOSING,
    CONDITIONS,
    FUNCTIONS,
    GREEK,
    LETTERS,
    LIMITED,
    LIMITED_NAMES,
    MARKS,
    OPENING,
    OPERATORS,
    RELATIONS,
)

Kind = Literal["letter", "word", "number", "operator", "relation", "limits", "open", "close", "mark", "accent", "whole"]
TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[A-Za-z]{2,}(?:\s+[A-Za-z]{2,})*|\S")


@dataclass(slots=True)
class Atom:
    """One thing on the line, already LaTeX."""

    latex: str
    kind: Kind
    x0: float
    y0: float
    x1: float
    y1: float
    base: float
    size: float

    @property
    def middle(self) -> float:
        return (self.x0 + self.x1) / 2

    @property
    def height(self) -> float:
        return (self.y0 + self.y1) / 2

    @property
    def tall(self) -> bool:
        """A bracket or an operator that grows with what it holds stands on the axis, whatever its baseline."""
        return self.kind == "limits" or (
            self.kind in {"open", "close", "mark"} and self.y1 - self.y0 > 1.15 * self.size
        )


class UnknownError(Exception):
    """There is something in the formula that has no meaning here."""


def atoms_of(runs: Sequence[Run]) -> list[Atom]:
    return _one_root([atom for run in runs for atom in _atoms(run)])


def _atoms(run: Run) -> Iterator[Atom]:
    """A run's tokens; inside a run they stand where characters of one width would."""
    text = run.text.rstrip()
    width = (run.x1 - run.x0) / max(len(text), 1)
    for found in TOKEN.finditer(text):
        for start, token in _tokens(found, run):
            latex, kind = _meaning(token, run)
            x0 = run.x0 + start * width
            x1 = run.x1 if start + len(token) == len(text) else x0 + len(token) * width
            yield Atom(latex, kind, x0, run.y0, x1, run.y1, run.base, run.size)


def _tokens(found: re.Match[str], run: Run) -> Iterator[tuple[int, str]]:
    """A word, or its letters where they are set as letters."""
    token = found[0]
    if token[0].isalpha() and run.italic and not (" " in token or token.casefold() in FUNCTIONS):
        yield from ((found.start() + at, letter) for at, letter in enumerate(token))
    else:
        yield found.start(), token


def _meaning(token: str, run: Run) -> tuple[str, Kind]:
    if token[0].isdigit():
        return token, "number"
    for table, kind in _TABLES:
        if token in table:
            return table[token], kind
    plain = unicodedata.normalize("NFKC", token)
    if plain != token and len(plain) == 1 and plain.isalnum():
        name = unicodedata.name(token, "")
        inner = GREEK.get(plain, plain)
        style = "mathbb" if "DOUBLE-STRUCK" in name else "mathcal" if "SCRIPT" in name else ""
        style = style or ("mathbf" if "BOLD" in name else "")
        return (f"\\{style}{{{inner}}}" if style else inner), "letter"
    if len(plain) > 1 and plain.isascii() and plain.replace(" ", "").isalpha():
        return _word(plain)
    if len(token) == 1 and token.isascii() and token.isalnum():
        return (f"\\mathbf{{{token}}}" if run.bold else token), "letter"
    raise UnknownError(token)


_TABLES: tuple[tuple[dict[str, str], Kind], ...] = (
    (LETTERS, "letter"), (OPERATORS, "operator"), (RELATIONS, "relation"), (LIMITED, "limits"), (OPENING, "open"),
    (CLOSING, "close"), (MARKS, "mark"), ({"√": "√"}, "mark"), (ACCENTS, "accent"),
)  # fmt: skip


def _word(word: str) -> tuple[str, Kind]:
    if word in FUNCTIONS:
        return f"\\{word}", "limits" if word in LIMITED_NAMES else "word"
    if found := re.fullmatch(r"arg ?(max|min)", word):
        return f"\\arg\\{found[1]}", "limits"
    if word in CONDITIONS:
        return f"\\text{{{word} }}", "word"
    return f"\\{'text' if ' ' in word else 'mathrm'}{{{word}}}", "word"


def _one_root(atoms: Sequence[Atom]) -> list[Atom]:
    """A tall root or bracket that is built of pieces is one."""
    whole: list[Atom] = []
    for atom in atoms:
        near = next(
            (
                one
                for one in whole
                if one.latex == atom.latex and abs(one.x0 - atom.x0) < 0.2 * atom.size
                and (one.kind in {"open", "close"} or one.latex in {"√", "|"})
                and one.y0 - 0.4 * atom.size < atom.y1 and atom.y0 < one.y1 + 0.4 * atom.size
            ),
            None,
        )  # fmt: skip
        if near is None:
            whole.append(atom)
        else:
            near.x0, near.x1 = min(near.x0, atom.x0), max(near.x1, atom.x1)
            near.y0, near.y1 = min(near.y0, atom.y0), max(near.y1, atom.y1)
    return whole
