"""Conversions in processes of their own: whatever a document does, only its conversion ends.

A zygote, a single-threaded process that has imported the parsers (`zygote`), forks one child per document. The child
limits its memory, processor time, files and core dumps, gives up what it does not need of the kernel (`confinement`),
converts, answers over a socket and exits; the parent ends it at its wall-clock limit. The service never parses a
document itself, and it believes nothing that a child says before it is validated. A zygote that died is replaced at
the next conversion.

A child starts no program. It hands the pictures of scanned pages to the parent, which asks Tesseract for their words
(`recognition`) and gives them back; that time is not the child's, and has a bound of its own.

A page that ends its child is left out, and the document is converted again without it: what the other pages say is
not lost. All attempts together have the time of one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from docward.converter.conversion import Conversion, ConversionError, Report
from docward.converter.conversion.pages import MAX_PIXELS, WHY
from docward.converter.recognition import Tesseract
from docward.converter.zygote import ASKED, BEGUN, FAILED, LENGTH, MAX_MESSAGE, PAGE, PICTURE, ended
from docward.events.documents import FailureReason
from docward.events.ir import Ir
from docward.runtime import metrics

UNKNOWN = "not-started"
MAX_ANSWER = 512 * 2**20
MOST_SKIPPED = 2
"""Pages that are left out one by one; at the next one the rest of the document is."""
Told = Callable[[int, int], None]
Asked = Callable[[int, bytes], Awaitable[bytes]]
"""The words of a page, of which there is a picture (PNM)."""


@dataclass(frozen=True)
class Limits:
    """Of one conversion."""

    memory: int = 1536 * 2**20
    """Bytes of address space."""
    cpu_seconds: float = 60
    wall_seconds: float = 120.0
    page_cpu_seconds: float = 3.0
    """For reading one page: a hundred times what the heaviest of real manuals took."""
    page_wall_seconds: float = 30.0


class ZygoteDiedError(Exception):
    """The zygote is gone, and its children with it."""


@dataclass
class Ended:
    """How a child ended."""

    status: int
    """As `os.wait4` gives it."""
    max_rss: int
    """Bytes."""
    cpu: float
    """Seconds of processor time."""


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


@dataclass
class Spent:
    """What the attempts at one document have used, and how far the last one came."""

    deadline: float
    """Of the event loop's clock."""
    page_seconds: float
    cpu: float = 0.0
    page: int = 0
    """The page that is being read; 0: none."""
    recognising: float = 0.0
    """Seconds that recognition took; the deadline was moved by as many."""
    words: dict[int, bytes] = field(default_factory=dict)
    """By page: what was recognised need not be again."""


class Sandbox:
    """Converts documents in child processes, at most `slots` at a time. Use from one event loop."""

    def __init__(self, limits: Limits | None = None, *, slots: int = 2, ocr: Tesseract | None = None) -> None:
        self._limits = limits or Limits()
        self._ocr = ocr
        self._slots = asyncio.Semaphore(slots)
        self._starting = asyncio.Lock()
        self._zygote: _Zygote | None = None

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
        limits, clock = self._limits, asyncio.get_running_loop().time
        about = {"media_type": media_type, "document_id": document_id, "filename": filename, **asdict(limits)}
        about["recognises"] = self._ocr is not None
        attempt, first = Attempt(), None
        async with self._slots:
            spent = Spent(clock() + limits.wall_seconds, limits.page_wall_seconds)
            while True:
                left = {"cpu_seconds": limits.cpu_seconds - spent.cpu}
                try:
                    return await self._patiently(source, {**about, **asdict(attempt), **left}, spent, told)
                except ConversionError as error:
                    first = first or error
                    following = attempt.after(spent.page, error.reason) if error.reason in WHY else None
                    if following is None or spent.cpu > limits.cpu_seconds - 1 or clock() > spent.deadline:
                        raise first from None
                    attempt = following

    async def _patiently(
        self, source: bytes | Path, request: dict[str, Any], spent: Spent, told: Told | None
    ) -> Conversion:
        """One attempt, in a fresh zygote when this one died: not the document's fault as far as anybody knows."""
        try:
            return await self._once(source, request, spent, told)
        except ZygoteDiedError:
            pass
        try:
            return await self._once(source, request, spent, told)
        except ZygoteDiedError as error:
            raise ended("converter-crashed") from error

    async def _once(self, source: bytes | Path, request: dict[str, Any], spent: Spent, told: Told | None) -> Conversion:
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
            return await asyncio.to_thread(_understood, answer)
        raise ended(self._reason(end))

    async def _ready(self) -> _Zygote:
        async with self._starting:
            if self._zygote is None or self._zygote.dead:
                if self._zygote is not None:
                    await self._zygote.close()
                self._zygote = await _Zygote.spawn()
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


def _readable(source: bytes | Path) -> int:
    """A file descriptor from which a child reads the document."""
    if isinstance(source, Path):
        return os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    data = os.memfd_create("document", os.MFD_CLOEXEC)
    view = memoryview(source)
    while view:
        view = view[os.write(data, view) :]
    return data


