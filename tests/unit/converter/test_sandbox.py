"""The sandbox: real child processes, real limits, and a service that outlives them."""

from __future__ import annotations

import asyncio
import io
import os
import re
import resource
import signal
import time
import zlib
from dataclasses import asdict
from pathlib import Path

import pytest
from reportlab.pdfgen import canvas

from docward.converter.children import Spent
from docward.converter.conversion import Conversion, ConversionError, Report, convert
from docward.converter.sandbox import READ_HERE, Limits, Product, Sandbox
from docward.events.ir import Ir
from docward.runtime.sniffing import MARKDOWN, PDF

WORDS = ("Apples", "Bread", "Cheese", "Dates", "Eggs", "Figs", "Grapes")
TEXT = b"# Limits\n\nThe participation rate is 5 %.\n"


@pytest.fixture(scope="module")
async def sandbox():
    made = Sandbox(slots=2)
    await made.start()
    yield made
    await made.close()


def inflating(text: bytes, megabytes: int = 700) -> bytes:
    """A deflated stream: the text, and so many megabytes of blanks."""
    squeezed = zlib.compressobj(9)
    start = squeezed.compress(text) + squeezed.flush(zlib.Z_FULL_FLUSH)
    first, again = (squeezed.compress(b" " * 2**20) + squeezed.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return start + first + again * megabytes  # after a full flush the same bytes mean the same again


def slow() -> bytes:
    """A deflated stream of operators that take the reader long: text shown a million times."""
    return zlib.compress(b"BT /F1 1 Tf " + b"(a) Tj " * 4_000_000 + b"ET")


def a_pdf(pages: int, streams: dict[int, bytes]) -> bytes:
    """Pages that say their number; some with another, deflated stream."""
    page = canvas.Canvas(out := io.BytesIO(), pageCompression=0, invariant=1)
    for number in range(1, pages + 1):
        for y in range(700, 300, -40):  # a line that is alike on every page is its header
            page.drawString(72, y, f"{WORDS[number * y // 40 % 7]} and {WORDS[(number + y) % 7]}.")
        page.drawString(72, 510, f"This is what stands on page {number}.")
        page.showPage()
    page.save()
    data = out.getvalue()
    for number, stream in streams.items():
        start = data.rindex(b"stream", 0, data.index(b"on page %d." % number)) + 7
        end = data.index(b"endstream", start)
        header = data.rindex(b"<<", 0, start)
        changed = b"<< /Filter /FlateDecode /Length %d >>\nstream\n" % len(stream) + stream + b"\n"
        data = data[:header] + changed + data[end:]
    return data


def a_bomb() -> bytes:
    """A small PDF whose one page inflates to far more than a conversion may use."""
    return a_pdf(1, {1: inflating(b"")})


async def test_the_result_is_that_of_convert(sandbox):
    assert await sandbox.convert(TEXT, MARKDOWN, document_id="d") == convert(TEXT, MARKDOWN, document_id="d")
    assert sandbox.level in {"landlock+seccomp", "landlock", "seccomp", "rlimit-only"}


def a_table(rows: int) -> bytes:
    return b"# Limits\n\n| a | b |\n| --- | --- |\n" + b"| the value is 5 % | x = a / b |\n" * rows


@pytest.mark.parametrize("text", [TEXT, a_table(3000)], ids=["read here", "read by a child"])
async def test_what_is_stored_is_what_was_converted(sandbox, text: bytes):
    made = await sandbox.produce(text, MARKDOWN, document_id="d")
    done = await sandbox.convert(text, MARKDOWN, document_id="d")
    assert (len(made.ir) > READ_HERE) == (text is not TEXT)
    assert (made.markdown, made.report, made.sections) == (done.markdown, done.report, 1)
    assert Ir.model_validate_json(made.ir) == done.ir


@pytest.mark.parametrize("size", [10, 2 * READ_HERE])
async def test_what_is_no_ir_is_not_stored(sandbox, size: int):
    told = Product(
        "# Limits\n", b'{"sections": [' + b"1," * (size // 2) + b"1]}", Report(characters_in=1, characters_out=1)
    )
    request = {**asdict(Limits()), "skipped": [], "until": None, "recognises": False}
    with pytest.raises(ConversionError) as error:
        await sandbox._checked(told, request, Spent(30.0, asyncio.get_running_loop().time() + 60))
    assert error.value.reason == "converter-crashed"


async def test_a_large_ir_takes_no_time_of_the_service(sandbox):
    began = time.process_time()
    made = await sandbox.produce(a_table(20_000), MARKDOWN, document_id="d")
    took = time.process_time() - began
    began = time.process_time()
    Ir.model_validate_json(made.ir)
    assert took < (time.process_time() - began) / 2


def test_a_larger_document_has_more_time_up_to_a_bound():
    limits = Limits(cpu_seconds=10)
    assert [limits.cpu(mib * 2**20) for mib in (0, 1, 2, 4, 400)] == [10, 15, 20, 30, 30]


async def test_a_file_is_read_by_the_child(sandbox, tmp_path: Path):
    path = tmp_path / "spec.md"
    path.write_bytes(TEXT)
    assert (await sandbox.convert(path, MARKDOWN, document_id="d")).markdown == TEXT.decode()


async def test_errors_keep_their_reason(sandbox):
    with pytest.raises(ConversionError) as error:
        await sandbox.convert(b"%PDF-1.7 nothing", PDF, document_id="d")
    assert error.value.reason == "damaged"


async def test_several_at_once(sandbox):
    texts = [f"# Document {at}\n".encode() for at in range(6)]
    done = await asyncio.gather(*(sandbox.convert(text, MARKDOWN, document_id="d") for text in texts))
    assert [one.markdown.encode() for one in done] == texts


async def test_a_dead_zygote_is_replaced(sandbox):
    os.kill(sandbox._zygote.process.pid, signal.SIGKILL)
    assert (await sandbox.convert(TEXT, MARKDOWN, document_id="d")).markdown == TEXT.decode()


async def test_a_conversion_over_its_time_is_ended_and_the_next_one_works():
    text = b"| a | b |\n| --- | --- |\n" + b"| the value is 5 % | x = a / b |\n" * 40_000
    sandbox = Sandbox(Limits(wall_seconds=0.2), slots=1)
    try:
        with pytest.raises(ConversionError) as error:
            await sandbox.convert(text, MARKDOWN, document_id="d")
        assert error.value.reason == "too-slow"
        assert (await sandbox.convert(b"# B\n", MARKDOWN, document_id="d")).markdown == "# B\n"
    finally:
        await sandbox.close()


async def test_a_conversion_over_its_processor_time_is_ended():
    text = b"| a | b |\n| --- | --- |\n" + b"| the value is 5 % | x = a / b |\n" * 60_000
    sandbox = Sandbox(Limits(cpu_seconds=0.25), slots=1)
    try:
        with pytest.raises(ConversionError) as error:
            await sandbox.convert(text, MARKDOWN, document_id="d")
        assert error.value.reason == "too-slow"
    finally:
        await sandbox.close()


async def test_a_bomb_ends_at_the_memory_limit():
    sandbox = Sandbox(Limits(memory=400 * 2**20), slots=1)
    try:
        with pytest.raises(ConversionError) as error:
            await sandbox.convert(a_bomb(), PDF, document_id="d")
        assert error.value.reason == "too-much-memory"
    finally:
        await sandbox.close()


async def converted(data: bytes, limits: Limits) -> tuple[Conversion, list[tuple[int, int]]]:
    """The conversion, and the pages that it told of."""
    heard: list[tuple[int, int]] = []
    sandbox = Sandbox(limits, slots=1)
    try:
        done = await sandbox.convert(data, PDF, document_id="d", told=lambda *told: heard.append(told))
    finally:
        await sandbox.close()
    return done, heard


def shown(done: Conversion) -> list[int]:
    return [int(number) for number in re.findall(r"on page (\d+)", done.markdown)]


def left_out(done: Conversion) -> list[int | None]:
    return [warning.page for warning in done.report.warnings if warning.code == "pages-left-out"]


async def test_pages_are_told_as_they_are_begun():
    done, heard = await converted(a_pdf(3, {}), Limits())
    assert heard == [(1, 3), (2, 3), (3, 3), (0, 3)]
    assert (shown(done), done.report.partial, left_out(done)) == ([1, 2, 3], False, [])


async def test_a_page_that_needs_too_much_memory_is_left_out_and_the_others_are_kept():
    done, _ = await converted(a_pdf(5, {3: inflating(b"")}), Limits(memory=400 * 2**20))
    assert (shown(done), done.report.partial, left_out(done)) == ([1, 2, 4, 5], True, [3])
    assert done.ir.pages == 5
    assert "Page 3 was left out: it needs too much memory." in [issue.message for issue in done.ir.issues]


async def test_a_page_that_takes_too_long_is_left_out_and_the_others_are_kept():
    done, _ = await converted(a_pdf(4, {2: slow()}), Limits(page_cpu_seconds=0.5))
    assert (shown(done), left_out(done)) == ([1, 3, 4], [2])


async def test_after_some_such_pages_the_rest_is_left_out():
    bombs = dict.fromkeys((2, 4, 6), inflating(b""))
    done, _ = await converted(a_pdf(8, bombs), Limits(memory=400 * 2**20))
    assert (shown(done), left_out(done)) == ([1, 3, 5], [2, 4, 6])
    assert any("Pages 6 to 8 were left out" in issue.message for issue in done.report.warnings)


async def test_all_attempts_together_have_the_time_of_one():
    began = resource.getrusage(resource.RUSAGE_CHILDREN)
    limits = Limits(memory=2**31, cpu_seconds=2, page_cpu_seconds=1.5)
    with pytest.raises(ConversionError) as error:
        await converted(a_pdf(4, {2: slow(), 3: slow()}), limits)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert error.value.reason == "too-slow"
    assert ended.ru_utime - began.ru_utime < 8


async def test_a_document_that_takes_too_long_as_a_whole_is_read_so_far():
    done, heard = await converted(a_pdf(400, {}), Limits(cpu_seconds=0.06))
    assert done.report.partial
    assert shown(done) == list(range(1, len(shown(done)) + 1))
    assert left_out(done) == [len(shown(done)) + 1]
    assert heard[-1] == (0, 400)


async def test_nothing_runs_after_close():
    sandbox = Sandbox()
    await sandbox.start()
    assert sandbox._zygote is not None
    zygote = sandbox._zygote.process.pid
    await sandbox.close()
    with pytest.raises(ProcessLookupError):
        os.killpg(zygote, 0)
