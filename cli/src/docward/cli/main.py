"""The `docward` command. Verbs of users go through the REST API, verbs of operators ask the servers."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated

import typer

from docward.cli import (
    check,
    codes,
    contracts,
    convert,
    demo,
    groups,
    meaning,
    operate,
    packs,
    parked,
    positions,
    projections,
    replay,
    reports,
    review,
    stack,
    validation,
    versions,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=codes.TABLE,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 -- typer calls it with the option's value
    if wanted:
        print(f"docward {version('docward-cli')}")
        raise typer.Exit


@app.callback()
def docward(
    *,
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Review the documentation of trading algorithms and indices."""


# As `--help` lists them: the stack, users' verbs, what needs no server, operators' verbs.
_VERBS: tuple[Callable[..., None], ...] = (
    *(demo.demo, stack.up, stack.down, stack.status, stack.logs, stack.token, stack.environment),
    *(review.submit, review.watch, review.findings, review.answer, review.apply),
    *(versions.versions, versions.diff, versions.restore, versions.reconvert),
    *(meaning.ir, meaning.graph, reports.report, reports.compare),
    *(convert.convert, check.check, validation.validate),
    *(operate.lag, operate.republish, replay.replay),
)
for _verb in _VERBS:
    app.command()(_verb)
app.command("import")(review.import_packs)
projections.app.command("verify")(replay.verify)
projections.app.command("replays")(replay.list_replays)
projections.app.command("cancel")(replay.cancel_replay)
app.add_typer(operate.topics, name="topics")
app.add_typer(contracts.app, name="contracts")
app.add_typer(groups.app, name="group")
app.add_typer(packs.app, name="packs")
app.add_typer(parked.app, name="parked")
app.add_typer(positions.app, name="positions")
app.add_typer(projections.app, name="projections")

if __name__ == "__main__":
    app()
