"""CON: two places that give different values for one parameter.

Two statements conflict when subject and dimension are the same, the direction does not differ, the value does, and both
hold in the same scope: words such as "initially", "for existing constituents" or "net" in one of them only make them
different statements.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from docward.analyzer.analysis.checks.keyfacts import key_facts
from docward.analyzer.analysis.checks.restated import restatements
from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, replace
from docward.analyzer.analysis.statements import Statement, statements
from docward.analyzer.analysis.text import Caseless, words
from docward.events.ir import Span

_EQUAL = Caseless(r"\bequal(?:ly)?[- ]weight\w*")
_NAME = 6
"""Words of a parameter's name in a title; those at the end of a noun phrase say what it is."""
_NO_NOUN = words("the a an of for in on at to and or then so if when where with by from each every that this its")
_OTHER_SCHEME = Caseless(
    r"\bweighted by (?:their |the )?[\w-]+(?: [\w-]+){0,3}|\bmarket[- ]capitali[sz]ation[- ]weighted\b"
)
_CASES = Caseless(r"\b(?:if|where|when|variant|sub-?index|alternatively|until|initially|within|each)\b")

_PREVAILS = Caseless(
    r"\b(?:prevails?|takes? precedence|overrid(?:e|es)|supersedes?|"
    r"in (?:the )?case of (?:conflict|contradiction|doubt))\b"
)
_CADENCE = r"(?:daily|weekly|monthly|quarterly|semi-?annually|annually|(?:every|each) (?:day|week|month|quarter|year))"
_REBALANCED = Caseless(rf"\brebalanced\b(?:[\s,]+\w+){{0,2}}?\s(?P<cadence>{_CADENCE})\b")
_REVIEWED = Caseless(
    r"\b(?:constituents?|components?|composition|members|membership|weights|universe|index|portfolio)\s"
    rf"(?:is|are)\s(?:also\s)?reviewed\b(?:[\s,]+\w+){{0,2}}?\s(?P<cadence>{_CADENCE})\b"
)
_BETWEEN = Caseless(
    r"\b(?:remov\w+|delet\w+|replac\w+|leaves?|drops? out|excluded) [^.]{0,80}\b(?:reviews?|reviewed|between)\b|"
    r"\b(?:reviews?|between)\b[^.]{0,80}\b(?:remov\w+|delet\w+|replac\w+|leaves?|excluded|no change)\b|"
    r"\bbetween (?:two )?rebalanc\w+"
)


def conflicting_values(document: Document) -> Outcome:
    drafts, examined = [], []
    stated = list(statements(document))
    for group in _groups(stated):
        pair = _conflict(group)
        if pair is not None:
            drafts.append(_draft(document, *pair))
        elif len(group) > 1:
            examined.append(group[0].sentence.span)
    restated = restatements(document, stated, {span for draft in drafts for span in draft.spans})
    drafts.extend(restated.drafts)
    examined.extend(restated.examined)
    drafts.extend(_precedence(document, [draft for draft in drafts if len(draft.spans) > 1]))
    drafts.extend(key_facts(document, {span for draft in drafts for span in draft.spans}))
    drafts.extend(_schemes(document))
    drafts.extend(_reviews(document))
    return Outcome(tuple(drafts), tuple(examined))


def across(documents: Sequence[Document]) -> Iterator[tuple[Draft, tuple[tuple[Document, Span], ...]]]:
    """Of each subject the first two documents that give it values in conflict: a draft, and its places."""
    owner = {sentence: document for document in documents for sentence in document.sentences}
    for group in _groups(statement for document in documents for statement in statements(document)):
        pair = _conflict(group, owner)
        if pair is not None:
            one, other = pair
            draft = _draft(owner[one.sentence], one, other, owner[other.sentence])
            yield draft, tuple((owner[s.sentence], s.sentence.span) for s in pair)


def _groups(stated: Iterable[Statement]) -> Iterator[list[Statement]]:
    """Statements of one subject. Prose that says more than the label of a table's row belongs to the row's group."""
    groups: dict[tuple[object, ...], list[Statement]] = defaultdict(list)
    long_winded: dict[str, list[Statement]] = defaultdict(list)
    for statement in stated:
        groups[_key(statement)].append(statement)
        if statement.sentence.kind != "row" and not statement.concept and len(statement.subject) > 2:
            for stem in statement.subject:
                long_winded[stem].append(statement)
    for key, group in groups.items():
        label = group[0]
        if any(s.sentence.kind == "row" for s in group) and len(label.subject) > 1 and not label.concept:
            rarest = min((long_winded.get(stem, []) for stem in label.subject), key=len)
            yield group + [s for s in rarest if label.subject < s.subject and _key(s)[1:] == key[1:]]
        else:
            yield group


def _key(statement: Statement) -> tuple[object, ...]:
    """Counts of different things and amounts in different currencies do not compare."""
    basis = statement.unit if statement.dimension in {"count", "money"} else ""
    return (statement.concept or statement.subject, statement.dimension, basis)


