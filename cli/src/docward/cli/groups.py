"""`docward group …`: documents that are kept together, analysed as one suite, and changed by what was accepted.

All of it speaks to the REST API; with --json each verb prints the group as the API has it, but for those that say so.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from docward.cli import codes, show
from docward.cli.client import Client, ClientError, connect
from docward.cli.reports import Format
from docward.cli.review import Answer, Comment, Fingerprints, NewText, Reason, Wait, answers_of, exit_codes
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json

app = typer.Typer(no_args_is_help=True, help="Keep documents together, and review them as one suite.")

Group = Annotated[str, typer.Argument(metavar="GROUP")]
Document = Annotated[str, typer.Argument(metavar="DOCUMENT")]
Documents = Annotated[list[str], typer.Argument(metavar="DOCUMENT…")]
Visibility = Literal["private", "group", "organization"]
_NEVER = "Never analysed; do it with: docward group analyze {}"


@app.command()
def create(
    title: Annotated[str, typer.Argument(metavar="TITLE")],
    documents: Annotated[list[str] | None, typer.Argument(metavar="DOCUMENT…", help="The first one leads.")] = None,
    *,
    description: Annotated[str, typer.Option()] = "",
    visibility: Annotated[Visibility, typer.Option(help="Who sees the group.")] = "organization",
    people: Annotated[list[str] | None, typer.Option("--people", help="With the visibility group.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Create a document group."""
    wish = {"title": title, "description": description, "visibility": visibility}
    with exit_codes():
        lists = {"members": documents or [], "groups": people or []}
        _told(connect(data_dir).change_group("POST", "", {**wish, **lists}), json_output=json_output)


