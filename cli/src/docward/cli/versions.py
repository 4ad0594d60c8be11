"""A document's versions: `versions`, `diff`, `restore`, `reconvert`. All of them speak to the REST API."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from docward.cli.client import connect
from docward.cli.review import exit_codes
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.cli.terminal import listing, stdout

Document = Annotated[str, typer.Argument(metavar="ID")]
MARKS = {"inserted": "+", "deleted": "-", "changed": "~", "moved": ">"}
OLD, NEW, MOVED = "red", "green", "cyan"


def versions(document_id: Document, *, data_dir: DataDir = DEFAULT_DATA_DIR, json_output: Json = False) -> None:
    """List a document's versions, the newest first; `partial`: pages were left out. JSON: as the API has them."""
    with exit_codes():
        found = connect(data_dir).versions(document_id)
        if json_output:
            print(json.dumps(found))
            return
        listing(_table(found))


def _table(versions: list[dict[str, Any]]) -> Table:
    """Fits 80 columns: what is too long goes on in the next line, and nothing is cut."""
    table = Table(box=None, pad_edge=False)
    for column in ("version", "origin", "status", "made", "by", "file"):
        table.add_column(column, overflow="fold", no_wrap=column not in {"by", "file"})
    for each in versions:
        origin = each["origin"] if each["base_version"] is None else f"{each['origin']} of {each['base_version']}"
        status = f"{each['status']}, partial" if each.get("partial") else each["status"]
        cells = (each["version"], origin, status, each["created_at"][:16], each["created_by"], each["filename"])
        table.add_row(*(Text("" if cell is None else str(cell)) for cell in cells))
    return table


def diff(
    document_id: Document,
    before: Annotated[int, typer.Argument(metavar="A", min=1, help="A version.")],
    after: Annotated[int, typer.Argument(metavar="B", min=1, help="The version that it is compared with.")],
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Show what changed from version A to version B: blocks, and the words of changed blocks. JSON: as the API has it,
    with spans of both versions."""
    with exit_codes():
        found = connect(data_dir).difference(document_id, before, after)
        if json_output:
            print(json.dumps(found))
            return
        console = stdout()
        section = object()
        for change in found["changes"]:
            side = change["after"] or change["before"]
            if side["section"] != section:
                section = side["section"]
                page = f", page {side['page']}" if side["page"] else ""
                console.print(Text(f"\n@@ {section or 'before the first heading'}{page} @@", "bold"))
            console.print(_change(change), soft_wrap=True)
        counts = ", ".join(f"{number} {kind}" for kind, number in found["counts"].items()) or "nothing changed"
        console.print(f"\n{counts}; {found['unchanged']} unchanged")


def _change(change: dict[str, Any]) -> Text:
    kind, before, after = change["kind"], change["before"], change["after"]
    style = {"inserted": NEW, "deleted": OLD, "moved": MOVED}.get(kind, "")
    text = _words(change) if kind == "changed" else Text((after or before)["text"], style)
    marked = Text()
    for at, line in enumerate(text.split("\n")):
        marked.append("\n" if at else "").append(f"{MARKS[kind]} ", style or "yellow").append_text(line)
    return marked


def _words(change: dict[str, Any]) -> Text:
    """The later text, with the earlier words before those in their place: `[-old-]{+new+}`, also without colours."""
    before, after = change["before"], change["after"]
    start, other_start = before["span"]["start"], after["span"]["start"]
    text, at = Text(), 0
    for word in change["words"]:
        old = before["text"][word["before"]["start"] - start : word["before"]["end"] - start]
        new = after["text"][word["after"]["start"] - other_start : word["after"]["end"] - other_start]
        text.append(after["text"][at : word["after"]["start"] - other_start])
        text.append(f"[-{old}-]" if old else "", OLD).append(f"{{+{new}+}}" if new else "", NEW)
        at = word["after"]["end"] - other_start
    return text.append(after["text"][at:])


def restore(
    document_id: Document,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1)],
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Make a new version that is an earlier one again. JSON: the document, as the API has it."""
    with exit_codes():
        document = connect(data_dir).restore(document_id, version)
        said = f"{document_id}: version {document['current_version']} is version {version} again"
        print(json.dumps(document) if json_output else said)


def reconvert(
    document_id: Document,
    *,
    version: Annotated[int | None, typer.Option(min=1, help="Default: the current one.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Convert a version again, with the converter that runs now; its analysis follows. JSON: the document, as the API
    has it."""
    with exit_codes():
        document = connect(data_dir).convert_again(document_id, version)
        said = f"{document_id}: version {version or document['current_version']} is being converted"
        print(json.dumps(document) if json_output else said)
