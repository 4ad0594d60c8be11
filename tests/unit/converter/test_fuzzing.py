"""Drawn Markdown: whatever marks are put together, a conversion is sound or ends typed."""

from __future__ import annotations

import contextlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docward.converter.conversion import ConversionError, convert
from docward.runtime.sniffing import MARKDOWN

BOUNDED = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
MARKS = (
    *"#*_`~|-+>[](){}$\\:!<&\n\t ", "---\n", "```\n", "```{math}\n", ":::{note}\n", "(target)=\n", "{math}`x`", "[^1]",
    "[^1]: ", "$$\n", "\n\n", "    ", "| a | b |\n| - | - |\n", "\\begin{align}\n", "\\end{align}\n",
    "1. ", "α", "\ufeff", "word", "5 %", "\x00", "\u2028",
)  # fmt: skip


@BOUNDED
@given(st.lists(st.sampled_from(MARKS), max_size=60))
def test_any_marks_make_sound_markdown(sound, parts):
    with contextlib.suppress(ConversionError):
        sound(convert("".join(parts).encode(), MARKDOWN, document_id="d"))
