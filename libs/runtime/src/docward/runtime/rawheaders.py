"""Batches that Kafka allows and the client does not survive: header keys that are not UTF-8, and bombs.

One such record would stop a consumer for ever (the client raises while it unpacks the fetched batch, and again at every
retry), and could not be copied to a dead-letter topic. Here such keys are read by surrogate escapes and written as the
bytes they were; batches without them take the client's fast path. A batch that inflates to
more than fits is handed on as it came (`inflating.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import (
    DefaultRecordBatch,
    _DefaultRecordBatchBuilderPy,
    _DefaultRecordBatchPy,
)
from aiokafka.record.memory_records import _MemoryRecordsPy

from docward.events.codec import Headers
from docward.runtime.inflating import standing_for

PLAIN, ZSTD = 0, 4
"""Kafka's numbers of the codecs that Docward writes; it reads all of them."""


class RawHeaderKey(str):
    """A header key read by surrogate escapes, written as the bytes it was read from."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> bytes:
        return super().encode(encoding, "surrogateescape" if errors == "strict" else errors)


def header_key(raw: bytes) -> str:
    """A key as records carry it: plain where it is UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return RawHeaderKey(raw.decode("utf-8", "surrogateescape"))


class _AnyHeaderBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # final to type checkers only
    """A record batch whose header keys need not be UTF-8 (the fast one raises, again and again, and stops there)."""

    def __iter__(self) -> Any:
        iterator = super().__iter__()
        self._buffer: bytearray = _EscapingBytes(self._buffer)
        return iterator


class _EscapingBytes(bytearray):
    """Slices decode by surrogate escapes."""

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        return _EscapingBytes(item) if isinstance(index, slice) else item

    def decode(self, *_: str) -> str:
        return header_key(bytes(self))


class _AnyRecords(_MemoryRecordsPy):  # type: ignore[misc]  # final to type checkers only
    """Fetched batches, each read by the fast parser, or by the tolerant one where that one raises."""

    def next_batch(self, *args: Any) -> Any:
        raw = self._next_slice
        batch = super().next_batch(*args)
        return _Readable(batch, raw) if isinstance(batch, DefaultRecordBatch) else batch


class _Readable:
    """Unpacked record by record: a small batch may hold millions."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        if (instead := standing_for(self._batch, self._raw)) is not None:
            yield instead
            return
        read = 0
        try:
            for record in self._batch:
                yield record
                read += 1
        except UnicodeDecodeError:
            yield from islice(_AnyHeaderBatch(self._raw), read, None)


def read_any_header() -> None:
    """Let every consumer of this process read records whose header keys are not UTF-8."""
    fetcher.MemoryRecords = _AnyRecords


class AnyHeaderBatch(BatchBuilder):  # type: ignore[misc]  # the client has no types
    """A batch to send whose header keys may be other than UTF-8."""

    def __init__(self, size: int, codec: int) -> None:
        super().__init__(size, codec)
        self._builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, 0, size)

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self._builder.set_producer_state(producer_id, producer_epoch, base_sequence)


def new_batch(size: int, headers: Headers, codec: int = PLAIN) -> BatchBuilder:
    """For records like the one with these headers: the fast builder, unless a key needs the tolerant one."""
    return AnyHeaderBatch(size, codec) if needs_any_header(headers) else BatchBuilder(size, codec)


def needs_any_header(headers: Headers) -> bool:
    for key, _ in headers:  # noqa: SIM110 -- of every record: three times as fast as `any`
        if type(key) is RawHeaderKey:
            return True
    return False
