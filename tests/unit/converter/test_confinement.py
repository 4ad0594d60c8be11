"""What a confined process may and may not do, tried in processes of their own on the kernel that is there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from docward.converter.confinement import Confinement

ATTEMPTS = """
import ctypes, json, os, socket, subprocess, sys
from docward.converter.confinement import Confinement

def outcome(attempt):
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"

confinement = Confinement.offered()
server = socket.create_server(("127.0.0.1", 0))
ours, theirs = socket.socketpair()
attempts = {
    "read a file": lambda: open(sys.argv[1]).close(),
    "list a directory": lambda: os.listdir("/etc"),
    "write a file": lambda: open(sys.argv[1] + ".more", "w").close(),
    "remove a file": lambda: os.unlink(sys.argv[1]),
    "open a socket": lambda: socket.create_connection(server.getsockname()).close(),
    "start a process": os.fork,
    "start a program": lambda: os.execv("/bin/true", ["true"]),
    "read the interpreter": lambda: open(json.__file__).close(),
    "answer": lambda: ours.sendall(b"x"),
}
confinement.apply()
print(json.dumps([confinement.level, {name: outcome(attempt) for name, attempt in attempts.items()}]))
"""


@pytest.fixture(scope="module")
def tried(tmp_path_factory) -> tuple[str, dict[str, str]]:
    path = tmp_path_factory.mktemp("confined") / "secret"
    path.write_text("secret")
    done = subprocess.run(
        [sys.executable, "-c", ATTEMPTS, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    level, outcomes = json.loads(done.stdout)
    return level, outcomes


def test_what_a_conversion_needs_is_left(tried):
    assert {tried[1]["read the interpreter"], tried[1]["answer"]} == {"done"}


def test_files_are_out_of_reach_where_the_kernel_has_landlock(tried):
    level, outcomes = tried
    if "landlock" in level:
        names = ("read a file", "list a directory", "write a file", "remove a file")
        assert {outcomes[name] for name in names} == {"PermissionError"}


def test_sockets_and_processes_are_out_of_reach_where_the_kernel_has_seccomp(tried):
    level, outcomes = tried
    if "seccomp" in level:
        names = ("open a socket", "start a process", "start a program")
        assert {outcomes[name] for name in names} == {"PermissionError"}


def test_levels_are_named():
    assert Confinement(None, None).level == "rlimit-only"
    assert Confinement(None, b"x").level == "seccomp"
    assert Confinement(3, b"x").level == "landlock+seccomp"
