"""Defined terms and references: how many of those that people have listed does the IR hold, and rightly.

Terms and references of a document stand beside its defects in `truth.json`. A document without the list is not
counted. Symbols of formulas are no terms. A reference of a regulator's rulebook counts as found where one of the IR
overlaps it in its passage; what it leads to stands in another book, so these tell of recall only.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from docward.converter.conversion import Conversion, convert
from docward.events.ir import CrossReference
from docward.runtime.sniffing import MARKDOWN

_WORDS = re.compile(r"[^\W\d_]{2,}(?:[ -][\w-]+)*")


def listed(folders: Iterable[Path], converted: Callable[[Path], Conversion]) -> dict[str, Any]:
    """On documents whose `truth.json` lists terms and references."""
    terms, named, right = 0, 0, 0
    references, found, resolved = 0, 0, 0
    for folder in folders:
        truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        for name, content in sorted(truth.items()):
            if "terms" not in content:
                continue
            ir = converted(folder / name).ir
            wanted = {_key(term) for term in content["terms"]}
            defined = {_key(d.term) for d in ir.definitions if _WORDS.fullmatch(_key(d.term))}
            aliases = {_key(alias) for d in ir.definitions for alias in d.aliases}
            terms, named = terms + len(wanted), named + len(defined)
            right += len(wanted & (defined | aliases))
            for reference in content["references"]:
                made = next((r for r in ir.references if reference["text"] in r.text), None)
                references, found = references + 1, found + (made is not None)
                resolved += made is not None and _leads(made) == reference["resolved"]
    return {
        "terms": terms,
        "term_recall": _share(right, terms),
        "term_precision": _share(right, named),
        "references": references,
        "reference_recall": _share(found, references),
        "resolution": _share(resolved, found),
    }


def rulebooks(corpus: Path) -> dict[str, Any]:
    """On passages of rulebooks with the references that people found in them."""
    wanted: dict[str, list[str]] = {}
    for file in sorted((corpus / "references").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                wanted.setdefault(row["SourcePassage"], []).append(row["ReferenceText"].strip())
    total = hits = absent = 0
    for passage, texts in wanted.items():
        made = convert(passage.encode(), MARKDOWN, document_id="eval")
        spans = [reference.span for reference in made.ir.references]
        for text in texts:
            at = made.markdown.find(text)
            if at < 0:
                absent += 1  # the list writes it otherwise than the passage
                continue
            total += 1
            hits += any(span.start < at + len(text) and at < span.end for span in spans)
    return {"references": total, "reference_recall": _share(hits, total), "not_in_their_passage": absent}


def _leads(reference: CrossReference) -> bool:
    return reference.resolved or reference.external


def _key(term: str) -> str:
    return " ".join(term.strip("\"“”'*` ").lower().split())


def _share(part: int, whole: int) -> float:
    return round(part / max(1, whole), 3)
