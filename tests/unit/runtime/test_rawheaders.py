"""Any header that Kafka allows is read, and written again as the bytes it was."""

from __future__ import annotations

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from hypothesis import given
from hypothesis import strategies as st

from docward.events.codec import Headers
from docward.runtime.rawheaders import PLAIN, ZSTD, RawHeaderKey, _AnyRecords, header_key, new_batch

headers = st.lists(st.tuples(st.binary(max_size=12), st.none() | st.binary(max_size=12)), max_size=5)


def raw(headers: Headers) -> list[tuple[bytes, bytes | None]]:
    return [(key.encode("utf-8", "surrogateescape"), value) for key, value in headers]


def built(records: list[list[tuple[bytes, bytes | None]]], codec: int) -> bytes:
    """A batch as some producer writes it."""
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, 0, 1 << 20)
    for offset, each in enumerate(records):
        builder.append(offset, 1, b"key", b"value", [(header_key(key), value) for key, value in each])
    return bytes(builder.build())


def read(data: bytes) -> list[list[tuple[bytes, bytes | None]]]:
    found = []
    records = _AnyRecords(data)
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        found += [raw(record.headers) for record in batch]
    return found


@given(st.lists(headers, min_size=1, max_size=4), st.sampled_from([0, 1, 2, 3, 4]))
def test_any_header_survives_reading_under_every_codec(
    records: list[list[tuple[bytes, bytes | None]]], codec: int
) -> None:
    assert read(built(records, codec)) == records


@given(headers, st.sampled_from([PLAIN, ZSTD]))
def test_any_header_survives_writing(each: list[tuple[bytes, bytes | None]], codec: int) -> None:
    keyed = tuple((header_key(key), value) for key, value in each)
    batch = new_batch(1 << 16, keyed, codec)
    assert batch.append(timestamp=1, key=None, value=None, headers=list(keyed)) is not None
    assert read(bytes(batch._build())) == [each]


def test_several_batches_are_read_each_in_its_way() -> None:
    plain: list[tuple[bytes, bytes | None]] = [(b"plain", b"1")]
    odd: list[tuple[bytes, bytes | None]] = [(b"\xff", None)]
    assert read(built([plain], 0) + built([odd, plain], 4) + built([plain], 1)) == [plain, odd, plain, plain]


@pytest.mark.parametrize("key", [b"", b"plain", "schlüssel".encode()])
def test_a_key_that_is_utf8_is_a_plain_string(key: bytes) -> None:
    assert type(header_key(key)) is str
    assert type(header_key(b"\xff" + key)) is RawHeaderKey
