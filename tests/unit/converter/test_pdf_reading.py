"""How pages are read, by one call or by many: both ways answer the same, whatever is on the page."""

from __future__ import annotations

import io
import runpy
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pypdfium2
import pytest
from PIL import Image as Picture
from reportlab.lib import colors
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas
from reportlab.platypus import Table

from docward.converter.conversion.pdf import objects, reading, tags
from docward.converter.conversion.pdf.page import Page
from unit.converter.hostile import CATALOG, FONT, PAGES, changed, stream
from unit.converter.hostile import pdf as a_file

CONVERTER = Path(__file__).resolve().parents[3] / "services" / "converter"
MEANINGS = (
    b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange\n"
    b"9 beginbfchar <41> <D800> <42> <0000> <43> <FB01> <44> <D835DC65> <45> <00AD> <46> <000D> <47> <00660069>"
    b" <48> <FFFE> <49> <200B> endbfchar endcmap end"
)
ODD = b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman/ToUnicode 7 0 R>>"
LARGE = b"<</Type/Font/Subtype/Type1/BaseFont/ABCDEF+CMEX10>>"
READS_AT_ONCE = reading.READ is reading.read_at_once
built = pytest.mark.skipif(not READS_AT_ONCE, reason="_objects is not built: `make setup` found no C compiler")


def one_page(content: bytes, entries: bytes = b"/MediaBox[0 0 400 400]") -> bytes:
    fonts = b"/Resources<</Font<</F 5 0 R/O 6 0 R/L 8 0 R>>>>"
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R%b%b>>" % (fonts, entries)
    return a_file(CATALOG, PAGES, page, stream(content), FONT, ODD, stream(MEANINGS), LARGE)


def drawn() -> bytes:
    out = io.BytesIO()
    page = canvas.Canvas(out, pagesize=(500, 500), invariant=1)
    table = Table([["Name", "Value"], ["Fee", "0.5 %"]], style=[("GRID", (0, 0), (-1, -1), 0.5, colors.black)])
    table.wrapOn(page, 300, 100)
    table.drawOn(page, 50, 400)
    page.beginForm("stamp")
    page.drawString(0, 0, "Drawn in a form")
    page.rect(0, -5, 90, 20)
    page.endForm()
    for at, (font, size) in enumerate([("Helvetica-Bold", 12), ("Courier", 9), ("Times-Italic", 10), ("Symbol", 11)]):
        page.setFont(font, size)
        page.drawString(50, 350 - 20 * at, "The limit is a + b of the level")
    page.saveState()
    page.scale(0.7, 1.3)
    page.rotate(5)
    page.doForm("stamp")
    page.rotate(85)
    page.doForm("stamp")
    page.restoreState()
    page.line(50, 250, 300, 250)
    page.line(50, 200, 300, 200)
    page.setDash(3, 2)
    page.bezier(10, 10, 40, 80, 90, 20, 120, 60)
    page.drawImage(ImageReader(Picture.new("L", (20, 10), 128)), 200, 40, 200, 100)
    page.linkURL("https://example.org/rates", (45, 345, 230, 362))
    page.save()
    return out.getvalue()


def damaged(seed: int) -> bytes:
    return changed(drawn(), seed)


def row_drawn_at_once() -> bytes:
    rules = b"50 260 m 350 260 l S 50 200 m 350 200 l S "
    return one_page(rules + b"BT /F 10 Tf 60 230 Td [(Fee) -4000 (0.5 %) -300 (of) -250 (it) -6000 (yearly  )] TJ ET")


def interleaved() -> bytes:
    return one_page(
        b"BT /F 10 Tf 1 0 0 1 60 300 Tm [(left) -9000 (right)] TJ 1 0 0 1 110 300 Tm (between) Tj ET "
        b"BT /F 10 Tf 1 0 0 1 60 250 Tm (over) Tj 1 0 0 1 60 250 Tm (over) Tj 1 0 0 1 62 251 Tm (laid) Tj ET"
    )


