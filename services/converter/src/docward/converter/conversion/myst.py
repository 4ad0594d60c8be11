"""MyST's directives, roles and targets, as far as they say what a text is; the text itself passes through as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from markdown_it.token import Token

from docward.converter.conversion.prose import words

DIRECTIVE = re.compile(r"\{(?P<name>[\w:+.-]+)\}(?P<argument>.*)", re.DOTALL)
OPTION = re.compile(r"\s*:(?P<name>[\w-]+):\s*(?P<value>.*)$")
YAML_OPTION = re.compile(r"\s*(?P<name>[\w-]+):\s*(?P<value>.*)$")
ROLE = re.compile(r"\{([\w:+.-]+)\}$")
TITLED = re.compile(r".*<(?P<target>[^<>]+)>$", re.DOTALL)
VERBATIM = frozenset(
    words(
        "code code-block sourcecode code-cell literalinclude include raw eval-rst csv-table mermaid graphviz plantuml"
        " digraph toctree contents parsed-literal testcode testoutput doctest prompt bibliography"
    )
)
"""Directives whose content is no prose of the document's."""
LABEL_ROLES = frozenset(words("ref numref eq"))
MARKUP = "myst"
"""The language of pieces that are nothing but marks of a directive."""


@dataclass(frozen=True)
class Directive:
    name: str
    """Empty for a fence of colons without one."""
    argument: str
    label: str
    """By which the text refers to it."""
    skipped: int
    """Lines of options before the body."""
    body: str


def directive_of(token: Token) -> Directive | None:
    """The directive that a fence is, if it is one."""
    if token.type not in {"fence", "colon_fence"}:
        return None
    info = token.info.strip()
    found = DIRECTIVE.match(info)
    if found is None:
        return Directive("", info, "", 0, token.content) if token.type == "colon_fence" else None
    lines = token.content.split("\n")
    skipped, options = _options(lines)
    label = options.get("label") or options.get("name") or ""
    return Directive(found["name"], found["argument"].strip(), label, skipped, "\n".join(lines[skipped:]))


def _options(lines: list[str]) -> tuple[int, dict[str, str]]:
    """How many lines are options, and their values: `:name: value` lines, or YAML between `---` lines."""
    if lines[0].strip() == "---":
        end = next((at for at, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
        return (end + 1 if end else 0), _values(YAML_OPTION, lines[1:end])
    count = next((at for at, line in enumerate(lines) if not OPTION.match(line)), len(lines))
    return count, _values(OPTION, lines[:count])


def _values(pattern: re.Pattern[str], lines: Iterable[str]) -> dict[str, str]:
    return {found["name"]: found["value"].strip() for line in lines if (found := pattern.match(line))}


def role_before(text: str, start: int, at: int) -> tuple[str, int]:
    """Name and start of the role whose mark ends at a place in text[start:]; an empty name where there is none."""
    found = ROLE.search(text[max(start, at - 40) : at])
    return (found[1], at - len(found[0])) if found else ("", at)


def label_of(content: str) -> str:
    """What a role refers to: `label`, or `words <label>`."""
    found = TITLED.match(content)
    return found["target"].strip() if found else content.strip()
