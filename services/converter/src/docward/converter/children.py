"""The parent's side of a zygote: conversions are asked for, children are heard and answered, and ended when told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from docward.converter.conversion.pages import MAX_PIXELS
from docward.converter.zygote import ASKED, BEGUN, LENGTH, MAX_MESSAGE, PAGE, PICTURE

UNKNOWN = "not-started"
MAX_ANSWER = 512 * 2**20
Told = Callable[[int, int], None]
Asked = Callable[[int, bytes], Awaitable[bytes]]
"""The words of a page, of which there is a picture (PNM)."""


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


@dataclass
class Spent:
    """What the attempts at one document have used, and how far the last one came."""

    page_seconds: float
    deadline: float = 0.0
    """Of the event loop's clock."""
    cpu: float = 0.0
    page: int = 0
    """The page that is being read; 0: none."""
    recognising: float = 0.0
    """Seconds that recognition took; the deadline was moved by as many."""
    words: dict[int, bytes] = field(default_factory=dict)
    """By page: what was recognised need not be again."""
    long: bool = False
    """It has taken so long that others go before it."""
    on_long: Callable[[], None] | None = None
    """Tells it the child that is at work."""

    def give_way(self) -> None:
        self.long = True
        if self.on_long is not None:
            self.on_long()


@dataclass
class Zygote:
    """The parent's side of one zygote."""

    process: asyncio.subprocess.Process
    control: socket.socket
    ready: asyncio.Future[str]
    dead: bool = False
    level: str = UNKNOWN
    _waiting: dict[int, asyncio.Future[Ended]] = field(default_factory=dict)
    _last: int = 0

    @classmethod
    async def spawn(cls) -> Zygote:
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

        def give_way() -> None:
            with contextlib.suppress(ZygoteDiedError):
                self._say({"give-way": number}, [])

        spent.on_long = give_way
        try:
            with theirs, contextlib.ExitStack() as unsent:
                unsent.callback(ours.close)
                self._say({"run": number, "long": spent.long, **request}, [theirs.fileno(), data])
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
            spent.on_long = None
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
