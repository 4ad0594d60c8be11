"""Processes that analyse: the event loop stays free, and a document that ends or holds up its process harms no other.

Each process works alone, on one call at a time. One that died, or whose call took too long or was given up, is ended
and replaced.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from typing import Any, TypeVar, TypeVarTuple

A = TypeVarTuple("A")
T = TypeVar("T")

_SPAWN = multiprocessing.get_context("spawn")


class WorkerEndedError(Exception):
    """The process died during the call."""


class TooSlowError(Exception):
    """The call took too long; its process was ended."""


class Workers:
    """At most `number` calls at a time, each of them `seconds` long at most. Use from one event loop."""

    def __init__(self, number: int, *, seconds: float) -> None:
        self._seconds = seconds
        self._idle: asyncio.LifoQueue[ProcessPoolExecutor] = asyncio.LifoQueue()
        self._all = {_process() for _ in range(number)}
        for worker in self._all:
            self._idle.put_nowait(worker)

    async def run(self, function: Callable[[*A], T], *args: *A) -> T:
        """What `function` returns or raises there. Raises WorkerEndedError or TooSlowError."""
        worker, call = await self._idle.get(), None
        try:
            call = worker.submit(function, *args)
            async with asyncio.timeout(self._seconds):
                return await asyncio.wrap_future(call)
        except TimeoutError as error:
            raise TooSlowError(f"not done after {self._seconds:g} s") from error
        except BrokenExecutor as error:
            raise WorkerEndedError("the process died") from error
        finally:
            self._idle.put_nowait(worker if call is not None and _answered(call) else self._replaced(worker))

    def close(self) -> None:
        """End every process, whatever it does."""
        for worker in self._all:
            _end(worker)

    def _replaced(self, worker: ProcessPoolExecutor) -> ProcessPoolExecutor:
        _end(worker)
        self._all.remove(worker)
        fresh = _process()
        self._all.add(fresh)
        return fresh


def _answered(call: Future[Any]) -> bool:
    return call.done() and not call.cancelled() and not isinstance(call.exception(), BrokenExecutor)


def _process() -> ProcessPoolExecutor:
    """Started at its first call."""
    return ProcessPoolExecutor(1, mp_context=_SPAWN, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """In the process: one whose service was killed would wait for the next call for ever."""
    threading.Thread(target=_wait_for_parent, name="parent", daemon=True).start()


def _wait_for_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)


def _end(worker: ProcessPoolExecutor) -> None:
    for process in list((worker._processes or {}).values()):  # noqa: SLF001 -- there is no public way before Python 3.14
        process.kill()
    worker.shutdown(wait=False, cancel_futures=True)