DOCUMENTS: dict[str, Callable[[], bytes]] = {
    "drawn": drawn,
    "row drawn at once": row_drawn_at_once,
    "interleaved": interleaved,
    "odd characters": partial(
        one_page,
        b"BT /O 12 Tf 20 300 Td (xABCDEFGHIx) Tj 0 -30 Td (A) Tj 0 -30 Td (DD C) Tj 0 -30 Td (\\002\\tq) Tj ET",
    ),
    "large symbols": partial(
        one_page, b"BT /L 10 Tf 20 300 Td [(\\000) -500 (\\001 X)] TJ 0 -40 Td (   ) Tj 0 -40 Td (\\020A\\021) Tj ET"
    ),
    "sizes and turns": partial(
        one_page,
        b"BT /F 0.01 Tf 20 300 Td (tiny) Tj /F 5000 Tf (huge) Tj /F 10 Tf 0 1 -1 0 50 50 Tm (up) Tj"
        b" -1 0 0 1 90 90 Tm (mirrored) Tj 1 0 0.3 1 90 120 Tm (slanted) Tj 1 0.1 0 1 90 150 Tm (rising) Tj"
        b" 1e30 0 0 1e30 0 0 Tm (far) Tj ET 1e38 1e38 m -1e38 1e38 l 5 5 l h S 0 0 1 1 re f",
    ),
    "nothing": partial(one_page, b""),
    **{
        f"turned {turn}": partial(
            one_page,
            b"BT /F 10 Tf 60 230 Td [(Fee) -4000 (0.5 %)] TJ 0 -40 Td (Rate) Tj ET 50 260 m 350 260 l S",
            b"/MediaBox[-20 30 400 400]/Rotate %d" % turn,
        )
        for turn in (0, 90, 180, 270)
    },
    **{f"damaged {seed}": partial(damaged, seed) for seed in range(20)},
}


def tagged(*, bookmarks: bytes = b"") -> bytes:
    """Headings in the type of the text; only the structure tree says what they are."""
    said = [
        ("P", "Not a heading"),
        ("H2", "Scope of"),
        ("H2", "the index"),
        ("P", "It holds ten shares"),
        ("Aim", "Aim"),
    ]
    shown = b"".join(
        b"/%b <</MCID %d>> BDC BT /F 10 Tf 40 %d Td (%b) Tj ET EMC "
        % (name.encode(), at, 350 - 12 * at, words.encode())
        for at, (name, words) in enumerate(said)
    )
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 400]/StructParents 0/Contents 4 0 R"
        b"/Resources<</Font<</F 5 0 R>>>>>>"
    )
    kids = [b"8 0 R", b"9 0 R", b"10 0 R", b"11 0 R"]
    parts = [(b"P", b"0"), (b"H2", b"1 2"), (b"P", b"3"), (b"Aim", b"4")]
    elements = [b"<</S/%b/P 7 0 R/Pg 3 0 R/K[%b]>>" % part for part in parts]
    owners = b" ".join([kids[0], kids[1], *kids[1:]])
    return a_file(
        b"<</Type/Catalog/Pages 2 0 R/MarkInfo<</Marked true>>/StructTreeRoot 6 0 R%b>>" % bookmarks,
        PAGES,
        page,
        stream(shown),
        FONT,
        b"<</Type/StructTreeRoot/K 7 0 R/RoleMap<</Aim/H3>>/ParentTree<</Nums[0[%b]]>>>>" % owners,
        b"<</S/Document/P 6 0 R/K[%b]>>" % b" ".join(kids),
        *elements,
        b"<</Type/Outlines/First 13 0 R/Last 13 0 R/Count 1>>",
        b"<</Title(Scope)/Parent 12 0 R/Dest[3 0 R/Fit]>>",
    )


def pages(data: bytes, read) -> list[Page]:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError:
        return []
    reader, found = reading.PageReader(document, read), []
    for at in range(min(len(document), 20)):
        try:
            page = document[at]
        except pypdfium2.PdfiumError:
            continue
        found.append(reader.read(page, at + 1))
    return found


def texts(page: Page) -> list[str]:
    return [run.text.strip() for run in page.runs]


both = pytest.mark.parametrize("read", [pytest.param(reading.read_at_once, marks=built), objects.read])


@built
@pytest.mark.parametrize("name", DOCUMENTS)
def test_one_call_answers_what_many_answer(name):
    data = DOCUMENTS[name]()
    assert pages(data, reading.read_at_once) == pages(data, objects.read)


@both
def test_everything_drawn_is_read(read):
    (page,) = pages(drawn(), read)
    assert {"Name", "0.5 %", "The limit is a + b of the level"} <= set(texts(page))
    assert page.rotated == ["Drawn in a form"]
    assert 0.07 < page.image_area < 0.09
    assert [(link.text, link.address) for link in page.links] == [
        ("The limit is a + b of the level", "https://example.org/rates")
    ]
    assert any(rule.y0 == rule.y1 == 250 and rule.x0 < 51 and rule.x1 > 299 for rule in page.rules)


