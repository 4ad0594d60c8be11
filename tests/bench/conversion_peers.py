"""The converters that ours is measured against, in an environment of their own.

They come by package name, each installed alone, so that one that cannot be installed takes none with it; that one, and
a program that the machine lacks, is named in the result.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

Format = Literal["pdf", "docx"]
WORKER = Path(__file__).with_name("conversion_worker.py")


@dataclass(frozen=True)
class Tool:
    name: str
    """As `conversion_worker` knows it."""
    formats: tuple[Format, ...]
    package: str = ""
    program: str = ""


OURS = (Tool("docward", ("pdf", "docx")), Tool("docward_ir", ("pdf", "docx")))
PEERS = (
    Tool("pypdfium2", ("pdf",), "pypdfium2"),
    Tool("pdftotext", ("pdf",), program="pdftotext"),
    Tool("pypdf", ("pdf",), "pypdf"),
    Tool("liteparse", ("pdf",), "liteparse"),
    Tool("pdf_inspector", ("pdf",), "pdf-inspector"),
    Tool("pdf_oxide", ("pdf",), "pdf-oxide"),
    Tool("markitdown", ("pdf", "docx"), "markitdown[pdf,docx]"),
    Tool("mammoth", ("docx",), "mammoth"),
    Tool("python_docx", ("docx",), "python-docx"),
    Tool("docling_rs", ("docx",), "docling-rs"),
    Tool("pandoc", ("docx",), "pypandoc-binary"),
)
SCORING = ("rapidfuzz", "markdown-it-py", "lxml", "pillow", "reportlab")
"""What a corpus of others, given on the command line, needs to be written and scored."""


class Environment:
    """A virtual environment at a folder; what is installed there already is not asked for again."""

    def __init__(self, folder: Path) -> None:
        self._stamp = folder / "installed.json"
        self.python = folder / "bin" / "python"
        if not self.python.exists():
            subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        self._have: list[str] = json.loads(self._stamp.read_text()) if self._stamp.exists() else []

    def install(self, package: str) -> str:
        """Why it could not be installed; empty where it is there."""
        if package in self._have:
            return ""
        command = [
            str(self.python),
            "-m",
            "pip",
            "install",
            "-q",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
        ]
        done = subprocess.run([*command, package], check=False, capture_output=True, encoding="utf-8")
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        self._have.append(package)
        self._stamp.write_text(json.dumps(self._have))
        return ""

    def available(self, tools: tuple[Tool, ...]) -> tuple[list[Tool], dict[str, str]]:
        """The tools that can run here, and why the others cannot."""
        missing: dict[str, str] = {}
        for tool in tools:
            if tool.program and shutil.which(tool.program) is None:
                missing[tool.name] = f"the program {tool.program} is not installed"
            elif tool.package and (reason := self.install(tool.package)):
                missing[tool.name] = reason
        return [tool for tool in tools if tool.name not in missing], missing


class Worker:
    """One tool in a process; use as a context."""

    def __init__(self, tool: Tool, environment: Environment) -> None:
        python = sys.executable if tool in OURS else environment.python
        self._process = subprocess.Popen(
            [python, WORKER, tool.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def convert(self, path: Path, seconds: float, output: Path | None = None) -> dict[str, Any]:
        """`cpu_s` and `peak_mb`, or `error`."""
        if self._process.stdin is None or self._process.stdout is None:
            raise BrokenPipeError
        request = {"path": str(path), "output": str(output) if output else None, "seconds": seconds}
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": "the converter ended"}
