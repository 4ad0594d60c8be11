"""What a font's name, flags and weight tell of the texts that are set in it: their style, and how they are spelled."""

from __future__ import annotations

import re
from functools import lru_cache

from docward.converter.conversion.pdf.objects import Style

BOLD = re.compile(r"bold|black|heavy|semibold|demi|cmbx|-b\b|\bbd\b", re.IGNORECASE)
ITALIC = re.compile(r"ital|oblique|cmti|cmmi|-i\b|-it\b", re.IGNORECASE)
MONO = re.compile(r"courier|mono|consol|menlo|cmtt|typewriter|fixed", re.IGNORECASE)
EXTENSION = re.compile(r"cmex|mathextension", re.IGNORECASE)
"""Fonts that hold TeX's large symbols."""
FIXED, HEAVY = 1, 600
"""A flag of fonts, and a weight."""
SPELLING = {
    **dict.fromkeys([*range(0x09), *range(0x0A, 0x20), 0x7F, 0xFFFE, 0xFFFF], " "),
    **{
        ord(glyph): spelled
        for glyph, spelled in {
            "\x02": "-", "\r": "", "ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "ﬃ": "ffi", "ﬄ": "ffl", "\u00ad": "-",
            "\u00a0": " ", "\u200b": "",
        }.items()
    },
}  # fmt: skip
"""No control characters, no ligatures; the tabulator stays."""

LARGE = {
    **SPELLING,
    **{start + at: glyph for start in (0x00, 0x20) for at, glyph in enumerate("()[]⌊⌋⌈⌉{}⟨⟩")},
    **{0x10 + at: glyph for at, glyph in enumerate("()()[]⌊⌋⌈⌉{}⟨⟩")},
    **{0x30 + at: glyph for at, glyph in enumerate("()[][][]{}{}{}{|")},
    **{0x40 + at: glyph for at, glyph in enumerate("()()⟨⟩⊔⊔∮∮⊙⊙⊕⊕⊗⊗")},
    **{start + at: glyph for start in (0x50, 0x58) for at, glyph in enumerate("∑∏∫⋃⋂⊎⋀⋁")},
    **{0x62 + at: glyph for at, glyph in enumerate("ˆˆˆ˜˜˜[]⌊⌋⌈⌉{}√√√√√√√")},
    **dict.fromkeys((0x0E, 0x1E, 0x2C, 0x2E), "/"), 0x0C: "|", 0x0D: "‖", 0x60: "∐", 0x61: "∐",
}  # fmt: skip
"""TeX's large operators, brackets and roots, whose fonts say no meanings: by their places in the OMX encoding."""


@lru_cache(maxsize=1000)
def style_of(name: bytes, flags: int, weight: int) -> Style:
    """Of a font."""
    own = name.decode("utf-8", errors="replace").split("+")[-1]
    bold = weight >= HEAVY or bool(BOLD.search(own))
    mono = bool(MONO.search(own)) or (flags > 0 and bool(flags & FIXED))
    large = bool(EXTENSION.search(own))
    return Style(bold, bool(ITALIC.search(own)), mono, LARGE if large else SPELLING, large)
