"""`docward check`: the converter and the offline engine in one process, without any server.

What it finds is what the services find: the same conversion in a limited child process, the same engine, the same
releases. With the ids of the documents (`--document-id`) their elements have the same ids, and the report has the same
bytes.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console

from docward.analyzer import analysis
from docward.analyzer.analysis.packs import PackError, bundled_packs, load_pack
from docward.analyzer.policies import digest, policies_of
from docward.cli import codes, gate, show
from docward.cli.gate import PROFILES, Gate, GateError
from docward.cli.terminal import PIPED, stdout
from docward.converter.conversion import Conversion, ConversionError
from docward.converter.recognition import Tesseract
from docward.converter.sandbox import Sandbox
from docward.events.messages import derived_id
from docward.events.policies import repository_id
from docward.reports import Part, Release, Reviewed, render
from docward.reports.data import entry
from docward.reports.reviewed import SUITE, requirement_key
from docward.runtime.sniffing import TAKEN, refusal, sniff

_errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
ALL_PACKS = "all"


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    HTML = "html"
    SELF_ASSESSMENT = "self-assessment"


class ProfileName(StrEnum):
    STRICT = "strict"
    REVIEW = "review"
    DRAFT = "draft"


@dataclass(frozen=True)
class _Pack:
    used: Release
    release: analysis.Release


class _UnusableError(Exception):
    """A file that could not be checked, and the exit code for it."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help=f"{TAKEN}; may be repeated.")],
    *,
    pack: Annotated[
        list[str] | None,
        typer.Option("--pack", "-p", help=f"A pack's name or file, or {ALL_PACKS!r}; may be repeated."),
    ] = None,
    form: Annotated[Format, typer.Option("--format", "-f", help="What to print.")] = Format.TABLE,
    profile: Annotated[
        ProfileName,
        typer.Option(help="What fails: strict, before a release; review, when it is handed in; draft, while written."),
    ] = ProfileName.REVIEW,
    suppressions: Annotated[
        Path | None, typer.Option(help="YAML: what does not count, with reason and expiry.")
    ] = None,
    baseline: Annotated[Path | None, typer.Option(help="Only what is not in this file fails.")] = None,
    write_baseline: Annotated[
        Path | None, typer.Option(help="Write what was found, as a baseline for later runs.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write there instead of printing.")] = None,
    document_id: Annotated[
        list[UUID] | None,
        typer.Option(help="Check the file as this document; once per file, in their order. Default: made of its name."),
    ] = None,
    suite: Annotated[
        bool, typer.Option("--suite", help="Check the files as documents that belong together, the first one leading.")
    ] = False,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day for expiries. Default: today.")
    ] = None,
) -> None:
    """Check documents without any server: conversion and the offline engine, as the services run them.

    Exits with 7 when something counts under the profile, with 1 when a document cannot be converted.
    """
    idents = document_id or [derived_id("checked-file", file.as_posix()) for file in files]
    if len(idents) != len(files):
        raise typer.BadParameter("is given once per file, or not at all", param_hint="--document-id")
    if suite and len(set(idents)) < len(files):
        raise typer.BadParameter("a suite has each file, and each document, once", param_hint="FILE")
    with _usage_errors():
        packs = _packs(pack or [])
        keeper = Gate(
            PROFILES[profile.value],
            gate.read_suppressions(suppressions) if suppressions else (),
            gate.read_baseline(baseline) if baseline else None,
            on.date() if on else date.today(),  # noqa: DTZ011  # the day where the user sits
        )
    checked, refusals = asyncio.run(_checked(list(zip(files, idents, strict=True))))
    if suite and refusals:  # what is absent from a suite cannot be told without all of it
        raise typer.Exit(refusals[0])
    reviewed = [_suite(checked, packs, keeper)] if suite else [_review(each, packs, keeper) for each in checked]
    with _usage_errors():
        if write_baseline is not None:
            judged = {each.name: (each.analysis_id, each.report, each.standings) for each in reviewed}
            write_baseline.write_text(gate.baseline_of(judged, keeper.profile), encoding="utf-8")
        _print(form, reviewed, output)
    for remark in keeper.remarks():
        _errors.print(f"note: {remark}", style="yellow")
    if refusals:
        raise typer.Exit(refusals[0])
    if any(_fails(document) for document in reviewed):
        raise typer.Exit(codes.FOUND)


def _fails(document: Reviewed) -> bool:
    return bool(document.failed_requirements) or any(each.fails for each in document.standings.values())


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except (PackError, GateError, OSError) as error:
        _errors.print(str(error), style="red")
        raise typer.Exit(codes.USAGE) from error


def _packs(names: Sequence[str]) -> list[_Pack]:
    bundled = {path.stem: path for path in bundled_packs()}
    wanted = [one for name in names for one in (bundled if name == ALL_PACKS else [name])]
    packs = []
    for name in dict.fromkeys(wanted):
        path = bundled.get(name) or Path(name)
        if name not in bundled and not path.is_file():
            raise PackError(f"{name}: neither a file nor one of the packs {', '.join(bundled)}")
        loaded = load_pack(path)
        policies, ident = policies_of(loaded), loaded.pack.id
        release = analysis.Release(repository_id(ident), ident, 1, policies)
        packs.append(_Pack(Release(ident, 1, digest(policies)), release))
    return packs