@both
def test_a_row_is_divided_at_its_wide_gaps_only(read):
    (page,) = pages(row_drawn_at_once(), read)
    assert texts(page) == ["Fee", "0.5 % of it", "yearly"]
    assert [round(run.x0) for run in page.runs] == [60, 118, 222]


@both
def test_characters_without_a_meaning_of_their_own_are_spelled(read):
    (page,) = pages(DOCUMENTS["odd characters"](), read)
    assert texts(page) == ["x�fi𝑥-fi x", "�", "𝑥𝑥 fi", "-\tq"]


@both
def test_large_symbols_are_read_by_their_codes(read):
    (page,) = pages(DOCUMENTS["large symbols"](), read)
    assert texts(page)[0][:2] == "()"


def headings(data: bytes) -> list[tuple[str, int, int | None]]:
    document = pypdfium2.PdfDocument(data)
    reader, page = reading.PageReader(document), document[0]
    reader.read(page, 1)
    return reader.headings()


def test_a_tagged_document_names_its_headings_by_role_and_mapped_role():
    assert headings(tagged()) == [("Scope of the index", 0, 1), ("Aim", 1, 1)]


def test_bookmarks_are_read_instead_of_tags():
    assert headings(tagged(bookmarks=b"/Outlines 12 0 R")) == []


def test_of_too_many_elements_none_is_looked_at(monkeypatch):
    monkeypatch.setattr(tags, "MOST", 3)
    assert headings(tagged()) == []


@built
@pytest.mark.parametrize("arguments", [(), (0, 0, objects.IDENTITY, 0, 1, 3, 1, True, None, None, None), ("x",) * 11])
def test_wrong_arguments_are_refused(arguments):
    with pytest.raises((TypeError, ValueError)):
        vars(reading)["_objects"].read(*arguments)


@built
def test_what_fails_in_python_ends_the_reading():
    document = pypdfium2.PdfDocument(drawn())
    page = document[0]
    text_page = page.get_textpage()

    def fails(name: bytes, flags: int, weight: int) -> objects.Style:
        raise LookupError(name)

    found: list[tuple[Any, type[Exception]]] = [(fails, LookupError), (lambda *_: (), TypeError)]
    for style, error in found:
        sheet = objects.Sheet(page.raw, text_page.raw, objects.IDENTITY, 0.0, 1.0, True, style)
        with pytest.raises(error):
            reading.read_at_once(sheet)


@pytest.fixture
def hook(monkeypatch):
    """The build hook, with the part of hatchling that it uses."""
    interface = ModuleType("hatchling.builders.hooks.plugin.interface")
    vars(interface)["BuildHookInterface"] = object
    for name in ("hatchling", "hatchling.builders", "hatchling.builders.hooks", "hatchling.builders.hooks.plugin"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, interface.__name__, interface)
    made = runpy.run_path(str(CONVERTER / "hatch_build.py"))["ObjectsBuildHook"]()
    made.root = CONVERTER
    made.said = []
    made.app = SimpleNamespace(display_warning=made.said.append)
    return made


@pytest.mark.parametrize("compiler", ["", "/no/such/compiler"])
def test_without_a_compiler_the_package_is_built_and_says_what_is_missing(hook, monkeypatch, compiler):
    monkeypatch.setenv("CC", compiler)
    build: dict[str, Any] = {"force_include": {}}
    hook.initialize("standard", build)
    hook.finalize("standard", build, "")
    assert build == {"force_include": {}}
    assert hook.said == ["_objects.c is not built, PDF pages will be read more slowly: there is no C compiler"]


@built
def test_a_wheel_takes_what_was_built_and_leaves_no_folder(hook):
    build: dict[str, Any] = {"force_include": {}}
    hook.initialize("standard", build)
    ((made, place),) = build["force_include"].items()
    assert hook.said == []
    assert (build["pure_python"], build["infer_tag"]) == (False, True)
    assert place.startswith("docward/converter/conversion/pdf/_objects.")
    spec = spec_from_file_location("_objects", made)
    assert spec is not None
    assert module_from_spec(spec).read
    hook.finalize("standard", build, "")
    assert not Path(made).parent.exists()
