"""What holds for every conversion, as one assertion that the tests of each format share; builders of documents."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.platypus import SimpleDocTemplate

from docward.converter.conversion import Conversion
from docward.events.ir import Element, Ir


def elements(ir: Ir) -> list[Element]:
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
    for span in [*(one.span for one in ir.tracked_changes), *(one.span for one in ir.comments)]:
        assert span is None or span.start <= span.end <= len(markdown)
    stated = [(one.span, one.text) for one in ir.definitions]
    stated += [(one.span, one.text) for one in ir.formulas]
    stated += [(one.span, one.text) for one in ir.references]
    assert [text for span, text in stated if markdown[span.start : span.end] != text] == []
    for one, following in pairwise(ir.sections):
        assert one.span.end <= following.span.start
    for section in ir.sections:
        assert section.span.start <= section.heading.start <= section.heading.end <= section.span.end
    report = conversion.report
    beside = sum(item.characters for item in report.dropped) + sum(item.characters for item in report.kept)
    assert report.characters_in <= report.characters_out + beside


@pytest.fixture
def sound() -> Callable[[Conversion], None]:
    return assert_sound


WORD = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    ' xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def a_word_file(body: str, *, relations: str = "", **parts: str) -> bytes:
    """A Word document of this body; further parts by name (`numbering`, `footnotes`, `header1`, …)."""
    names = "".join(
        f'<Relationship Id="p{at}" Type="{OFFICE}/{name.rstrip("123")}" Target="{name}.xml"/>'
        for at, name in enumerate(parts)
    )
    files = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
        f'<Relationship Id="r" Type="{OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{names}{relations}'
        "</Relationships>",
        "word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>",
    }
    for name, content in parts.items():
        files[f"word/{name}.xml"] = content.replace("XMLNS", WORD, 1)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def a_paragraph(text: str, properties: str = "") -> str:
    return f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


@pytest.fixture
def word_file() -> Callable[..., bytes]:
    return a_word_file


@pytest.fixture
def paragraph() -> Callable[..., str]:
    return a_paragraph


def a_pdf(story: Sequence[Any], **options: Any) -> bytes:
    """A PDF of these flowables, with reportlab's usual margins."""
    out = io.BytesIO()
    decorate = options.pop("decorate", lambda *_: None)
    SimpleDocTemplate(out, pagesize=A4, invariant=1, **options).build(
        list(story), onFirstPage=decorate, onLaterPages=decorate
    )
    return out.getvalue()


@pytest.fixture
def pdf() -> Callable[..., bytes]:
    return a_pdf
