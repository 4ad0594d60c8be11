"""`make eval`: how good the offline engine is, in figures. Prints them, and writes them as JSON.

With a corpus folder (`labelled/*.json` beside `*.docx`) on its documents, else on the project's own samples. Beside
it, with and without packs, on documents that were written with their defects before the engine saw them. All of them
were unseen until checks were made for them; what it finds on such documents before stands in docs/adr/0025. Those of
`clean` have no defect. Mutants are made of the samples and of `tuned` in all cases.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from docward.analyzer.analysis import Release, analyse
from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.packs import bundled_lexicon, bundled_packs, load_pack
from docward.analyzer.policies import policies_of
from docward.converter.conversion import Conversion, convert
from docward.events.findings import AnalysisReport
from docward.events.policies import Policy, repository_id
from docward.runtime.sniffing import MARKDOWN, sniff
from eval.labelled import Label, labelled_documents, paired, sample_documents
from eval.meaning import listed, rulebooks
from eval.mutations import mutants, seen

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
TUNED = Path(__file__).parent / "tuned"
BLIND = Path(__file__).parent / "blind"
CLEAN = Path(__file__).parent / "clean"
BLIND2 = Path(__file__).parent / "blind2"
BLIND3 = Path(__file__).parent / "blind3"
"""Both were unseen when they were first measured (ADR 0025), and have been developed against since."""
WORDS_OF_100_PAGES = 45_000
VERDICTS = ("covered", "partial", "contradicted", "missing")


def converted(path: Path) -> Conversion:
    data = path.read_bytes()
    return convert(data, sniff(data, path.name, lambda: data) or MARKDOWN, document_id="eval", filename=path.name)


def releases() -> list[Release]:
    packs = [load_pack(path) for path in bundled_packs()]
    return [Release(repository_id(p.pack.id), p.pack.id, 1, policies_of(p)) for p in packs]


def report(made: Conversion, rules: list[Release]) -> AnalysisReport:
    return analyse(made.ir, made.markdown, rules)


def labelled(corpus: Path | None, rules: list[Release]) -> dict[str, Any]:
    documents = labelled_documents(corpus) if corpus else sample_documents(SAMPLES)
    ceilings = {
        path.name: len(report(converted(path), rules).findings)
        for path in sorted((corpus / "labelled").glob("*_complete_*.md") if corpus else ())
    }
    return scored(documents, rules, ceilings)


def scored(
    documents: Iterable[tuple[Path, list[Label]]], rules: list[Release], ceilings: dict[str, int]
) -> dict[str, Any]:
    labels = hits = found = 0
    rows: dict[str, dict[str, Any]] = {}
    for path, truth in documents:
        findings = report(converted(path), rules).findings
        served = paired(truth, findings)
        labels, hits, found = labels + len(truth), hits + len(served), found + len(findings)
        missed = [label.title for number, label in enumerate(truth) if number not in served.values()]
        extra = [f.title for number, f in enumerate(findings) if number not in served]
        rows[path.name] = {"labels": len(truth), "found": len(served), "missed": missed, "extra": extra}
    return {
        "recall": round(hits / max(1, labels), 3),
        "precision": round(hits / max(1, found), 3),
        "ceilings": ceilings | {name: len(row["extra"]) for name, row in rows.items() if not row["labels"]},
        "documents": rows,
    }


def facets(rules: list[Release]) -> dict[str, Any]:
    """Verdicts on the packs' own examples, each against its requirement alone."""
    pairs: Counter[tuple[str, str]] = Counter()
    for release in rules:
        for policy in release.policies:
            pairs.update((example.expect, _verdict(release, policy, example.text)) for example in policy.tests)
    scores = {}
    for kind in VERDICTS:
        right = pairs[kind, kind]
        expected = sum(n for (want, _), n in pairs.items() if want == kind)
        given = sum(n for (_, got), n in pairs.items() if got == kind)
        if expected:
            scores[kind] = round(2 * right / (expected + given), 3)
    return {
        "macro_f1": round(sum(scores.values()) / max(1, len(scores)), 3),
        "f1": scores,
        "examples": sum(pairs.values()),
    }


def _verdict(release: Release, policy: Policy, text: str) -> str:
    made = convert(text.encode(), MARKDOWN, document_id="eval")
    alone = Release(release.repository_id, release.repository, 1, (policy,))
    return report(made, [alone]).verdicts[0].verdict


