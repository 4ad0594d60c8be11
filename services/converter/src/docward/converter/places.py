"""Places for conversions: one that takes long gives its place up and goes on, so that others need not wait for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

LONG_S = 0.1
"""Twice what most conversions take: whoever waits for one that takes long waits no longer."""


class Places:
    """`number` at once, and at most as many beside them that have given way; whoever finds no room there stays until
    there is some."""

    def __init__(self, number: int, long_s: float = LONG_S) -> None:
        self._places = asyncio.Semaphore(number)
        self._room = number
        self._long_s = long_s
        self._staying: deque[Callable[[], None]] = deque()

    @asynccontextmanager
    async def one(self, gives_way: Callable[[], None]) -> AsyncIterator[None]:
        """A place, as soon as one is free; `gives_way` is called when it is given up before the end."""
        given = False

        def give_way() -> None:
            nonlocal given
            if not self._room:
                self._staying.append(give_way)
                return
            given = True
            self._room -= 1
            self._places.release()
            gives_way()

        await self._places.acquire()
        timer = asyncio.get_running_loop().call_later(self._long_s, give_way)
        try:
            yield
        finally:
            timer.cancel()
            if given:
                self._room += 1
                if self._staying:
                    self._staying.popleft()()
            else:
                self._places.release()
                with contextlib.suppress(ValueError):
                    self._staying.remove(give_way)
