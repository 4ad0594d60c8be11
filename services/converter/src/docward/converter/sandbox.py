"""Conversions in processes of their own: whatever a document does, only its conversion ends.

A zygote, a single-threaded process that has imported the parsers (`python -m docward.converter.sandbox`), forks one
child per document. The child limits its memory, processor time, files and core dumps, gives up what it does not need
of the kernel (`confinement`), converts, answers over a socket and exits; the parent ends it at its wall-clock limit.
The service never parses a document itself, and it believes nothing that a child says before it is validated. A zygote
that died is replaced at the next conversion.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import resource
import selectors
import signal
import socket
import struct
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from docward.converter.confinement import Confinement
from docward.converter.conversion import Conversion, ConversionError, Report, convert
from docward.events.documents import FailureReason
from docward.events.ir import Ir
from docward.runtime.sniffing import HTML, MARKDOWN, RST

UNKNOWN = "not-started"
MAX_ANSWER = 512 * 2**20
MAX_MESSAGE = 64 * 1024
CONVERTED, FAILED = b"C", b"F"


@dataclass(frozen=True)
class Limits:
    """Of one conversion."""

    memory: int = 1536 * 2**20
    """Bytes of address space."""
    cpu_seconds: int = 60
    wall_seconds: float = 120.0


class ZygoteDiedError(Exception):
    """The zygote is gone, and its children with it."""


@dataclass
class Ended:
    """How a child ended."""

    status: int
    """As `os.wait4` gives it."""
    max_rss: int
    """Bytes."""


class Sandbox:
    """Converts documents in child processes, at most `slots` at a time. Use from one event loop."""

    def __init__(self, limits: Limits | None = None, *, slots: int = 2) -> None:
        self._limits = limits or Limits()
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
        self, source: bytes | Path, media_type: str, *, document_id: str, filename: str = ""
    ) -> Conversion:
        """The conversion of a document; raises ConversionError, also for one that was ended at a limit."""
        request = {"media_type": media_type, "document_id": document_id, "filename": filename, **asdict(self._limits)}
        async with self._slots:
            try:
                return await self._once(source, request)
            except ZygoteDiedError:
                pass  # not the document's fault as far as anybody knows: once more, in a fresh zygote
            try:
                return await self._once(source, request)
            except ZygoteDiedError as error:
                raise _error("converter-crashed") from error

    async def _once(self, source: bytes | Path, request: dict[str, Any]) -> Conversion:
        zygote = await self._ready()
        data = await asyncio.to_thread(_readable, source)
        try:
            answer, ended = await zygote.run(data, request, self._limits.wall_seconds)
        finally:
            os.close(data)
        if answer:
            return await asyncio.to_thread(_understood, answer)
        raise _error(self._reason(ended))

    async def _ready(self) -> _Zygote:
        async with self._starting:
            if self._zygote is None or self._zygote.dead:
                if self._zygote is not None:
                    await self._zygote.close()
                self._zygote = await _Zygote.spawn()
            return self._zygote

    def _reason(self, ended: Ended | None) -> FailureReason:
        if ended is None:
            return "too-slow"
        number = os.WTERMSIG(ended.status) if os.WIFSIGNALED(ended.status) else 0
        if number == signal.SIGXCPU:
            return "too-slow"
        if number == signal.SIGKILL or ended.max_rss > 0.6 * self._limits.memory:
            return "too-much-memory"  # the kernel's killer, or an allocation that failed where nothing could catch it
        return "converter-crashed"


def _error(reason: FailureReason) -> ConversionError:
    details = {
        "too-slow": "Converting the document took too long and was ended; please split it into smaller documents.",
        "too-much-memory": "Converting the document needs too much memory; please split it or save it again, simpler.",
        "converter-crashed": "The document made the converter fail; please save it again in its program.",
    }
    return ConversionError(reason, details[reason])


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
        raise _error("converter-crashed") from error


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
                "docward.converter.sandbox",
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

    async def run(self, data: int, request: dict[str, Any], seconds: float) -> tuple[bytes, Ended | None]:
        """The child's answer (empty: none), and how the child ended; None if it had to be ended."""
        self._last += 1
        number = self._last
        ended = self._waiting[number] = asyncio.get_running_loop().create_future()
        ours, theirs = socket.socketpair()
        try:
            with theirs, contextlib.ExitStack() as unsent:
                unsent.callback(ours.close)
                self._say({"run": number, **request}, [theirs.fileno(), data])
                unsent.pop_all()
            reader, writer = await asyncio.open_unix_connection(sock=ours)
            with contextlib.closing(writer):
                async with asyncio.timeout(seconds):
                    answer = await _all_of(reader)
                    return answer, await ended
        except TimeoutError:
            return b"", None
        finally:
            self._waiting.pop(number, None)
            if not ended.done():
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
            waiting.set_result(Ended(found["status"], found["max_rss"]))

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


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    chunks, size = list[bytes](), 0
    while chunk := await reader.read(2**18):
        size += len(chunk)
        if size > MAX_ANSWER:
            return b""
        chunks.append(chunk)
    return b"".join(chunks)


