"""Objects are stored whole or not at all, once, and proven when they are read."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from docward.events.messages import ObjectRef
from docward.runtime.errors import (
    HashMismatchError,
    ObjectMissingError,
    ObjectStoreUnavailableError,
    TooLargeError,
)
from docward.runtime.objects import ObjectStore


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path.as_uri() if request.param == "file" else "memory:///")


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def a_ref(uri: str, data: bytes) -> ObjectRef:
    return ObjectRef(uri=uri, sha256=hashlib.sha256(data).hexdigest(), size=len(data), media_type="text/plain")


async def test_what_is_put_is_got_and_its_reference_says_what_it_is(store: ObjectStore) -> None:
    ref = await store.put("uploads/one", b"text", "text/plain")
    assert ref == a_ref("uploads/one", b"text")
    assert await store.get(ref) == b"text"


async def test_whoever_comes_second_reports_what_is_stored(store: ObjectStore) -> None:
    first = await store.put("uploads/one", b"first", "text/plain")
    assert await store.put("uploads/one", b"second", "text/plain") == first
    assert await store.get(first) == b"first"


async def test_of_many_writers_at_once_one_wins_and_all_report_it(store: ObjectStore) -> None:
    refs = await asyncio.gather(*(store.put("products/x", str(n).encode() * 1000, "text/plain") for n in range(20)))
    assert len(set(refs)) == 1
    assert hashlib.sha256(await store.get(refs[0])).hexdigest() == refs[0].sha256


async def test_the_limit_is_exact_to_the_byte(store: ObjectStore) -> None:
    ref = await store.put_stream("uploads/fits", chunks(b"abc", b"de"), "text/plain", limit=5)
    assert ref.size == 5
    with pytest.raises(TooLargeError):
        await store.put_stream("uploads/over", chunks(b"abc", b"def"), "text/plain", limit=5)
    with pytest.raises(ObjectMissingError):
        await store.get(a_ref("uploads/over", b"abcde"))


async def test_other_bytes_than_the_reference_says_are_refused(store: ObjectStore) -> None:
    await store.put("uploads/one", b"what lies there", "text/plain")
    for expected in (b"what lay here", b"what lies where"):
        with pytest.raises(HashMismatchError):
            await store.get(a_ref("uploads/one", expected))


async def test_a_missing_object_is_missing(store: ObjectStore) -> None:
    await store.put("uploads/one", b"x", "text/plain")
    for uri in ("uploads/two", "uploads", "uploads/one/below"):
        with pytest.raises(ObjectMissingError):
            await store.get(a_ref(uri, b"x"))


@pytest.mark.parametrize(
    "uri", ["../x", "a/../../x", "/etc/passwd", "a//b", "a/./b", "", "a\x00b", "a\\b", "c:x", "a/"]
)
async def test_a_place_outside_the_store_is_refused(store: ObjectStore, uri: str) -> None:
    ref = a_ref("x", b"x").model_copy(update={"uri": uri})
    with pytest.raises(ObjectMissingError):
        await store.get(ref)
    with pytest.raises(ObjectMissingError):
        await store.put(uri, b"x", "text/plain")


async def test_a_stream_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"half"
        raise ValueError("the sender is gone")

    store = ObjectStore(tmp_path.as_uri())
    with pytest.raises(ValueError, match="the sender is gone"):
        await store.put_stream("uploads/one", failing(), "text/plain", limit=100)
    with pytest.raises(TooLargeError):
        await store.put_stream("uploads/one", chunks(b"1234"), "text/plain", limit=3)
    await store.put("uploads/two", b"whole", "text/plain")
    await store.put("uploads/two", b"again", "text/plain")
    assert files(tmp_path) == ["two"]


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("in_its_place", [None, "a file"])
async def test_a_root_that_is_away_is_an_outage_and_nothing_is_missing(
    tmp_path: Path, in_its_place: str | None
) -> None:
    root = tmp_path / "objects"
    store = ObjectStore(root.as_uri())
    ref = await store.put("uploads/one", b"text", "text/plain")
    root.rename(tmp_path / "away")
    if in_its_place is not None:
        root.write_text(in_its_place)
    with pytest.raises(ObjectStoreUnavailableError):
        await store.get(ref)
    with pytest.raises(ObjectStoreUnavailableError):
        await store.put("uploads/two", b"text", "text/plain")
    root.unlink(missing_ok=True)
    (tmp_path / "away").rename(root)
    assert await store.get(ref) == b"text"
