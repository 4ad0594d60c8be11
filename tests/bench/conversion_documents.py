"""Documents for `make bench-conversion`, written by `samples/generate.py` from drawn sentences, and what is in them.

A document of a seed is the same everywhere. The score is the mean of five shares: headings and list items found as such
(F1 for headings), cells in a table row of theirs, words, and pairs of neighbouring paragraphs in their order.
"""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import module_from_spec, spec_from_file_location
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

from markdown_it import MarkdownIt
from pypdf import PdfReader

Block = tuple[str, Any]

WHO = "The allocator|The order router|The signal|Each leg|The risk monitor|The index committee|The price filter"
DOES = "caps|records|compares|delays|ranks|rounds|publishes|rejects|replaces"
WHAT = "the weight of constituent {}|the spread of {} ticks|orders above {} lots|the average over {} sessions"
WHEN = "before the close|after {} minutes|when trading is halted|if fewer than {} prices are known|every month"
NAMES = "Scope|Universe|Market data|Signals|Entry|Exit|Sizing|Limits|Execution|Costs|Validation|Monitoring|Reporting"
PARAGRAPHS = 5
"""Of a section."""


@dataclass(frozen=True)
class Sample:
    path: Path
    pages: int
    blocks: tuple[Block, ...]

    def score(self, markdown: str) -> dict[str, float]:
        return scored(self.blocks, markdown)


def samples(folder: Path, seeds: Sequence[int], pages: int) -> list[Sample]:
    """A PDF and a DOCX of every seed, about so many pages long."""
    generate = _generate()
    found = []
    for seed in seeds:
        blocks = tuple(drawn(random.Random(seed), pages))  # noqa: S311 -- drawn sentences, no secrets
        source = generate.Source(
            f"Strategy {seed}",
            "A drawn document",
            "Docward",
            datetime(2026, 1, 1, tzinfo=UTC),
            f"Header {seed}",
            list(blocks),
        )
        data = generate.write_pdf(source)
        counted = len(PdfReader(BytesIO(data)).pages)
        for suffix, content in (("pdf", data), ("docx", generate.write_docx(source))):
            path = folder / f"drawn-{seed}-{pages}.{suffix}"
            path.write_bytes(content)
            found.append(Sample(path, counted, blocks))
    return found


def _generate() -> Any:
    path = Path(__file__).resolve().parents[2] / "samples" / "generate.py"
    spec = spec_from_file_location("samples_generate", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def drawn(dice: random.Random, pages: int) -> Iterator[Block]:
    """Sections of paragraphs, each with a list or a table, about as many pages as wanted."""

    def one(texts: str) -> str:
        return dice.choice(texts.split("|")).replace("{}", str(dice.randint(2, 99_999)))

    def sentence() -> str:
        return f"{one(WHO)} {one(DOES)} {one(WHAT)} {one(WHEN)}."

    def paragraph() -> str:
        return " ".join(sentence() for _ in range(dice.randint(3, 6)))

    for number in range(1, pages * 3 // 2 + 1):  # two thirds of a page each
        yield ("h1" if number % 4 == 1 else "h2"), f"{number} {one(NAMES)} {dice.randint(10, 99_999)}"
        for _ in range(PARAGRAPHS):
            yield "p", paragraph()
        if number % 2:
            yield "list", [f"{one(DOES).capitalize()} {one(WHAT)}" for _ in range(dice.randint(3, 6))]
        else:
            rows = [[f"p_{dice.randint(10, 99_999)}", str(dice.randint(1, 999)), one(WHEN)] for _ in range(6)]
            yield (
                "table",
                {
                    "caption": f"Table {number}: parameters",
                    "header": ["Name", "Value", "Use"],
                    "rows": rows,
                    "widths": [30, 20, 50],
                },
            )


def scored(blocks: Sequence[Block], markdown: str) -> dict[str, float]:
    headings, items, rows = _found(markdown)
    wanted = Counter(_plain(text) for kind, text in blocks if kind in {"h1", "h2"})
    hits = sum((wanted & Counter(headings)).values())
    extra = max(len(headings) - hits - 2, 0)  # the title and the subtitle may be headings
    wanted_items = Counter(_plain(text) for kind, texts in blocks if kind == "list" for text in texts)
    wanted_rows = [_plain_row(row) for kind, table in blocks if kind == "table" for row in table["rows"]]
    words, there = Counter(_words(blocks)), Counter(re.findall(r"\w+", _plain(markdown)))
    flat = _plain(markdown)
    places = [flat.find(_plain(text)[:60]) for kind, text in blocks if kind == "p"]
    shares = {
        "headings": 2 * hits / max(2 * hits + extra + sum(wanted.values()) - hits, 1),
        "items": sum((wanted_items & Counter(items)).values()) / max(sum(wanted_items.values()), 1),
        "cells": sum(row in rows for row in wanted_rows) / max(len(wanted_rows), 1),
        "words": sum((words & there).values()) / max(sum(words.values()), 1),
        "order": mean([0 <= one < other for one, other in pairwise(places)] or [0]),
    }
    return {**shares, "S": mean(shares.values())}


def _found(markdown: str) -> tuple[list[str], list[str], set[tuple[str, ...]]]:
    headings, items, rows, within, row = list[str](), list[str](), set[tuple[str, ...]](), "", list[str]()
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        if token.type in {"heading_open", "list_item_open", "td_open", "th_open"}:
            within = token.type
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            rows.add(tuple(row))
        elif token.type == "inline":
            kept = row if within in {"td_open", "th_open"} else headings if within == "heading_open" else items
            if within:
                kept.append(_plain(token.content))
            within = ""
    return headings, items, rows


def _words(blocks: Sequence[Block]) -> Iterator[str]:
    for kind, content in blocks:
        texts = content if kind == "list" else [content]
        if kind == "table":
            texts = [content["caption"], *content["header"], *(cell for row in content["rows"] for cell in row)]
        for text in texts:
            yield from re.findall(r"\w+", _plain(text))


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[*\\`#]|<br>", " ", text).lower().split())


def _plain_row(row: Sequence[str]) -> tuple[str, ...]:
    return tuple(_plain(cell) for cell in row)
