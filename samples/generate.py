#!/usr/bin/env python3
"""Writes the sample documents: the PDF and the DOCX, from `sources/*.yaml`.

Guarantees: the same sources and the same library versions give the same bytes on every machine. Dates come from the
sources, identifiers are derived, and nothing is compressed, because zlib implementations differ in their output. The
Markdown sample is its own source and is not touched.

Usage: `python samples/generate.py [--output FOLDER]`; the default is the folder of this file.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import docx
import yaml
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from docx.text.paragraph import Paragraph as DocxParagraph
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    ListFlowable,
    ListItem,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

HERE = Path(__file__).resolve().parent
PDF_NAME = "momentum-execution-strategy.pdf"
DOCX_NAME = "dividend-quality-index.docx"
TEXT_WIDTH = A4[0] - 4.6 * cm
ZIP_TIME = (2026, 1, 1, 0, 0, 0)

BODY = ParagraphStyle("Body", fontName="Helvetica", fontSize=10, leading=14, spaceAfter=7)
TITLE = ParagraphStyle("Title", fontName="Helvetica-Bold", fontSize=22, leading=27, spaceAfter=4)
SUBTITLE = ParagraphStyle("Subtitle", fontName="Helvetica", fontSize=13, leading=17, spaceAfter=14)
HEADINGS = {
    1: ParagraphStyle(
        "H1", fontName="Helvetica-Bold", fontSize=15, leading=19, spaceBefore=14, spaceAfter=7, keepWithNext=1
    ),
    2: ParagraphStyle(
        "H2", fontName="Helvetica-Bold", fontSize=12, leading=15, spaceBefore=9, spaceAfter=5, keepWithNext=1
    ),
}
CAPTION = ParagraphStyle("Caption", fontName="Helvetica-Oblique", fontSize=9, leading=12, spaceAfter=4, keepWithNext=1)
CELL = ParagraphStyle("Cell", fontName="Helvetica", fontSize=9, leading=11.5)
HEAD_CELL = ParagraphStyle("HeadCell", parent=CELL, fontName="Helvetica-Bold")
FORMULA = ParagraphStyle(
    "Formula", fontName="Courier", fontSize=10, leading=14, leftIndent=24, spaceAfter=8, spaceBefore=1
)
RULED = TableStyle(
    [
        ("GRID", (0, 0), (-1, -1), 0.5, colors.grey),
        ("BACKGROUND", (0, 0), (-1, 0), colors.whitesmoke),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
    ]
)


@dataclass(frozen=True)
class Source:
    """One sample as data: `blocks` are (kind, content) pairs in reading order.

    Kinds: `h1`, `h2`, `p`, `formula` (text), `list` (texts), `table` (caption, header, rows, widths in per cent) and
    `omml` (an equation as Office Math XML).
    """

    title: str
    subtitle: str
    author: str
    created: datetime
    header: str
    blocks: list[tuple[str, Any]]


def load(name: str) -> Source:
    """Read `sources/<name>.yaml`."""
    raw = yaml.safe_load((HERE / "sources" / f"{name}.yaml").read_text(encoding="utf-8"))
    blocks = [(kind, content) for block in raw["blocks"] for kind, content in block.items()]
    created = datetime.fromisoformat(raw["created"])
    return Source(raw["title"], raw["subtitle"], raw["author"], created, raw["header"], blocks)


class OutlinedTemplate(BaseDocTemplate):
    """A document whose headings become the PDF outline."""

    def afterFlowable(self, flowable: Flowable) -> None:  # noqa: N802  # reportlab's hook
        if not isinstance(flowable, Paragraph):
            return
        for level, style in HEADINGS.items():
            if flowable.style is style:
                text = flowable.getPlainText()
                self.canv.bookmarkPage(text)
                self.canv.addOutlineEntry(text, text, level=level - 1)


def pdf_table(content: dict[str, Any]) -> list[Flowable]:
    """Lay a table out with ruling lines, its caption above it."""
    widths = [TEXT_WIDTH * share / 100 for share in content["widths"]]
    cells = [[Paragraph(escape(cell), HEAD_CELL) for cell in content["header"]]]
    cells += [[Paragraph(escape(cell), CELL) for cell in row] for row in content["rows"]]
    table = Table(cells, colWidths=widths, repeatRows=1, style=RULED)
    caption: list[Flowable] = [Paragraph(escape(content["caption"]), CAPTION)] if "caption" in content else []
    return [*caption, table, Spacer(1, 10)]


def pdf_block(kind: str, content: Any) -> list[Flowable]:
    """Turn one block into flowables."""
    match kind:
        case "h1" | "h2":
            return [Paragraph(escape(content), HEADINGS[int(kind[1])])]
        case "p":
            return [Paragraph(escape(content), BODY)]
        case "formula":
            return [Paragraph(escape(content), FORMULA)]
        case "list":
            items: list[Any] = [ListItem(Paragraph(escape(item), BODY)) for item in content]
            return [ListFlowable(items, bulletType="bullet", start="•", leftIndent=16, bulletFontSize=10)]
        case "table":
            return pdf_table(content)
        case _:
            message = f"a PDF has no block of kind {kind}"
            raise ValueError(message)


def write_pdf(source: Source) -> bytes:
    """Return the PDF of a source."""

    def draw_margins(canvas: Canvas, template: BaseDocTemplate) -> None:
        canvas.saveState()
        canvas.setFont("Helvetica", 8)
        canvas.drawString(2.3 * cm, A4[1] - 1.5 * cm, source.header)
        canvas.drawString(2.3 * cm, 1.3 * cm, "Internal")
        canvas.drawRightString(A4[0] - 2.3 * cm, 1.3 * cm, f"Page {template.page}")
        canvas.restoreState()

    buffer = io.BytesIO()
    template = OutlinedTemplate(
        buffer,
        pagesize=A4,
        title=source.title,
        author=source.author,
        subject=source.subtitle,
        invariant=1,
        pageCompression=0,
    )
    frame = Frame(2.3 * cm, 2.1 * cm, TEXT_WIDTH, A4[1] - 4.3 * cm, 0, 0, 0, 0)
    template.addPageTemplates([PageTemplate(id="page", frames=[frame], onPage=draw_margins)])
    story: list[Flowable] = [Paragraph(escape(source.title), TITLE), Paragraph(escape(source.subtitle), SUBTITLE)]
    for kind, content in source.blocks:
        story += pdf_block(kind, content)
    template.build(story)
    return buffer.getvalue()


def docx_table(document: Any, content: dict[str, Any]) -> None:
    """Add a table with a header row that repeats, its caption above it."""
    if "caption" in content:
        document.add_paragraph(content["caption"], style="Caption").paragraph_format.keep_with_next = True
    rows = [content["header"], *content["rows"]]
    table = document.add_table(rows=len(rows), cols=len(rows[0]), style="Table Grid")
    for cells, row in zip(rows, table.rows, strict=True):
        for text, cell in zip(cells, row.cells, strict=True):
            cell.text = text
    for cell in table.rows[0].cells:
        cell.paragraphs[0].runs[0].bold = True
    table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))  # noqa: SLF001  # python-docx has no API for it
    document.add_paragraph()


def docx_block(document: Any, kind: str, content: Any) -> None:
    """Append one block to the document."""
    match kind:
        case "h1" | "h2":
            document.add_heading(content, level=int(kind[1]))
        case "p":
            document.add_paragraph(content)
        case "list":
            for item in content:
                document.add_paragraph(item, style="List Bullet")
        case "table":
            docx_table(document, content)
        case "omml":
            document.add_paragraph()._p.append(parse_xml(content))  # noqa: SLF001  # python-docx has no API for it
        case _:
            message = f"a DOCX has no block of kind {kind}"
            raise ValueError(message)


def add_page_number(paragraph: DocxParagraph) -> None:
    """Append a PAGE field to a paragraph."""
    paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT
    paragraph.add_run("Page ")
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), "PAGE")
    paragraph._p.append(field)  # noqa: SLF001  # python-docx has no API for it


def prune_template(document: Any) -> None:
    """Drop what python-docx's template brings and no sample uses: nine tenths of the bytes."""
    for style in list(document.styles):
        if style.type == WD_STYLE_TYPE.TABLE and style.name not in {"Normal Table", "Table Grid"}:
            style.delete()
    for rels in (document.part.rels, document.part.package.rels):
        for key in [key for key, rel in rels.items() if rel.reltype.endswith(("/stylesWithEffects", "/thumbnail"))]:
            del rels[key]


