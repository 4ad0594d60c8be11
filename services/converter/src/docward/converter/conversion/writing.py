"""Text as Markdown that reads back as that text, with as few escapes as that needs: quotes must stay findable."""

from __future__ import annotations

import re
from collections.abc import Sequence

INLINE = re.compile(
    r"\\(?=[!-/:-@\[-`{-~])"  # a backslash before punctuation would escape it
    r"|\*(?=\S)"  # a star before a word could open emphasis; one that could only close it is harmless
    r"|_(?<![^\W_]_)(?=\S)"  # the same for an underscore, which inside a word is only an underscore
    r"|~(?=~)|`|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\[(?=\^)|\](?=[(\[:])"
)
SPECIAL = re.compile(r"[\\*_`<&\[\]$~]")
"""What INLINE and MATH begin with: most texts have nothing of it."""
MATH = re.compile(r"\$\$|\$(?:\S[^$]*)?\S\$(?!\d)")
LINE_START = re.compile(r"^(?:#{1,6}(?=\s|$)|>|\+(?=\s|$)|(?:-+|=+)(?=\s*$)|([-*_])(?=(?:[ \t]*\1){2,}[ \t]*$)|~~~|\|)")


def escape(text: str) -> str:
    """Inline text."""
    if not SPECIAL.search(text):
        return text
    escaped = INLINE.sub(r"\\\g<0>", text)
    return escaped.replace("$", r"\$") if "$" in text and MATH.search(text) else escaped


def paragraph(text: str) -> str:
    """Lines that stay lines. A typed “- ” or “1. ” is left: it is the list that its author meant."""
    lines = [line.strip() for line in text.split("\n")]
    return "\n".join(["\\" + line if LINE_START.match(line) else line for line in lines if line])


def heading(level: int, text: str) -> str:
    return f"{'#' * min(max(level, 1), 6)} {' '.join(text.split())}"


def fence(text: str, info: str = "") -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    mark = "`" * max(3, longest + 1)
    return f"{mark}{info}\n{text.rstrip()}\n{mark}"


def indented(text: str, first: str, others: str) -> str:
    """Lines of blocks inside a list item, a note or a quote; a blank line gets no blanks at its end."""
    lines = text.split("\n")
    return "\n".join([first + lines[0], *((others + line).rstrip() for line in lines[1:])])


def table(rows: Sequence[Sequence[str]]) -> str:
    """A GFM table; the first row is its header."""
    width = max(map(len, rows))
    lines = ["| " + " | ".join(_cell(text) for text in [*row, *[""] * (width - len(row))]) + " |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])


def _cell(text: str) -> str:
    if "\n" in text:
        text = "<br>".join(line.strip() for line in text.split("\n") if line.strip())
    return text.strip().replace("|", r"\|")


def emphasised(text: str, mark: str) -> str:
    """Marks go inside the blanks around the words, or Markdown does not see them."""
    inside = text.strip()
    if not inside or not mark:
        return text
    start = text.index(inside)
    return f"{text[:start]}{mark}{inside}{mark[::-1]}{text[start + len(inside) :]}"


def code(text: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    mark = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{mark}{pad}{text}{pad}{mark}"
