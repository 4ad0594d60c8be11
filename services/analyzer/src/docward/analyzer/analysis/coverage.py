"""Requirements against a document: evidence, facets, a verdict for every policy (COV, VAL, NUM, GOV, NEG).

Evidence is a unit of text (sentence, paragraph, section, document) that speaks of the policy's concepts; facets are
looked for in the evidence and in the rest of its section where the heading already names the subject. A policy is
decided by checks of the engine where it names them. What nothing could look at is not assessed, never compliant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from docward.analyzer.analysis import tables
from docward.analyzer.analysis.doctypes import expects
from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import KIND, Draft, Outcome, insert_after
from docward.analyzer.analysis.facets import CompiledPolicy, FacetOutcome, compiled, evaluate
from docward.analyzer.analysis.negation import is_denied
from docward.analyzer.analysis.phrases import is_phrase, spoken, together
from docward.analyzer.analysis.retrieval import second_chance
from docward.analyzer.analysis.text import stems, title_stems
from docward.events.findings import Category, Family, PolicyRef, ProposedChange, Severity, Verdict, VerdictKind
from docward.events.policies import Policy

EXCERPT = 60
"""Words below which a text cannot be expected to show its subject."""
_GOVERNANCE = frozenset(stems("governance approval responsibility owner escalation"))
_CONTRADICTING = frozenset({"CON", "NUM", "NEG", "CIT"})


@dataclass(frozen=True)
class Assessment:
    verdict: Verdict
    draft: Draft | None = None
    """The finding that follows from it; None when there is nothing to report beyond what checks have reported."""
    is_absence: bool = False
    """The finding says that nothing is stated; it may be reported together with others of its kind."""
    is_in_passing: bool = False
    """The requirement is half met by words under a heading about something else, or is only recommended."""


@dataclass(frozen=True)
class _Case:
    """One policy before one document."""

    document: Document
    compiled: CompiledPolicy
    base: Verdict

    @property
    def policy(self) -> Policy:
        return self.compiled.policy

    def verdict(self, kind: VerdictKind, explanation: str, **more: Any) -> Verdict:
        return self.base.model_copy(update={"verdict": kind, "explanation": explanation, **more})

    def has_prior(self, titles: str) -> bool:
        return bool(self.compiled.prior & title_stems(titles))


def assess(document: Document, policy: Policy, reference: PolicyRef, outcomes: Mapping[str, Outcome]) -> Assessment:
    """`outcomes` are the results of the engine's checks by name."""
    base = Verdict(
        policy=reference,
        level=policy.level,
        title=policy.title,
        citation=policy.ref,
        verdict="not-assessed",
        explanation="The requirement names neither evidence nor checks: nobody has looked.",
    )
    case = _Case(document, compiled(policy), base)
    if unspoken := _unspoken(document, policy.applies_if):
        sought = ", ".join(dict.fromkeys(map(spoken, unspoken)))
        return Assessment(case.verdict("not-applicable", f"The document does not speak of what it is for: {sought}."))
    if policy.checks:
        return Assessment(_by_checks(case, outcomes))
    condition = case.compiled.table
    if condition is not None and (looked := tables.looked_at(document, condition)):
        return _by_tables(case, condition, looked)
    return _by_evidence(case) if case.compiled.subject else Assessment(base)


def _unspoken(document: Document, conditions: Sequence[str]) -> tuple[str, ...]:
    """Of what the document would have to speak for one of the conditions to hold; empty when one does."""
    unmet = [[part for part in together(each) if not _speaks_of(document, part)] for each in conditions]
    return tuple(dict.fromkeys(part for parts in unmet for part in parts)) if all(unmet) else ()


def _speaks_of(document: Document, concept: str) -> bool:
    """An excerpt too short to show its subject counts as one of any domain, as long as it speaks of no other."""
    domains = document.lexicon.domains
    return concept in document.concepts or (
        concept in domains and document.words < EXCERPT and not document.concepts & domains
    )


