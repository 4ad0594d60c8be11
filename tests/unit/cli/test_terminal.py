"""What is printed for people, where no terminal shows it."""

from __future__ import annotations

import pytest
from rich.table import Table

from docward.cli.terminal import listing


def test_a_pipe_gets_every_row_in_one_line_and_whole(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name", "about", box=None, pad_edge=False)
    name, about = "a-name-" * 30, "a sentence that goes on " * 20
    table.add_row(name, about.strip())
    listing(table)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[1].split(maxsplit=1) == [name, about.strip()]
