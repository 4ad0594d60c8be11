"""`docward packs check|test|new|diff`: packs of requirements, judged without a server."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from docward.analyzer import analysis
from docward.analyzer.analysis.packs import PackError, bundled_packs, load_pack
from docward.analyzer.policies import policies_of
from docward.cli import codes
from docward.cli.client import ClientError
from docward.cli.review import exit_codes
from docward.cli.stack import Json
from docward.cli.terminal import stdout
from docward.converter.conversion import convert
from docward.events.messages import derived_id
from docward.events.policies import Example, Pack, Policy, repository_id

app = typer.Typer(no_args_is_help=True, help="Check, test, begin and compare packs of requirements.")
Paths = Annotated[
    list[str] | None, typer.Argument(metavar="[PACK]...", help="Pack files or names of included packs. Default: all.")
]
SKELETON = """\
# What the requirements of this pack have in common, in a sentence.
pack:
  id: {name}
  version: 0.1.0
  title: "{name}"
  status: internal

requirements:
- id: {prefix}-1
  ref: "1"
  level: MUST                 # MUST | SHOULD | MAY
  title: "Approved changes"
  paraphrase: "A named role approves every change before it is deployed."
  verified: false             # until somebody has compared the paraphrase with the source
  evidence:
    concepts: {{any: ["<approve> .. <change>", "<change> .. <approve>"], within: paragraph}}
  facets:
  - {{id: O, kind: role, label: "who approves"}}
  proposal:
    text: "{{role}} approves every change before it is deployed."
  tests:
  - {{text: "The Head of Trading approves each change of the algorithm.", expect: covered}}
  - {{text: "Each change of the algorithm needs an approval.", expect: partial}}
  - {{text: "The algorithm reads a file.", expect: missing}}
