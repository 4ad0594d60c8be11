"""What the verbs print for people: tables of findings and verdicts, and the stages of a document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from docward.reports.reviewed import SEVERITIES, compliance

Json = dict[str, Any]

COLOURS = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "info": "dim"}
VERDICT_COLOURS = {
    "covered": "green",
    "partial": "yellow",
    "contradicted": "bold red",
    "missing": "red",
    "not-applicable": "dim",
    "not-assessed": "magenta",
}


def severities(counts: Mapping[str, int]) -> str:
    """How many findings there are of each severity, the gravest first."""
    return ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts.get(severity)) or "none"


def findings(console: Console, document: Json, items: Sequence[Json]) -> None:
    console.print(f"\n[bold]{escape(document['title'])}[/]  [dim]{document['document_id']}[/]")
    if document["status"] != "analyzed":
        why = f": {escape(document['failure_detail'])}" if document["failure_detail"] else ""
        console.print(f"Status: [bold]{document['status']}[/]{why}")
    if document.get("partial"):
        console.print("Partial: pages were left out of its text, and nobody has looked at them.", style="yellow")
    if document["analyzed_version"] is None:
        return  # nobody has looked yet: no findings would read like a good result
    console.print(f"Findings: {severities(Counter(item['severity'] for item in items))}")
    if not items:
        return
    table = Table(show_lines=True, expand=True)
    table.add_column("severity", no_wrap=True)
    table.add_column("where", ratio=2)
    table.add_column("quote", ratio=4)
    table.add_column("category, finding, proposal", ratio=5)
    for item in items:
        colour = COLOURS[item["severity"]]
        table.add_row(f"[{colour}]{item['severity']}[/]", _where(item), _quote(item), _finding(item))
    console.print(table)


def _where(item: Json) -> str:
    if not item["quotes"]:
        return "not in the document"
    first = item["quotes"][0]
    page = f"p. {first['page']}, " if first["page"] else ""
    return escape(f"{page}{first['section'] or 'before the first heading'}")


def _quote(item: Json) -> str:
    if item["quotes"]:
        return escape("\n— and —\n".join(f"“{quote['text']}”" for quote in item["quotes"]))
    named = item["searched"][:4]
    more = f" and {len(item['searched']) - 4} more" if len(item["searched"]) > 4 else ""
    return "[dim]searched: " + escape(", ".join(named) + more) + "[/]"


def _finding(item: Json) -> str:
    status = item.get("status", "open")  # of what was found without servers nobody has said anything
    said = "" if status == "open" else f", {status}"
    text = f"[dim]{item['category']}, {item['fingerprint']}{said}[/]\n{escape(item['title'])}"
    if item["proposal"]:
        text += f"\n[green]{escape(_change(item['proposal']))}[/]"
    return text


def _change(proposal: Json) -> str:
    """`“what stands there” → what shall`, or `+ what is added`."""
    added = proposal["replacement"].strip()
    return f"“{proposal['original']}” → {added}" if proposal["original"] else f"+ {added}"


def verdicts(console: Console, document: Json, items: Sequence[Json]) -> None:
    if document["analyzed_version"] is None:
        return
    if items:
        _requirements(console, items)
    scores(console, document, [item["verdict"] for item in items])


def scores(console: Console, document: Json, kinds: Sequence[Any]) -> None:
    """`kinds` of the verdicts that there are."""
    stated = compliance(document["compliance"], kinds)
    console.print(
        f"Compliance: [bold]{stated}[/] · self-containment: {document['self_containment']} · "
        f"implementability: {document['implementability']}"
    )


def _requirements(console: Console, items: Sequence[Json]) -> None:
    counts = Counter(item["verdict"] for item in items)
    summary = ", ".join(f"{counts[name]} {name}" for name in VERDICT_COLOURS if counts[name])
    console.print(f"Requirements: {summary}")
    table = Table(expand=True)
    table.add_column("policy", no_wrap=True)
    table.add_column("level", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("requirement", ratio=2)
    table.add_column("because", ratio=3)
    for item in items:
        colour = VERDICT_COLOURS[item["verdict"]]
        table.add_row(
            escape(item["policy_id"]),
            item["level"],
            f"[{colour}]{item['verdict']}[/]",
            escape(item["title"]),
            escape(item["explanation"]),
        )
    console.print(table)
