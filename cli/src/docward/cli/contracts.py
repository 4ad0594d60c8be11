"""`docward contracts check|export|release`: the contracts of a checkout, judged without a server."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from docward.cli import codes
from docward.cli.client import ClientError
from docward.cli.review import exit_codes
from docward.cli.stack import Json
from docward.events import asyncapi, schemas
from docward.events.releases import Finding, State, check, digest, export, in_folder, release, released, states_of

HERE = Path(schemas.__file__).parents[3]
"""The contracts of the checkout that this command is installed from."""
Folder = Annotated[Path, typer.Option("--contracts", help="Folder that holds `schemas/`, `released/`, `examples/`.")]

app = typer.Typer(no_args_is_help=True, help="Check, export and release the contracts of messages.")


@app.command("check")
def check_contracts(
    *,
    against: Annotated[
        str | None,
        typer.Option(metavar="DIR|REV", help="A folder of schemas or a git revision, instead of the released ones."),
    ] = None,
    contracts: Folder = HERE,
    json_output: Json = False,
) -> None:
    """Compare the schemas with every released one: can readers and writers of both be deployed side by side?

    JSON: a list of {contract, field, rule, breaks, detail, advice}; exit code 1 when it is not empty.
    """
    with exit_codes():
        exported = schemas.schemas()
        states, findings = _against(against, _checkout(contracts))
        findings += check(exported, states)
        if json_output:
            print(json.dumps([asdict(finding) for finding in findings]))
        else:
            for finding in findings:
                print(finding)
            print(f"{len(exported)} schemas against {len(states)} states: {len(findings) or 'no'} findings")
        if findings:
            raise typer.Exit(codes.FAILED)


@app.command("export")
def export_contracts(*, contracts: Folder = HERE) -> None:
    """Write the schemas of the models and the AsyncAPI document, keeping each released schema that is replaced."""
    with exit_codes():
        folder = _checkout(contracts)
        changed = [f"schemas/{name}" for name in export(folder, schemas.schemas())]
        if asyncapi.write(folder):
            changed.append(asyncapi.FILE)
        print("\n".join(changed) or "nothing changed")


@app.command("release")
def release_contracts(*, contracts: Folder = HERE) -> None:
    """Freeze the exported schemas: from then on every check compares with them."""
    with exit_codes():
        folder = _checkout(contracts)
        states, findings = released(folder)
        if findings := findings + check(schemas.schemas(), states):
            _fail("\n".join(map(str, findings)))
        there = {digest(path.read_text(encoding="utf-8")) for path in (folder / "schemas").glob("*.json")}
        stale = [n for n, s in schemas.schemas().items() if digest(schemas.rendered(s)) not in there]
        if stale:
            _fail(f"not exported: {', '.join(stale)}; run: docward contracts export")
        print("\n".join(release(folder)) or "nothing to release")


def _checkout(contracts: Path) -> Path:
    if not (contracts / "schemas").is_dir():
        _fail(f"{contracts} holds no folder schemas; name one with --contracts", codes.USAGE)
    return contracts


def _against(named: str | None, contracts: Path) -> tuple[list[State], list[Finding]]:
    if named is None:
        return released(contracts)
    folder = Path(named)
    if folder.is_dir():
        states = in_folder(folder / "schemas" if (folder / "schemas").is_dir() else folder)
    else:
        states = states_of(_at_revision(named, contracts))
    if not states:
        _fail(f"{named} holds no schemas", codes.USAGE)
    return states, []


def _at_revision(revision: str, contracts: Path) -> dict[str, str]:
    """The schemas as they were committed then, by name."""
    command = ["git", "-C", str(contracts), "archive", "--format=tar", revision, "schemas"]
    try:
        answer = subprocess.run(command, capture_output=True, check=False)
    except OSError as error:
        raise ClientError(f"git does not run: {error.strerror}", codes.USAGE) from error
    if answer.returncode:
        said = answer.stderr.decode(errors="replace").strip()
        _fail(f"{revision} is no folder, and no revision with these contracts: {said}", codes.USAGE)
    with tarfile.open(fileobj=io.BytesIO(answer.stdout)) as archive:
        members = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        return {Path(name).name: content.read().decode() for name, content in members.items() if content is not None}


def _fail(message: str, code: int = codes.FAILED) -> NoReturn:
    raise ClientError(message, code)
