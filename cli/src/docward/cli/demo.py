"""`docward demo`: everything started, three documents reviewed before one's eyes, everything stopped."""

from __future__ import annotations

import contextlib
import hashlib
import json
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from docward.cli import codes, show
from docward.cli.client import Client, ClientError, connect, local_token
from docward.cli.review import exit_codes, progress
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.localstack import LocalStackError
from docward.localstack.control import read_status, start_detached
from docward.localstack.supervisor import Supervisor

DOCUMENTS = {
    "momentum-execution-strategy.pdf": "Equity Momentum Execution Strategy",
    "dividend-quality-index.docx": "Verrane Europe Dividend Quality 60 Index",
    "intraday-mean-reversion.md": "Intraday Mean Reversion",
}
PACKS = ("self-containment", "internal-algorithm-standard")
TAG = "demo"
READY_WITHIN_S = 120.0
STAGES = {"submitted": 1, "converting": 1, "converted": 2, "analyzing": 3}

_notes = Console(stderr=True, highlight=False)


def demo(
    *,
    once: Annotated[bool, typer.Option("--once", help="Stop after the tables.")] = False,
    samples: Annotated[Path, typer.Option(help="Folder of the sample documents.")] = Path("samples"),
    packs: Annotated[Path, typer.Option(help="Folder of the policy packs.")] = Path("policies"),
    timeout: Annotated[float, typer.Option(help="Seconds for the documents to reach their end.")] = 300.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Start everything, review three sample documents, show what was found; Ctrl-C stops what was started.

    JSON: {gateway_url, first_finding_seconds, documents: [{document, findings, verdicts}]}.
    """
    started = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: what was started is stopped
    with exit_codes(), _running(data_dir):
        client = connect(data_dir)
        _import(client, packs)
        known = {document["sha256"] + document["filename"]: document for document in client.documents(tag=TAG)}
        idents = [_submitted(client, samples / name, title, known) for name, title in DOCUMENTS.items()]
        documents, first = _follow(client, idents, timeout, started)
        shown = [
            {"document": d, "findings": client.findings(i), "verdicts": client.verdicts(i)}
            for i, d in zip(idents, documents, strict=True)
        ]
        if json_output:
            print(json.dumps({"gateway_url": client.url, "first_finding_seconds": first, "documents": shown}))
        else:
            _show(client, data_dir, shown, first)
        failed = [d["title"] for d in documents if d["status"] != "analyzed"]
        if failed:
            raise ClientError(f"not analyzed: {', '.join(failed)}", codes.FAILED)
        if not once:
            _notes.print("Ctrl-C stops everything that was started.")
            _until_interrupted()


@contextmanager
def _running(data_dir: Path) -> Iterator[None]:
    """The stack, ready: the one that runs, which is left running, or one that ends with this command."""
    if read_status(data_dir).running:
        _notes.print(f"using the stack that runs in {data_dir}")
        try:
            start_detached(data_dir, timeout=READY_WITHIN_S)  # another command may have begun to start it
        except LocalStackError as error:
            raise ClientError(str(error), codes.FAILED) from error
        yield
        return
    with _notes.status("starting Kafka, Postgres and the services") as spinner:
        supervisor = Supervisor(data_dir, report=lambda message: _report(spinner.update, message))
        try:
            supervisor.start()
            supervisor.wait_ready(READY_WITHIN_S)
        except (LocalStackError, KeyboardInterrupt) as error:
            supervisor.stop()
            raise ClientError(str(error) or "interrupted", codes.FAILED) from error
    try:
        yield
    finally:
        _notes.print("stopping")
        supervisor.stop()


def _report(update: Any, message: str) -> None:
    line = message.splitlines()[0].replace("[", "\\[")
    if _notes.is_terminal:
        update(line)
    else:
        _notes.print(line)


def _import(client: Client, packs: Path) -> None:
    for name in PACKS:
        try:
            content = (packs / f"{name}.yaml").read_bytes()
        except OSError as error:
            raise ClientError(f"{error.filename}: {error.strerror}", codes.USAGE) from error
        client.import_pack(content)


def _submitted(client: Client, file: Path, title: str, known: dict[str, dict[str, Any]]) -> str:
    """The document's id: of an earlier run when the same file is there."""
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise ClientError(f"{file}: {error.strerror}", codes.USAGE) from error
    if digest + file.name in known:
        _notes.print(f"{file.name} is there from an earlier run")
        return str(known[digest + file.name]["document_id"])
    return str(client.submit(file, title=title, repositories=list(PACKS), tags=[TAG])["document_id"])


def _follow(
    client: Client, idents: list[str], timeout: float, started: float
) -> tuple[list[dict[str, Any]], float | None]:
    """The documents at their end, and the seconds until the first findings were there."""
    first: list[float] = []

    def one(bars: Progress, task: TaskID, ident: str) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for document in client.until_finished(ident, timeout):
            status = document["status"]
            bars.update(task, description=document["title"][:48], stage=status, completed=STAGES.get(status, 4))
            if not _notes.is_terminal:
                _notes.print(f"{document['title']}: {status}")
        if document["finding_counts"]:
            first.append(time.monotonic() - started)
        return document

    with progress() as bars, ThreadPoolExecutor(len(idents)) as pool:
        tasks = [bars.add_task(ident, total=4, stage="accepted") for ident in idents]
        documents = list(pool.map(lambda pair: one(bars, *pair), zip(tasks, idents, strict=True)))
    return documents, min(first, default=None)


def _show(client: Client, data_dir: Path, shown: list[dict[str, Any]], first: float | None) -> None:
    console = Console(highlight=False)
    for each in shown:
        show.findings(console, each["document"], each["findings"])
        show.verdicts(console, each["document"], each["verdicts"])
    if first is not None:
        console.print(f"\nFirst findings after {first:.1f} s.")
    console.print(f"\nAPI            {client.url}/api/v1")
    console.print(f"Documentation  {client.url}/docs")
    console.print(f"Token          {local_token(data_dir)}", soft_wrap=True)
    console.print('\n  curl -H "Authorization: Bearer $TOKEN" ' + f"{client.url}/api/v1/documents", soft_wrap=True)


def _until_interrupted() -> None:
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