@app.command("list")
def list_groups(
    *,
    member: Annotated[str | None, typer.Option(help="Of which this document is a member.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """List document groups, the newest first. JSON: a list."""
    with exit_codes():
        found = connect(data_dir).groups(**({"member": member} if member else {}))
        if json_output:
            print(json.dumps(found))
            return
        table = Table(box=None, pad_edge=False)
        for column in ("group", "title", "members", "compliance"):
            table.add_column(column, overflow="fold", no_wrap=column == "group")
        for group in found:
            members, compliance = str(len(group["members"])), group["compliance"] or "–"
            table.add_row(group["group_id"], Text(group["title"]), members, compliance)
        Console(highlight=False).print(table)


@app.command("show")
def show_group(group: Group, *, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Show a group's members, and what its latest analysis came to."""
    with exit_codes():
        found = connect(data_dir).group(group)
        if json_output:
            print(json.dumps(found))
            return
        console = Console(highlight=False, soft_wrap=True)
        console.print(Text(f"{found['title']}  {found['group_id']}", "bold"))
        for member in found["members"]:
            mark = "*" if member["primary"] else " "
            told = f"{member['title']} ({member['status']})" if member["status"] else "not yours to see"
            console.print(Text(f"{mark} {member['document_id']}  {told}"))
        if found["latest_analysis_id"] is None:
            console.print(_NEVER.format(group))
            return
        counts = show.severities(found["finding_counts"] or {})
        console.print(f"Analysis: {found['latest_analysis_id']}\nFindings: {counts}")
        show.scores(console, found, list(found["verdict_counts"] or {}))


@app.command()
def add(group: Group, documents: Documents, *, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Add documents to a group, one after the other."""
    with exit_codes():
        client = connect(data_dir)
        changed = [client.change_group("POST", f"/{group}/members", {"document_id": one}) for one in documents]
        _told(changed[-1], json_output=json_output)


@app.command()
def remove(
    group: Group, documents: Documents, *, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False
) -> None:
    """Remove documents from a group, one after the other. They stay; the leading one cannot be removed."""
    with exit_codes():
        client = connect(data_dir)
        changed = [client.change_group("DELETE", f"/{group}/members/{one}") for one in documents]
        _told(changed[-1], json_output=json_output)


@app.command()
def lead(group: Group, document: Document, *, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Make a member the leading one."""
    with exit_codes():
        changed = connect(data_dir).change_group("PUT", f"/{group}/primary", {"document_id": document})
        _told(changed, json_output=json_output)


@app.command()
def rename(
    group: Group,
    title: Annotated[str, typer.Argument(metavar="TITLE")],
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Give a group another title."""
    with exit_codes():
        _told(connect(data_dir).change_group("PATCH", f"/{group}", {"title": title}), json_output=json_output)


@app.command()
def delete(
    group: Group,
    *,
    reason: Annotated[str, typer.Option()] = "",
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Delete a group; its documents stay. JSON: the operation."""
    with exit_codes():
        operation = connect(data_dir).delete_group(group, reason)
        print(json.dumps(operation) if json_output else f"{group}: deleted")


@app.command()
def analyze(
    group: Group,
    *,
    repository: Annotated[
        list[str] | None,
        typer.Option(
            "--repository", "-r", help="NAME or NAME@release; may be repeated. Default: those of the members."
        ),
    ] = None,
    timeout: Wait = 300.0,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Analyse the newest converted versions of all members as one suite, and wait for it. JSON: the analysis."""
    with exit_codes():
        analysis = connect(data_dir).analyse_group(group, repository, timeout)
        if json_output:
            print(json.dumps(analysis))
        elif analysis["status"] == "completed":
            print(f"{analysis['analysis_id']}: {show.severities(analysis['finding_counts'])}")
        if analysis["status"] != "completed":
            raise ClientError(
                f"{analysis['analysis_id']}: {analysis['failure_detail'] or analysis['status']}", codes.FAILED
            )


@app.command()
def findings(group: Group, *, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Show a group's findings and verdicts. JSON: {group, findings, verdicts}."""
    with exit_codes():
        client = connect(data_dir)
        found, judged = client.findings(group, of="document-groups"), client.verdicts(group, of="document-groups")
        about = client.group(group)
        if json_output:
            print(json.dumps({"group": about, "findings": found, "verdicts": judged}))
            return
        console = Console(highlight=False)
        if about["latest_analysis_id"] is None:
            console.print(_NEVER.format(group), soft_wrap=True)
            return
        head = {**about, "document_id": group, "status": "analyzed", "analyzed_version": about["latest_analysis_id"]}
        show.findings(console, head, found)
        show.verdicts(console, head, judged)


@app.command()
def answer(
    group: Group,
    verb: Answer,
    fingerprints: Fingerprints,
    *,
    text: NewText = None,
    reason: Reason = None,
    comment: Comment = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Answer findings of a group: all of them, or none when one cannot be answered so."""
    answers = answers_of(verb, fingerprints, text=text, reason=reason, comment=comment)
    with exit_codes():
        answered = connect(data_dir).answer(group, answers, of="document-groups")
        print(json.dumps(answered) if json_output else f"{group}: {len(fingerprints)} answered ({verb})")


@app.command()
def apply(group: Group, *, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """Make the next version of every member that an accepted or modified finding changes. JSON: a list of these
    documents."""
    with exit_codes():
        client = connect(data_dir)
        found = client.findings(group, of="document-groups")
        changed = {f["proposal"]["document_id"] for f in found if f["proposal"] and f["status"] in _ANSWERED}
        made = [one for ident in sorted(changed) if (one := _applied(client, group, ident)) is not None]
        if not made:
            raise ClientError("no finding has been accepted or modified whose change can be made", codes.FAILED)
        if json_output:
            print(json.dumps(made))
            return
        for document in made:
            print(f"{document['document_id']}: version {document['current_version']}")


_ANSWERED = {"accepted", "modified"}


def _applied(client: Client, group: str, ident: str) -> dict[str, Any] | None:
    """None where nothing can be made; why is said."""
    try:
        return client.apply_in_group(group, ident)
    except ClientError as error:
        if error.problem.get("code") != "not-applicable":
            raise
        typer.echo(f"{ident}: {error}", err=True)
        return None


@app.command()
def report(
    group: Group,
    *,
    form: Annotated[Format, typer.Option("--format", "-f", help="What to print.")] = "html",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write there instead of printing.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print the report of a group's latest analysis, with what people have decided about its findings."""
    with exit_codes():
        client = connect(data_dir)
        latest = client.group(group)["latest_analysis_id"]
        if latest is None:
            raise ClientError(f"{group} has no completed analysis: docward group analyze {group}", codes.NOT_FOUND)
        text = client.report(latest, form)
        if output is None:
            sys.stdout.write(text)
        else:
            output.write_text(text, encoding="utf-8")


def _told(group: dict[str, Any], *, json_output: bool) -> None:
    said = f"{group['group_id']}: {group['title']}, {len(group['members'])} document(s)"
    print(json.dumps(group) if json_output else said)
