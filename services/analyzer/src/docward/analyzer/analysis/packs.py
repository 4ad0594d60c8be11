"""Policy packs and the concept lexicon: found, read, validated.

A pack file that is wrong is refused with the file, the line, the requirement and the field. The files lie in the
repository's `policies/` when the package is installed editable, and inside the package when it comes from a wheel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from docward.analyzer.analysis import checks
from docward.analyzer.analysis.doctypes import DOC_TYPES
from docward.analyzer.analysis.lexicon import Lexicon, lexicon
from docward.analyzer.analysis.phrases import is_phrase, together
from docward.analyzer.analysis.phrases import mistake as phrase_mistake
from docward.analyzer.analysis.quantities import parse
from docward.events.policies import Evidence, Facet, Pack, Policy

CONCEPTS = "concepts.yaml"
Place = tuple[str | int, ...]


class PackError(Exception):
    """A pack that cannot be used. The message has a line per mistake: file, line, requirement, field, what is wrong."""

    def __init__(self, message: str, mistakes: Sequence[Mistake] = ()) -> None:
        super().__init__(message)
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True)
class Mistake:
    """`place` leads to the place in the parsed file; `field` is what a person calls it."""

    place: Place
    text: str
    field: str = ""
    requirement: str = ""
    line: int | None = None

    def __str__(self) -> str:
        owner = f"requirement {self.requirement}" if self.requirement else ""
        return ": ".join(part for part in (owner, self.field, self.text) if part)

    def at(self, name: str) -> str:
        return f"{name}{f':{self.line}' if self.line else ''}: {self}"


@cache
def policies_directory() -> Path:
    """Raises PackError where neither layout has the files: the installation is damaged."""
    here = Path(__file__).resolve()
    candidates = [here.parents[1] / "packs", *(parent / "policies" for parent in here.parents)]
    for candidate in candidates:
        if (candidate / CONCEPTS).is_file():
            return candidate
    raise PackError(f"no {CONCEPTS} beside {here}: reinstall the analyzer")


def bundled_packs() -> tuple[Path, ...]:
    """The pack files that come with the analyzer, by name."""
    return tuple(sorted(path for path in policies_directory().glob("*.yaml") if path.name != CONCEPTS))


def bundled_lexicon() -> Lexicon:
    return lexicon(policies_directory() / CONCEPTS)


def lexicon_of(policies: Iterable[Policy]) -> Lexicon:
    """The bundled lexicon with the phrases that the policies write in the place of concepts."""
    return bundled_lexicon().with_phrases(
        frozenset(c for p in policies for _, cs in _concepts(p) for c in cs if is_phrase(c))
    )


def _concepts(policy: Policy) -> Iterator[tuple[Place, tuple[str, ...]]]:
    """Where a policy names concepts."""
    yield ("applies_if",), tuple(part for condition in policy.applies_if for part in together(condition))
    yield ("evidence", "all"), policy.evidence.all
    yield ("evidence", "any"), policy.evidence.any
    for index, facet in enumerate(policy.facets):
        if facet.kind == "concept":
            yield ("facets", index, "any"), facet.any


def load_pack(path: Path) -> Pack:
    """Read and validate one pack file. Raises PackError."""
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.load(text, yaml.CSafeLoader)
        tree = yaml.compose(text, yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PackError(f"{path.name}: not readable as YAML: {error}") from error
    return validated(content, path.name, tree)


def validated(content: Any, name: str, tree: yaml.Node | None = None) -> Pack:
    """A pack from its parsed content; `name` stands for the file in messages, `tree` gives their lines.

    A key that no field has is a mistake too: a misspelt one would otherwise switch its rule off. Raises PackError.
    """
    if not isinstance(content, dict):
        raise PackError(f"{name}: expected 'pack' and 'requirements' at the top")
    found = [_placed(content, place, "no such field") for place in _unknown_keys(content, Pack, ())]
    try:
        pack = Pack.model_validate(content)
    except ValidationError as error:
        found += [_placed(content, tuple(item["loc"]), item["msg"]) for item in error.errors()]
    else:
        found += mistakes(pack)
    if found:
        lined = [replace(mistake, line=_line(tree, mistake.place)) for mistake in found]
        lined.sort(key=lambda mistake: mistake.line or 0)
        raise PackError("\n".join(mistake.at(name) for mistake in lined), lined)
    return pack


def _unknown_keys(content: Any, model: type[BaseModel], place: Place) -> Iterator[Place]:
    """Where a mapping has a key that its model does not read."""
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        here = (*place, key)
        if model is Evidence and key == "concepts":
            yield from _unknown_keys(value, Evidence, here)
        elif model is Pack and key == "applies_if":
            yield from ((*here, name) for name in value if name != "any_concept") if isinstance(value, dict) else ()
        elif key not in model.model_fields:
            yield here
        elif (inner := _inner_model(model.model_fields[key].annotation)) is not None:
            for index, item in enumerate(value) if isinstance(value, list) else ((None, value),):
                yield from _unknown_keys(item, inner, here if index is None else (*here, index))


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _inner_model(part)) is not None), None)


def _placed(content: dict[str, Any], place: Place, text: str) -> Mistake:
    """Requirements are called by their ids, or by their numbers where they have none."""
    if place[:1] != ("requirements",) or len(place) < 2 or not isinstance(place[1], int):
        return Mistake(place, text, _field(place))
    entry = content["requirements"][place[1]]
    identifier = entry.get("id") if isinstance(entry, dict) else None
    return Mistake(place, text, _field(place[2:]), str(identifier or place[1] + 1))


def _field(place: Place) -> str:
    return ".".join(map(str, place))


def _line(node: yaml.Node | None, place: Place) -> int | None:
    """The line of the deepest place of the place that the file has: of its key, else of its entry."""
    if node is None:
        return None
    line = node.start_mark.line + 1
    for step in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            entries = {key.value: (key, value) for key, value in node.value}
            if step not in entries and "concepts" in entries:
                entries = {key.value: (key, value) for key, value in entries["concepts"][1].value}
            if step not in entries:
                break
            key, node = entries[step]
            line = key.start_mark.line + 1
        else:
            break
    return line


def mistakes(pack: Pack) -> list[Mistake]:
    """What no schema sees: an id that occurs twice, an unknown concept or check, a pattern or number that is none."""
    found = []
    identifiers = [policy.id.casefold() for policy in pack.requirements]
    for condition, names in pack.applies_if.items():
        found += [Mistake(("applies_if", condition), why, "applies_if") for why in _concept_mistakes(names)]
    for index, policy in enumerate(pack.requirements):
        place = ("requirements", index)
        if policy.id.casefold() in identifiers[:index]:
            found.append(Mistake((*place, "id"), "occurs twice", "id", policy.id))
        found += [replace(mistake, place=(*place, *mistake.place)) for mistake in policy_mistakes(policy)]
    return found


def policy_mistakes(policy: Policy) -> list[Mistake]:
    """As `mistakes`, of one policy; places begin at the policy."""
    found = [(place, why) for place, names in _concepts(policy) for why in _concept_mistakes(names)]
    found += [
        (("checks",), f"unknown check {check!r}")
        for check in policy.checks
        if check.removeprefix("check:") not in checks.NAMES
    ]
    found += [
        (("doc_types",), f"unknown kind {kind!r}: one of {', '.join(sorted(DOC_TYPES))}")
        for kind in policy.doc_types
        if kind not in DOC_TYPES
    ]
    found += [(("contradicts", "patterns"), text) for text in _pattern_mistakes(policy.contradicts.patterns)]
    if policy.table is not None:
        written = policy.table.model_dump(include={"about", "lists", "column"})
        found += [(("table", field), text) for field in written for text in _pattern_mistakes((written[field],))]
    for index, facet in enumerate(policy.facets):
        found += [(("facets", index, field), text) for field, text in _facet_mistakes(facet)]
    return [Mistake(place, text, _named(policy, place), policy.id) for place, text in found]


def _named(policy: Policy, place: Place) -> str:
    """A facet is called by its id."""
    return _field(tuple(policy.facets[step].id if isinstance(step, int) else step for step in place))


def _concept_mistakes(names: Iterable[str]) -> Iterator[str]:
    known = bundled_lexicon()
    for name in names:
        if not is_phrase(name):
            if name not in known.concepts:
                yield f"unknown concept {name!r}"
        elif why := phrase_mistake(name, known.words):
            yield f"{name!r}: {why}"


def _pattern_mistakes(patterns: tuple[str, ...]) -> Iterator[str]:
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            yield f"{pattern!r} is no regular expression: {error}"


def _facet_mistakes(facet: Facet) -> Iterator[tuple[str, str]]:
    if facet.kind == "quantity" and (facet.op is None) != (facet.value is None):
        yield "value", "op and value belong together"
    if facet.kind in {"concept", "pattern"} and not (facet.any or facet.patterns):
        yield "any", f"a {facet.kind} facet needs 'any' or 'patterns'"
    if facet.value is not None:
        try:
            parse(facet.value)
        except ValueError as error:
            yield "value", str(error)
    yield from (("patterns", text) for text in _pattern_mistakes(facet.patterns))