"""


@dataclass(frozen=True)
class Tried:
    """One example and the verdict that it got."""

    pack: str
    requirement: str
    number: int
    expected: str
    verdict: str
    explanation: str
    text: str

    @property
    def holds(self) -> bool:
        return self.expected == self.verdict


@app.command("check")
def check_packs(packs: Paths = None, *, json_output: Json = False) -> None:
    """Read packs and tell every mistake with its line.

    JSON: a list of {file, line, requirement, field, text}. Exit code 1 when there is a mistake.
    """
    with exit_codes():
        found: list[dict[str, Any]] = []
        paths = _paths(packs)
        for path in paths:
            try:
                pack = load_pack(path)
            except PackError as error:
                found += _told(path, error)
                if not json_output:
                    print(error)
            else:
                if not json_output:
                    print(f"{path.name}: {len(pack.requirements)} requirements, {_unverified(pack)}")
        if json_output:
            print(json.dumps(found))
        if found:
            raise typer.Exit(codes.FAILED)


def _told(path: Path, error: PackError) -> list[dict[str, Any]]:
    """A file that cannot be read at all has one mistake without a line."""
    if not error.mistakes:
        return [{"file": str(path), "line": None, "requirement": "", "field": "", "text": str(error)}]
    told = ((mistake, ("line", "requirement", "field", "text")) for mistake in error.mistakes)
    return [{"file": str(path), **{name: getattr(mistake, name) for name in names}} for mistake, names in told]


def _unverified(pack: Pack) -> str:
    unverified = sum(not policy.verified for policy in pack.requirements)
    return f"{unverified} of them not compared with the source" if unverified else "all compared with the source"


@app.command("test")
def run_examples(packs: Paths = None, *, json_output: Json = False) -> None:
    """Run the examples of packs through the engine; a requirement without examples fails.

    JSON: a list of {pack, requirement, number, expected, verdict, explanation, text}. Exit code 1 when one fails.
    """
    with exit_codes(), _usage_errors():
        tried = [each for path in _paths(packs) for each in _tried(load_pack(path))]
        failed = [each for each in tried if not each.holds]
        if json_output:
            print(json.dumps([asdict(each) for each in tried]))
        else:
            _show(tried, failed)
        if failed:
            raise typer.Exit(codes.FAILED)


def _tried(pack: Pack) -> Iterator[Tried]:
    for policy in policies_of(pack):
        if not policy.tests:
            yield Tried(pack.pack.id, policy.id, 0, "an example", "none", "The requirement has no example.", "")
        for number, example in enumerate(policy.tests, start=1):
            verdict, explanation = _verdict(pack, policy, example)
            yield Tried(pack.pack.id, policy.id, number, example.expect, verdict, explanation, example.text)


def _verdict(pack: Pack, policy: Policy, example: Example) -> tuple[str, str]:
    ident = derived_id("pack-example", pack.pack.id, policy.id, example.text)
    made = convert(example.text.encode(), "text/markdown", document_id=str(ident))
    release = analysis.Release(repository_id(pack.pack.id), pack.pack.id, 1, (policy,))
    (verdict,) = analysis.analyse(made.ir, made.markdown, [release]).verdicts
    return verdict.verdict, verdict.explanation


def _show(tried: Sequence[Tried], failed: Sequence[Tried]) -> None:
    console = stdout()
    if failed:
        table = Table("requirement", "example", "expected", "verdict", "text", "why", title="Examples that fail")
        for each in failed:
            table.add_row(each.requirement, str(each.number), each.expected, each.verdict, each.text, each.explanation)
        console.print(table)
    summary = Table("pack", "requirements", "examples", "failed")
    for name in dict.fromkeys(each.pack for each in tried):
        own = [each for each in tried if each.pack == name]
        wrong = sum(not each.holds for each in own)
        summary.add_row(name, str(len({each.requirement for each in own})), str(len(own)), str(wrong))
    console.print(summary)


@app.command("new")
def new_pack(path: Annotated[Path, typer.Argument(metavar="FILE", help="NAME.yaml; must not exist.")]) -> None:
    """Begin a pack: a file with one requirement and its examples, which passes `check` and `test`."""
    with exit_codes():
        text = SKELETON.format(name=path.stem, prefix=path.stem.split("-")[0].upper())
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise ClientError(f"{path}: {error.strerror}", codes.USAGE) from error
        try:
            load_pack(path)
        except PackError as error:
            path.unlink()
            raise ClientError(f"{path.stem!r} cannot be the id of a pack\n{error}", codes.USAGE) from error
        print(f"{path}: change it, then run: docward packs check {path} && docward packs test {path}")


@app.command("diff")
def diff_packs(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A pack file or an included pack.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="A pack file or an included pack.")],
    *,
    json_output: Json = False,
) -> None:
    """What differs between two states of a pack: requirements added, removed, and changed by field.

    JSON: {added, removed, changed: {id: [field, …]}}. Exit code 0 whether they differ or not.
    """
    with exit_codes(), _usage_errors():
        old, new = (
            {policy.id: policy.model_dump(mode="json") for policy in policies_of(load_pack(path))}
            for path in _paths([before, after])
        )
        fields = {ident: _changed(old[ident], new[ident]) for ident in new if ident in old}
        told = {
            "added": [ident for ident in new if ident not in old],
            "removed": [ident for ident in old if ident not in new],
            "changed": {ident: names for ident, names in fields.items() if names},
        }
        if json_output:
            print(json.dumps(told))
            return
        lines = [f"+ {ident}  {new[ident]['title']}" for ident in told["added"]]
        lines += [f"- {ident}  {old[ident]['title']}" for ident in told["removed"]]
        lines += [f"~ {ident}  {', '.join(names)}" for ident, names in fields.items() if names]
        print("\n".join(lines) or "no requirement differs")


def _changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _paths(names: Sequence[str] | None) -> list[Path]:
    included = {path.stem: path for path in bundled_packs()}
    paths = [included.get(name) or Path(name) for name in names] if names else list(included.values())
    for path in paths:
        if not path.is_file():
            raise ClientError(f"{path}: neither a file nor one of the packs {', '.join(included)}", codes.USAGE)
    return paths


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except PackError as error:
        raise ClientError(str(error), codes.USAGE) from error
