"""Standard output for people: a terminal's width where there is one. A pipe has none, so nothing is cut there: a name
that is cut cannot be searched for."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

PIPED = 160
"""Columns of prose that no terminal shows."""
UNCUT = 100_000


def stdout() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPED)


def listing(table: Table) -> None:
    """Print rows of names and numbers; a pipe gets each of them in one line."""
    Console(highlight=False, width=None if sys.stdout.isatty() else UNCUT).print(table)
