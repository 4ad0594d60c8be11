"""What a document means to a machine: `ir` and `graph`. Both speak to the REST API."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from docward.cli.client import connect
from docward.cli.review import exit_codes
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json
from docward.cli.versions import Document

Version = Annotated[int | None, typer.Option(min=1, help="Default: the newest one that was converted.")]
COLOURS = {"definition": "green", "formula": "cyan", "parameter": "yellow"}


def ir(
    document_id: Document,
    *,
    text: Annotated[bool, typer.Option("--text", help="One line per element, for language models and people.")] = False,
    version: Version = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print the semantic IR of a document, as JSON or as text."""
    with exit_codes():
        sys.stdout.write(connect(data_dir).ir(document_id, version, text=text).rstrip("\n") + "\n")


def graph(
    document_id: Document,
    *,
    of: Annotated[str | None, typer.Option(metavar="TERM", help="A term, formula or parameter, by name or id.")] = None,
    version: Version = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Show what is built from what: all of it, what is used first; or what one term is built from, and what a change of
    it reaches. JSON: as the API has it."""
    with exit_codes():
        found = connect(data_dir).graph(document_id, version, of)
        if json_output:
            print(json.dumps(found))
            return
        for line in _lines(found):
            Console(highlight=False).print(line, soft_wrap=True)


def _lines(graph: dict[str, Any]) -> list[Text]:
    nodes = {node["id"]: node for node in graph["nodes"]}
    uses: dict[str, list[Text]] = {}
    for edge in graph["edges"]:
        uses.setdefault(edge["source"], []).append(_name(nodes[edge["target"]]))
    lines = []
    if focus := graph["focus"]:
        for title, ids in (
            ("", focus["ids"]),
            ("uses", focus["uses"]),
            ("used by", focus["used_by"]),
            ("built from", focus["ancestors"]),
            ("a change reaches", focus["descendants"]),
        ):
            names = Text(", ").join(_name(nodes[ident]) for ident in ids) if ids else Text("nothing", "dim")
            lines.append(Text(f"{title}: " if title else "").append_text(names))
    else:
        for ident in graph["order"]:
            line = _name(nodes[ident])
            lines.append(line.append(" ← ").append_text(Text(", ").join(uses[ident])) if ident in uses else line)
    for cycle in graph["cycles"]:
        named = Text(", ").join(_name(nodes[ident]) for ident in cycle)
        lines.append(Text("cycle: ", "bold red").append_text(named))
    return lines


def _name(node: dict[str, Any]) -> Text:
    return Text(" ".join(node["name"].split()), COLOURS[node["kind"]])
