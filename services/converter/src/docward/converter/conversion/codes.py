"""Numbers of requirements: `**EXE-014** The order …` is a label, `see EXE-014` refers to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from docward.events.ir import Block

_CODE = re.compile(r"(?P<prefix>[A-Z](?<!\w[A-Z])[A-Z]{1,7})-\d{1,4}\b(?![\w-])")
_LABEL = re.compile(r"(?:^|[\n|])[^\w\n]{0,5}$|\*\*$")
"""What stands in front of a label: the beginning of a line or cell, or bold print."""
ENOUGH = 3
"""Labels of one prefix from which such numbers are requirements, and no standards or products."""


def labels(markdown: str, blocks: Sequence[Block]) -> tuple[dict[str, str], frozenset[str]]:
    """The block of each requirement by its number, and the prefixes of such numbers."""
    found: dict[str, str] = {}
    prefixes: Counter[str] = Counter()
    for block in blocks:
        if block.kind in {"paragraph", "list-item", "table", "heading"}:
            for code in _CODE.finditer(markdown, block.span.start, block.span.end):
                if _is_label(markdown, block.span.start, code.start()):
                    found.setdefault(code.group(), block.id)
                    prefixes[code["prefix"]] += 1
    return found, frozenset(prefix for prefix, count in prefixes.items() if count >= ENOUGH)


def mentioned(markdown: str, start: int, end: int, prefixes: frozenset[str]) -> Iterator[re.Match[str]]:
    """Numbers of requirements that are no labels."""
    for code in _CODE.finditer(markdown, start, end) if prefixes else ():
        if code["prefix"] in prefixes and not _is_label(markdown, start, code.start()):
            yield code


def _is_label(markdown: str, start: int, at: int) -> bool:
    return _LABEL.search(markdown[max(start, at - 6) : at]) is not None or not markdown[start:at].strip(" *_|#>-+\n")
