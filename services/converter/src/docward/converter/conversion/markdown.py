"""Markdown passes through: only line ends, byte order mark, encoding and NUL characters are normalised, and said so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docward.converter.conversion.outcome import Draft, Dropped, visible
from docward.events.ir import Issue

ENTRY = re.compile(r"^([A-Za-z][\w .-]{0,60}?)\s*:\s*(.*)$")


def read_markdown(data: bytes) -> Draft:
    text, warnings = decode(data)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    nul = text.count("\0")
    dropped: tuple[Dropped, ...] = ()
    if nul:
        message = f"{nul} NUL character{'s' * (nul > 1)} removed: text cannot hold them."
        warnings.append(Issue(code="nul-removed", message=message))
        dropped = (Dropped(what="NUL characters", characters=nul, why="text cannot hold them"),)
        text = text.replace("\0", "")
    metadata = front_matter(text)
    return Draft(
        markdown=text,
        characters_in=visible(text) + nul,
        title=metadata.get("title"),
        metadata=metadata,
        dropped=dropped,
        warnings=tuple(warnings),
    )


def decode(data: bytes) -> tuple[str, list[Issue]]:
    """UTF-8 unless the bytes say otherwise. Every byte string decodes; what had to be guessed is an Issue."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", errors="replace")
        return text, [_encoding("UTF-16", text)]
    try:
        return data.decode("utf-8"), []
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
        return text, [_encoding("Windows-1252", text)]


def _encoding(name: str, text: str) -> Issue:
    lost = text.count("\ufffd")
    more = f"; {lost} bytes have no meaning in it and became U+FFFD" if lost else ""
    return Issue(code="encoding", message=f"The file is not UTF-8; it was read as {name}{more}.")


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