def _understood(answer: bytes) -> Conversion:
    """A child's answer; one that does not validate is a crash."""
    try:
        if answer[:1] == FAILED:
            found = json.loads(answer[1:])
            raise ConversionError(found["reason"], found["detail"])
        markdown_size, ir_size = struct.unpack("!QQ", answer[1:17])
        markdown = answer[17 : 17 + markdown_size].decode()
        ir = Ir.model_validate_json(answer[17 + markdown_size : 17 + markdown_size + ir_size])
        return Conversion(markdown, ir, Report.model_validate_json(answer[17 + markdown_size + ir_size :]))
    except (ValidationError, ValueError, KeyError, TypeError, struct.error) as error:
        raise ended("converter-crashed") from error


@dataclass
class _Zygote:
    """The parent's side of one zygote."""

    process: asyncio.subprocess.Process
    control: socket.socket
    ready: asyncio.Future[str]
    dead: bool = False
    level: str = UNKNOWN
    _waiting: dict[int, asyncio.Future[Ended]] = field(default_factory=dict)
    _last: int = 0

    @classmethod
    async def spawn(cls) -> _Zygote:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "docward.converter.zygote",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # one group to end, and out of reach of a terminal's Ctrl-C
            )
        finally:
            theirs.close()
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        zygote = cls(process, ours, loop.create_future())
        loop.add_reader(ours.fileno(), zygote._hear)
        zygote.level = await zygote.ready  # no conversion's time runs while the parsers are imported
        return zygote

    async def run(
        self, data: int, request: dict[str, Any], spent: Spent, heard: Told, asked: Asked
    ) -> tuple[bytes, Ended | None]:
        """The child's answer (empty: none), and how the child ended; None if it had to be ended."""
        self._last += 1
        number = self._last
        loop = asyncio.get_running_loop()
        ending = self._waiting[number] = loop.create_future()
        ours, theirs = socket.socketpair()

        def hear(page: int, pages: int) -> None:
            limit.reschedule(min(spent.deadline, loop.time() + spent.page_seconds) if page else spent.deadline)
            heard(page, pages)

        async def ask(page: int, picture: bytes) -> bytes:
            limit.reschedule(None)
            words = await asked(page, picture)
            limit.reschedule(min(spent.deadline, loop.time() + spent.page_seconds))
            return words

        try:
            with theirs, contextlib.ExitStack() as unsent:
                unsent.callback(ours.close)
                self._say({"run": number, **request}, [theirs.fileno(), data])
                unsent.pop_all()
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            with contextlib.closing(writer):
                async with asyncio.timeout_at(spent.deadline) as limit:
                    answer = await _answer(reader, writer, hear, ask)
                    end = await ending
                    spent.cpu += end.cpu
                    return answer, end
        except TimeoutError:
            return b"", None
        finally:
            self._waiting.pop(number, None)
            if not ending.done():
                with contextlib.suppress(ZygoteDiedError):
                    self._say({"end": number}, [])

    def _say(self, message: dict[str, Any], files: list[int]) -> None:
        try:
            socket.send_fds(self.control, [json.dumps(message).encode()[:MAX_MESSAGE]], files)
        except OSError as error:
            self._died()
            raise ZygoteDiedError from error

    def _hear(self) -> None:
        try:
            message = self.control.recv(MAX_MESSAGE)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self._died()
            return
        found = json.loads(message)
        if "ready" in found and not self.ready.done():
            self.ready.set_result(found["ready"])
        waiting = self._waiting.get(found.get("run"))
        if waiting is not None and not waiting.done():
            waiting.set_result(Ended(found["status"], found["max_rss"], found["cpu"]))

    def _died(self) -> None:
        if self.dead:
            return
        self.dead = True
        asyncio.get_running_loop().remove_reader(self.control.fileno())
        self.control.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # its children may have outlived it
        futures: list[asyncio.Future[Any]] = [self.ready, *self._waiting.values()]
        for future in futures:
            if not future.done():
                future.set_exception(ZygoteDiedError())

    async def close(self) -> None:
        self._died()
        await self.process.wait()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hear: Told, ask: Asked) -> bytes:
    """What a child says at its end, empty when it does not come to it; the pages that it begins are told meanwhile, and
    what it asks is answered."""
    try:
        while (first := await reader.read(1)) in {PAGE, PICTURE}:
            if first == PAGE:
                page, pages = BEGUN.unpack(await reader.readexactly(BEGUN.size))
                hear(page, pages)
                continue
            page, width, height = ASKED.unpack(await reader.readexactly(ASKED.size))
            if width * height > MAX_PIXELS:
                return b""
            pixels = await reader.readexactly(width * height)
            words = await ask(page, b"P5 %d %d 255\n" % (width, height) + pixels)
            writer.write(LENGTH.pack(len(words)) + words)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""
    chunks, size = [first], 0
    while chunk := await reader.read(2**18):
        size += len(chunk)
        if size > MAX_ANSWER:
            return b""
        chunks.append(chunk)
    return b"".join(chunks)
