"""Conversions in processes of their own: whatever a document does, only its conversion ends.

A zygote, a single-threaded process that has imported the parsers (`zygote`), forks one child per document. The child
limits its memory, processor time, files and core dumps, gives up what it does not need of the kernel (`confinement`),
converts, answers over a socket and exits; the parent ends it at its wall-clock limit. The service never parses a
document itself, and it believes nothing that a child says before it is validated: a large IR by another child, for it
would keep the service's loop for seconds. A zygote that died is replaced at the next conversion.

A child starts no program. It hands the pictures of scanned pages to the parent, which asks Tesseract for their words
(`recognition`) and gives them back; that time is not the child's, and has a bound of its own.

A conversion that takes long gives its place to others and goes on beside them, at a lower priority (`places`).

A page that ends its child is left out, and the document is converted again without it: what the other pages say is
not lost. All attempts together have the time of one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from docward.converter.children import UNKNOWN, Ended, Spent, Told, Zygote, ZygoteDiedError
from docward.converter.conversion import Conversion, ConversionError, Report
from docward.converter.conversion.pages import WHY
from docward.converter.places import Places
from docward.converter.recognition import Tesseract
from docward.converter.zygote import FAILED, LENGTH, ended
from docward.events.documents import FailureReason
from docward.events.ir import Ir
from docward.runtime import metrics

MOST_SKIPPED = 2
"""Pages that are left out one by one; at the next one the rest of the document is."""
MORE_FOR = 2 * 2**20
"""Bytes of a document that give it as much processor time again, twice at most."""
READ_HERE = 2**17
"""Bytes of an IR that is validated in this process: for fifteen milliseconds nothing else runs in it."""


@dataclass(frozen=True)
class Limits:
    """Of one conversion."""

    memory: int = 552 * 2**20
    """Bytes of address space, of which 100 MiB are the interpreter's and stay on disk: half a gigabyte resident. A
    manual of five hundred pages takes 90 MiB, seven million characters of Markdown take 200."""
    cpu_seconds: float = 10
    """For a small document. A larger one has as much again for each of its first `MORE_FOR` bytes, see `cpu`."""
    wall_seconds: float = 60.0
    page_cpu_seconds: float = 3.0
    """For reading one page: a hundred times what the heaviest of real manuals took."""
    page_wall_seconds: float = 30.0

    def cpu(self, size: int) -> float:
        """Seconds of processor time for a document of so many bytes."""
        return self.cpu_seconds * (1 + min(size / MORE_FOR, 2))


@dataclass(frozen=True)
class Product:
    """A conversion as it is stored."""

    markdown: str
    ir: bytes
    """The JSON of an `Ir`."""
    report: Report
    sections: int = 0
    """Counted when the IR is validated."""


@dataclass(frozen=True)
class Attempt:
    """Which pages to read, after those that ended the attempts before."""

    skipped: tuple[tuple[int, FailureReason], ...] = ()
    until: tuple[int, FailureReason] | None = None

    def after(self, page: int, reason: FailureReason) -> Attempt | None:
        """The next attempt; None when there is no page to blame, or nothing left to leave out."""
        if page == 0 or self.until is not None:
            return None
        if len(self.skipped) < MOST_SKIPPED:
            return Attempt((*self.skipped, (page, reason)))
        return Attempt(self.skipped, (page, reason)) if page > 1 else None


class Sandbox:
    """Converts documents in child processes, at most `slots` at a time, and at most as many beside them that take long.
    Use from one event loop."""

    def __init__(self, limits: Limits | None = None, *, slots: int = 2, ocr: Tesseract | None = None) -> None:
        self._limits = limits or Limits()
        self._ocr = ocr
        self._places = Places(slots)
        self._starting = asyncio.Lock()
        self._zygote: Zygote | None = None

    @property
    def level(self) -> str:
        """How far the children are shut in, beside their resource limits: `landlock+seccomp` where the kernel has both,
        `rlimit-only` where it has none. Known once the sandbox has started.
        """
        return self._zygote.level if self._zygote is not None else UNKNOWN

    async def start(self) -> None:
        """Start the zygote, so that the first conversion does not wait for it."""
        await self._ready()

    async def close(self) -> None:
        """End the zygote and every conversion that runs."""
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            await zygote.close()

    async def convert(
        self, source: bytes | Path, media_type: str, *, document_id: str, filename: str = "", told: Told | None = None
    ) -> Conversion:
        """The conversion of a document; raises ConversionError, also for one that was ended at a limit. `told` hears
        the number of each page before it is read, and how many there are: 0 when all are read."""
        about = {"media_type": media_type, "document_id": document_id, "filename": filename}
        made = await self._made(source, about, told, checks=False)
        try:
            ir = await asyncio.to_thread(Ir.model_validate_json, made.ir)
        except ValidationError as error:
            raise ended("converter-crashed") from error
        return Conversion(made.markdown, ir, made.report)

    async def produce(
        self, source: bytes | Path, media_type: str, *, document_id: str, filename: str = "", told: Told | None = None
    ) -> Product:
        """As `convert`, for whoever stores the IR and does not read it: a large one takes no time of this process."""
        about = {"media_type": media_type, "document_id": document_id, "filename": filename}
        return await self._made(source, about, told, checks=True)

    async def _made(self, source: bytes | Path, about: dict[str, Any], told: Told | None, *, checks: bool) -> Product:
        limits, clock = self._limits, asyncio.get_running_loop().time
        request = {**about, **asdict(limits), "recognises": self._ocr is not None, "checks": False}
        cpu = limits.cpu(_size(source))
        attempt, first = Attempt(), None
        spent = Spent(limits.page_wall_seconds)
        async with self._places.one(spent.give_way):
            spent.deadline = clock() + limits.wall_seconds
            while True:
                left = {**asdict(attempt), "cpu_seconds": cpu - spent.cpu}
                try:
                    answer = await self._patiently(source, {**request, **left}, spent, told)
                    made = await asyncio.to_thread(_taken, answer)
                    return await self._checked(made, {**request, **left}, spent) if checks else made
                except ConversionError as error:
                    first = first or error
                    following = attempt.after(spent.page, error.reason) if error.reason in WHY else None
                    if following is None or spent.cpu > cpu - 1 or clock() > spent.deadline:
                        raise first from None
                    attempt = following

    async def _checked(self, made: Product, request: dict[str, Any], spent: Spent) -> Product:
        """The product, whose IR is one."""
        try:
            if len(made.ir) <= READ_HERE:
                ir = await asyncio.to_thread(Ir.model_validate_json, made.ir)
                return replace(made, sections=len(ir.sections))
            answer = await self._patiently(made.ir, {**request, "checks": True}, spent, None)
            if answer[:1] == FAILED:
                raise _failure(answer)
            return replace(made, sections=LENGTH.unpack(answer[1:])[0])
        except (ValidationError, struct.error) as error:
            raise ended("converter-crashed") from error

    async def _patiently(self, source: bytes | Path, request: dict[str, Any], spent: Spent, told: Told | None) -> bytes:
        """A child's answer, in a fresh zygote when this one died: not the document's fault as far as anybody knows."""
        try:
            return await self._once(source, request, spent, told)
        except ZygoteDiedError:
            pass
        try:
            return await self._once(source, request, spent, told)
        except ZygoteDiedError as error:
            raise ended("converter-crashed") from error

    async def _once(self, source: bytes | Path, request: dict[str, Any], spent: Spent, told: Told | None) -> bytes:
        zygote = await self._ready()
        data = await asyncio.to_thread(_readable, source)

        def heard(page: int, pages: int) -> None:
            spent.page = page
            if told is not None:
                told(page, pages)

        async def asked(page: int, picture: bytes) -> bytes:
            return await _recognised(self._ocr, spent, page, picture)

        spent.page = 0
        try:
            answer, end = await zygote.run(data, request, spent, heard, asked)
        finally:
            os.close(data)
        if answer:
            return answer
        raise ended(self._reason(end))

    async def _ready(self) -> Zygote:
        async with self._starting:
            if self._zygote is None or self._zygote.dead:
                if self._zygote is not None:
                    await self._zygote.close()
                self._zygote = await Zygote.spawn()
            return self._zygote

    def _reason(self, end: Ended | None) -> FailureReason:
        if end is None:
            return "too-slow"
        number = os.WTERMSIG(end.status) if os.WIFSIGNALED(end.status) else 0
        if number in {signal.SIGXCPU, signal.SIGPROF}:
            return "too-slow"
        if number == signal.SIGKILL or end.max_rss > 0.6 * self._limits.memory:
            return "too-much-memory"  # the kernel's killer, or an allocation that failed where nothing could catch it
        return "converter-crashed"


async def _recognised(ocr: Tesseract | None, spent: Spent, page: int, picture: bytes) -> bytes:
    """The words of a page, which are not asked for twice; empty when they cannot be read or its time is over."""
    if ocr is None or page in spent.words:
        return spent.words.get(page, b"")
    if spent.recognising >= ocr.document_seconds:
        metrics.RECOGNISED.labels("skipped").inc()
        return b""
    clock = asyncio.get_running_loop().time
    begun = clock()
    words = spent.words[page] = await ocr.words(picture)
    metrics.RECOGNISED.labels("read" if words else "failed").inc()
    spent.recognising += clock() - begun
    spent.deadline += clock() - begun
    return words


def _size(source: bytes | Path) -> int:
    return len(source) if isinstance(source, bytes) else source.stat().st_size


def _readable(source: bytes | Path) -> int:
    """A file descriptor from which a child reads the document."""
    if isinstance(source, Path):
        return os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    data = os.memfd_create("document", os.MFD_CLOEXEC)
    view = memoryview(source)
    while view:
        view = view[os.write(data, view) :]
    return data


def _taken(answer: bytes) -> Product:
    """A child's answer, taken apart; one that cannot be is a crash."""
    try:
        if answer[:1] == FAILED:
            raise _failure(answer)
        markdown_size, ir_size = struct.unpack("!QQ", answer[1:17])
        ir_at, report_at = 17 + markdown_size, 17 + markdown_size + ir_size
        report = Report.model_validate_json(answer[report_at:])
        return Product(answer[17:ir_at].decode(), answer[ir_at:report_at], report)
    except (ValueError, struct.error) as error:
        raise ended("converter-crashed") from error


def _failure(answer: bytes) -> ConversionError:
    try:
        found = json.loads(answer[1:])
        return ConversionError(found["reason"], found["detail"])
    except (ValueError, KeyError, TypeError):
        return ended("converter-crashed")
