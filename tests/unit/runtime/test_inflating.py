"""Batches that inflate to more than a process has memory for."""

from __future__ import annotations

import gzip
import subprocess
import sys

import pytest
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from hypothesis import given
from hypothesis import strategies as st

from docward.runtime.inflating import MOST_BYTES, UNREADABLE, unreadable
from docward.runtime.rawheaders import _AnyRecords

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
ENCODERS = {1: gzip_encode, 2: snappy_encode, 3: lz4_encode, 4: zstd_encode}


def a_batch(codec: int, *values: bytes) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, 0, 1 << 30)
    for offset, value in enumerate(values):
        builder.append(offset, 1000 + offset, b"key", value, [])
    return bytes(builder.build())


def read(data: bytes) -> list[tuple[int, bytes | None, bytes | None, list[str]]]:
    found = []
    records = _AnyRecords(data)
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        found += [(each.offset, each.key, each.value, [key for key, _ in each.headers]) for each in batch]
    return found


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_bomb_is_one_record_with_the_batch_as_it_came_and_what_follows_is_read(codec: int) -> None:
    bomb = a_batch(codec, b"small", bytes(MOST_BYTES))
    assert read(bomb + a_batch(codec, b"next")) == [
        (1, None, bomb, [UNREADABLE]),
        (0, b"key", b"next", []),
    ]


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_a_large_batch_that_fits_is_read(codec: int) -> None:
    value = bytes(MOST_BYTES - 1024)
    assert read(a_batch(codec, value)) == [(0, b"key", value, [])]


@given(st.sampled_from([1, 2, 3, 4]), st.binary(max_size=2000), st.integers(1, 30))
def test_whatever_fits_is_let_through(codec: int, data: bytes, times: int) -> None:
    assert unreadable(codec, memoryview(ENCODERS[codec](data * times))) is None


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_what_is_no_compressed_data_is_unreadable_and_raises_nothing(codec: int) -> None:
    garbage = memoryview(b"\x00\xff" * 100_000)
    assert "inflate" in (unreadable(codec, garbage) or "")


def test_members_of_gzip_count_together() -> None:
    half = gzip.compress(bytes(MOST_BYTES // 2 + 1))
    assert unreadable(CODECS["gzip"], memoryview(half)) is None
    assert unreadable(CODECS["gzip"], memoryview(half + half)) is not None


def test_two_gigabytes_in_a_batch_cost_no_more_than_the_limit() -> None:
    script = """
import cramjam, resource, sys
from docward.runtime.inflating import MOST_BYTES, unreadable
part = bytes(cramjam.zstd.compress(bytes(64 * 1024 * 1024)))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert unreadable(4, memoryview(part * 32)) is not None
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    grown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert int(grown.stdout) * 1024 <= 2 * MOST_BYTES
