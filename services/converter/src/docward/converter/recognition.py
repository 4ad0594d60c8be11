"""Text recognition by Tesseract, where it is installed: a picture of a page goes in, words with their places come out.

Each page has a process of its own that limits itself before it becomes Tesseract (`python -m
docward.converter.recognition PROGRAM ARGUMENT…`): memory, processor time, no file to write, and where the kernel has
it no file to read beside libraries and Tesseract's own, no network and no further process. What it answers is text
that nobody believes before it is parsed, in a confined child again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from docward.converter.confinement import Confinement

MEMORY = 2**30
CPU_SECONDS = 30
WALL_SECONDS = 60.0
"""Of one page; a page of dense text takes about two seconds."""
MAX_TEXT = 2 * 2**20
MODELS = "/usr/share"
ENGLISH = "eng"


@dataclass(frozen=True)
class Tesseract:
    program: str
    document_seconds: float = 300.0
    """For all pages of one document; those that are left are not recognised."""
    languages: str = ENGLISH
    """As Tesseract takes them: `eng`, `deu+eng`, …"""

    @classmethod
    def installed(cls, languages: str = ENGLISH) -> Tesseract | None:
        found = shutil.which("tesseract")
        return cls(found, languages=languages) if found else None

    def lacking(self) -> list[str]:
        """Those of the languages for which nothing is installed."""
        said = subprocess.run([self.program, "--list-langs"], capture_output=True, text=True, timeout=10, check=False)
        there = (said.stdout + said.stderr).split()
        return [language for language in self.languages.split("+") if language not in there]

    async def words(self, picture: bytes) -> bytes:
        """TSV of the words of a picture (PNM); empty when it failed or was ended at a limit."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "docward.converter.recognition", self.program, "stdin", "stdout"),
            *("-l", self.languages, "--psm", "3", "tsv"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"OMP_THREAD_LIMIT": "1", "PATH": os.defpath},
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(WALL_SECONDS):
                text, _ = await asyncio.gather(
                    _read(cast("asyncio.StreamReader", process.stdout)),
                    _write(cast("asyncio.StreamWriter", process.stdin), picture),
                )
                return text if await process.wait() == 0 else b""
        except TimeoutError:
            return b""
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


async def _write(stdin: asyncio.StreamWriter, picture: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        stdin.write(picture)
        await stdin.drain()
    stdin.close()


async def _read(stdout: asyncio.StreamReader) -> bytes:
    """What it says; empty when that is too much."""
    chunks, size = list[bytes](), 0
    while chunk := await stdout.read(2**16):
        size += len(chunk)
        if size <= MAX_TEXT:
            chunks.append(chunk)
    return b"".join(chunks) if size <= MAX_TEXT else b""


def main() -> None:
    """Limit this process and become the program of the arguments."""
    program, *arguments = sys.argv[1:]
    os.nice(5)
    for limit, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_AS, MEMORY),
    ):
        resource.setrlimit(limit, (most, most))
    Confinement.offered(becoming=(str(Path(program).resolve().parent), MODELS)).apply()
    os.execv(program, [program, *arguments])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