def _by_checks(case: _Case, outcomes: Mapping[str, Outcome]) -> Verdict:
    if outcomes.get(KIND, Outcome()).drafts:
        return case.verdict("not-applicable", "The text does not read as a specification: nothing in it was checked.")
    results = [outcomes[name] for check in case.policy.checks if (name := check.removeprefix("check:")) in outcomes]
    drafts = [draft for outcome in results for draft in outcome.drafts]
    examined = [span for outcome in results for span in outcome.examined]
    if not drafts and not examined:
        return case.verdict("not-assessed", "The document has nothing that the checks of this requirement look at.")
    if not drafts:
        quotes = tuple(case.document.quote(case.document.context(span)) for span in examined[:3])
        return case.verdict("covered", "The checks of this requirement found nothing to object to.", quotes=quotes)
    spans = dict.fromkeys(case.document.context(span) for draft in drafts for span in draft.spans[:1])
    titles = "; ".join(dict.fromkeys(draft.title for draft in drafts[:3]))
    return case.verdict(
        _kind(drafts, len(examined)),
        f"{len(drafts)} finding(s): {titles}.",
        quotes=tuple(case.document.quote(span) for span in list(spans)[:5]),
        searched=tuple(dict.fromkeys(name for draft in drafts for name in draft.searched)),
    )


def _kind(drafts: Sequence[Draft], clean: int) -> VerdictKind:
    """Contradictions first; missing when less is in order than is not."""
    if any(draft.family in _CONTRADICTING or draft.category == "inconsistent-content" for draft in drafts):
        return "contradicted"
    return "missing" if clean < len(drafts) or all(not draft.spans for draft in drafts) else "partial"


def _by_tables(case: _Case, condition: tables.Compiled, looked: Sequence[tables.Looked]) -> Assessment:
    """The tables that the requirement is about decide it; what the text says beside them fills no column."""
    wrong = [table for table in looked if not table.is_whole]
    quotes = tuple(case.document.quote(table.header) for table in looked[:3])
    if not wrong:
        told = f"The table has the column{', filled in every row' if condition.filled else ''}."
        return Assessment(case.verdict("covered", told, quotes=quotes))
    rows = [span for table in wrong for span in table.empty]
    lacking = [table.header for table in wrong if table.column is None]
    spans = (lacking or rows)[:3]
    heading = next((table.column.text for table in wrong if table.column is not None), "")
    why = "the table has no column for it" if lacking else f"the column “{heading}” is empty in {len(rows)} row(s)"
    draft = Draft(
        family="SCH",
        category="compliance-gap",
        severity="medium" if case.policy.level == "MUST" else "low",
        title=f"{case.policy.title}: {'no column' if lacking else 'not filled in'}",
        explanation=f"Required: {case.policy.paraphrase} Here {why}.",
        spans=tuple(spans),
        decision=(
            f"requirement {case.policy.id}",
            f"column sought: {condition.column.pattern}",
            why,
        ),
    )
    kind: VerdictKind = "missing" if lacking else "partial"
    quotes = tuple(map(case.document.quote, spans))
    return Assessment(case.verdict(kind, f"{why[0].upper()}{why[1:]}.", quotes=quotes), _unless_optional(case, draft))


def _by_evidence(case: _Case) -> Assessment:
    denied, evidence = _evidence(case)
    opposed = _opposed(case)
    if opposed is not None:
        return _contradicted(case, opposed, "NEG", "the text says the opposite")
    if not evidence:
        return _contradicted(case, denied[0], "NEG", "the text denies it") if denied else _missing(case)
    scope = _scope(case, evidence)
    close = _close(case, evidence, scope)
    results = [
        evaluate(case.document, facet, close if facet.facet.kind == "quantity" and not facet.near else scope)
        for facet in case.compiled.facets
    ]
    facets = tuple(result.result for result in results)
    for result in results:
        if result.violation is not None and result.facet.severity_if_violated == "contradicted":
            family: Family = "NUM" if result.facet.kind == "quantity" else "NEG"
            return _contradicted(case, result.violation, family, result.result.note, facets=facets)
    failed = [result for result in results if not result.result.met]
    quotes = tuple(case.document.quote(sentence.span) for sentence in evidence[:3])
    if any(result.facet.severity_if_missing == "missing" for result in failed):
        return _missing(case, facets=facets)
    if failed:
        return _partial(case, evidence[0], failed, quotes=quotes, facets=facets)
    return Assessment(
        case.verdict("covered", "Stated, with everything that the requirement asks for.", quotes=quotes, facets=facets)
    )


