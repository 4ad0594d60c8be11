"""Documents become Markdown and the semantic IR.

`convert` is a pure function: same bytes, same result. On any input it returns or raises `ConversionError`, as far as
the machine's memory and time allow; hostile input needs the limits of `docward.converter.sandbox` around it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from docward.converter.conversion.docx.reader import read_docx
from docward.converter.conversion.html import read_html
from docward.converter.conversion.ir import build_ir
from docward.converter.conversion.markdown import read_markdown
from docward.converter.conversion.outcome import Conversion, ConversionError, Draft, Report, visible
from docward.converter.conversion.pages import Pages
from docward.converter.conversion.pdf.reader import read_pdf
from docward.converter.conversion.plain import read_plain
from docward.converter.conversion.rst import read_rst
from docward.events.losses import Dropped
from docward.runtime.sniffing import DOCX, HTML, MARKDOWN, PDF, RST, TAKEN, TEXT

__all__ = ["Conversion", "ConversionError", "Dropped", "Report", "convert"]

LARGE = 2**19
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""glibc's: what the tree of a large document took goes back to the system before its IR is built, 90 of 280 MB."""

READERS: dict[str, Callable[[bytes], Draft]] = {
    MARKDOWN: read_markdown,
    TEXT: read_plain,
    DOCX: read_docx,
    HTML: read_html,
    RST: read_rst,
}


def convert(
    data: bytes, media_type: str, *, document_id: str, filename: str = "", pages: Pages | None = None
) -> Conversion:
    """Markdown (line ends LF), its IR and what was lost on the way. Raises ConversionError.

    Of a document that has pages, those that `pages` wants.
    """
    pages = pages or Pages()
    readers: dict[str, Callable[[bytes], Draft]] = {**READERS, PDF: partial(read_pdf, wanted=pages)}
    reader = readers.get(media_type)
    if reader is None:
        name = f"“{filename}”" if filename else "The file"
        raise ConversionError("unsupported-type", f"{name} is of type {media_type}; please upload {TAKEN}.")
    try:
        draft = reader(data)
        if _trim and len(draft.markdown) > LARGE:
            _trim(0)
        left_out = tuple(pages.warnings())
        draft = replace(draft, warnings=(*left_out, *draft.warnings))
        if not draft.markdown.strip():
            raise ConversionError("empty", "The document has no text; please check that the right file was uploaded.")
        ir = build_ir(draft, document_id)
    except RecursionError as error:
        raise ConversionError(
            "damaged", "The document is nested deeper than any real one; please save it anew."
        ) from error
    return Conversion(
        markdown=draft.markdown,
        ir=ir,
        report=Report(
            characters_in=draft.characters_in,
            characters_out=visible(draft.markdown),
            dropped=draft.dropped,
            kept=draft.kept,
            warnings=draft.warnings,
            pages=draft.pages,
            partial=bool(left_out),
        ),
    )
