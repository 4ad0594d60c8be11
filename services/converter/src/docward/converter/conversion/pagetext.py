"""Text of a page as Markdown has it: blanks, formulas, raised and lowered characters, blocks of an item."""

from __future__ import annotations

import re
from collections.abc import Sequence

RAISED = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
ENDINGS = frozenset({"st", "nd", "rd", "th", "tm", "sm", "™", "®", "©"})
LOWERED = str.maketrans("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")


def flat(text: str | None) -> str:
    return re.sub(r"[ \t\r\n\f\u00a0]+", " ", text or "")


def tidy(text: str) -> str:
    return re.sub(r" *\n *", "\n", re.sub(r" {2,}", " ", text))


def joined(blocks: Sequence[str]) -> str:
    """Blocks of a list item: an inner list follows its item at once."""
    return "".join(
        block if index == 0 else ("\n" if re.match(r"(?:-|\d+\.) ", block) else "\n\n") + block
        for index, block in enumerate(blocks)
    )


def bare_tex(text: str) -> str:
    text = text.strip()
    for start, end in (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"), ("$", "$")):
        if text.startswith(start) and text.endswith(end) and len(text) >= len(start + end):
            text = text[len(start) : -len(end)]
            break
    return "\n".join(line.strip() for line in text.split("\n") if line.strip()).replace("$", r"\$")


def formula(text: str, *, display: bool) -> str:
    tex, mark = bare_tex(text), "$$" if display or text.strip().startswith("\\[") else "$"
    return f"{mark}{tex}{mark}" if tex else ""


def shifted(text: str, *, raised: bool) -> str:
    """As characters that are raised or lowered, or behind `^` or `_`; endings as in “3rd” stay as they are."""
    if not text.strip() or text.startswith("[^") or (raised and text.lower() in ENDINGS):
        return text
    shifted = text.translate(RAISED if raised else LOWERED)
    if not set(shifted) & set(text):
        return shifted
    return f"{'^' if raised else '_'}{text}" if len(text) == 1 else f"{'^' if raised else '_'}({text})"
