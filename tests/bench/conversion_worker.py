"""One converter in a process of its own: reads names of documents, answers what converting them cost.

Runs in the environment of the peers and in the project's own; needs the standard library and the converter that its
argument names. A request is a line `{"path", "output", "seconds"}`, an answer a line `{"cpu_s", "peak_mb"}` or
`{"error"}`. Processor time is this process's and its children's, with all their threads.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Converter = Callable[[Path], str]


def docward() -> Converter:
    from docward.converter.conversion import READERS
    from docward.converter.conversion.pages import Pages
    from docward.converter.conversion.pdf.reader import read_pdf
    from docward.runtime.sniffing import PDF

    def convert(path: Path) -> str:
        data, kind = path.read_bytes(), _media_type(path)
        return (read_pdf(data, Pages()) if kind == PDF else READERS[kind](data)).markdown

    return convert


def docward_ir() -> Converter:
    from docward.converter.conversion import convert

    return lambda path: convert(path.read_bytes(), _media_type(path), document_id="bench").markdown


def _media_type(path: Path) -> str:
    from docward.runtime.sniffing import DOCX, PDF

    return PDF if path.suffix == ".pdf" else DOCX


def pypdfium2() -> Converter:
    import pypdfium2 as pdfium

    def convert(path: Path) -> str:
        document = pdfium.PdfDocument(path)
        pages = []
        for page in document:
            text = page.get_textpage()
            pages.append(text.get_text_bounded())
            text.close()
            page.close()
        document.close()
        return "\n".join(pages)

    return convert


def pypdf() -> Converter:
    from pypdf import PdfReader

    return lambda path: "\n".join(page.extract_text() for page in PdfReader(path).pages)


def liteparse() -> Converter:
    from liteparse import LiteParse

    parser = LiteParse(ocr_enabled=False, output_format="markdown", quiet=True)
    return lambda path: str(parser.parse(path).text)


def pdf_inspector() -> Converter:
    from pdf_inspector import process_pdf

    return lambda path: process_pdf(str(path)).markdown or ""


def pdf_oxide() -> Converter:
    from pdf_oxide import PdfDocument

    return lambda path: str(PdfDocument(str(path)).to_markdown_all())


def markitdown() -> Converter:
    from markitdown import MarkItDown

    tool = MarkItDown()
    return lambda path: str(tool.convert(str(path)).text_content)


def mammoth() -> Converter:
    import mammoth as tool

    def convert(path: Path) -> str:
        with path.open("rb") as file:
            return str(tool.convert_to_markdown(file).value)

    return convert


def python_docx() -> Converter:
    import docx
    from docx.table import Table

    def written(item: Any) -> str:
        if isinstance(item, Table):
            rows = ["| " + " | ".join(cell.text for cell in row.cells) + " |" for row in item.rows]
            return "\n".join([rows[0], "|" + " --- |" * len(item.columns), *rows[1:]])
        style = item.style.name if item.style is not None else ""
        if style.startswith(("Heading", "Title")):
            return "#" * (int(style[-1]) + 1 if style[-1].isdigit() else 1) + f" {item.text}"
        return f"- {item.text}" if style.startswith("List") else str(item.text)

    return lambda path: "\n\n".join(written(item) for item in docx.Document(str(path)).iter_inner_content())


def docling_rs() -> Converter:
    from docling_rs import DocumentConverter

    tool = DocumentConverter()
    return lambda path: str(tool.convert(str(path)).document.export_to_markdown())


def pandoc() -> Converter:
    from pypandoc import get_pandoc_path

    return _program(get_pandoc_path(), "--to=gfm", "{}")


def pdftotext() -> Converter:
    return _program("pdftotext", "-layout", "{}", "-")


def _program(*command: str) -> Converter:
    def convert(path: Path) -> str:
        arguments = [str(path) if part == "{}" else part for part in command]
        return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout

    return convert


CONVERTERS = {
    one.__name__: one
    for one in (
        docward, docward_ir, pypdfium2, pypdf, liteparse, pdf_inspector, pdf_oxide, markitdown, mammoth, python_docx,
        docling_rs, pandoc, pdftotext,
    )
}  # fmt: skip


def spent() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def peak_mb() -> float:
    """The most memory that was in use; `ru_maxrss` would tell that of the parent before it became this program."""
    own = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return max(int(own.split()[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def answer(convert: Converter, request: dict[str, Any]) -> dict[str, Any]:
    """Converts until the wanted processor time is spent, so that short documents are measured as well as long ones."""
    began, times, text = spent(), 0, ""
    while times == 0 or spent() - began < request["seconds"]:
        text = convert(Path(request["path"]))
        times += 1
    cost = (spent() - began) / times
    if request["output"]:
        Path(request["output"]).write_text(text, encoding="utf-8")
    return {"cpu_s": cost, "peak_mb": peak_mb()}


def main() -> None:
    with os.fdopen(os.dup(1), "w") as out:
        os.dup2(2, 1)  # what a converter prints is no answer
        convert = CONVERTERS[sys.argv[1]]()
        for line in sys.stdin:
            try:
                found = answer(convert, json.loads(line))
            except Exception as error:  # noqa: BLE001 -- whatever a peer raises is its result
                found = {"error": f"{type(error).__name__}: {error}"[:200]}
            out.write(json.dumps(found) + "\n")
            out.flush()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