def mutation(rules: list[Release]) -> dict[str, Any]:
    """All documents as Markdown, so that a mutant differs from its original by the edit alone."""
    rows = []
    for path, _ in (*sample_documents(SAMPLES), *sample_documents(TUNED)):
        original = convert(converted(path).markdown.encode(), MARKDOWN, document_id="eval")
        before = report(original, rules)
        for mutant in mutants(Document(original.ir, original.markdown, bundled_lexicon())):
            after = report(convert(mutant.text.encode(), MARKDOWN, document_id="eval"), rules)
            rows.append((path.name, mutant, seen(before, after)))
    kinds = {
        kind: f"{sum(s.killed for _, m, s in rows if m.kind == kind)} of {sum(m.kind == kind for _, m, _ in rows)}"
        for kind in sorted({m.kind for _, m, _ in rows})
    }
    return {
        "mutants": len(rows),
        "kill_rate": round(sum(s.killed for _, _, s in rows) / max(1, len(rows)), 3),
        "collateral": round(sum(s.collateral for _, _, s in rows) / max(1, len(rows)), 3),
        "kinds": kinds,
        "survivors": [f"{name}: {m.kind}: {m.what}" for name, m, s in rows if not s.killed],
    }


def speed(rules: list[Release]) -> dict[str, Any]:
    text = "\n\n".join(converted(path).markdown for path, _ in sample_documents(SAMPLES))
    text = "\n\n".join([text] * (1 + WORDS_OF_100_PAGES // len(text.split())))
    text = " ".join(text.split(" ")[:WORDS_OF_100_PAGES])
    began = time.perf_counter()
    made = convert(text.encode(), MARKDOWN, document_id="eval")
    halfway = time.perf_counter()
    report(made, rules)
    ended = time.perf_counter()
    return {
        "words": len(text.split()),
        "convert_s": round(halfway - began, 2),
        "analyse_s": round(ended - halfway, 2),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def determinism() -> dict[str, Any]:
    """Two processes with different seeds of hashing."""
    call = [sys.executable, "-m", "docward.cli.main", "check", "--pack", "all", "--format", "json"]
    files = [str(path) for path, _ in sample_documents(SAMPLES)]
    hashes = [
        hashlib.sha256(
            subprocess.run(
                [*call, *files], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=False
            ).stdout
        ).hexdigest()
        for seed in ("1", "2")
    ]
    return {"equal": hashes[0] == hashes[1], "sha256": hashes[0]}


def main() -> None:
    arguments = argparse.ArgumentParser(prog="make eval", description=__doc__)
    arguments.add_argument("--corpus", type=Path)
    arguments.add_argument("--output", type=Path, default=ROOT / ".docward" / "eval.json")
    wanted = arguments.parse_args()
    rules = releases()
    figures = {
        "speed": speed(rules),
        "labelled_without_packs": labelled(wanted.corpus, []),
        "labelled_with_packs": labelled(wanted.corpus, rules),
        "blind_without_packs": scored(sample_documents(BLIND), [], {}),
        "blind_with_packs": scored(sample_documents(BLIND), rules, {}),
        "clean_without_packs": scored(sample_documents(CLEAN), [], {}),
        "clean_with_packs": scored(sample_documents(CLEAN), rules, {}),
        "blind2_without_packs": scored(sample_documents(BLIND2), [], {}),
        "blind2_with_packs": scored(sample_documents(BLIND2), rules, {}),
        "blind3_without_packs": scored(sample_documents(BLIND3), [], {}),
        "blind3_with_packs": scored(sample_documents(BLIND3), rules, {}),
        "tuned_without_packs": scored(sample_documents(TUNED), [], {}),
        "tuned_with_packs": scored(sample_documents(TUNED), rules, {}),
        "terms_and_references": listed((SAMPLES, TUNED, BLIND, BLIND2), converted),
        "references_of_rulebooks": rulebooks(wanted.corpus) if wanted.corpus else {},
        "facets": facets(rules),
        "mutation": mutation(rules),
        "determinism": determinism(),
    }
    wanted.output.parent.mkdir(parents=True, exist_ok=True)
    wanted.output.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, values in figures.items():
        short = {key: value for key, value in values.items() if key not in {"documents", "survivors"}}
        print(f"{name}: {json.dumps(short, ensure_ascii=False)}")
    print(f"all of it: {wanted.output}")


if __name__ == "__main__":
    main()