def _evidence(case: _Case) -> tuple[list[Sentence], list[Sentence]]:
    """Sentences that deny the subject, and sentences of the units that state it, best unit first."""
    document, wanted, subject = case.document, case.policy.evidence, case.compiled.subject
    denied: list[Sentence] = []
    units: dict[int | str, list[Sentence]] = {}
    for sentence in document.speaking(subject):
        if is_denied(document, sentence, subject):
            denied.append(sentence)
        else:
            units.setdefault(_unit(sentence, wanted.within), []).append(sentence)
    ranked: list[tuple[int, int, list[Sentence]]] = []
    for speaking in units.values():
        section = speaking[0].section
        own = {concept for sentence in speaking for concept in sentence.concepts}
        heading = document.heading_concepts(section)
        if set(wanted.all) <= own | heading and (not wanted.any or set(wanted.any) & (own | heading)):
            rank = int(case.has_prior(document.path(section))) + len(own & subject)
            ranked.append((-rank, speaking[0].index, speaking))
    ranked.sort(key=lambda item: item[:2])
    return _denying(case, denied), [sentence for _, _, unit in ranked for sentence in unit]


def _denying(case: _Case, denied: Sequence[Sentence]) -> list[Sentence]:
    """Sentences that deny the requirement as a whole: one that names each of `all` and denies one of them; without
    `all`, sentences that deny each concept of `any`, for one that is not denied could still fulfil it. Phrases that a
    pack writes itself are one concept in many words. To deny a part of it is no contradiction.
    """
    wanted = case.policy.evidence
    if wanted.all:
        needed = set(wanted.all)
        return [s for s in denied if needed <= s.concepts and is_denied(case.document, s, frozenset(needed))]
    lost = {c for s in denied for c in s.concepts & set(wanted.any) if is_denied(case.document, s, frozenset({c}))}
    named = {concept for concept in wanted.any if not is_phrase(concept)}
    return list(denied) if lost and named <= lost else []


def _unit(sentence: Sentence, within: str) -> int | str:
    """What the unit of the sentence is known by: its own number, its paragraph's, its section's, one for all."""
    match within:
        case "sentence":
            return sentence.index
        case "paragraph":
            return sentence.paragraph
        case "document":
            return ""
        case _:
            return sentence.section.id if sentence.section else ""


def _opposed(case: _Case) -> Sentence | None:
    patterns = case.compiled.contradictions
    said = [pattern for pattern in patterns if pattern.search(case.document.body_text)]
    sentences = case.document.body if said else ()
    return next((s for s in sentences if any(pattern.search(s.text) for pattern in said)), None)


def _scope(case: _Case, evidence: Sequence[Sentence]) -> list[Sentence]:
    """Where facets count: the evidence, its paragraphs, and its section where the heading names the subject."""
    document = case.document
    if case.policy.evidence.within == "document":
        return list(document.body)
    chosen: dict[int, Sentence] = {}
    for sentence in evidence:
        chosen[sentence.index] = sentence
        if sentence.kind != "row":
            chosen.update((s.index, s) for s in document.paragraphs.get(sentence.paragraph, ()))
        section = sentence.section
        if section is not None and (
            document.heading_concepts(section) & case.compiled.subject or case.has_prior(section.title)
        ):
            chosen.update((s.index, s) for s in document.section_bodies[section.id] if s.kind != "row")
    return [chosen[index] for index in sorted(chosen)]


def _close(case: _Case, evidence: Sequence[Sentence], scope: Sequence[Sentence]) -> list[Sentence]:
    """Where a number is one of the subject: beside its evidence, in its list, or under a heading that names it."""
    beside = {index for sentence in evidence for index in range(sentence.index - 1, sentence.index + 2)}
    lists = {sentence.paragraph for sentence in evidence}
    return [
        s
        for s in scope
        if s.index in beside
        or (s.kind != "prose" and s.paragraph in lists)
        or case.document.heading_concepts(s.section) & case.compiled.subject
        or case.policy.evidence.within == "document"
    ]


def _contradicted(case: _Case, sentence: Sentence, family: Family, why: str, **more: Any) -> Assessment:
    draft = Draft(
        family=family,
        category="compliance-gap",
        severity="critical" if case.policy.level == "MUST" else "medium",
        title=f"{case.policy.title}: contradicted",
        explanation=f"Required: {case.policy.paraphrase} Here {why}.",
        spans=(sentence.span,),
        decision=(f"requirement {case.policy.id}", why),
    )
    quotes = (case.document.quote(sentence.span),)
    return Assessment(
        case.verdict("contradicted", f"Required, but {why}.", quotes=quotes, **more), _unless_optional(case, draft)
    )


