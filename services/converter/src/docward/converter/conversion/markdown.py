"""Markdown passes through: only line ends, byte order mark, encoding and NUL characters are normalised, and said so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docward.converter.conversion.encodings import decode
from docward.converter.conversion.outcome import Draft, visible

ENTRY = re.compile(r"^([A-Za-z][\w .-]{0,60}?)\s*:\s*(.*)$")


def read_markdown(data: bytes) -> Draft:
    decoded = decode(data)
    metadata = front_matter(decoded.text)
    return Draft(
        markdown=decoded.text,
        characters_in=visible(decoded.text) + decoded.lost,
        title=metadata.get("title"),
        metadata=metadata,
        dropped=decoded.dropped,
        warnings=decoded.warnings,
    )


def front_matter(text: str) -> dict[str, str]:
    """The scalars of a leading `---` block, keys in lower case. Not YAML: no types or anchors, lists become text."""
    if not text.startswith("---\n"):
        return {}
    end = re.search(r"^(?:---|\.\.\.)[ \t]*$", text[4:], re.MULTILINE)
    return dict(_entries(text[4 : 4 + end.start()].split("\n"))) if end else {}


def _entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    key, items = "", list[str]()
    for line in [*lines, "end:"]:
        found = ENTRY.match(line)
        if found:
            if key and items:
                yield key, ", ".join(items)
            key, value = found[1].strip().lower(), _scalar(found[2])
            items = [value] if value else []
        elif line.lstrip().startswith("- ") and key:
            items.append(_scalar(line.lstrip()[2:]))


def _scalar(value: str) -> str:
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    if value.startswith("[") and value.endswith("]"):
        return ", ".join(_scalar(part) for part in value[1:-1].split(","))
    return re.sub(r"\s+#.*$", "", value)
