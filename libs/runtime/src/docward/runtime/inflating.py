"""Compressed batches are measured before they are unpacked, so that none can take more memory than a process has.

A broker bounds what a batch has on the wire and passes on whatever it inflates to: with zstd, a megabyte may stand for
thirty gigabytes. One that inflates to more than `MOST_BYTES`, or not at all, cannot be read by anybody here. It is
handed on as one record that holds the batch as it came, at its last offset: no reader can decode that, so it is parked,
byte for byte, and its partition goes on.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cache
from typing import Any

import cramjam
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordPy

MOST_BYTES = 16 * 1024 * 1024
"""Sixteen times the largest record of a topic."""
UNREADABLE = "docward-unreadable-batch"
"""Header of the record that stands for such a batch: why it cannot be read."""
_HEADER_BYTES = 61
"""Of a batch before its records, which alone are compressed."""
_XERIAL = b"\x82SNAPPY\x00"


def standing_for(batch: Any, raw: memoryview) -> _DefaultRecordPy | None:
    """The record that stands for a batch that cannot be read; None: it can be."""
    why = unreadable(batch.compression_type, raw[_HEADER_BYTES:])
    if why is None:
        return None
    headers: list[tuple[str, bytes | None]] = [(UNREADABLE, why.encode())]
    return _DefaultRecordPy(batch.next_offset - 1, batch.max_timestamp, batch.timestamp_type, None, bytes(raw), headers)


def unreadable(codec: int, compressed: memoryview) -> str | None:
    """Why the records of a batch cannot be unpacked within `MOST_BYTES`, in bounded memory; None: they can."""
    try:
        fits = _fits(codec, compressed)
    except (cramjam.DecompressionError, zlib.error, ValueError) as error:
        return f"cannot be inflated: {error}"
    return None if fits else f"{len(compressed)} bytes inflate to more than {MOST_BYTES}"


def _fits(codec: int, compressed: memoryview) -> bool:
    match codec:
        case DefaultRecordBatch.CODEC_GZIP:
            return _gzip_fits(compressed)
        case DefaultRecordBatch.CODEC_SNAPPY:
            return _snappy_fits(compressed)
        case DefaultRecordBatch.CODEC_LZ4:
            return _fits_into_scratch(cramjam.lz4, compressed)
        case DefaultRecordBatch.CODEC_ZSTD:
            return _fits_into_scratch(cramjam.zstd, compressed)
    return True  # not compressed; what is unknown the client refuses


def _gzip_fits(compressed: memoryview) -> bool:
    rest, room = bytes(compressed), MOST_BYTES
    while rest:  # members may follow each other
        member = zlib.decompressobj(wbits=31)
        room -= len(member.decompress(rest, room + 1))
        if room < 0:
            return False
        if not member.eof:
            raise ValueError("it ends in the middle")
        rest = member.unused_data
    return True


def _snappy_fits(compressed: memoryview) -> bool:
    room = MOST_BYTES
    for block in _snappy_blocks(bytes(compressed)):
        room -= cramjam.snappy.decompress_raw_len(block)  # as it declares; the decoder keeps to that
        if room < 0:
            return False
        cramjam.snappy.decompress_raw_into(block, _scratch())
    return True


def _snappy_blocks(compressed: bytes) -> Iterator[bytes]:
    """One, or those of the framing that Java's clients use."""
    if not compressed.startswith(_XERIAL):
        yield compressed
        return
    position = 16
    while position < len(compressed):
        size = int.from_bytes(compressed[position : position + 4], "big")
        yield compressed[position + 4 : position + 4 + size]
        position += 4 + size


def _fits_into_scratch(codec: Any, compressed: memoryview) -> bool:
    try:
        codec.decompress_into(bytes(compressed), _scratch())
    except cramjam.DecompressionError as error:
        if "whole buffer" in str(error):  # how it says that it has no more room
            return False
        raise
    return True


@cache
def _scratch() -> bytearray:
    """Written to and never read. What is not written to takes no memory."""
    return bytearray(MOST_BYTES)
