"""Every hostile file ends typed or converted, within its limits, and the sandbox goes on."""

from __future__ import annotations

from functools import partial
from typing import get_args

import pytest
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, Table

from docward.converter.conversion import ConversionError
from docward.converter.sandbox import Limits, Sandbox
from docward.events.documents import FailureReason
from docward.runtime.sniffing import MARKDOWN, PDF
from unit.converter.hostile import HOSTILE, Hostile, changed

LIMITS = Limits(memory=600 * 2**20, cpu_seconds=2, wall_seconds=60.0)
REASONS = frozenset(get_args(FailureReason)) - {"internal-error", "object-missing"}


@pytest.fixture(scope="module")
async def sandbox():
    made = Sandbox(LIMITS, slots=2)
    await made.start()
    yield made
    await made.close()


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name)
async def test_it_ends_typed_or_converted(sandbox, hostile: Hostile):
    zygote = sandbox._zygote
    assert await outcome(sandbox, hostile) in REASONS | {"converted"}
    assert sandbox._zygote is zygote, "the zygote died of it"
    assert (await sandbox.convert(b"# Next\n", MARKDOWN, document_id="d")).markdown == "# Next\n"


async def outcome(sandbox: Sandbox, hostile: Hostile) -> str:
    try:
        done = await sandbox.convert(hostile.make(), hostile.media_type, document_id="d")
    except ConversionError as error:
        return error.reason
    return "converted" if done.markdown.strip() else "converted to nothing"


async def test_a_damaged_drawn_pdf_ends_typed_or_converted(sandbox, pdf):
    words, cells = getSampleStyleSheet()["Normal"], Table([["Name", "Value"], ["Fee", "0.5 %"]])
    drawn = pdf([Paragraph("The fee is <b>0.5 %</b> of the level.", words), cells])
    for seed in range(20):
        damaged = Hostile(f"drawn-{seed}", PDF, partial(changed, drawn, seed))
        assert await outcome(sandbox, damaged) in REASONS | {"converted"}, damaged.name


def test_the_set_is_large_and_its_names_are_unique():
    assert len({hostile.name for hostile in HOSTILE}) == len(HOSTILE) >= 100
