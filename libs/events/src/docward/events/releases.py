"""Released contracts, and what has to hold between them and today's.

`released/index.txt` lists every state of a schema that a release ever contained, as `<sha256>  <type>.v<N>.json`, and
is only appended to. A state is the file of that name in `schemas/`, or, once the schema has grown, its copy in
`released/`. `check` compares today's schemas with all of them: FULL_TRANSITIVE.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from docward.events import compatibility
from docward.events.compatibility import Schema
from docward.events.schemas import rendered
from docward.events.topics import TOPICS
from docward.events.upcasts import UPCASTS, Upcasts

Rule = (
    compatibility.Rule
    | Literal[
        "frozen",  # a released state was changed or lost
        "removed",  # a released type or version is read by nobody
        "upcast",  # a released version cannot become the newest
    ]
)
INDEX = "index.txt"
_NAME = re.compile(r"(?P<type>[a-z][a-z-]*)\.v(?P<version>[1-9][0-9]*)\.json")
OBJECTS = {"ir": (("converter",), ("analyzer", "gateway")), "report": (("analyzer",), ("gateway",))}
"""Contracts that travel as objects: who writes them, and who reads them."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One reason why today's contracts cannot be deployed beside the released ones."""

    contract: str
    """`submit-document.v1`."""
    field: str
    rule: Rule
    breaks: str
    """`old-records`, `old-readers`, or empty where the files themselves are wrong."""
    detail: str
    advice: str

    def __str__(self) -> str:
        place = f"{self.contract} {self.field}".rstrip()
        who = f" [{self.breaks}]" if self.breaks else ""
        return f"{place}: {self.rule}{who}: {self.detail}. {self.advice}"


@dataclass(frozen=True, slots=True)
class State:
    """A schema as it was released."""

    name: str
    """`submit-document.v1.json`."""
    schema: Schema


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def released(contracts: Path) -> tuple[list[State], list[Finding]]:
    """The released states under a contracts folder (the one that holds `schemas/`), and which of them are lost."""
    states, findings = [], []
    for sha256, name in _index(contracts):
        for path in (contracts / "schemas" / name, _kept(contracts, name, sha256)):
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            if digest(text) == sha256:
                states.append(State(name, json.loads(text)))
                break
        else:
            kept = _kept(contracts, name, sha256).relative_to(contracts)
            findings.append(
                Finding(
                    name.removesuffix(".json"),
                    "",
                    "frozen",
                    "",
                    f"the released state {sha256[:12]} is neither schemas/{name} nor {kept}",
                    "Released schemas never change: restore the file, or export with `docward contracts export`, "
                    "which keeps the state that it replaces.",
                )
            )
    return states, findings


def in_folder(folder: Path) -> list[State]:
    """Every schema in a folder, as if it had been released."""
    return states_of({path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.json"))})


def states_of(files: Mapping[str, str]) -> list[State]:
    return [State(name, json.loads(text)) for name, text in files.items() if _NAME.fullmatch(name)]


def check(exported: Mapping[str, Schema], states: Iterable[State], upcasts: Upcasts = UPCASTS) -> list[Finding]:
    """What keeps these schemas (file name to schema) from being deployed beside those states."""
    return sorted({finding for state in states for finding in _check(exported, state, upcasts)})


def _check(exported: Mapping[str, Schema], state: State, upcasts: Upcasts) -> Iterator[Finding]:
    contract = state.name.removesuffix(".json")
    type_, version = contract.partition(".v")[0], int(contract.rpartition(".v")[2])
    if state.name in exported:
        for found in compatibility.breaks(state.schema, exported[state.name]):
            advice = _advice(type_, version, found.breaks)
            yield Finding(contract, found.field, found.rule, found.breaks, found.detail, advice)
        return
    versions = [int(match["version"]) for match in map(_NAME.fullmatch, exported) if match and match["type"] == type_]
    newest = max(versions, default=0)
    if newest < version:
        detail = "it was released, and no model reads it"
        yield Finding(contract, "", "removed", "old-records", detail, "Topics keep its records: keep its model.")
        return
    for step in range(version, newest):
        if (type_, step) not in upcasts:
            detail = f"there is no upcast from version {step} to version {step + 1}"
            advice = f"Add `_{type_.replace('-', '_')}_v{step}_to_v{step + 1}` to UPCASTS."
            yield Finding(contract, "", "upcast", "old-records", detail, advice)


def _advice(type_: str, version: int, breaks: compatibility.Breaks) -> str:
    writers, readers = OBJECTS.get(type_, ((), ()))
    for topic in TOPICS:
        if any(type_ == cls.TYPE for cls in topic.types):
            writers, readers = (*writers, *topic.producers), (*readers, *topic.consumers)
    first, then = (", ".join(dict.fromkeys(names)) or "nobody here" for names in (readers, writers))
    order = f"readers first ({first}, and every reader outside), writers last ({then})"
    version_advice = f"Give it version {version + 1}"
    if breaks == "old-records":
        return f"{version_advice} with an upcast from version {version}; deploy {order}."
    return f"{version_advice}, which old readers set aside instead of misreading it; deploy {order}."


def release(contracts: Path) -> list[str]:
    """Append the schemas of the folder to the index; the names of those that were not there."""
    listed = set(_index(contracts))
    fresh = []
    for path in sorted((contracts / "schemas").glob("*.json")):
        entry = digest(path.read_text(encoding="utf-8")), path.name
        if entry not in listed:
            fresh.append(entry)
    folder = contracts / "released"
    folder.mkdir(exist_ok=True)
    with (folder / INDEX).open("a", encoding="utf-8") as index:
        index.writelines(f"{sha256}  {name}\n" for sha256, name in fresh)
    return [name for _, name in fresh]


def export(contracts: Path, exported: Mapping[str, dict[str, Any]]) -> list[str]:
    """Write the schemas, keeping each released state that is replaced; the names of the files that changed."""
    listed = set(_index(contracts))
    changed = []
    for name, schema in exported.items():
        path, text = contracts / "schemas" / name, rendered(schema)
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        if before == text:
            continue
        sha256 = digest(before)
        if (sha256, name) in listed:
            _kept(contracts, name, sha256).write_text(before, encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        changed.append(name)
    return changed


def _index(contracts: Path) -> Iterator[tuple[str, str]]:
    path = contracts / "released" / INDEX
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        sha256, _, name = line.partition("  ")
        if not re.fullmatch(r"[0-9a-f]{64}", sha256) or not _NAME.fullmatch(name):
            raise ValueError(f"{path}: {line!r} is no `<sha256>  <type>.v<N>.json`")
        yield sha256, name


def _kept(contracts: Path, name: str, sha256: str) -> Path:
    return contracts / "released" / f"{name.removesuffix('.json')}.{sha256[:12]}.json"
