"""Files come in: counted to the byte whatever Content-Length says, told apart by their bytes, stored, and only then
spoken of. What a client says about a file, its name and its type, is never believed.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Protocol
from uuid import UUID

from fastapi import Request

from docward.events.messages import ObjectRef
from docward.gateway.multipart import MAX_OVERHEAD, Fields, boundary_of, disposition, read_form
from docward.gateway.problems import ProblemError
from docward.runtime.errors import TooLargeError
from docward.runtime.sniffing import CONTAINERS, HEAD_BYTES, SUFFIXES, refusal, sniff

SPOOL_BYTES = 4 * 1024 * 1024
"""What is kept in memory of a ZIP that must be seen whole; the rest goes to a temporary file."""


class Store(Protocol):
    """What uploads need of the object store (`docward.runtime.objects.ObjectStore`)."""

    async def put_stream(self, uri: str, chunks: AsyncIterator[bytes], media_type: str, *, limit: int) -> ObjectRef: ...

    async def get(self, ref: ObjectRef) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Upload:
    original: ObjectRef
    filename: str
    fields: Fields
    """What else the form said; of a raw body, what its query says."""

    @property
    def sent(self) -> tuple[Fields, str, str]:
        """What makes two uploads the same one."""
        return self.fields, self.filename, self.original.sha256


async def receive(request: Request, store: Store, command_id: UUID, *, limit: int) -> Upload:
    """Store the request's file under the command's id. Raises ProblemError for what cannot be taken.

    A repeated request stores nothing again; one with other bytes is refused.
    """
    declared = request.headers.get("content-length", "")
    content_type = request.headers.get("content-type", "")
    form = content_type.partition(";")[0].strip().lower() == "multipart/form-data"
    if declared.isdigit() and int(declared) > limit and not form:
        raise _too_large(limit)

    async def take(filename: str, chunks: AsyncIterator[bytes]) -> tuple[ObjectRef, str]:
        return await _stored(store, f"uploads/{command_id}", filename, _Counted(chunks, limit))

    if form:
        fields, (original, name) = await read_form(
            boundary_of(content_type), request.stream(), take, max_bytes=limit + MAX_OVERHEAD
        )
    else:
        query = request.query_params
        fields = {key: query.getlist(key) for key in query}
        named = disposition(request.headers.get("content-disposition", "").encode("latin-1"))[1]
        original, name = await take(next(iter(fields.pop("filename", [])), named or ""), request.stream())
    return Upload(original, name, fields)


class _Counted:
    """Bytes as they pass: how many, and their hash. Raises ProblemError 413 at the first one past the limit."""

    def __init__(self, chunks: AsyncIterator[bytes], limit: int) -> None:
        self._chunks = chunks
        self._size = 0
        self.limit = limit
        self.digest = hashlib.sha256()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self._size += len(chunk)
        if self._size > self.limit:
            raise _too_large(self.limit)
        self.digest.update(chunk)
        return chunk


async def _stored(store: Store, uri: str, filename: str, chunks: _Counted) -> tuple[ObjectRef, str]:
    """The stored file and its name. Its type is told by its bytes before anything is stored."""
    head = bytearray()
    async for chunk in chunks:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    if not head:
        raise ProblemError(422, "empty-file", "The file is empty.")
    name = safe_filename(filename)
    with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
        whole = _joined(bytes(head), chunks)
        media_type = sniff(bytes(head), name)
        if media_type is None and head.startswith(CONTAINERS):
            async for chunk in whole:
                spool.write(chunk)
            media_type = await asyncio.to_thread(sniff, bytes(head), name, lambda: _read_again(spool))
            whole = _spooled(spool)
        if media_type is None:
            raise ProblemError(415, "unsupported-type", refusal(bytes(head), name))
        try:
            ref = await store.put_stream(uri, whole, media_type, limit=chunks.limit)
        except TooLargeError as error:
            raise _too_large(chunks.limit) from error
    if ref.sha256 != chunks.digest.hexdigest():
        raise ProblemError(
            422, "idempotency-key-reused", "This Idempotency-Key was used for another file; take another key."
        )
    return ref, name or f"document{SUFFIXES[media_type]}"


async def _joined(head: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for chunk in rest:
        yield chunk


def _read_again(spool: IO[bytes]) -> bytes:
    spool.seek(0)
    return spool.read()


async def _spooled(spool: IO[bytes]) -> AsyncIterator[bytes]:
    spool.seek(0)
    while chunk := spool.read(256 * 1024):
        yield chunk


def _too_large(limit: int) -> ProblemError:
    return ProblemError(
        413, "too-large", f"The file is larger than {_readable(limit)}, the most that is taken.", limit=limit
    )


def _readable(size: int) -> str:
    mebibytes, rest = divmod(size, 1024 * 1024)
    return f"{mebibytes} MiB" if mebibytes and not rest else f"{size} bytes"


def safe_filename(name: str) -> str:
    """The last part of a name, in NFC, without what could mislead a person, a shell or a header; "" if nothing is left.

    At most 255 bytes of UTF-8, the most that file systems take; its suffix is kept.
    """
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    # Cc and Cf hold control characters, zero-width and bidirectional marks; Cs lone surrogates; Zl, Zp line breaks.
    kept = "".join(
        char for char in last if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    )
    kept = " ".join("".join("_" if char in '<>:"|?*' else char for char in kept).split()).strip(". ")
    suffix = PurePosixPath(kept).suffix[:20]
    stem = kept.removesuffix(suffix).encode()[: 255 - len(suffix.encode())].decode(errors="ignore")
    return stem + suffix