def _conflict(
    group: Sequence[Statement], owner: Mapping[Sentence, Document] | None = None
) -> tuple[Statement, Statement] | None:
    """The first two that conflict, with owners only of different ones. Repetitions are passed over, so that a value
    repeated often costs nothing.
    """
    distinct: dict[tuple[object, ...], Statement] = {}
    for statement in group:
        for known in distinct.values():
            apart = owner is None or owner[known.sentence] is not owner[statement.sentence]
            if apart and _conflicts(known, statement):
                return known, statement
        source = id(owner[statement.sentence]) if owner else None
        distinct.setdefault((statement.value, statement.direction, statement.scope, source), statement)
    return None


def _conflicts(one: Statement, other: Statement) -> bool:
    if one.sentence is other.sentence or one.scope != other.scope:
        return False
    if one.dimension == "number" and one.sentence.section is other.sentence.section:
        return False  # dimensionless numbers side by side are examples or steps, not one parameter
    same_direction = not one.direction or not other.direction or one.direction == other.direction
    return same_direction and abs(one.value - other.value) > 1e-9 * max(1.0, abs(one.value))


def _draft(document: Document, one: Statement, other: Statement, elsewhere: Document | None = None) -> Draft:
    """With `elsewhere` the other statement stands in that document, and no edit of one document settles it."""
    if elsewhere is None:
        one, other = sorted((one, other), key=lambda statement: statement.span.start)
    name = _name(document, one, other)
    first, second = document.label(one.sentence.section), (elsewhere or document).label(other.sentence.section)
    what = "document" if elsewhere is None else "suite"
    return Draft(
        family="CON",
        category="inconsistent-content",
        severity="critical",
        title=f"Two values for {name[:40].rstrip()}: {one.text[:14]} and {other.text[:14]}",
        explanation=(
            f"{first} gives {one.text} for {name}, {second} gives {other.text}. Nothing says that they apply in "
            f"different cases, so the {what} cannot be implemented in one way."
        ),
        spans=(one.sentence.span, other.sentence.span) if elsewhere is None else (one.sentence.span,),
        proposal=replace(document, other.span, f"{{one value: {one.text} or {other.text}}}")
        if elsewhere is None
        else None,
        decision=(
            f"parameter {name!r} ({one.dimension})",
            f"{one.text} against {other.text}",
            "same direction, same scope words" + (f", concept {one.concept}" if one.concept else ""),
        ),
    )


def _name(document: Document, one: Statement, other: Statement) -> str:
    concept = document.lexicon.concepts.get(one.concept)
    if concept is not None:
        return concept.label.lower()
    shorter = min((one.label, other.label), key=len)
    found = re.sub(r"[^\w%&/.() -]+", " ", shorter).split()
    while found and found[0].lower() in _NO_NOUN:
        found.pop(0)
    return " ".join(found[-_NAME:]) or shorter[:40]


def _schemes(document: Document) -> list[Draft]:
    """Equal weighting beside weighting by something."""
    equal = [s for s in document.body if _EQUAL.search(s.text) and not _CASES.search(s.text)]
    other = [s for s in document.body if _OTHER_SCHEME.search(s.text) and not _CASES.search(s.text)]
    if not equal or not other or equal[0] is other[0]:
        return []
    one, two = sorted((equal[0], other[0]), key=lambda sentence: sentence.start)
    return [
        Draft(
            family="CON",
            category="inconsistent-content",
            severity="critical",
            title="Two weighting schemes",
            explanation="One sentence weights equally, another by a measure. Nothing says when each applies.",
            spans=(one.span, two.span),
            confidence=0.85,
            decision=("weighting scheme", "equal against a measure"),
        )
    ]


def _precedence(document: Document, conflicts: Sequence[Draft]) -> Iterator[Draft]:
    """Two sections that contradict each other more than once are two lists of one thing: which one counts?"""
    pairs: dict[tuple[str, str], list[Draft]] = defaultdict(list)
    for draft in conflicts:
        one, other = (document.section_at(span.start) for span in draft.spans[:2])
        if one is not None and other is not None and one is not other:
            pairs[document.label(one), document.label(other)].append(draft)
    if any(_PREVAILS.search(sentence.text) for sentence in document.body):
        return
    for sections, drafts in pairs.items():
        if len(drafts) > 1:
            yield Draft(
                family="CON",
                category="ambiguous-methodology",
                severity="high",
                title="Which of two sections prevails is not stated",
                explanation=f"{' and '.join(sections)} rule the same and differ in {len(drafts)} points.",
                searched=sections,
                confidence=0.8,
                decision=("precedence of sections", *sections),
            )


def _reviews(document: Document) -> Iterator[Draft]:
    """Composed anew at one cadence, reviewed at another: what a review in between does has to be said."""
    rebalanced = next(((s, m) for s in document.body if (m := _REBALANCED.search(s.text))), None)
    reviewed = next(((s, m) for s in document.body if (m := _REVIEWED.search(s.text))), None)
    if rebalanced is None or reviewed is None or any(_BETWEEN.search(s.text) for s in document.body):
        return
    cadences = [match["cadence"].lower() for _, match in (rebalanced, reviewed)]
    if cadences[0] != cadences[1]:
        yield Draft(
            family="CON",
            category="inconsistent-content",
            severity="high",
            title=f"Rebalanced {cadences[0]}, reviewed {cadences[1]}",
            explanation=(
                "The composition changes at one cadence and is reviewed at another; nothing says what a review between "
                "two rebalancings can change."
            ),
            spans=(rebalanced[0].span, reviewed[0].span),
            confidence=0.7,
            decision=("cadence of reviews", *cadences),
        )
