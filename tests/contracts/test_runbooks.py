"""Every command that a runbook gives is one that the command line takes; every verb of operators, and every alarm that
the code can raise, has a runbook."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from docward.cli.main import app

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "operations"
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


@pytest.mark.parametrize("name", ["parked", "positions", "projections"])
def test_every_verb_has_a_runbook(name: str) -> None:
    walked = {line.split()[2] for _, line in given() if line.split()[1] == name}
    assert walked == verbs(verbs(COMMAND)[name]).keys() != set()


@pytest.mark.parametrize("name", ["republish", "replay", "lag", "topics"])
def test_every_other_verb_of_operators_has_a_runbook(name: str) -> None:
    assert name in {line.split()[1] for _, line in given()}


def raised(pattern: str) -> set[str]:
    """What the services and their runtime raise, as it is written there."""
    sources = [*(ROOT / "services").rglob("*.py"), *(ROOT / "libs" / "runtime").rglob("*.py")]
    return {name for source in sources for name in re.findall(pattern, source.read_text(encoding="utf-8"))}


def runbooks_of_alarms() -> dict[str, tuple[set[str], set[str]]]:
    """Section to the metrics and the log lines that it says raise it."""
    found = {}
    for section in (FOLDER / "alarms.md").read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        told = re.search(r"^Raised by .*?(?=\n\n)", text, re.MULTILINE | re.DOTALL)
        assert told, f"{title}: nothing raises it"
        assert "\nAt stake: " in text, f"{title}: nothing is at stake"
        names = {" ".join(name.split()) for name in re.findall(r"`([^`]+)`", told[0])}
        metrics = {name for name in names if name.startswith("docward_")}
        logs = {" ".join(name.split()) for name in re.findall(r"log\s+line\s+`([^`]+)`", told[0])}
        found[title] = (metrics, logs)
    return found


def test_every_critical_log_line_has_a_runbook_and_no_other() -> None:
    told = set().union(*(logs for _, logs in runbooks_of_alarms().values()))
    warned = {"paused"}  # the one line that is no alarm by itself: it names the error of an outage
    assert told == raised(r'\.critical\(\s*"([^"]+)"') | warned
    assert warned <= raised(r'log\.warning\(\s*"([^"]+)"')


def test_every_metric_has_a_runbook_and_no_other() -> None:
    told = set().union(*(metrics for metrics, _ in runbooks_of_alarms().values()))
    assert told == raised(r'\b(?:Counter|Gauge|Histogram)\(\s*"(\w+)"')