def write_docx(source: Source) -> bytes:
    """Return the DOCX of a source."""
    document = docx.Document()
    prune_template(document)
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.header.paragraphs[0].text = source.header
    add_page_number(section.footer.paragraphs[0])
    document.styles["Normal"].font.size = Pt(11)
    properties = document.core_properties
    properties.title, properties.subject, properties.author = source.title, source.subtitle, source.author
    properties.last_modified_by, properties.comments, properties.revision = source.author, "", 1
    properties.created = properties.modified = source.created.replace(tzinfo=None)
    document.add_paragraph(source.title, style="Title")
    document.add_paragraph(source.subtitle, style="Subtitle")
    for kind, content in source.blocks:
        docx_block(document, kind, content)
    buffer = io.BytesIO()
    document.save(buffer)
    return with_fixed_times(buffer.getvalue())


def with_fixed_times(archive: bytes) -> bytes:
    """Return the same archive, its members in the same order, stored uncompressed and with one fixed time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as original, zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as fixed:
        for member in original.infolist():
            info = zipfile.ZipInfo(member.filename, date_time=ZIP_TIME)
            info.create_system = 3
            fixed.writestr(info, original.read(member))
    return buffer.getvalue()


def main() -> None:
    """Write both documents."""
    parser = argparse.ArgumentParser(description="Writes the PDF and the DOCX sample.")
    parser.add_argument("--output", type=Path, default=HERE, help="folder that receives the documents")
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    (output / PDF_NAME).write_bytes(write_pdf(load(Path(PDF_NAME).stem)))
    (output / DOCX_NAME).write_bytes(write_docx(load(Path(DOCX_NAME).stem)))


if __name__ == "__main__":
    main()
