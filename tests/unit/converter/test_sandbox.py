"""The sandbox: real child processes, real limits, and a service that outlives them."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import zlib
from pathlib import Path

import pytest
from reportlab.pdfgen import canvas

from docward.converter.conversion import ConversionError, convert
from docward.converter.sandbox import Limits, Sandbox
from docward.runtime.sniffing import MARKDOWN, PDF

TEXT = b"# Limits\n\nThe participation rate is 5 %.\n"


@pytest.fixture(scope="module")
async def sandbox():
    made = Sandbox(slots=2)
    await made.start()
    yield made
    await made.close()


def a_bomb() -> bytes:
    """A small PDF whose one page inflates to far more than a conversion may use."""
    squeezed = zlib.compressobj(9)
    first, again = (squeezed.compress(b" " * 2**20) + squeezed.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    stream = first + again * 700  # after a full flush the same bytes mean the same again
    page = canvas.Canvas(out := io.BytesIO(), pageCompression=0, invariant=1)
    page.drawString(72, 72, "x")
    page.save()
    data = out.getvalue()
    start = data.index(b"stream") + 7
    end = data.index(b"endstream")
    header = data.rindex(b"<<", 0, start)
    changed = data[:header] + b"<< /Filter /FlateDecode /Length %d >>\nstream\n" % len(stream) + stream + b"\n"
    return changed + data[end:]


async def test_the_result_is_that_of_convert(sandbox):
    assert await sandbox.convert(TEXT, MARKDOWN, document_id="d") == convert(TEXT, MARKDOWN, document_id="d")
    assert sandbox.level in {"landlock+seccomp", "landlock", "seccomp", "rlimit-only"}


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
    sandbox = Sandbox(Limits(cpu_seconds=1), slots=1)
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


async def test_nothing_runs_after_close():
    sandbox = Sandbox()
    await sandbox.start()
    assert sandbox._zygote is not None
    zygote = sandbox._zygote.process.pid
    await sandbox.close()
    with pytest.raises(ProcessLookupError):
        os.killpg(zygote, 0)
