"""The process that forks conversions, and the process of one conversion (`python -m docward.converter.zygote`).

What a child says, it says over its own socket: the page that it begins, as often as it begins one, pictures of pages
that it asks the words of, and one answer at the end. Another child says whether the IR in an answer is one. Each is
ended by the kernel when it takes too much, on a page or in all.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import time
from typing import Any, NoReturn

from docward.converter.confinement import Confinement
from docward.converter.conversion import ConversionError, convert
from docward.converter.conversion.pages import Pages, Picture
from docward.events.documents import FailureReason
from docward.events.ir import Ir
from docward.runtime.sniffing import HTML, MARKDOWN, RST

MAX_MESSAGE = 64 * 1024
CONVERTED, CHECKED, FAILED, PAGE, PICTURE = b"C", b"K", b"F", b"P", b"I"
BEGUN = struct.Struct("!II")
"""After PAGE: its number, 0 when all are read, and how many there are."""
ASKED = struct.Struct("!III")
"""After PICTURE: its page, width and height; then its pixels. The words come back, after their length."""
LENGTH = struct.Struct("!I")
"""After CHECKED: how many sections there are."""
LOWER = 10
"""By how much a conversion that takes long is nicer."""
READING_TIME, READING_MEMORY = 1 / 3, 1 / 2
"""Of what a conversion may take, for reading pages: what is made of them takes the rest. A document that needs more is
read so far."""


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
            for pid in self._of(request["end"]):
                os.kill(pid, signal.SIGKILL)
            return True
        if "give-way" in request:
            for pid in self._of(request["give-way"]):
                _let_others_go_first(pid)
            return True
        pid = os.fork()
        if pid == 0:
            _child(request, self._confinement, *files)
        for file in files:
            os.close(file)
        self._children[pid] = request["run"]
        if request["long"]:
            _let_others_go_first(pid)
        return True

    def _of(self, number: int) -> list[int]:
        """The child of that number, unless it has ended: what was not waited for is still there, be it dead."""
        return [pid for pid, each in self._children.items() if each == number]

    def _reap(self) -> None:
        while self._children:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            ended = {
                "run": self._children.pop(pid),
                "status": status,
                "max_rss": usage.ru_maxrss * 1024,
                "cpu": usage.ru_utime + usage.ru_stime,
            }
            self._control.send(json.dumps(ended).encode())


def _let_others_go_first(pid: int) -> None:
    os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid) + LOWER)


def _child(request: dict[str, Any], confinement: Confinement, answer: int, data: int) -> NoReturn:
    """Convert one document and exit. Nothing else of the zygote is open here."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _shut_in(request, keep=(answer, data, *confinement.files))
        gc.disable()  # the process ends with its document; looking for cycles costs a seventh of a conversion
        confinement.apply()
        with socket.socket(fileno=answer) as channel:
            channel.sendall(_answer(request, data, channel))
    finally:
        os._exit(0)


def _shut_in(request: dict[str, Any], keep: tuple[int, ...]) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):  # a regular file there would make a message fatal under RLIMIT_FSIZE
        os.dup2(nothing, standard)
    for file in set(range(3, 256)) - set(keep):
        with contextlib.suppress(OSError):
            os.close(file)
    cpu, memory = math.ceil(request["cpu_seconds"]), int(request["memory"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 2))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _answer(request: dict[str, Any], data: int, channel: socket.socket) -> bytes:
    try:
        content = os.pread(data, os.fstat(data).st_size, 0)
        if request["checks"]:
            return CHECKED + LENGTH.pack(len(Ir.model_validate_json(content).sections))
        done = convert(
            content,
            request["media_type"],
            document_id=request["document_id"],
            filename=request["filename"],
            pages=_pages(request, channel),
        )
        markdown = done.markdown.encode()
        ir = done.ir.model_dump_json().encode()
        sizes = struct.pack("!QQ", len(markdown), len(ir))
        return b"".join([CONVERTED, sizes, markdown, ir, done.report.model_dump_json().encode()])
    except ConversionError as error:
        return _failed(error)
    except MemoryError:
        return _failed(ended("too-much-memory"))


def _pages(request: dict[str, Any], channel: socket.socket) -> Pages:
    """Each page is told to the parent, and has its own time: SIGPROF ends the child that takes longer for one."""

    def begin(number: int, total: int) -> FailureReason | None:
        if number > 1 and time.process_time() > READING_TIME * request["cpu_seconds"]:
            return "too-slow"
        if number > 1 and _memory() > READING_MEMORY * request["memory"]:
            return "too-much-memory"
        signal.setitimer(signal.ITIMER_PROF, request["page_cpu_seconds"] if number else 0)
        channel.sendall(PAGE + BEGUN.pack(number, total))
        return None

    def recognise(picture: Picture) -> str:
        channel.sendall(PICTURE + ASKED.pack(picture.page, picture.width, picture.height) + picture.pixels)
        (length,) = LENGTH.unpack(_received(channel, LENGTH.size))
        return _received(channel, length).decode(errors="replace")

    until = request["until"]
    return Pages(
        [(page, why) for page, why in request["skipped"]],
        until and (until[0], until[1]),
        begin,
        recognise if request["recognises"] else None,
    )


def _received(channel: socket.socket, size: int) -> bytes:
    data = channel.recv(size, socket.MSG_WAITALL) if size else b""
    if len(data) < size:
        raise EOFError
    return data


def _memory() -> int:
    """Bytes that this process has had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def ended(reason: FailureReason) -> ConversionError:
    """Of a conversion that was ended."""
    details = {
        "too-slow": "Converting the document took too long and was ended; please split it into smaller documents.",
        "too-much-memory": "Converting the document needs too much memory; please split it or save it again, simpler.",
        "converter-crashed": "The document made the converter fail; please save it again in its program.",
    }
    return ConversionError(reason, details[reason])


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
