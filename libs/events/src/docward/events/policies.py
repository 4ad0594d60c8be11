"""Policy repositories: packs of requirements, their commands and events. Stream `policy-repository:<id>`."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from docward.events.findings import Level, VerdictKind
from docward.events.messages import Command, Event, Sha256, Value, derived_id

FacetKind = Literal["quantity", "concept", "role", "pattern", "action"]
FacetMiss = Literal["partial", "missing"]


def _is_none(value: object) -> bool:
    return value is None


class Evidence(Value):
    """Where a requirement's evidence is looked for: concepts of the shared lexicon, within a unit of text."""

    all: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    within: Literal["sentence", "paragraph", "section", "document"] = "paragraph"
    sections_prior: tuple[str, ...] = ()
    """Words of headings under which it usually stands."""

    @model_validator(mode="before")
    @classmethod
    def flattened(cls, data: Any) -> Any:
        """Packs nest `concepts: {all, any, within}` beside `sections_prior`."""
        if isinstance(data, dict) and isinstance(data.get("concepts"), dict):
            return {**{k: v for k, v in data.items() if k != "concepts"}, **data["concepts"]}
        return data


class Facet(Value):
    """One thing that the evidence must state: V value, U unit, O owner, A action, S scope, …"""

    id: str
    kind: FacetKind
    label: str = ""
    dimension: str | None = None
    op: Literal["<=", ">=", "==", "<", ">"] | None = None
    value: str | None = None
    near: tuple[str, ...] = ()
    any: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    severity_if_missing: FacetMiss = "partial"
    severity_if_violated: Literal["contradicted", "partial"] = "contradicted"


class TableCondition(Value):
    """A column that tables of a kind must have. Where such a table is, it is judged; elsewhere the evidence is."""

    about: str = Field(min_length=1)
    """A regular expression for what stands over the table: its caption, the paragraph before it, the titles of its
    sections."""
    lists: str = Field(min_length=1)
    """A regular expression for the heading of the column that names what the rows are of."""
    column: str = Field(min_length=1)
    """A regular expression for the column's heading."""
    filled: bool = False
    """Every row must have something in it."""


class Contradiction(Value):
    patterns: tuple[str, ...] = ()


class Proposal(Value):
    text: str
    insert_after: dict[str, str] = Field(default_factory=dict)
    """`{section: <word of its heading>}`"""


class Example(Value):
    text: str
    expect: VerdictKind


class Policy(Value):
    """One requirement of a pack."""

    id: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    ref: str = ""
    level: Level
    title: str = Field(min_length=1, max_length=255)
    paraphrase: str = Field(min_length=1, max_length=4000)
    rationale: str = ""
    verified: bool = Field(default=True, exclude_if=bool)
    """False: the paraphrase was not compared with the regulator's own text. Written only then."""
    doc_types: tuple[str, ...] = ()
    applies_if: tuple[str, ...] = ()
    """Concepts of which one must occur in the document; empty: it always applies."""
    evidence: Evidence = Evidence()
    facets: tuple[Facet, ...] = ()
    table: TableCondition | None = Field(default=None, exclude_if=_is_none)
    """Written only where there is one."""
    contradicts: Contradiction = Contradiction()
    proposal: Proposal | None = None
    tests: tuple[Example, ...] = ()
    checks: tuple[str, ...] = ()
    """Checks of the engine whose findings decide this policy, instead of evidence: `check:<name>`."""


class PackInfo(Value):
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,62}$")
    version: str
    title: str
    jurisdiction: str = ""
    instrument: str = ""
    status: str = ""
    as_of: str = ""
    text_licence: str = ""


class Pack(Value):
    """A pack file under `policies/`, as `regulation packs` are written: `pack`, `applies_if`, `requirements`."""

    pack: PackInfo
    applies_if: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    requirements: tuple[Policy, ...]


def repository_id(name: str) -> UUID:
    """A repository's id follows from its name, whatever its case, so a name can exist only once."""
    return derived_id("policy-repository", name.casefold())


# Commands


class CreateRepository(Command):
    name: str = Field(max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{1,62}$")
    title: str = Field(min_length=1, max_length=255)
    description: str = Field(default="", max_length=2000)


class EditRepository(Command):
    title: str | None = Field(default=None, min_length=1, max_length=255)
    description: str | None = Field(default=None, max_length=2000)


class AddPolicy(Command):
    policy: Policy


class EditPolicy(Command):
    policy: Policy


class RemovePolicy(Command):
    policy_id: str


class ImportPack(Command):
    """Creates the repository named like the pack if need be, replaces its policies, and publishes a release of them."""

    pack: Pack


class PublishRelease(Command):
    notes: str = Field(default="", max_length=2000)


class ArchiveRepository(Command):
    reason: str = Field(default="", max_length=2000)


# Events


class RepositoryCreated(Event):
    name: str
    title: str
    description: str


class RepositoryEdited(Event):
    title: str
    description: str


class PolicyAdded(Event):
    policy: Policy


class PolicyEdited(Event):
    policy: Policy


class PolicyRemoved(Event):
    policy_id: str


class PackImported(Event):
    """Chunk `chunk` of `chunks` (from 1) of a pack: the first one empties the repository, each adds its policies."""

    pack: PackInfo
    chunk: int = Field(ge=1)
    chunks: int = Field(ge=1)
    policies: tuple[Policy, ...]


class ReleasePublished(Event):
    release: int = Field(ge=1)
    notes: str
    policies: int
    sha256: Sha256
    """Of the policies in canonical JSON, in order: two releases with one hash are the same rules."""


class RepositoryArchived(Event):
    reason: str