def _missing(case: _Case, **more: Any) -> Assessment:
    document, evidence = case.document, case.policy.evidence
    if not expects(document, case.policy.doc_types):
        return Assessment(case.verdict("not-assessed", "A document of this kind is not expected to state it."))
    likely = tuple(document.label(section) for section in document.ir.sections if case.has_prior(section.title))
    searched = likely or document.all_sections
    category: Category = "missing-governance" if _GOVERNANCE & case.compiled.prior else "compliance-gap"
    severity: Severity = "high" if case.policy.level == "MUST" else "low"
    draft = Draft(
        family="GOV" if category == "missing-governance" else "COV",
        category=category,
        severity=severity,
        title=f"{case.policy.title}: nothing stated",
        explanation=f"Required: {case.policy.paraphrase} Nothing about it was found{_where(likely)}.",
        searched=searched,
        proposal=_insertion(case),
        confidence=0.8,
        decision=(
            f"requirement {case.policy.id}",
            f"concepts sought: {', '.join((*evidence.all, *evidence.any))}",
            f"no {evidence.within} has them",
        ),
    )
    hints = second_chance(document, f"{case.policy.title}. {case.policy.paraphrase}")
    confirm = f" Possible evidence, please confirm: {len(hints)} passage(s) with similar words." if hints else ""
    verdict = case.verdict(
        "missing",
        f"Nothing about it was found{_where(likely)}.{confirm}",
        searched=searched,
        quotes=tuple(document.quote(document.context(sentence.span)) for sentence in hints),
        **more,
    )
    return Assessment(verdict, _unless_optional(case, draft), is_absence=True)


def _where(likely: Sequence[str]) -> str:
    """Where was searched, in words: the whole document, and above all where it usually stands."""
    if not likely:
        return " in the document"
    named = ", ".join(likely[:3]) + (f" and {len(likely) - 3} more" if len(likely) > 3 else "")
    return f" in the document, above all in {named}"


def _partial(case: _Case, evidence: Sentence, failed: Sequence[FacetOutcome], **more: Any) -> Assessment:
    notes = [result.result.note for result in failed]
    kinds = {result.facet.kind for result in failed}
    family: Family = "VAL" if kinds == {"quantity"} else "GOV" if kinds == {"role"} else "COV"
    categories: dict[Family, Category] = {"VAL": "undefined-parameter", "GOV": "missing-governance"}
    draft = Draft(
        family=family,
        category=categories.get(family, "compliance-gap"),
        severity="medium" if case.policy.level == "MUST" else "low",
        title=f"{case.policy.title}: incomplete",
        explanation=f"Required: {case.policy.paraphrase} Missing: {'; '.join(notes)}.",
        spans=(evidence.span,),
        proposal=_insertion(case),
        confidence=0.75,
        decision=(f"requirement {case.policy.id}", *notes),
    )
    return Assessment(
        case.verdict("partial", f"Mentioned, but {'; '.join(notes)}.", **more),
        _unless_optional(case, draft),
        is_in_passing=case.policy.level != "MUST" or not _belongs(case, evidence),
    )


def _belongs(case: _Case, evidence: Sentence) -> bool:
    """The evidence stands under a heading that names the subject."""
    section = evidence.section
    return case.has_prior(case.document.path(section)) or bool(
        case.document.heading_concepts(section) & case.compiled.subject
    )


def _unless_optional(case: _Case, draft: Draft) -> Draft | None:
    return None if case.policy.level == "MAY" else draft


def _insertion(case: _Case) -> ProposedChange | None:
    """The pack's text at the end of the section that it names, else at the end of the document."""
    proposal, document = case.policy.proposal, case.document
    if proposal is None:
        return None
    wanted = title_stems(proposal.insert_after.get("section", ""))
    section = next((s for s in document.ir.sections if wanted and wanted <= title_stems(s.title)), None)
    end = section.span.end if section else len(document.markdown)
    start = section.span.start if section else 0
    return insert_after(document, start + len(document.markdown[start:end].rstrip()), f"\n\n{proposal.text}")
