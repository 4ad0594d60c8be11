"""reStructuredText as Markdown, by way of the page that docutils makes of it.

Nothing is loaded: no file is inserted, no raw text and no configuration is read. What is Sphinx's and not docutils' is
kept as far as it says something to a reader: the text of an unknown role, the content of an unknown directive.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from docutils import nodes
from docutils.core import publish_doctree, publish_from_doctree
from docutils.parsers.rst import Directive, directives
from docutils.utils import SystemMessage

from docward.converter.conversion.encodings import decode
from docward.converter.conversion.html import draft_of
from docward.converter.conversion.outcome import ConversionError, Draft, visible
from docward.events.ir import Issue
from docward.events.losses import Dropped

MAX_LINE = 100_000
"""Characters; docutils bounds the growth of substitutions by it, too."""
SETTINGS = {
    "_disable_config": True,
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "syntax_highlight": "none",
    "math_output": "LaTeX",
    "embed_stylesheet": False,
    "section_self_link": False,
    "toc_backlinks": False,
    "report_level": 2,
    "halt_level": 5,
    "warning_stream": False,
    "traceback": True,
    "line_length_limit": MAX_LINE,
    "output_encoding": "unicode",
}
ROLE = re.compile(r":[\w:+.-]+:`(?P<text>[^`]*)`|`(?P<plain>[^`]*)`:[\w:+.-]+:", re.DOTALL)
TITLED = re.compile(r"\s*<[^<>]*>$")
FOREIGN = {
    **dict.fromkeys(("raw",), "it is written for another format"),
    **dict.fromkeys(("include", "literalinclude", "csv-table"), "it stands in another file"),
}
QUIET = re.compile(r"interpreted text role|No (?:role|directive) entry")
"""Messages about what is kept anyway, or that say what another one says."""
MAX_WARNINGS = 100
DAMAGED = "The file cannot be read as reStructuredText; please check it with docutils and upload it again."


class Kept(Directive):
    """A directive of Sphinx that holds text: its argument is a paragraph, its content is read as usual."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[Any] = None

    def run(self) -> list[nodes.Node]:
        box = nodes.container()
        if self.arguments:
            text, messages = self.state.inline_text(self.arguments[0], self.lineno)
            box += [nodes.paragraph(self.arguments[0], "", *text), *messages]
        self.state.nested_parse(self.content, self.content_offset, box)
        return [box]


class Changed(Kept):
    """The same, where the directive's own name says something: `versionadded`."""

    def run(self) -> list[nodes.Node]:
        self.arguments = [f"{self.name}: {' '.join(self.arguments)}"]
        return super().run()


class Listing(Directive):
    """Code with whatever options; they only say how it is shown."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        language = self.arguments[0].split()[0] if self.arguments else ""
        text = "\n".join(_without_options(list(self.content)))
        return [nodes.literal_block(text, text, classes=["code", language] if language else [])]


class Named(Directive):
    """A directive that only names places: nothing of it is for readers."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        text = "\n".join([*self.arguments, *self.content])
        return [nodes.comment(text, text)]


SPHINX: dict[str, type[Directive]] = {
    **dict.fromkeys(
        (
            "seealso",
            "todo",
            "glossary",
            "centered",
            "hlist",
            "only",
            "tab",
            "tabs",
            "dropdown",
            "card",
            "productionlist",
        ),
        Kept,
    ),
    **dict.fromkeys(("versionadded", "versionchanged", "deprecated"), Changed),
    **dict.fromkeys(("code-block", "sourcecode", "highlight-code", "code"), Listing),
    **dict.fromkeys(("toctree", "index", "highlight", "currentmodule", "module"), Named),
}


def read_rst(data: bytes) -> Draft:
    decoded = decode(data)
    if max(map(len, decoded.text.split("\n"))) > MAX_LINE:
        raise ConversionError("damaged", f"A line is longer than {MAX_LINE:,} characters; please break it into lines.")
    for name, directive in SPHINX.items():
        directives.register_directive(name, directive)
    try:
        tree = publish_doctree(decoded.text, settings_overrides=SETTINGS)
        notices = _settled(tree)
        page = publish_from_doctree(tree, writer="html5_polyglot", settings_overrides=SETTINGS)
    except (
        SystemMessage,
        ArithmeticError,
        AssertionError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        raise ConversionError("damaged", DAMAGED) from error
    dropped = tuple(notice for notice in notices if isinstance(notice, Dropped))
    issues = tuple(notice for notice in notices if isinstance(notice, Issue))
    return draft_of(str(page), (*decoded.dropped, *dropped), (*decoded.warnings, *issues[:MAX_WARNINGS]))


def _without_options(lines: list[str]) -> list[str]:
    """The content without the field list that begins it: options that docutils does not know stay in the content."""
    at = 0
    while at < len(lines) and re.match(r":[\w-]+:", lines[at]):
        at += 1
    return lines[at + 1 :] if at and at < len(lines) and not lines[at].strip() else lines[at:]


def _settled(tree: Any) -> list[Dropped | Issue]:
    """Takes docutils' messages out of the text, and puts back what they are about."""
    notices: list[Dropped | Issue] = []
    for wrong in list(tree.findall(nodes.problematic)):
        wrong.parent.replace(wrong, nodes.Text(_said(wrong.astext())))
    for message in list(tree.findall(nodes.system_message)):
        notices += _notice(message)
    return notices


def _said(source: str) -> str:
    """What a role that docutils does not know says to a reader."""
    found = ROLE.fullmatch(source)
    if found is None:
        return source
    text = found["text"] if found["text"] is not None else found["plain"]
    return TITLED.sub("", text) or text


def _notice(message: Any) -> list[Dropped | Issue]:
    literal = next(iter(message.findall(nodes.literal_block)), None)
    line = message.get("line")
    said = " ".join(part.astext() for part in message.children if part is not literal).replace("\n", " ")
    notices: list[Dropped | Issue] = []
    if not QUIET.search(said):
        notices.append(Issue(code="rst", message=f"Line {line}: {said[:300]}" if line else said[:300]))
    if literal is None:
        message.parent.remove(message)
        return notices
    name = re.match(r"\.\. ([\w:+.-]+)::", literal.astext())
    why = FOREIGN.get(name[1]) if name else None
    if why is None or name is None:
        message.parent.replace(message, nodes.literal_block(literal.astext(), literal.astext()))
        return notices
    message.parent.remove(message)
    dropped = Dropped(what=f"directive {name[1]}", characters=visible(literal.astext()), why=why)
    return [*notices, dropped]
