"""The users' verbs: `submit`, `findings`, `answer`, `apply`, `watch`, `import`. All of them speak to the REST API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from docward.cli import codes, show
from docward.cli.client import UNSEEN_S, Client, ClientError, connect
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.cli.terminal import stdout
from docward.runtime.sniffing import TAKEN

_errors = Console(stderr=True, highlight=False)
Wait = Annotated[float, typer.Option(help="Seconds to wait, at most.")]


def submit(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help=f"{TAKEN}.")],
    *,
    repository: Annotated[
        list[str] | None, typer.Option("--repository", "-r", help="NAME or NAME@release; may be repeated.")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="May be repeated.")] = None,
    title: Annotated[str | None, typer.Option(help="For one file; by default its name.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until each document reached its end.")] = False,
    timeout: Wait = 300.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Submit documents. JSON: a list of {file, document_id, operation_id}, with --wait also {status, document}; of a
    file that was refused {file, error}, and the exit code is that of the first one."""
    if title is not None and len(files) != 1:
        raise typer.BadParameter("is for one file", param_hint="--title")
    with exit_codes():
        client = connect(data_dir)
        results, refusals = [], []
        for file in files:
            result, refusal = _submit(client, file, title, repository or [], tag or [])
            results.append(result)
            refusals += [refusal] if refusal else []
            if not json_output and refusal is None:
                print(f"{file}: {result['document_id']}")
        accepted = [result for result in results if "error" not in result]
        if wait:
            _wait(client, accepted, timeout)
        if json_output:
            print(json.dumps(results))
        elif wait:
            for result in accepted:
                print(f"{result['file']}: {result['status']}{_why(result['document'])}")
        failed = [codes.FAILED for result in accepted if result.get("status", "analyzed") != "analyzed"]
        if refusals or failed:
            raise typer.Exit((refusals + failed)[0])


def _submit(
    client: Client, file: Path, title: str | None, repositories: list[str], tags: list[str]
) -> tuple[dict[str, Any], int | None]:
    """What to show of the file, and the exit code when it was refused."""
    try:
        answer = client.submit(file, title=title, repositories=repositories, tags=tags)
    except ClientError as error:
        if error.code in {codes.NOT_RUNNING, codes.DENIED}:
            raise  # the next file would fare no better
        _errors.print(f"{file}: {error}", markup=False, style="red", soft_wrap=True)
        return {"file": str(file), "error": str(error)}, error.code
    return {"file": str(file), **{key: answer[key] for key in ("document_id", "operation_id")}}, None


def _wait(client: Client, results: list[dict[str, Any]], timeout: float) -> None:
    with progress() as bars:
        for result in results:
            task = bars.add_task(result["file"], stage="accepted", total=None)
            for document in client.until_finished(result["document_id"], timeout):
                bars.update(task, stage=document["status"])
                result |= {"status": document["status"], "document": document}
            bars.update(task, total=1, completed=1)


def _why(document: dict[str, Any]) -> str:
    return f": {document['failure_detail']}" if document["failure_detail"] else ""


def findings(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Show a document's findings and verdicts. JSON: {document, findings, verdicts}, as the API has them."""
    with exit_codes():
        client = connect(data_dir)
        document = client.document(document_id)
        found, judged = client.findings(document_id), client.verdicts(document_id)
        if json_output:
            print(json.dumps({"document": document, "findings": found, "verdicts": judged}))
            return
        console = stdout()
        show.findings(console, document, found)
        show.verdicts(console, document, judged)


Fingerprints = Annotated[list[str], typer.Argument(metavar="FINGERPRINT…", help="As `findings` shows them.")]


class Verb(StrEnum):
    ACCEPT = "accept"
    MODIFY = "modify"
    REJECT = "reject"
    REOPEN = "reopen"


Answer = Annotated[Verb, typer.Argument(help="What to say of them.")]
NewText = Annotated[str | None, typer.Option(help="With modify: what is to be written.")]
Reason = Annotated[str | None, typer.Option(help="With reject: why.")]
Comment = Annotated[str | None, typer.Option(help="With the others.")]


def answer(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    verb: Answer,
    fingerprints: Fingerprints,
    *,
    text: NewText = None,
    reason: Reason = None,
    comment: Comment = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Answer findings: all of them, or none when one cannot be answered so. JSON: the document, as the API has it."""
    answers = answers_of(verb, fingerprints, text=text, reason=reason, comment=comment)
    with exit_codes():
        document = connect(data_dir).answer(document_id, answers)
        print(json.dumps(document) if json_output else f"{document_id}: {len(fingerprints)} answered ({verb})")


def answers_of(
    verb: Verb, fingerprints: list[str], *, text: str | None, reason: str | None, comment: str | None
) -> dict[str, Any]:
    """As the API takes them. Raises BadParameter for an option that the verb does not have, or needs."""
    for option, given, owners in (
        ("--text", text, {Verb.MODIFY}),
        ("--reason", reason, {Verb.REJECT}),
        ("--comment", comment, set(Verb) - {Verb.REJECT}),
    ):
        if given is not None and verb not in owners:
            raise typer.BadParameter(f"is not for {verb}", param_hint=option)
        if given is None and option != "--comment" and verb in owners:
            raise typer.BadParameter(f"is needed to {verb}", param_hint=option)
    said = {key: value for key, value in (("text", text), ("reason", reason), ("comment", comment)) if value}
    return {verb.value: [{"fingerprint": fingerprint, **said} for fingerprint in fingerprints]}


def apply(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    fingerprints: Annotated[
        list[str] | None, typer.Argument(metavar="FINGERPRINT", help="By default all that can be applied.")
    ] = None,
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Make the next version of a document: with what accepted findings propose and modified ones say. JSON: the
    document, as the API has it."""
    with exit_codes():
        document = connect(data_dir).apply(document_id, fingerprints)
        print(json.dumps(document) if json_output else f"{document_id}: version {document['current_version']}")


def watch(
    document_id: Annotated[str, typer.Argument(metavar="ID")],
    *,
    timeout: Wait = 300.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Follow a document to its end. JSON: a line per status, the document as the API has it."""
    with exit_codes():
        client = connect(data_dir)
        document: dict[str, Any] = {}
        for document in client.until_finished(document_id, timeout, unseen=UNSEEN_S):
            line = json.dumps(document) if json_output else f"{document['status']}{_why(document)}"
            print(line, flush=True)
        if document["status"] != "analyzed":
            raise typer.Exit(codes.FAILED)


def import_packs(
    packs: Annotated[list[Path], typer.Argument(metavar="FILE", help="Pack files (YAML).")],
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Import policy packs as repositories. JSON: a list of repositories, as the API has them."""
    with exit_codes():
        client = connect(data_dir)
        imported = []
        for pack in packs:
            try:
                content = pack.read_bytes()
            except OSError as error:
                raise ClientError(f"{pack}: {error.strerror}", codes.USAGE) from error
            try:
                repository = client.import_pack(content)
            except ClientError as error:
                raise ClientError(f"{pack}: {error}", error.code) from error
            imported.append(repository)
            if not json_output:
                print(f"{pack}: {repository['name']}@{repository['latest_release']}")
        if json_output:
            print(json.dumps(imported))


def progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("[bold]{task.fields[stage]}"),
        TimeElapsedColumn(),
        console=_errors,
    )


@contextmanager
def exit_codes() -> Iterator[None]:
    """The message of an expected failure on standard error, and the exit code of its kind."""
    try:
        yield
    except ClientError as error:
        _errors.print(str(error), markup=False, style="red", soft_wrap=True)
        raise typer.Exit(error.code) from None
