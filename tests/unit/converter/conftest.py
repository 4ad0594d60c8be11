"""What holds for every conversion, as one assertion that the tests of each format share."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest

from docward.converter.conversion import Conversion
from docward.events.ir import Ir


def elements(ir: Ir):
    return [*ir.sections, *ir.blocks, *ir.definitions, *ir.formulas, *ir.tables, *ir.references, *ir.parameters]


def assert_sound(conversion: Conversion) -> None:
    markdown, ir = conversion.markdown, conversion.ir
    assert ir.markdown_length == len(markdown)
    covered = bytearray(len(markdown))
    for block in ir.blocks:
        start, end = block.span.start, block.span.end
        assert start < end <= len(markdown)
        assert not any(covered[start:end]), f"two blocks overlap at {start}: {markdown[start:end][:60]!r}"
        covered[start:end] = b"\1" * (end - start)
    lost = [at for at, char in enumerate(markdown) if not char.isspace() and not covered[at]]
    assert not lost, f"no block covers {markdown[lost[0] : lost[0] + 40]!r}"
    ids = [element.id for element in elements(ir)]
    assert len(ids) == len(set(ids))
    for element in elements(ir):
        assert 0 <= element.span.start < element.span.end <= len(markdown)
        assert element.section_id is None or any(section.id == element.section_id for section in ir.sections)
    for exact in (*ir.definitions, *ir.formulas, *ir.references):
        assert markdown[exact.span.start : exact.span.end] == exact.text
    for one, following in pairwise(ir.sections):
        assert one.span.end <= following.span.start
    for section in ir.sections:
        assert section.span.start <= section.heading.start <= section.heading.end <= section.span.end
    assert conversion.report.characters_in <= conversion.report.characters_out + sum(
        item.characters for item in conversion.report.dropped
    )


@pytest.fixture
def sound() -> Callable[[Conversion], None]:
    return assert_sound
