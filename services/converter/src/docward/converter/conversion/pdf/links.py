"""Link annotations of a page: the words they lie on and the address they lead to, where an address is harmless."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pypdfium2.raw as pdfium_c

from docward.converter.conversion import writing
from docward.converter.conversion.pdf.lines import Line
from docward.converter.conversion.pdf.page import Link, Page

ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s<>\x00-\x20]{1,2000}$", re.IGNORECASE)
MOST = 2000
"""Of one page."""


def links_of(document: Any, page: Any, text_page: Any, left: float, bottom: float) -> list[Link]:
    """`document`, `page`: of pypdfium2. The page is not rotated; `left`, `bottom`: its corner in its own space."""
    return [
        Link(text, address, (box.left + box.right) / 2 - left, (box.top + box.bottom) / 2 - bottom)
        for address, box in _boxes(document, page)
        if (text := " ".join(bounded(text_page, box).split()))
    ]


def _boxes(document: Any, page: Any) -> Iterator[tuple[str, Any]]:
    """Addresses and where they lie."""
    start, link = ctypes.c_int(0), pdfium_c.FPDF_LINK()
    for _ in range(MOST):
        if not pdfium_c.FPDFLink_Enumerate(page.raw, start, link):
            return
        if address := _address(document, link):
            box = pdfium_c.FS_RECTF()
            pdfium_c.FPDFLink_GetAnnotRect(link, box)
            yield address, box


def _address(document: Any, link: Any) -> str | None:
    action = pdfium_c.FPDFLink_GetAction(link)
    if not action or pdfium_c.FPDFAction_GetType(action) != pdfium_c.PDFACTION_URI:
        return None
    length = pdfium_c.FPDFAction_GetURIPath(document.raw, action, None, 0)
    buffer = ctypes.create_string_buffer(max(int(length), 1))
    pdfium_c.FPDFAction_GetURIPath(document.raw, action, buffer, len(buffer))
    address = buffer.value.decode("utf-8", errors="replace")
    return address if ADDRESS.match(address) else None


def bounded(text_page: Any, box: Any) -> str:
    buffer = (ctypes.c_ushort * 1000)()
    length = pdfium_c.FPDFText_GetBoundedText(
        text_page, box.left, max(box.top, box.bottom), box.right, min(box.top, box.bottom), buffer, len(buffer)
    )
    units = ctypes.string_at(buffer, 2 * min(length, len(buffer)))
    return units.decode("utf-16-le", errors="replace").strip("\x00\r\n ")


def links_on(lines: Sequence[Line], pages: Sequence[Page]) -> Iterator[Link]:
    """The links whose words stand in these lines."""
    for line in lines:
        for link in pages[line.page - 1].links:
            if line.x0 - 1 <= link.x <= line.x1 + 1 and line.y0 - 1 <= link.y <= line.y1 + 1:
                yield link


def with_links(text: str, links: Iterator[Link]) -> tuple[str, list[Link]]:
    """Markdown with its links, in their order; and those whose words are not in it as they are on the page."""
    start, missed = 0, list[Link]()
    for link in links:
        words = writing.escape(link.text)
        at = text.find(words, start)
        if at < 0:
            missed.append(link)
        elif link.address.removeprefix("mailto:").rstrip("/") == link.text.rstrip("/"):
            start = at + len(words)  # an address that is printed needs no second one
        else:
            whole = f"[{words}]({re.sub(r'[()]', lambda one: f'%{ord(one[0]):02X}', link.address)})"
            text, start = text[:at] + whole + text[at + len(words) :], at + len(whole)
    return text, missed