class ZygoteLoop:
    """The zygote's side: forks, reports, ends children when it is told to, exits when the parent is gone."""

    def __init__(self, control: socket.socket, confinement: Confinement) -> None:
        self._control = control
        self._confinement = confinement
        self._children: dict[int, int] = {}

    def serve(self) -> None:
        wake, woken = socket.socketpair()
        for end in (wake, woken):
            end.setblocking(False)
        signal.set_wakeup_fd(woken.fileno())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is wake:
                        wake.recv(4096)
                        self._reap()
                    elif not self._obey():
                        return

    def _obey(self) -> bool:
        message, files, _, _ = socket.recv_fds(self._control, MAX_MESSAGE, 2)
        if not message:
            for pid in self._children:
                os.kill(pid, signal.SIGKILL)
            return False
        request = json.loads(message)
        if "end" in request:
            for pid in [pid for pid, number in self._children.items() if number == request["end"]]:
                os.kill(pid, signal.SIGKILL)
            return True
        pid = os.fork()
        if pid == 0:
            _child(request, self._confinement, *files)
        for file in files:
            os.close(file)
        self._children[pid] = request["run"]
        return True

    def _reap(self) -> None:
        while self._children:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            ended = {"run": self._children.pop(pid), "status": status, "max_rss": usage.ru_maxrss * 1024}
            self._control.send(json.dumps(ended).encode())


def _child(request: dict[str, Any], confinement: Confinement, answer: int, data: int) -> NoReturn:
    """Convert one document and exit. Nothing else of the zygote is open here."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _shut_in(request, keep=(answer, data, *confinement.files))
        confinement.apply()
        with socket.socket(fileno=answer) as channel:
            channel.sendall(_answer(request, data))
    finally:
        os._exit(0)


def _shut_in(request: dict[str, Any], keep: tuple[int, ...]) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):  # a regular file there would make a message fatal under RLIMIT_FSIZE
        os.dup2(nothing, standard)
    for file in set(range(3, 256)) - set(keep):
        with contextlib.suppress(OSError):
            os.close(file)
    cpu, memory = int(request["cpu_seconds"]), int(request["memory"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 2))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _answer(request: dict[str, Any], data: int) -> bytes:
    try:
        content = os.pread(data, os.fstat(data).st_size, 0)
        done = convert(content, request["media_type"], document_id=request["document_id"], filename=request["filename"])
        markdown = done.markdown.encode()
        ir = done.ir.model_dump_json().encode()
        sizes = struct.pack("!QQ", len(markdown), len(ir))
        return b"".join([CONVERTED, sizes, markdown, ir, done.report.model_dump_json().encode()])
    except ConversionError as error:
        return _failed(error)
    except MemoryError:
        return _failed(_error("too-much-memory"))


def _failed(error: ConversionError) -> bytes:
    return FAILED + json.dumps({"reason": error.reason, "detail": error.detail}).encode()


def main() -> None:
    """Serve the control socket whose descriptor is the first argument."""
    for media_type in (MARKDOWN, HTML, RST):
        convert(b"Warm\n====\n\nThe rate is 5 %.\n", media_type, document_id="warm")  # what loads lazily is loaded once
    gc.collect()
    gc.freeze()  # children share the zygote's pages; a collection would copy them
    with socket.socket(fileno=int(sys.argv[1])) as control:
        confinement = Confinement.offered()
        control.send(json.dumps({"ready": confinement.level}).encode())
        ZygoteLoop(control, confinement).serve()


if __name__ == "__main__":
    main()
