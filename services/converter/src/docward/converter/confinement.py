"""What the kernel lets a conversion do beside computing: nothing that it does not need.

Landlock (kernel 5.13 and later) leaves it reading the interpreter's own files and fonts, and no network; seccomp
refuses system calls that start programs or processes, open sockets, or manage the machine. Both are one-way and need no
privileges. `Confinement.level` says what this machine offers; it is found by doing it, in a process of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446  # the same everywhere
VERSION, BENEATH = 1, 1
EXECUTE, READ_FILE, READ_DIR = 1 << 0, 1 << 2, 1 << 3
FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""Kinds of access to files, so many bits, since each version of Landlock."""
TCP_SINCE, SCOPES_SINCE = 4, 6
READ = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/fonts", "/usr/local/share/fonts")
"""Shared libraries and fonts; beside the interpreter's own directories."""

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000, 0x80000000
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
X32 = 0x40000000
EXECVE = {"x86_64": 59, "aarch64": 221}

# By machine: AUDIT_ARCH, and the numbers of: clone, fork, vfork, execve, execveat, clone3, socket, socketpair, connect,
# bind, listen, accept, accept4, ptrace, process_vm_readv, process_vm_writev, mount, umount2, pivot_root, chroot,
# unshare, setns, bpf, perf_event_open, add_key, request_key, keyctl, io_uring_setup, io_uring_enter, userfaultfd,
# init_module, finit_module, delete_module, kexec_load, reboot, swapon, swapoff, personality, open_by_handle_at,
# pidfd_open, pidfd_getfd, pidfd_send_signal, kcmp, acct, quotactl, memfd_create.
MACHINES = {
    "x86_64": (
        0xC000003E,
        (56, 57, 58, 59, 322, 435, 41, 53, 42, 49, 50, 43, 288, 101, 310, 311, 165, 166, 155, 161, 272, 308, 321, 298,
         248, 249, 250, 425, 426, 323, 175, 313, 176, 246, 169, 167, 168, 135, 304, 434, 438, 424, 312, 163, 179, 319),
    ),
    "aarch64": (
        0xC00000B7,
        (220, 221, 281, 435, 198, 199, 203, 200, 201, 202, 242, 117, 270, 271, 40, 39, 41, 51, 97, 268, 280, 241, 217,
         218, 219, 425, 426, 282, 105, 273, 106, 104, 142, 224, 225, 92, 265, 434, 438, 424, 272, 89, 60, 279),
    ),
}  # fmt: skip

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


@dataclass(frozen=True)
class Confinement:
    """Made once, where files may be opened; applied by each child to itself."""

    ruleset: int | None
    """A file descriptor; None without Landlock."""
    program: bytes | None
    """A filter of system calls; None without seccomp."""

    @property
    def level(self) -> str:
        parts = [name for name, part in (("landlock", self.ruleset), ("seccomp", self.program)) if part is not None]
        return "+".join(parts) or "rlimit-only"

    @property
    def files(self) -> tuple[int, ...]:
        """The descriptors that `apply` needs, and closes."""
        return () if self.ruleset is None else (self.ruleset,)

    @classmethod
    def offered(cls, *, becoming: Sequence[str] = ()) -> Confinement:
        """The most that this machine can do. Call in a process with one thread.

        With `becoming`, folders of a program and of what it reads, the process may still become that program, by
        `execve`; it starts no other process.
        """
        ruleset, program = _ruleset(becoming), _program(becomes=bool(becoming))
        if program is not None and not _works(cls(None, program)):
            program = None
        if ruleset is not None and not _works(cls(ruleset, None)):
            os.close(ruleset)
            ruleset = None
        return cls(ruleset, program)

    def apply(self) -> None:
        """Shut this process in, for ever. Raises OSError where that is refused."""
        if self.ruleset is None and self.program is None:
            return
        _checked(_libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        if self.ruleset is not None:
            _checked(_call(LANDLOCK_RESTRICT_SELF, self.ruleset, 0))
            os.close(self.ruleset)
        if self.program is not None:
            filters = ctypes.create_string_buffer(self.program, len(self.program))
            header = struct.pack("HxxxxxxP", len(self.program) // 8, ctypes.addressof(filters))
            _checked(_libc.prctl(PR_SET_SECCOMP, MODE_FILTER, header, 0, 0))


def _ruleset(becoming: Sequence[str]) -> int | None:
    version = _call(LANDLOCK_CREATE_RULESET, None, 0, VERSION)
    if version < 1:
        return None
    rights = (1 << max(bits for since, bits in FILE_RIGHTS.items() if since <= version)) - 1
    network = 0b11 if version >= TCP_SINCE else 0
    scopes = 0b11 if version >= SCOPES_SINCE else 0
    size = 24 if version >= SCOPES_SINCE else 16 if version >= TCP_SINCE else 8
    ruleset = _call(LANDLOCK_CREATE_RULESET, struct.pack("QQQ", rights, network, scopes)[:size], size, 0)
    if ruleset < 0:
        return None
    allowed = READ_FILE | READ_DIR | (EXECUTE if becoming else 0)
    for path in (*_readable(), *becoming):
        with contextlib.suppress(OSError):
            directory = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _call(LANDLOCK_ADD_RULE, ruleset, BENEATH, struct.pack("=Qi", allowed, directory), 0)
            finally:
                os.close(directory)
    return ruleset


def _readable() -> Iterator[str]:
    yield from dict.fromkeys((*READ, *(path for path in sys.path if path.startswith("/"))))


def _program(*, becomes: bool) -> bytes | None:
    """The filter as instructions of the kernel's packet filter."""
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return None
    arch, numbers = machine
    refused = [number for number in numbers if not (becomes and number == EXECVE[platform.machine()])]
    after = len(refused)
    instructions = [
        (LOAD, 0, 0, 4),
        (EQUAL, 1, 0, arch),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),
        (AT_LEAST, after + 2, 0, X32),
        *((EQUAL, after - index, 0, number) for index, number in enumerate(refused)),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, REFUSE | errno.EPERM),
        (RETURN, 0, 0, KILL),
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


def _works(confinement: Confinement) -> bool:
    """Whether a process can shut itself in and still come to its end."""
    pid = os.fork()
    if pid == 0:
        try:
            confinement.apply()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def _call(number: int, *arguments: int | bytes | None) -> int:
    """A system call; -1 where it is refused."""
    wide = (ctypes.c_long(one) if isinstance(one, int) else one for one in arguments)
    return int(_libc.syscall(ctypes.c_long(number), *wide))


def _checked(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