@dataclass(frozen=True)
class _Checked:
    """A file that was read and converted."""

    file: Path
    ident: UUID
    sha256: str
    media_type: str
    made: Conversion

    @property
    def title(self) -> str:
        return self.made.ir.title or self.file.stem


async def _checked(files: Sequence[tuple[Path, UUID]]) -> tuple[list[_Checked], list[int]]:
    """The files, converted, and an exit code for each that could not be."""
    checked: list[_Checked] = []
    refusals: list[int] = []
    sandbox = Sandbox(slots=1, ocr=Tesseract.installed())
    try:
        for file, ident in files:
            try:
                content = _content(file)
                media_type, made = await _converted(sandbox, file, content, ident)
            except _UnusableError as error:
                _errors.print(f"{file}: {error}", style="red")
                refusals.append(error.code)
            else:
                checked.append(_Checked(file, ident, hashlib.sha256(content).hexdigest(), media_type, made))
    finally:
        await sandbox.close()
    return checked, refusals


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _UnusableError(error.strerror or str(error), codes.USAGE) from error


def _review(checked: _Checked, packs: Sequence[_Pack], keeper: Gate) -> Reviewed:
    report = analysis.analyse(checked.made.ir, checked.made.markdown, [pack.release for pack in packs])
    inputs = (checked.ident, checked.sha256, report.engine, *(pack.used.sha256 for pack in packs))
    analysis_id = str(derived_id("check", *inputs))
    standings, failed = keeper.judge(checked.file.as_posix(), analysis_id, report)
    return Reviewed(
        title=checked.title,
        document_id=str(checked.ident),
        analysis_id=analysis_id,
        report=report,
        parts=(_part(checked, checked.title),),
        releases=tuple(pack.used for pack in packs),
        standings=standings,
        failed_requirements=failed,
    )


def _suite(checked: Sequence[_Checked], packs: Sequence[_Pack], keeper: Gate) -> Reviewed:
    """Of all files together. Its documents are called by their files, as the services call what nobody gave a title."""
    members = [analysis.Member(c.ident, c.file.stem, c.file.name, c.made.ir, c.made.markdown) for c in checked]
    report = analysis.analyse_suite(members, [pack.release for pack in packs])
    ident = derived_id("checked-suite", *(each.ident for each in checked))
    hashes = (each.sha256 for each in checked)
    analysis_id = str(derived_id("check", ident, *hashes, report.engine, *(pack.used.sha256 for pack in packs)))
    standings, failed = keeper.judge(SUITE, analysis_id, report)
    return Reviewed(
        title=checked[0].file.stem,
        document_id=str(ident),
        analysis_id=analysis_id,
        report=report,
        parts=tuple(_part(each, each.file.stem) for each in checked),
        is_suite=True,
        releases=tuple(pack.used for pack in packs),
        standings=standings,
        failed_requirements=failed,
    )


def _part(checked: _Checked, title: str) -> Part:
    return Part(
        document_id=str(checked.ident),
        file=checked.file.as_posix(),
        title=title,
        sha256=checked.sha256,
        markdown=checked.made.markdown,
        markdown_sha256=checked.made.ir.markdown_sha256,
        media_type=checked.media_type,
        converter=checked.made.report.converter,
    )


async def _converted(sandbox: Sandbox, file: Path, content: bytes, ident: UUID) -> tuple[str, Conversion]:
    media_type = sniff(content, file.name, lambda: content)
    if media_type is None:
        raise _UnusableError(refusal(content, file.name), codes.FAILED)
    try:
        return media_type, await sandbox.convert(content, media_type, document_id=str(ident), filename=file.name)
    except ConversionError as error:
        raise _UnusableError(f"{error.detail} ({error.reason})", codes.FAILED) from error


def _print(form: Format, reviewed: Sequence[Reviewed], output: Path | None) -> None:
    if form is Format.TABLE:
        if output is None:
            _show(stdout(), reviewed)
            return
        with output.open("w", encoding="utf-8") as file:
            _show(Console(file=file, highlight=False, width=PIPED), reviewed)
        return
    text = render(form.value, reviewed)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")


def _show(console: Console, reviewed: Sequence[Reviewed]) -> None:
    for document in reviewed:
        plain = json.loads(json.dumps(entry(document)))
        head = {
            **plain,
            "title": document.name,
            "status": "analyzed",
            "failure_detail": None,
            "analyzed_version": 1,
            "self_containment": document.report.self_containment.score,
            "implementability": document.report.implementability.verdict,
        }
        show.findings(console, head, plain["findings"])
        show.verdicts(console, head, [{**v, "policy_id": v["policy"]["policy_id"]} for v in plain["verdicts"]])
        against = [finding for finding in document.report.findings if document.standing(finding).fails]
        failed = [verdict for verdict in document.report.verdicts if document.fails(verdict)]
        console.print(
            f"Counting against it: {len(against)} finding(s), {len(failed)} requirement(s)"
            + ("" if document.report.verdicts else " (no pack was named: see --pack)")
        )
        told = [f"{f.fingerprint} {f.severity}: {f.title}" for f in against]
        told += [f"{requirement_key(v)} {v.verdict}: {v.title}" for v in failed]
        for line in told:
            console.print(f"  {line}", markup=False, soft_wrap=True)
