"""One analysis of several documents that belong together, from what each of them says for itself. Pure, deterministic.

What one document states, no other has to repeat: a requirement is judged by the document that answers it best, and what
is contradicted anywhere stays contradicted. A reference to another document of the suite is no missing document. What
two documents state differently is a finding of its own. Every quote and proposal names the document whose text it is.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from docward.analyzer.analysis import absences, bounds, scores
from docward.analyzer.analysis.checks import calendars, conflicts, terms, values
from docward.analyzer.analysis.coverage import Assessment
from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import KIND, Outcome
from docward.analyzer.analysis.engine import ENGINE, Examined, Release, examine, ruled, uncollected
from docward.analyzer.analysis.findings import finding, ordered
from docward.analyzer.analysis.text import stems
from docward.events.findings import (
    AnalysisReport,
    ExternalDependency,
    Family,
    Finding,
    MissingDocument,
    Quote,
    Verdict,
    VerdictKind,
)
from docward.events.ir import CrossReference, Ir
from docward.events.policies import Policy

_BEST: tuple[VerdictKind, ...] = ("contradicted", "covered", "partial", "missing", "not-assessed", "not-applicable")
_OF_THE_WHOLE: frozenset[Family] = frozenset({"COV", "SRC"})
"""What one document of a suite may state for all of them; a version or an approval each has to state itself."""
_EDITION = re.compile(
    r"\b(?:version|edition|release|revision|rev|dated)\b.*$|\bv\.?\s?\d.*$|^(?:the|our)\s|\.\w{2,5}$", re.IGNORECASE
)
_NO_OTHER = "No other document of the suite says more."
_LIMIT = re.compile(r"named limit (['\"])(?P<name>.*)\1")
_TERM = re.compile(r"term (['\"])(?P<term>.*)\1|abbreviation (?P<short>\S+)|(?P<day>\w+ day)")
_DEFINED = frozenset({"check:acronyms", "check:business-calendars", "check:undefined-terms"})
"""Checks that ask what a word means, which any document of a suite may say for all of them."""


@dataclass(frozen=True)
class Member:
    document_id: UUID
    title: str
    filename: str
    ir: Ir
    markdown: str


@dataclass(frozen=True)
class _Part:
    """One member, examined."""

    member: Member
    examined: Examined

    @property
    def document(self) -> Document:
        return self.examined.document

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(self.label(section) for section in self.document.all_sections)

    @property
    def is_specification(self) -> bool:
        return not self.examined.outcomes[KIND].drafts

    def label(self, section: str | None) -> str:
        """As a person would cite it who has several documents before them."""
        return bounds.clip(f"{self.member.title}, {section}" if section else self.member.title, bounds.LABEL)

    def quote(self, quote: Quote) -> Quote:
        return quote.model_copy(
            update={"document_id": self.member.document_id, "section": self.label(quote.section)},
        )

    def finding(self, found: Finding) -> Finding:
        proposal = found.proposal
        if proposal is not None:
            proposal = proposal.model_copy(update={"document_id": self.member.document_id})
        return found.model_copy(
            update={
                "quotes": tuple(map(self.quote, found.quotes)),
                "searched": tuple(map(self.label, found.searched)),
                "proposal": proposal,
            }
        )


@uncollected
def analyse_suite(members: Sequence[Member], releases: Sequence[Release]) -> AnalysisReport:
    """Of the members in their order, the primary one first. Raises ValueError when there is none, when two have one id,
    or when an IR was made from another text.
    """
    if not members or len({member.document_id for member in members}) < len(members):
        raise ValueError("a suite is of one or more documents, each of them once")
    parts = [_Part(m, examine(_resolved(m, members), m.markdown, releases)) for m in members]
    best = _best(parts)
    findings = _distinct([*_clashes(parts), *(f for part in parts for f in _findings(part, parts, best))])
    verdicts = [_verdict(item, parts[index], parts) for index, item in best]
    counted = [f for f in findings if f.origin != f"check:{KIND}"] if _some_specify(parts) else findings
    return AnalysisReport(
        engine=ENGINE,
        findings=findings,
        verdicts=tuple(verdicts),
        self_containment=scores.self_containment(_outcomes(parts), findings),
        implementability=scores.implementability(counted),
        compliance=scores.compliance(verdicts),
        missing_documents=_missing(parts),
        external_dependencies=_dependencies(parts),
        gaps=scores.gaps(findings),
        texts=dict(sorted((str(member.document_id), member.ir.markdown_sha256) for member in members)),
    )


def _some_specify(parts: Sequence[_Part]) -> bool:
    """A sheet of parameters is no specification; beside one it need not be."""
    return any(part.is_specification for part in parts)


def _resolved(member: Member, members: Sequence[Member]) -> Ir:
    """References to the other members are resolved: none of them is missing, or an unversioned dependency."""
    names = {
        name
        for other in members
        if other is not member
        for name in map(_name, (other.title, other.filename, other.ir.title or ""))
        if name
    }

    def settled(reference: CrossReference) -> CrossReference:
        is_open = reference.external or not reference.resolved
        if not is_open or names.isdisjoint({_name(reference.target), _name(reference.text)}):
            return reference
        return reference.model_copy(update={"external": False, "resolved": True})

    return member.ir.model_copy(update={"references": tuple(map(settled, member.ir.references))})


def _name(title: str) -> str:
    """Of a document, however it is written: without article, edition and a file's suffix."""
    return " ".join(re.findall(r"[^\W_]+", _EDITION.sub("", title.strip()).casefold()))


