"""Waiting for the read model without asking it again and again.

The projector notifies after each commit what it has changed; whoever waits for a stream or a command looks again then,
so what is answered or pushed is always readable. After a lost connection everybody looks again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

CHANNEL = "read_model"
T = TypeVar("T")


class ReadModel:
    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._closed = False

    def notified(self, payload: str) -> None:
        """Handler of the channel's notifications: an empty payload wakes everybody."""
        try:
            changed = json.loads(payload) if payload else {}
            keys = {*changed.get("streams", {}), *(f"command:{command}" for command in changed.get("commands", ()))}
        except (ValueError, AttributeError, TypeError):
            keys = set()
        for key in keys or set(self._waiting):
            for event in self._waiting.get(key, ()):
                event.set()

    def close(self) -> None:
        """End all waiting: the process stops."""
        self._closed = True
        self.notified("")

    @property
    def closed(self) -> bool:
        return self._closed

    @contextlib.contextmanager
    def watching(self, *keys: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever one of these streams (`document:<id>`) or commands (`command:<id>`) changes."""
        event = asyncio.Event()
        for key in keys:
            self._waiting.setdefault(key, set()).add(event)
        try:
            yield event
        finally:
            for key in keys:
                self._waiting[key].discard(event)
                if not self._waiting[key]:
                    del self._waiting[key]

    async def until(self, look: Callable[[], Awaitable[T | None]], deadline: float, *keys: str) -> T | None:
        """What `look` finds, looking again at every change of `keys`; None at the deadline (the loop's time)."""
        with self.watching(*keys) as changed:
            while True:
                changed.clear()
                found = await look()
                if found is not None or self._closed:
                    return found
                try:
                    async with asyncio.timeout_at(deadline):
                        await changed.wait()
                except TimeoutError:
                    return None
