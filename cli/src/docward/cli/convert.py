"""`docward convert`: documents become Markdown, IR and a report of losses on this machine, without any server.

Every document is converted in a child process of the sandbox, as in the service; several at once.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from docward.cli import codes
from docward.cli.client import ClientError
from docward.cli.review import exit_codes
from docward.cli.stack import Json
from docward.converter.conversion import Conversion, ConversionError
from docward.converter.recognition import Tesseract
from docward.converter.sandbox import Sandbox
from docward.events.messages import Value
from docward.runtime.sniffing import HEAD_BYTES, TAKEN, refusal, sniff

SUFFIXES = (".md", ".ir.json", ".report.json")
WORST = (codes.OK, codes.USAGE, codes.FAILED)
"""Outcomes of a file, the worst last."""

_errors = Console(stderr=True, highlight=False)


def convert(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help=f"{TAKEN}.")],
    *,
    to: Annotated[Path, typer.Option(metavar="DIR", help="Where the results go; made if it is not there.")],
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Conversions at once; default: one per core.")
    ] = None,
    json_output: Json = False,
) -> None:
    """Convert documents here, without any server: NAME.md, NAME.ir.json and NAME.report.json in DIR.

    NAME is the file's name without its suffix; with it, where two results would have one name or a result would
    replace an original. The report holds what was lost and why, warnings, time and sandbox level; of a document that
    was refused it is the only result. The exit code is that of the worst file: 1, 2, 0. JSON: a list of {file, name,
    error, seconds, sandbox, report}.
    """
    with exit_codes():
        try:
            to.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ClientError(f"{to}: {error.strerror}", codes.USAGE) from error
        done = asyncio.run(_all(files, to, jobs or os.cpu_count() or 1, quiet=json_output))
        if json_output:
            print(json.dumps([result for result, _ in done]))
        if worst := max((code for _, code in done), key=WORST.index):
            raise typer.Exit(worst)


async def _all(files: Sequence[Path], to: Path, jobs: int, *, quiet: bool) -> list[tuple[dict[str, Any], int]]:
    sandbox = Sandbox(slots=jobs, ocr=Tesseract.installed())
    slots = asyncio.Semaphore(jobs)
    await sandbox.start()
    try:
        with _progress(disable=quiet) as bars:
            task = bars.add_task("converting", total=len(files))

            async def one(file: Path, name: str) -> tuple[dict[str, Any], int]:
                async with slots:
                    result, code = await _one(sandbox, file, to, name)
                if not quiet:
                    bars.console.print(
                        _line(result), markup=False, soft_wrap=True, style="red" if result["error"] else ""
                    )
                bars.advance(task)
                return result, code

            return list(await asyncio.gather(*map(one, files, names(files, to))))
    finally:
        await sandbox.close()


def names(files: Sequence[Path], to: Path) -> list[str]:
    """The names of the results, one per file and no two the same."""
    taken = {file.resolve() for file in files}
    found: list[str] = []
    for file in files:
        choices = [file.stem, file.name, *(f"{file.name}.{at}" for at in range(2, len(files) + 2))]
        name = next(name for name in choices if taken.isdisjoint(_results(to, name)))
        taken |= _results(to, name)
        found.append(name)
    return found


def _results(to: Path, name: str) -> set[Path]:
    return {(to / f"{name}{suffix}").resolve() for suffix in SUFFIXES}


async def _one(sandbox: Sandbox, file: Path, to: Path, name: str) -> tuple[dict[str, Any], int]:
    """What became of one file, and its exit code."""
    result: dict[str, Any] = {"file": str(file), "name": name, "error": None, "sandbox": sandbox.level}
    started, code, done = time.perf_counter(), codes.OK, None
    try:
        done = await _converted(sandbox, file)
    except ClientError as error:
        code, result["error"] = error.code, {"reason": "unreadable", "detail": str(error)}
    except ConversionError as error:
        code = codes.USAGE if error.reason == "unsupported-type" else codes.FAILED
        result["error"] = {"reason": error.reason, "detail": error.detail}
    result |= {"seconds": round(time.perf_counter() - started, 3), "report": None}
    if done is not None:
        result["report"] = done.report.model_dump(mode="json")
    try:
        _write(to, name, done, result)
    except OSError as error:
        return result | {"error": {"reason": "unwritable", "detail": f"{to}: {error.strerror}"}}, codes.USAGE
    return result, code


async def _converted(sandbox: Sandbox, file: Path) -> Conversion:
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
    except OSError as error:
        raise ClientError(str(error.strerror), codes.USAGE) from error
    media_type = sniff(head, file.name, file.read_bytes)
    if media_type is None:
        raise ConversionError("unsupported-type" if head.strip() else "empty", refusal(head, file.name))
    document_id = str(uuid.uuid5(uuid.NAMESPACE_URL, file.name))  # the same for every version of a file
    return await sandbox.convert(file, media_type, document_id=document_id, filename=file.name)


def _write(to: Path, name: str, done: Conversion | None, result: dict[str, Any]) -> None:
    """All results of a file, none of an earlier run left over."""
    contents = {".report.json": json.dumps(result, indent=2, ensure_ascii=False) + "\n"}
    if done is not None:
        contents |= {".md": done.markdown, ".ir.json": _json(done.ir)}
    for suffix in SUFFIXES:
        path = to / f"{name}{suffix}"
        if suffix in contents:
            path.write_text(contents[suffix], encoding="utf-8", newline="\n")
        else:
            path.unlink(missing_ok=True)


def _json(value: Value) -> str:
    return value.model_dump_json(indent=2) + "\n"


def _line(result: dict[str, Any]) -> str:
    if result["error"]:
        return f"{result['file']}: {result['error']['detail']}"
    report = result["report"]
    beside = _told(report["dropped"], "left out") + _told(report["kept"], "beside the text")
    pages = f"{report['pages']} pages, " if report["pages"] else ""
    return (
        f"{result['file']}: {result['name']}.md, {pages}{report['characters_out']} characters{beside}, "
        f"{result['seconds']:.2f} s"
    )


def _told(items: Sequence[dict[str, Any]], where: str) -> str:
    count = sum(item["characters"] for item in items)
    return f", {count} {where} ({', '.join(item['what'] for item in items)})" if count else ""


def _progress(*, disable: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_errors,
        disable=disable,
    )