def _best(parts: Sequence[_Part]) -> list[tuple[int, Assessment]]:
    """Of every policy, in the order of the releases: the member that answers it best, and what became of it there."""
    return [
        min(enumerate(of_policy), key=lambda item: (_BEST.index(item[1].verdict.verdict), item[0]))
        for of_policy in zip(*map(_assessed, parts), strict=True)
    ]


def _assessed(part: _Part) -> list[Assessment]:
    return [assessment for _, judged in part.examined.judged for assessment, _ in judged]


def _findings(part: _Part, parts: Sequence[_Part], best: Sequence[tuple[int, Assessment]]) -> Iterator[Finding]:
    """What is left of a member's findings beside the other members."""
    own = [f for f in part.examined.own if not _said_elsewhere(f, part, parts)]
    others = [label for other in parts if other is not part for label in other.sections]
    for found in ordered([*own, *ruled(part.document, own, _remaining(part, best))]):
        made = part.finding(found)
        if others and found.origin.startswith("rule:") and not found.quotes:
            searched = bounds.sections([*made.searched, *others])
            told = f"{found.explanation} {_NO_OTHER}"
            made = made.model_copy(update={"searched": searched, "explanation": told})
        yield made


def _said_elsewhere(found: Finding, part: _Part, parts: Sequence[_Part]) -> bool:
    """An absence that another member fills, or that an earlier one has already been found to share."""
    others = [other for other in parts if other is not part]
    limit = _LIMIT.fullmatch(found.decision[0]) if found.origin == "check:stated-values" else None
    if limit is not None:
        return any(values.gives_value(other.document, limit["name"]) for other in others)
    term = _TERM.fullmatch(found.decision[0]) if found.origin in _DEFINED else None
    if term is not None:
        return any(_defines(other.document, term[term.lastgroup or 0]) for other in others)
    if found.origin == "check:time-zones" and found.decision[0].startswith("time "):
        return any(calendars.states_zone(other.document) for other in others)
    if found.quotes or found.family not in _OF_THE_WHOLE or found.origin == f"check:{KIND}":
        return False
    check = found.origin.removeprefix("check:")
    shared = any(f.fingerprint == found.fingerprint for other in parts[: parts.index(part)] for f in other.examined.own)
    return shared or any(
        other.examined.outcomes[check].examined and all(f.title != found.title for f in other.examined.own)
        for other in others
    )


def _defines(document: Document, term: str) -> bool:
    return stems(term) in {stems(name) for known in document.ir.definitions for name in (known.term, *known.aliases)}


