"""Scanned pages: their pictures go to a recogniser, its words come back with their places, and nothing is hidden.

The recogniser of these tests is a small program that answers as Tesseract does.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from prometheus_client import REGISTRY
from pydantic import ValidationError
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas

from docward.converter.confinement import Confinement
from docward.converter.conversion import ConversionError, convert
from docward.converter.conversion.pages import MAX_PIXELS, Pages, Picture
from docward.converter.recognition import Tesseract
from docward.converter.sandbox import Sandbox
from docward.converter.settings import Conversion
from docward.runtime.sniffing import PDF

OWN = "The first page has text of its own."
GREY = Image.new("L", (600, 800), 200)


def a_scan(*, own: bool = False, pages: int = 1, size: tuple[float, float] = (595, 842)) -> bytes:
    """Pages that are pictures; with `own`, after one of text."""
    page = canvas.Canvas(out := io.BytesIO(), pagesize=size, invariant=1)
    if own:
        page.drawString(72, 700, OWN)
        page.showPage()
    for _ in range(pages):
        page.drawImage(ImageReader(GREY), 0, 0, *size)
        page.showPage()
    page.save()
    return out.getvalue()


def words(line: int, top: int, text: str, height: int = 26, confidence: float = 96) -> list[str]:
    """The rows of a line."""
    rows, left = [], 200
    for at, word in enumerate(text.split(), 1):
        width = 16 * len(word)
        rows.append("\t".join(map(str, (5, 1, 1, 1, line, at, left, top, width, height, confidence, word))))
        left += width + 10
    return rows


TSV = "\n".join(
    [
        "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext",
        "1\t1\t0\t0\t0\t0\t0\t0\t1653\t2339\t-1\t",
        *words(1, 200, "1 Scope", height=52),
        *words(2, 300, "Each trading day of the strategy begins with the", confidence=90),
        *words(3, 340, "prices of yesterday and ends with those of today."),
        *words(4, 900, "~~xq", confidence=7),
    ]
)


def recognised(data: bytes, tsv: str = TSV):
    return convert(data, PDF, document_id="d", pages=Pages(recognise=lambda _: tsv))


def test_recognised_words_become_headings_and_paragraphs(sound):
    conversion = recognised(a_scan())
    sound(conversion)
    sentence = "Each trading day of the strategy begins with the prices of yesterday and ends with those of today."
    assert conversion.markdown == f"# 1 Scope\n\n{sentence}\n"


def test_what_was_recognised_is_inferred_no_surer_than_the_recogniser_and_says_so():
    ir = recognised(a_scan(own=True)).ir
    assert [(block.page, block.origin, block.confidence) for block in ir.blocks] == [
        (1, "extracted", 1.0), (2, "inferred", 0.93), (2, "inferred", 0.93),
    ]  # fmt: skip
    assert [(issue.code, issue.page) for issue in ir.issues] == [("ocr", 2)]
    box = ir.blocks[1].box
    assert (box.x0, box.y1) == (72.0, 842 - 72.0)


def test_doubtful_words_are_left_out_and_counted():
    report = recognised(a_scan()).report
    assert [(one.what, one.characters) for one in report.dropped] == [("doubtful words of scanned pages", 4)]


def test_only_pictures_are_handed_over_and_within_their_bound():
    seen = list[Picture]()

    def recognise(picture: Picture) -> str:
        seen.append(picture)
        return TSV

    convert(a_scan(own=True, size=(9000, 9000)), PDF, document_id="d", pages=Pages(recognise=recognise))
    (picture,) = seen
    assert picture.page == 2
    assert len(picture.pixels) == picture.width * picture.height
    assert 0.9 * MAX_PIXELS < len(picture.pixels) <= MAX_PIXELS
    assert set(picture.pixels) == {200}


A_SMALL_SCAN = a_scan(own=True, size=(300, 760))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["5", "1", "-3", "nan", "1e308", "x", "", "word"]), max_size=13), max_size=6))
def test_an_answer_that_makes_no_sense_is_no_text(rows):
    try:
        conversion = recognised(A_SMALL_SCAN, "\n".join("\t".join(row) for row in rows))
    except ConversionError as error:
        pytest.fail(error.reason)
    assert OWN in conversion.markdown


@pytest.fixture
def tesseract(tmp_path: Path):
    """A program that runs these lines of a shell after it has seen a picture."""

    def made(*lines: str, seconds: float = 60) -> Tesseract:
        program = tmp_path / "bin" / "tesseract"
        program.parent.mkdir(exist_ok=True)
        shell = shutil.copy("/bin/sh", program.parent / "sh")  # a shell elsewhere could not be started
        (program.parent / "words.tsv").write_text(TSV + "\n")
        head = (
            f"#!{shell}",
            'if [ "$*" = --list-langs ]; then echo "List of available languages (2):"; echo eng; echo deu; exit; fi',
            '[ "$*" = "stdin stdout -l eng --psm 3 tsv" ] || exit 2',
            "read -r magic",
            '[ "$magic" = "P5 1653 2339 255" ] || exit 3',
        )
        program.write_text("\n".join((*head, *lines, "")))
        program.chmod(0o755)
        return Tesseract(str(program), seconds)

    return made


SAYS_IT = 'while IFS= read -r line; do printf "%s\\n" "$line"; done < "${0%/*}/words.tsv"'


async def sandboxed(data: bytes, ocr: Tesseract | None):
    sandbox = Sandbox(slots=1, ocr=ocr)
    try:
        return await sandbox.convert(data, PDF, document_id="d")
    finally:
        await sandbox.close()


async def test_a_confined_conversion_has_its_pictures_read_by_a_program_beside_it(tesseract):
    data = a_scan(own=True, pages=2)
    assert await sandboxed(data, tesseract(SAYS_IT)) == recognised(data)


@pytest.mark.parametrize("lines", [("exit 1",), ("kill -9 $$",), ("printf nonsense",), (SAYS_IT, "exit 1")])
async def test_where_recognition_fails_the_page_is_named_and_the_rest_converted(tesseract, lines):
    conversion = await sandboxed(a_scan(own=True), tesseract(*lines))
    assert OWN in conversion.markdown
    assert [(issue.code, issue.page) for issue in conversion.ir.issues] == [("needs-ocr", 2)]


async def test_after_its_time_for_a_document_no_further_page_is_recognised(tesseract):
    conversion = await sandboxed(a_scan(pages=2), tesseract(SAYS_IT, seconds=1e-9))
    assert [(issue.code, issue.page) for issue in conversion.ir.issues] == [("ocr", 1), ("needs-ocr", 2)]


async def test_what_became_of_pictures_is_counted(tesseract):
    def counted() -> list[float]:
        outcomes = ("read", "failed", "skipped")
        return [REGISTRY.get_sample_value("docward_recognised_pages_total", {"outcome": o}) or 0 for o in outcomes]

    before = counted()
    await sandboxed(a_scan(pages=2), tesseract(SAYS_IT, seconds=1e-9))
    await sandboxed(a_scan(own=True), tesseract("exit 1"))
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1, 1, 1]


def test_languages_that_are_not_installed_are_named_in_the_settings(tesseract, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(tesseract().program).parent))
    assert Conversion(ocr_languages="deu+eng").ocr_languages == "deu+eng"
    with pytest.raises(ValidationError, match="nothing for fra, ita here: install tesseract-ocr-fra"):
        Conversion(ocr_languages="fra+deu+ita")
    with pytest.raises(ValidationError, match="pattern"):
        Conversion(ocr_languages="eng --user-words")


async def test_without_recognition_a_scan_is_refused():
    with pytest.raises(ConversionError) as error:
        await sandboxed(a_scan(), None)
    assert error.value.reason == "needs-ocr"


async def test_the_program_reads_and_writes_nothing_but_its_own(tesseract, tmp_path: Path):
    (tmp_path / "secret").write_text("secret\n")
    program = tesseract(
        f'read -r found < "{tmp_path}/secret" && echo read',
        f'echo told > "{tmp_path}/told" && echo written',
        "echo done",
    )
    said = (await program.words(b"P5 1653 2339 255\n")).decode().split()
    assert said == (["done"] if "landlock" in Confinement.offered().level else ["read", "done"])


async def test_the_program_starts_no_other(tesseract):
    said = await tesseract("(echo started)").words(b"P5 1653 2339 255\n")
    assert said == (b"" if "seccomp" in Confinement.offered().level else b"started\n")
