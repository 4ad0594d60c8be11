"""Policy packs and the concept lexicon: found, read, validated.

A pack file that is wrong is refused with the file, the requirement and the field. The files lie in the repository's
`policies/` when the package is installed editable, and inside the package when it comes from a wheel.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from docward.analyzer.analysis import checks
from docward.analyzer.analysis.lexicon import Lexicon, lexicon
from docward.analyzer.analysis.phrases import is_phrase
from docward.analyzer.analysis.phrases import mistake as phrase_mistake
from docward.analyzer.analysis.quantities import parse
from docward.events.policies import Facet, Pack, Policy

CONCEPTS = "concepts.yaml"


class PackError(Exception):
    """A pack that cannot be used. The message has one line per mistake: file, requirement, field, what is wrong."""


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


def _concepts(policy: Policy) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Where a policy names concepts, by field."""
    yield "applies_if", policy.applies_if
    yield "evidence.all", policy.evidence.all
    yield "evidence.any", policy.evidence.any
    for facet in policy.facets:
        if facet.kind == "concept":
            yield f"facets.{facet.id}.any", facet.any


def load_pack(path: Path) -> Pack:
    """Read and validate one pack file. Raises PackError."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PackError(f"{path.name}: not readable as YAML: {error}") from error
    return validated(content, path.name)


def validated(content: Any, name: str) -> Pack:
    """A pack from its parsed content; `name` stands for the file in messages. Raises PackError."""
    if not isinstance(content, dict):
        raise PackError(f"{name}: expected 'pack' and 'requirements' at the top")
    try:
        pack = Pack.model_validate(content)
    except ValidationError as error:
        raise PackError("\n".join(_line(name, content, item) for item in error.errors())) from error
    if wrong := mistakes(pack):
        raise PackError("\n".join(f"{name}: {text}" for text in wrong))
    return pack


def _line(name: str, content: dict[str, Any], error: Any) -> str:
    location = list(error["loc"])
    where = ""
    if location[:1] == ["requirements"] and len(location) > 1 and isinstance(location[1], int):
        entry = content["requirements"][location[1]]
        identifier = entry.get("id") if isinstance(entry, dict) else None
        where = f"requirement {identifier or location[1] + 1}: "
        location = location[2:]
    field = ".".join(str(part) for part in location)
    return f"{name}: {where}{field}: {error['msg']}"


def mistakes(pack: Pack) -> list[str]:
    """What no schema sees: an id that occurs twice, an unknown concept or check, a pattern or number that is none."""
    found = []
    identifiers = [policy.id for policy in pack.requirements]
    found += [
        f"requirement {i}: id: occurs twice" for i in sorted({i for i in identifiers if identifiers.count(i) > 1})
    ]
    found += [f"applies_if: {why}" for names in pack.applies_if.values() for why in _concept_mistakes(names)]
    for policy in pack.requirements:
        found += policy_mistakes(policy)
    return found


def policy_mistakes(policy: Policy) -> list[str]:
    """As `mistakes`, of one policy."""
    found = [f"{field}: {why}" for field, names in _concepts(policy) for why in _concept_mistakes(names)]
    found += [f"checks: unknown check {c!r}" for c in policy.checks if c.removeprefix("check:") not in checks.NAMES]
    found += [f"contradicts: {text}" for text in _pattern_mistakes(policy.contradicts.patterns)]
    for facet in policy.facets:
        found += [f"facets.{facet.id}: {text}" for text in _facet_mistakes(facet)]
    return [f"requirement {policy.id}: {text}" for text in found]


def _concept_mistakes(names: Iterable[str]) -> Iterator[str]:
    known = bundled_lexicon()
    for name in names:
        if not is_phrase(name):
            if name not in known.concepts:
                yield f"unknown concept {name!r}"
        elif why := phrase_mistake(name, known.words):
            yield f"{name!r}: {why}"


def _pattern_mistakes(patterns: tuple[str, ...]) -> list[str]:
    found = []
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            found.append(f"patterns: {pattern!r} is no regular expression: {error}")
    return found


def _facet_mistakes(facet: Facet) -> list[str]:
    if facet.kind == "quantity" and (facet.op is None) != (facet.value is None):
        return ["op and value belong together"]
    if facet.kind in {"concept", "pattern"} and not (facet.any or facet.patterns):
        return [f"a {facet.kind} facet needs 'any' or 'patterns'"]
    if facet.value is not None:
        try:
            parse(facet.value)
        except ValueError as error:
            return [f"value: {error}"]
    return _pattern_mistakes(facet.patterns)
