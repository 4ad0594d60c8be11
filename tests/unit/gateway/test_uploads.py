"""Names of files, and forms in any cut."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docward.gateway.multipart import Fields, disposition, read_form
from docward.gateway.problems import ProblemError
from docward.gateway.routes.content import attachment
from docward.gateway.uploads import safe_filename
from unit.gateway.fakes import chunks


@pytest.mark.parametrize(
    ("given_name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\mira\\index.docx", "index.docx"),
        ("a\r\nSet-Cookie: x.md", "aSet-Cookie_ x.md"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("  . .hidden. ", "hidden"),
        ('qu"o<t>e?.md', "qu_o_t_e_.md"),
        ("cafe\u0301.md", "café.md"),
        ("\x00\u200b", ""),
        ("", ""),
        ("ünïcode 文書.md", "ünïcode 文書.md"),
    ],
)
def test_names_are_made_harmless(given_name: str, safe: str) -> None:
    assert safe_filename(given_name) == safe


@given(st.text(max_size=600))
def test_a_safe_name_stays_one(name: str) -> None:
    safe = safe_filename(name)
    assert len(safe.encode()) <= 255
    assert "/" not in safe
    assert "\\" not in safe
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} for char in safe)
    assert safe == safe.strip()
    header = attachment(safe)
    assert header.isascii()
    assert "\n" not in header
    assert disposition(header.encode())[1] == safe or not safe


def test_a_long_name_keeps_its_suffix() -> None:
    assert safe_filename("ü" * 300 + ".docx").endswith(".docx")


BODY = (
    b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nA title\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\nContent-Type: text/plain\r\n\r\n'
    b"# Text\r\n--not a boundary\r\n\r\n--x\r\n"
    b'Content-Disposition: form-data; name="tags"\r\n\r\none\r\n--x\r\n'
    b'Content-Disposition: form-data; name="tags"\r\n\r\ntwo\r\n--x--\r\n'
)


async def _read(body: bytes, cuts: list[int]) -> tuple[Fields, tuple[str, bytes]]:
    edges = [0, *sorted(cuts), len(body)]
    parts = [body[start:end] for start, end in pairwise(edges)]

    async def take(name: str, file: object) -> tuple[str, bytes]:
        return name, b"".join([chunk async for chunk in file])  # type: ignore[attr-defined]

    return await read_form(b"x", chunks(parts), take, max_bytes=10_000)


@given(st.lists(st.integers(0, len(BODY)), max_size=12))
async def test_a_form_reads_the_same_however_it_is_cut(cuts: list[int]) -> None:
    fields, file = await _read(BODY, cuts)
    assert fields == {"title": ["A title"], "tags": ["one", "two"]}
    assert file == ("a.md", b"# Text\r\n--not a boundary\r\n")


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=4), st.booleans())
@settings(max_examples=200)
async def test_no_form_ends_in_anything_but_a_problem(noise: bytes, cuts: list[int], inside: bool) -> None:  # noqa: FBT001  # hypothesis
    body = BODY[:60] + noise + BODY[60:] if inside else noise
    with suppress(ProblemError):
        await _read(body, [cut for cut in cuts if cut <= len(body)])


async def test_what_is_left_of_a_file_is_thrown_away() -> None:
    async def take(name: str, file: object) -> str:
        return name

    fields, name = await read_form(b"x", chunks([BODY]), take, max_bytes=10_000)
    assert (fields["tags"], name) == (["one", "two"], "a.md")


async def test_too_many_and_too_long_fields_are_refused() -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="t"\r\n\r\n%s\r\n'
    for body in (part % b"a" * 201, part % (b"a" * 70_000)):
        with pytest.raises(ProblemError) as refused:
            await read_form(b"x", chunks([body + b"--x--"]), lambda *_: None, max_bytes=10**6)  # type: ignore[arg-type]
        assert refused.value.code == "malformed-form"
