"""`docward report` and `docward compare`: what a finished analysis found, for people and for builds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from docward.cli.client import connect
from docward.cli.review import exit_codes
from docward.cli.stack import DEFAULT_DATA_DIR, DataDir, Json

Format = Literal["html", "self-assessment", "json", "sarif", "junit"]


def report(
    analysis_id: Annotated[str, typer.Argument(metavar="ANALYSIS")],
    *,
    form: Annotated[Format, typer.Option("--format", "-f", help="What to print.")] = "html",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write there instead of printing.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Print the report of an analysis, with what people have decided about its findings."""
    with exit_codes():
        text = connect(data_dir).report(analysis_id, form)
        if output is None:
            sys.stdout.write(text)
        else:
            output.write_text(text, encoding="utf-8")


def compare(
    analysis_id: Annotated[str, typer.Argument(metavar="ANALYSIS")],
    other: Annotated[str | None, typer.Argument(metavar="OTHER", help="Default: the completed one before.")] = None,
    *,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    json_output: Json = False,
) -> None:
    """Compare an analysis with an earlier one of its document: new, persisting and resolved findings."""
    with exit_codes():
        compared = connect(data_dir).comparison(analysis_id, other)
        if json_output:
            print(json.dumps(compared))
            return
        print(f"compared with {compared['compared_with'] or 'nothing: it is the first completed one'}")
        for name in ("new", "persisting", "resolved"):
            print(f"{name}: {len(compared[name])} {' '.join(compared[name])}".rstrip())
