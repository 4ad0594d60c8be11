"""`make bench-conversion`: our conversion beside others, in pages a processor second, scores, and memory.

Every round has every converter do every document once, one after the other, so that whatever else the machine does
meets all alike; a figure is the median over documents and rounds. Compared is what all make: Markdown (or text); what
the IR costs stands in a row of its own. With `--tools FOLDER` the documents are those of its `gen_corpus.py`, scored by
its `score.py`; else they are drawn here. Prints tables and writes JSON. Nothing is skipped silently: a converter that
cannot be installed or fails is named with the reason.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from bench.conversion_documents import Sample, samples
from bench.conversion_peers import OURS, PEERS, SCORING, Environment, Format, Tool, Worker

FORMATS: tuple[Format, ...] = ("pdf", "docx")
GOALS = {
    "pdf": {"markitdown": 25.0, "liteparse": 1.5, "pypdf": 6.0, "pdftotext": 0.85},
    "docx": {"markitdown": 20.0, "mammoth": 9.0, "python_docx": 5.0},
}
"""Pages a processor second of ours, to those of the peer."""
MAX_MB = 200
FLAVOURS = {"pdf": "rl1,rl2", "docx": "pydocx"}
SHARES = ("h_f1", "cell", "li", "order", "w_rec")


@dataclass(frozen=True)
class Given:
    """A document of a corpus that was given."""

    path: Path
    pages: int


@dataclass
class Corpus:
    documents: Sequence[Sample | Given]
    score: Callable[[Tool, Path], float | None]
    """The mean score of what a tool wrote into a folder; None where it has none."""


def drawn(folder: Path, seeds: Sequence[int], pages: int) -> Corpus:
    documents = samples(folder, seeds, pages)

    def score(_: Tool, outputs: Path) -> float | None:
        scores = [
            document.score(written.read_text())["S"]
            for document in documents
            if (written := outputs / f"{document.path.name}.out").exists()
        ]
        return mean(scores) if scores else None

    return Corpus(documents, score)


def given(folder: Path, tools: Path, environment: Environment, seeds: Sequence[int], pages: int) -> Corpus:
    """The corpus that `tools/gen_corpus.py` writes, scored by `tools/score.py`, both run with the peers."""
    for package in ("pypdf", "python-docx", "pypandoc-binary", *SCORING):
        if reason := environment.install(package):
            raise SystemExit(f"bench-conversion: {package}, which the given tools need, cannot be installed: {reason}")
    where = "import os, pypandoc; print(os.path.dirname(pypandoc.get_pandoc_path()))"
    pandoc = subprocess.run([environment.python, "-c", where], check=True, capture_output=True, text=True).stdout
    documents: list[Given] = []
    for seed in seeds:
        into = folder / str(seed)
        options = ["--sizes", str(pages), "--flavours", ",".join(FLAVOURS.values()), "--seed", str(seed)]
        subprocess.run(
            [environment.python, tools / "gen_corpus.py", into, *options],
            check=True,
            stdout=subprocess.DEVNULL,
            env={"PATH": f"{pandoc.strip()}:/usr/bin:/bin"},
        )
        for path in sorted([*into.glob("*.pdf"), *into.glob("*.docx")]):
            truth = json.loads(path.with_name(f"{path.stem}.gt.json").read_text())
            for one in (path, path.with_name(f"{path.stem}.gt.json")):
                one.rename(folder / f"{seed}-{one.name}")
            documents.append(Given(folder / f"{seed}-{path.name}", int(truth.get("pages", pages))))

    def score(_: Tool, outputs: Path) -> float | None:
        command = [str(environment.python), str(tools / "score.py"), "--dir", str(folder), str(outputs)]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        scores = [_mean_share(json.loads(line.split(" ", 1)[1])) for line in lines]
        return mean(scores) if scores else None

    return Corpus(documents, score)


def _mean_share(found: dict[str, float | None]) -> float:
    recall, precision = found["h_rec"] or 0.0, found["h_prec"] or 0.0
    found["h_f1"] = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
    return mean(value for name in SHARES if (value := found.get(name)) is not None)


def measured(
    kind: Format, corpus: Corpus, tools: Sequence[Tool], environment: Environment, *, rounds: int, folder: Path
) -> dict[str, dict[str, Any]]:
    """Figures by tool: `pages_per_cpu_s`, `score`; `failed` with a reason where a document could not be converted."""
    rates: dict[str, list[float]] = defaultdict(list)
    failed: dict[str, str] = {}
    documents = [document for document in corpus.documents if document.path.suffix == f".{kind}"]
    with contextlib.ExitStack() as stack:
        workers = {tool: stack.enter_context(Worker(tool, environment)) for tool in tools if kind in tool.formats}
        for number in range(rounds + 1):  # the first one warms, and leaves what is scored
            for document in documents:
                for tool, worker in workers.items():
                    output = folder / tool.name / f"{document.path.name}.out"
                    output.parent.mkdir(parents=True, exist_ok=True)
                    found = worker.convert(document.path, 0.1 if number else 0.0, None if number else output)
                    if "error" in found:
                        failed[tool.name] = found["error"]
                    elif number:
                        rates[tool.name].append(document.pages / max(found["cpu_s"], 1e-6))
            print(f"{kind}: round {number} of {rounds}", file=sys.stderr)
    return {
        tool.name: {
            "pages_per_cpu_s": round(median(rates[tool.name]), 1) if rates[tool.name] else None,
            "score": corpus.score(tool, folder / tool.name),
            **({"failed": failed[tool.name]} if tool.name in failed else {}),
        }
        for tool in workers
    }


def peaks(folder: Path, environment: Environment, pages: int) -> dict[str, dict[str, float]]:
    """Of our conversion with its IR, in a fresh process a document."""
    found = {}
    for document in samples(folder, [1], pages):
        with Worker(OURS[1], environment) as worker:
            answer = worker.convert(document.path, 0.0)
        found[document.path.suffix[1:]] = {"pages": document.pages, **answer}
    return found


def say(result: dict[str, Any]) -> None:
    for kind in FORMATS:
        figures = result[kind]
        own = figures["docward"]["pages_per_cpu_s"]
        print(f"\n{kind.upper():<18}{'pages/CPU-s':>12}{'ours to it':>12}{'goal':>8}{'score':>8}")
        for name, row in sorted(figures.items(), key=lambda pair: -(pair[1]["pages_per_cpu_s"] or 0)):
            rate, score, goal = row["pages_per_cpu_s"], row["score"], GOALS[kind].get(name)
            ratio = own / rate if own and rate else None
            reached = "" if goal is None or ratio is None else " met" if ratio >= goal else " MISSED"
            print(
                f"{name:<18}{_shown(rate, 1):>12}{_shown(ratio, 2):>12}{_shown(goal, 2):>8}{_shown(score, 3):>8}"
                f"{reached}{'  failed: ' + row['failed'] if 'failed' in row else ''}"
            )
    print(f"\n{'memory':<18}{'pages':>12}{'peak MB':>12}{'bound':>8}")
    for kind, row in result["memory"].items():
        print(f"{kind:<18}{row['pages']:>12}{_shown(row.get('peak_mb'), 0):>12}{MAX_MB:>8}  {row.get('error', '')}")
    for name, reason in result["missing"].items():
        print(f"not measured: {name}: {reason}")


def _shown(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-conversion", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tools", type=Path, help="folder with gen_corpus.py and score.py")
    parser.add_argument("--seeds", type=int, default=3, help="documents of each format")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--pages", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, default=1000, help="pages of the document that memory is measured with")
    parser.add_argument("--peers", type=Path, default=Path(".docward/peers"), help="environment of the others")
    parser.add_argument("--output", type=Path, default=Path(".docward/bench-conversion.json"))
    options = parser.parse_args()
    environment = Environment(options.peers)
    tools, missing = environment.available(PEERS)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    result: dict[str, Any] = {"seeds": list(seeds), "pages": options.pages, "missing": missing}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.tools:
            corpus = given(folder, options.tools.resolve(), environment, seeds, options.pages)
        else:
            corpus = drawn(folder, seeds, options.pages)
        for kind in FORMATS:
            result[kind] = measured(
                kind, corpus, [*OURS, *tools], environment, rounds=options.rounds, folder=folder / f"{kind}-out"
            )
        result["memory"] = peaks(folder, environment, options.large)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    say(result)
    print(f"bench-conversion: seeds {seeds.start} to {seeds.stop - 1}; JSON in {options.output}")


if __name__ == "__main__":
    main()