def _remaining(part: _Part, best: Sequence[tuple[int, Assessment]]) -> list[tuple[str, absences.Judged]]:
    """The member's requirements without drafts where another member answers better; contradictions always remain."""
    chosen = iter(best)

    def kept(assessment: Assessment, policy: Policy) -> tuple[Assessment, Policy]:
        is_best = next(chosen)[1] is assessment
        remains = is_best or assessment.verdict.verdict == "contradicted"
        return (assessment if remains else replace(assessment, draft=None)), policy

    return [(repository, [kept(*item) for item in judged]) for repository, judged in part.examined.judged]


def _verdict(assessment: Assessment, part: _Part, parts: Sequence[_Part]) -> Verdict:
    """Of the suite: it names the document with the evidence, or every section of every one that was searched."""
    verdict = assessment.verdict
    searched = tuple(map(part.label, verdict.searched))
    explanation = verdict.explanation
    if verdict.quotes:
        explanation = f"{part.member.title}: {explanation}"
    elif searched:
        searched += tuple(label for other in parts if other is not part for label in other.sections)
        if verdict.verdict == "missing" and len(parts) > 1:
            explanation = f"{explanation} {_NO_OTHER}"
    return bounds.bounded(
        verdict.model_copy(
            update={
                "quotes": tuple(map(part.quote, verdict.quotes)),
                "searched": searched,
                "explanation": explanation,
            }
        )
    )


def _clashes(parts: Sequence[_Part]) -> Iterator[Finding]:
    """What two members state differently, with the words of both."""
    by_document = {id(part.document): part for part in parts}
    specified = [part.document for part in parts]
    for name, clashes in (("suite-values", conflicts.across), ("suite-definitions", terms.across)):
        for draft, places in clashes(specified):
            home, elsewhere = (by_document[id(document)] for document, _ in places)
            found = finding(home.document, draft, f"check:{name}")
            if found is None:
                continue
            other, span = places[1]
            quotes = bounds.quotes(other, (other.context(span),))
            made = home.finding(found)
            titles = f"“{home.member.title}” and “{elsewhere.member.title}” differ. "
            yield made.model_copy(
                update={
                    "quotes": (*made.quotes, *map(elsewhere.quote, quotes)),
                    "explanation": bounds.clip(titles + made.explanation, bounds.TEXT),
                }
            )


def _distinct(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Fingerprints stay those of the documents; where two documents say the same, those of the later ones change."""
    seen: set[str] = set()
    result = []
    for found in findings:
        fingerprint = found.fingerprint
        owner = next((str(quote.document_id) for quote in found.quotes), "|".join(found.searched))
        while fingerprint in seen:
            fingerprint = hashlib.sha256(f"{owner}/{fingerprint}".encode()).hexdigest()[:16]
        seen.add(fingerprint)
        result.append(found.model_copy(update={"fingerprint": fingerprint}))
    return tuple(result)


def _outcomes(parts: Sequence[_Part]) -> dict[str, Outcome]:
    """What the checks found and looked at in all members together."""
    return {
        name: Outcome(
            tuple(draft for part in parts for draft in part.examined.outcomes[name].drafts),
            tuple(span for part in parts for span in part.examined.outcomes[name].examined),
        )
        for name in parts[0].examined.outcomes
    }


def _missing(parts: Sequence[_Part]) -> tuple[MissingDocument, ...]:
    """What any member relies on and no member is: the suite is complete when there is none."""
    found: dict[str, MissingDocument] = {}
    for part in parts:
        for missing in scores.missing_documents(part.document):
            quotes = tuple(map(part.quote, missing.referenced_at))
            known = found.setdefault(_name(missing.name), missing.model_copy(update={"referenced_at": ()}))
            found[_name(missing.name)] = known.model_copy(
                update={"referenced_at": (*known.referenced_at, *quotes)[: bounds.QUOTES]}
            )
    return tuple(found.values())


def _dependencies(parts: Sequence[_Part]) -> tuple[ExternalDependency, ...]:
    found: dict[str, ExternalDependency] = {}
    for part in parts:
        for needed in scores.external_dependencies(part.document, part.examined.own):
            found.setdefault(needed.name, needed.model_copy(update={"quotes": tuple(map(part.quote, needed.quotes))}))
    return tuple(found.values())
