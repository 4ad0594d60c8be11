"""Recall and precision on documents whose problems people have labelled.

A label counts as found by a finding of a compatible category that overlaps its quoted text (half of its words) or,
where it quotes none, lies in its section. A finding's quotes count together: a contradiction has two places. One
finding serves one label: the pairing is a largest one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from docward.events.findings import Finding

_COMPATIBLE = (
    {"undefined-parameter", "incomplete-formula", "ambiguous-methodology", "implementation-precision",
     "assumption-required"},
    {"data-source-unspecified", "external-dependency", "undefined-parameter"},
    {"missing-reference", "external-dependency"},
    {"missing-governance", "compliance-gap"},
    {"market-calendar", "implementation-precision", "ambiguous-methodology"},
    {"data-source-unspecified", "market-calendar"},
)  # fmt: skip


@dataclass(frozen=True)
class Label:
    category: str
    quote: str | None
    sections: tuple[str, ...]
    title: str


def labelled_documents(corpus: Path) -> Iterator[tuple[Path, list[Label]]]:
    for truth in sorted((corpus / "labelled").glob("*.json")):
        content = json.loads(truth.read_text(encoding="utf-8"))
        yield truth.with_suffix(".docx"), [_label(issue) for issue in content["issues"]]


def sample_documents(samples: Path) -> Iterator[tuple[Path, list[Label]]]:
    """Of a folder whose `truth.json` says which defects were seeded."""
    truth = json.loads((samples / "truth.json").read_text(encoding="utf-8"))
    for name, content in sorted(truth.items()):
        labels = [Label(d["category"], d["quote"], (d["section"],), d["id"]) for d in content["defects"]]
        yield samples / name, labels


def _label(issue: dict[str, str]) -> Label:
    numbers = re.findall(r"(?:Sections?|and) (\d+)", issue.get("location", ""))
    return Label(issue["category"].replace("_", "-"), issue.get("original_text"), tuple(numbers), issue["title"])


def paired(labels: Sequence[Label], findings: Sequence[Finding]) -> dict[int, int]:
    """Index of a finding to the index of the label that it serves."""
    fitting = [[i for i, finding in enumerate(findings) if _fits(label, finding)] for label in labels]
    served: dict[int, int] = {}

    def serve(label: int, seen: set[int]) -> bool:
        for finding in fitting[label]:
            if finding not in seen:
                seen.add(finding)
                if finding not in served or serve(served[finding], seen):
                    served[finding] = label
                    return True
        return False

    for label in range(len(labels)):
        serve(label, set())
    return served


def _fits(label: Label, finding: Finding) -> bool:
    categories = {label.category, finding.category}
    if len(categories) > 1 and not any(categories <= group for group in _COMPATIBLE):
        return False
    words = set(re.findall(r"\w+", (label.quote or "").lower()))
    if words:
        quoted = set(re.findall(r"\w+", " ".join(quote.text for quote in finding.quotes).lower()))
        return 2 * len(words & quoted) >= len(words)
    places = [quote.section or "" for quote in finding.quotes] + list(finding.searched)
    return not label.sections or any(re.match(rf"{n}\b", place) for n in label.sections for place in places)
