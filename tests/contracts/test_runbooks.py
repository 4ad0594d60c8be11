"""Every command that a runbook gives is one that the command line takes, and every verb of operators has a runbook."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from docward.cli.main import app

FOLDER = Path(__file__).parents[2] / "docs" / "operations"
PAGES = sorted(FOLDER.glob("*.md"))
COMMAND: Any = typer.main.get_command(app)


def given() -> list[tuple[str, str]]:
    """(page, command) of every line of a block that is a command of ours."""
    return [
        (page.name, line)
        for page in PAGES
        for block in re.findall(r"^```\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if line.startswith("docward ")
    ]


def verbs(group: Any) -> dict[str, Any]:
    """Of a group by name; none: it is a verb itself."""
    return dict(getattr(group, "commands", {}))


@pytest.mark.parametrize(("page", "line"), given())
def test_a_command_of_a_runbook_is_taken(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    verb = COMMAND
    while verbs(verb) and words and not words[0].startswith("-"):
        name = words.pop(0)
        assert name in verbs(verb), f"{page}: {name!r} is no verb"
        verb = verbs(verb)[name]
    verb.make_context(line, words)  # raises for an option or argument that it does not take


def test_a_wrong_command_is_found() -> None:
    with pytest.raises(Exception, match="No such option"):
        verbs(COMMAND)["republish"].make_context("republish", ["document-events", "--whatever"])


@pytest.mark.parametrize("name", ["parked", "projections"])
def test_every_verb_has_a_runbook(name: str) -> None:
    walked = {line.split()[2] for _, line in given() if line.split()[1] == name}
    assert walked == verbs(verbs(COMMAND)[name]).keys() != set()


@pytest.mark.parametrize("name", ["republish", "replay", "lag", "topics"])
def test_every_other_verb_of_operators_has_a_runbook(name: str) -> None:
    assert name in {line.split()[1] for _, line in given()}
