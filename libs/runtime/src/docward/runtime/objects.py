"""The object store: documents and products travel by reference, and every reader re-hashes what it gets.

Writes are put-if-absent: whoever comes second reports what is stored, so a repeated upload or job changes nothing.
A write is complete or absent, never half: locally by temporary file, fsync and link; elsewhere by the store itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import NamedTemporaryFile, _TemporaryFileWrapper
from typing import Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import from_url

from docward.events.messages import ObjectRef
from docward.runtime.errors import (
    HashMismatchError,
    ObjectMissingError,
    ObjectStoreUnavailableError,
    TooLargeError,
)


class ObjectStore:
    """Objects under one root. URIs are relative to it; one that would leave it is refused."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._place: _Place = _Directory(Path(unquote(parts.path))) if parts.scheme == "file" else _Bucket(url)

    async def put(self, uri: str, data: bytes, media_type: str) -> ObjectRef:
        """Store `data` unless something is stored there; the reference of what is stored then."""

        async def once() -> AsyncIterator[bytes]:
            yield data

        return await self.put_stream(uri, once(), media_type, limit=len(data))

    async def put_stream(self, uri: str, chunks: AsyncIterator[bytes], media_type: str, *, limit: int) -> ObjectRef:
        """As `put`, from a stream. Raises TooLargeError at the first byte past `limit`, and then stores nothing."""
        _check(uri)
        try:
            digest, size = await self._place.write(uri, _limited(chunks, limit))
        except _TakenError:
            stored = await self._place.read(uri)
            digest, size = hashlib.sha256(stored).hexdigest(), len(stored)
        return ObjectRef(uri=uri, sha256=digest, size=size, media_type=media_type)

    async def get(self, ref: ObjectRef) -> bytes:
        """The bytes, proven to be those of the reference. Raises ObjectMissingError or HashMismatchError."""
        _check(ref.uri)
        data = await self._place.read(ref.uri)
        if len(data) != ref.size or hashlib.sha256(data).hexdigest() != ref.sha256:
            raise HashMismatchError(ref.uri)
        return data


class _TakenError(Exception):
    """Something is stored under the name."""


class _Place(Protocol):
    async def write(self, uri: str, chunks: AsyncIterator[bytes]) -> tuple[str, int]:
        """Store what comes, whole or not at all; its sha256 and size. Raises _TakenError."""

    async def read(self, uri: str) -> bytes: ...


class _Directory:
    """Temporary file, fsync, link (which fails when the name is taken), fsync of the directory.

    A root that is away (a volume that is not mounted) is an outage: it is not made anew, and nothing is missing in it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    async def write(self, uri: str, chunks: AsyncIterator[bytes]) -> tuple[str, int]:
        target = self._root / uri
        digest, size = hashlib.sha256(), 0
        try:
            file = await asyncio.to_thread(_partial, self._root, target.parent)
        except OSError as error:
            raise ObjectStoreUnavailableError(str(error)) from error
        try:
            async for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(_publish, file, target)
        except FileExistsError as error:
            raise _TakenError from error
        except OSError as error:
            raise ObjectStoreUnavailableError(str(error)) from error
        finally:
            await asyncio.to_thread(_discard, file)
        return digest.hexdigest(), size

    async def read(self, uri: str) -> bytes:
        try:
            return await asyncio.to_thread(_read, self._root, uri)
        except OSError as error:
            raise ObjectStoreUnavailableError(str(error)) from error


class _Bucket:
    """S3, Google Cloud Storage or Azure through obstore: a conditional put of the whole object."""

    def __init__(self, url: str) -> None:
        self._store = from_url(url)

    async def write(self, uri: str, chunks: AsyncIterator[bytes]) -> tuple[str, int]:
        data = b"".join([chunk async for chunk in chunks])
        try:
            await obstore.put_async(self._store, uri, data, mode="create")
        except AlreadyExistsError as error:
            raise _TakenError from error
        except (BaseError, OSError) as error:
            raise ObjectStoreUnavailableError(str(error)) from error
        return hashlib.sha256(data).hexdigest(), len(data)

    async def read(self, uri: str) -> bytes:
        try:
            answer = await obstore.get_async(self._store, uri)
            return bytes(await answer.bytes_async())
        except (NotFoundError, FileNotFoundError) as error:  # the client raises the built-in one
            raise ObjectMissingError(uri) from error
        except (BaseError, OSError) as error:
            raise ObjectStoreUnavailableError(str(error)) from error


async def _limited(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise TooLargeError(f"more than {limit} bytes")
        yield chunk


def _check(uri: str) -> None:
    parts = uri.split("/")
    if uri.startswith("/") or ":" in uri or "\\" in uri or "\x00" in uri or any(p in {"", ".", ".."} for p in parts):
        raise ObjectMissingError(f"{uri!r} is not a place in the object store")


def _read(root: Path, uri: str) -> bytes:
    place = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with os.fdopen(os.open(uri, os.O_RDONLY, dir_fd=place), "rb") as file:
            return file.read()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise ObjectMissingError(uri) from error
    finally:
        os.close(place)


def _partial(root: Path, directory: Path) -> _TemporaryFileWrapper[bytes]:
    folder = root
    for part in directory.relative_to(root).parts:
        folder /= part
        folder.mkdir(exist_ok=True)
    return NamedTemporaryFile(prefix=".partial-", dir=directory, delete=False)


def _publish(file: _TemporaryFileWrapper[bytes], target: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    os.link(file.name, target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _discard(file: _TemporaryFileWrapper[bytes]) -> None:
    file.close()
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        Path(file.name).unlink()
