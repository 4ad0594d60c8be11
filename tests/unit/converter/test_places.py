"""Who takes long gives way, once and to so many; nobody else waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil  # type: ignore[import-untyped]  # ships no types
import pytest

from docward.converter.conversion import ConversionError
from docward.converter.places import Places
from docward.converter.sandbox import Limits, Sandbox
from docward.runtime.sniffing import MARKDOWN, TEXT


class Held:
    """Somebody who has a place until told to leave."""

    def __init__(self, places: Places) -> None:
        self.has, self.gave, self._leaves = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._task = asyncio.create_task(self._hold(places))

    async def _hold(self, places: Places) -> None:
        async with places.one(self.gave.set):
            self.has.set()
            await self._leaves.wait()

    async def leave(self) -> None:
        self._leaves.set()
        await self._task


async def happens(event: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await event.wait()


async def test_who_takes_long_makes_room_for_others() -> None:
    places = Places(1, long_s=0.05)
    first, second = Held(places), Held(places)
    await happens(first.has)
    assert not second.has.is_set()
    await happens(second.has)
    assert first.gave.is_set()
    await second.leave()
    await first.leave()


async def test_who_finds_no_room_beside_keeps_its_place_until_there_is() -> None:
    places = Places(1, long_s=0.05)
    first, second, third = Held(places), Held(places), Held(places)
    await happens(second.has)
    await asyncio.sleep(0.2)
    assert not second.gave.is_set()
    assert not third.has.is_set()
    await first.leave()
    await happens(second.gave)
    await happens(third.has)
    await second.leave()
    await happens(third.gave)
    await third.leave()


async def test_who_left_before_there_was_room_takes_none() -> None:
    places = Places(1, long_s=0.05)
    first, second = Held(places), Held(places)
    await happens(second.has)
    await asyncio.sleep(0.2)
    await second.leave()
    await first.leave()
    third, fourth = Held(places), Held(places)
    await happens(third.has)
    await asyncio.sleep(0)
    assert not fourth.has.is_set()
    await happens(third.gave)
    await third.leave()
    await fourth.leave()


async def test_who_is_quick_gives_its_place_back_once() -> None:
    places = Places(1, long_s=60)
    for _ in range(3):
        held = Held(places)
        await happens(held.has)
        await held.leave()
        assert not held.gave.is_set()


@asynccontextmanager
async def sandboxed(limits: Limits) -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(limits, slots=1)
    await sandbox.start()
    try:
        yield sandbox
    finally:
        await sandbox.close()


async def test_a_conversion_that_takes_long_goes_on_beside_others_at_a_lower_priority() -> None:
    async with sandboxed(Limits(cpu_seconds=60)) as sandbox:
        sandbox._places = Places(1, long_s=0.3)
        endless = b"the limit is 5 % " * 40_000
        slow = asyncio.create_task(sandbox.convert(endless, TEXT, document_id="d"))
        await asyncio.sleep(0)  # it takes its place first
        done = await sandbox.convert(b"# Next\n", MARKDOWN, document_id="d")
        assert done.markdown == "# Next\n"
        assert not slow.done()
        assert sandbox._zygote is not None
        zygote = psutil.Process(sandbox._zygote.process.pid)
        (child,) = zygote.children()
        assert child.nice() == min(zygote.nice() + 10, 19)
        slow.cancel()
        with pytest.raises((asyncio.CancelledError, ConversionError)):
            await slow
