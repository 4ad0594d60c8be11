"""GOV and DOC: who is responsible, and which document this is."""

from __future__ import annotations

import re

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import LONG_ENOUGH, Draft, Outcome, insert_after
from docward.analyzer.analysis.quantities import quantities
from docward.analyzer.analysis.roles import names_a_role
from docward.analyzer.analysis.text import Caseless
from docward.events.ir import Span

_DECISION = Caseless(
    r"\b(?P<what>(?:is|are|be|been|being|get|gets)\s(?:\w+\s)?(?P<verb>approved|authori[sz]ed|signed off|escalated|"
    r"validated and released|overridden))\b(?!\s(?:list|venue|instrument|broker|product)s?)"
)
_APPROVAL = Caseless(r"\b(?:approv\w+|authoris\w+|authoriz\w+|sign(?:s|ed)?[- ]off)\b")
_APPROVES_IT = Caseless(r"\b(?:approves?|authori[sz]es?|signs? off) (?:it|them|this|these)\b")
_APPROVED_THING = Caseless(
    r"\b(?:changes?|releases?|document|methodology|specification|versions?|deploy\w*|updates?|amendments?|polic(?:y|"
    r"ies)|algorithm|strategy|model|parameters?|limits?)\b"
)
_SOMEBODY = Caseless(
    r"\b(?:by|to|from)\s(?:an?|the|some)\s(?:authori[sz]ed|responsible|competent|relevant|appropriate|qualified|suitable|"
    r"experienced)\s(?:persons?|staff|part(?:y|ies)|people|individuals?|employees?|functions?|bod(?:y|ies)|teams?|manager)\b"
    r"|\b(?:granted|approved|decided|authori[sz]ed|permitted|"
    r"agreed) by (?:the )?management\b(?!\s(?:committee|board|body))"
    r"|\b(?:somebody|someone|anyone|anybody)\s(?:of|in|from|on)\s(?:the\s)?\w+"
)
_PUT_TO_USE = Caseless(
    r"\b(?:changes?|releases?|versions?|parameters?|limits?|models?|amendments?|updates?|code|builds?|software|"
    r"patch(?:es)?|settings?|thresholds?)\b[^.;:]{0,40}\b(?:(?:is|are|may be|can be|be) "
    r"(?:then |directly |immediately )?"
    r"(?:released|deployed|rolled out|merged|activated|put into production|promoted|"
    r"consulted (?:on|upon)|changed|introduced)"
    r"|go(?:es)? live|takes? effect)\b"
)
"""A change that takes effect, said without who decides it."""
_UNTOLD = Caseless(
    r"\b(?:breach(?:es)?|incidents?|violations?|errors?|exceedances?|failures?)\b[^.;:]{0,30}\b(?:is|are) (?:\w+ly )?"
    r"(?:reported|notified|communicated)(?=\s*(?:[.,;]|$|\w+ly\b|at once|within|in\b|daily|weekly))"
    r"(?![^.;:]*\b(?:to|by|on the|website|differently)\b)"
)
_NO_APPROVAL = Caseless(
    r"\b(?:overrides?|changes?|exceptions?|releases?|increases?|deployments?|updates?) (?:needs?|requires?) no "
    r"(?:\w+ )?(?:approval|authori[sz]ation|consent|sign-?off|review)\b|"
    r"\b(?:exceptions?|waivers?|exemptions?|deviations?|dispensations?) (?:may|can|will|shall) be "
    r"(?:granted|allowed|made|permitted|accepted)\b(?![^.;]*\b(?:by|from|approv\w+|consent|if|where|when|after)\b)"
)
_OVERRIDE = Caseless(r"\b(?:blocked order|override|trade|exception)\b")
_OWNER = Caseless(
    r"\b(?:owner|owns|owned by|responsible for|responsibilit(?:y|ies)|administrator|accountable|maintained by|"
    r"maintains)\b"
)
_OWNER_KEYS = frozenset({"owner", "responsible", "document_owner", "strategy_owner", "administrator"})
_APPROVER_KEYS = frozenset({"approver", "approved_by", "approved-by", "approvers"})
_CHANGES = Caseless(r"\b(?:change|governance|version|release|role|responsib|approval|deployment|development)")
_VERSION = Caseless(r"\b(?:version|revision|edition|release)\s*[:|]?\s*v?\d+(?:\.\d+)*|\bv\d+(?:\.\d+)+\b")
_DATE_LABEL = Caseless(
    r"\b(?:date|effective|as of|issued|published|last (?:updated|review(?:ed)?|changed?)|valid (?:from|since)|"
    r"in force|version|edition|revision|approved)\b"
)
"""Beside a date: it is the document's own."""
_VERSION_KEYS = frozenset({"version", "revision", "edition", "release", "document_version"})
_DATE_KEYS = frozenset(
    {"date", "effective", "effective_date", "effective-date", "issued", "published", "as_of", "last_updated", "updated"}
)

_WORK = (
    r"(?:propos(?:es?|ed by)|request(?:s|ed by)|develop(?:s|ed by)|writ(?:es?|ten by)|draft(?:s|ed by)|"
    r"prepar(?:es?|ed by)|implement(?:s|ed by)|cod(?:es?|ed by)|answer(?:s|ed by)|chang(?:es?|ed by)|mak(?:es?)|"
    r"buil(?:ds?|t by)|initiat(?:es?|ed by))"
)
_APPROVES = r"(?:decides? (?:on|about|upon) (?:it|them)|approves?|authori[sz]es?|signs? off|signs? it off|releases? it)"
_SELF_APPROVAL = Caseless(
    rf"\b{_WORK}\b[^.;]{{0,70}}?(?:\b(?:and|who)|,)\s(?:also\s|then\s|himself\s|themselves\s)?{_APPROVES}\b|"
    r"\b(?:approved|authori[sz]ed|signed off|released)\sby\s(?:the\s(?:same\s(?!committee|board)|"
    r"(?:[\w-]+\s){1,3}(?:who|that)\s(?:wrote|writes|developed|develops|proposed|proposes|requested|requests|made|makes|"
    r"built|builds|coded|needs?)\b)|(?:its|their)\s(?:own\s)?(?:authors?|developers?)\b)|"
    r"\b(?:approves?|validates?|authori[sz]es?|signs? off)\s(?:on\s)?(?:his|her|their|his or her) own\b|"
    r"\b(?:author|developer|proposer|requester|creator)s? (?:of (?:an?|the|each|every|any) [\w-]+ )?(?:also |"
    r"himself |themselves )"
    r"(?:approves?|signs? (?:it )?off|releases?)\b"
)
_ONE_HAND = Caseless(
    r"\b(?:proposed|requested|developed|written|drafted|prepared|implemented|coded|built|changed|made|initiated|tested)\b"
    r"(?:(?!\bby\b)[^.;:]){0,40}?\band (?:also |then )?(?:approved|authori[sz]ed|signed off|released)"
    r"\s(?:by\s(?P<who>[\w' -]+))"
)
"""One agent behind a row of participles: whoever proposes it signs it off."""
_NO_ONE_ELSE = Caseless(
    r"\b(?:approved|reviewed|checked|confirmed|controlled)\sby\s(?:nobody|no one|no-one|none)\s?(?:else|other)?\b|"
    r"\b(?:nobody|no one|no-one)\s(?:else\s)?(?:approves?|reviews?|checks?|confirms?)\b"
)
_DENIED = Caseless(r"\b(?:no|not|never|nobody|none|cannot|neither|other than|different|independent\w*|unless|except)\b")


def responsibilities(document: Document) -> Outcome:
    drafts, examined = [], []
    for sentence in document.body:
        match = _DECISION.search(sentence.text)
        open_words = (
            _SOMEBODY.search(sentence.text) or _UNTOLD.search(sentence.text) or _NO_APPROVAL.search(sentence.text)
        )
        if sentence.kind != "row" and open_words and not document.has_slot(sentence):
            drafts.append(_nobody(sentence, open_words.group()))
            continue
        if match is None or sentence.kind == "row":
            continue
        if _has_agent(document, sentence, match):
            examined.append(sentence.span)
        else:
            drafts.append(_no_agent(document, sentence, match["verb"].lower()))
    return Outcome(tuple(drafts), tuple(examined))


def _has_agent(document: Document, sentence: Sentence, match: re.Match[str]) -> bool:
    if match["verb"].lower() == "escalated":
        return bool(re.search(r"\bto\b", sentence.text[match.end() :]))
    return bool(re.search(r"\bby\b", sentence.text[match.end() :])) or names_a_role(
        document.stated[sentence.start : sentence.end]
    )


def _no_agent(document: Document, sentence: Sentence, verb: str) -> Draft:
    escalated = verb == "escalated"
    return Draft(
        family="GOV",
        category="missing-governance",
        severity="high",
        title="Nobody is named to escalate to" if escalated else f"It is not said by whom something is {verb}",
        explanation=(
            f"The sentence says that something is {verb}, but names no person, role or body. The step cannot be "
            "audited, and nobody is accountable for it."
        ),
        spans=(sentence.span,),
        proposal=insert_after(
            document,
            sentence.end - (1 if sentence.text.rstrip().endswith(".") else 0),
            " to {role}" if escalated else " by {role}",
        ),
        confidence=0.85,
        decision=(f"passive {verb!r}", "no agent and no role in the sentence"),
    )


def _nobody(sentence: Sentence, words: str) -> Draft:
    return Draft(
        family="GOV",
        category="missing-governance",
        severity="high",
        title="No role is named",
        explanation=f"“{words}”: no person, role or body is named that is told of it, or accountable for it.",
        spans=(sentence.span,),
        confidence=0.8,
        decision=(f"somebody: {words!r}", "no role in the sentence"),
    )


def deployments(document: Document) -> Outcome:
    """A change or a release takes effect: the text has to say, anywhere, who agrees to it."""
    agreed = [s for s in document.body if _approves(s) and names_a_role(document.stated[s.start : s.end])]
    if agreed or {key.lower() for key in document.ir.metadata} & _APPROVER_KEYS:
        return Outcome(examined=tuple(s.span for s in agreed[:3]) or _first_heading(document))
    drafts = [
        Draft(
            family="GOV",
            category="missing-governance",
            severity="high",
            title="Nobody agrees to a change before it takes effect",
            explanation="A change takes effect, and nowhere does the document name who approves it.",
            spans=(sentence.span,),
            proposal=insert_after(document, _before_stop(sentence), " after the approval of {role}"),
            confidence=0.75,
            decision=(f"change that takes effect: {match.group()!r}", "no approval by a role in the document"),
        )
        for sentence in document.body
        if sentence.kind != "row"
        and not document.has_slot(sentence)
        and (match := _PUT_TO_USE.search(sentence.text))
        and not _APPROVAL.search(sentence.text)
        and not names_a_role(document.stated[sentence.start : sentence.end])
    ]
    return Outcome(tuple(drafts[:3]))


def _before_stop(sentence: Sentence) -> int:
    return sentence.end - (1 if sentence.text.rstrip().endswith(".") else 0)


def ownership(document: Document) -> Outcome:
    owners = [s.span for s in document.body if _OWNER.search(s.text) or _row_label(s) in _OWNER_KEYS]
    known = {key.lower() for key in document.ir.metadata} & _OWNER_KEYS
    if owners or known or any(map(_OWNER.search, _margins(document))):
        return Outcome(examined=tuple(owners[:3]) or _first_heading(document))
    if document.words < LONG_ENOUGH:
        return Outcome()
    explanation = "Nobody is named who is responsible for the document and what it describes."
    return Outcome((_absent(document, "owner", "No owner is named", explanation),))


def approvals(document: Document) -> Outcome:
    approving = [s.span for s in document.body if _approves(s) or _approves_it(document, s)]
    if approving or {key.lower() for key in document.ir.metadata} & _APPROVER_KEYS:
        return Outcome(examined=tuple(approving[:3]) or _first_heading(document))
    if document.words < LONG_ENOUGH:
        return Outcome()
    explanation = (
        "No person, role or body is named that approves the document, its changes or a release before it is used."
    )
    return Outcome((_absent(document, "approver", "Nobody approves changes and releases", explanation),))


def self_approvals(document: Document) -> Outcome:
    """Who proposes or makes something approves it: in a sentence, or as owner and approver of the document."""
    drafts, examined = [], []
    for sentence in document.body:
        match = _SELF_APPROVAL.search(sentence.text) or _by_one_hand(sentence)
        alone = _NO_ONE_ELSE.search(sentence.text)
        if alone:
            drafts.append(_self_approval(sentence.span, alone.group()))
        elif match and not _DENIED.search(sentence.text):
            drafts.append(_self_approval(sentence.span, match.group()))
        elif _APPROVAL.search(sentence.text) and names_a_role(sentence.text):
            examined.append(sentence.span)
    held = {label: s for s in document.body if (label := _row_label(s)) in {"owner", "approver"} and len(s.cells) > 1}
    if len(held) == 2 and held["owner"].cells[1][1].text.strip() == held["approver"].cells[1][1].text.strip():
        drafts.append(_self_approval(held["approver"].span, "owner and approver are the same"))
    return Outcome(tuple(drafts), tuple(examined[:5]))


def _by_one_hand(sentence: Sentence) -> re.Match[str] | None:
    """A body of several people is no single hand."""
    match = _ONE_HAND.search(sentence.text)
    return None if match is None or re.search(r"\b(?:committee|board|and|council)\b", match["who"]) else match


def _self_approval(span: Span, words: str) -> Draft:
    return Draft(
        family="GOV",
        category="missing-governance",
        severity="high",
        title="Somebody approves their own work",
        explanation=(
            "The one who proposes or makes this also approves it, so that nobody else has looked at it before it takes "
            "effect."
        ),
        spans=(span,),
        confidence=0.8,
        decision=(f"self-approval: {words!r}", "no second person or body in the sentence"),
    )


def _first_heading(document: Document) -> tuple[Span, ...]:
    return tuple(section.heading for section in document.ir.sections[:1])


def _approves(sentence: Sentence) -> bool:
    text = f"{sentence.lead} {sentence.text}"
    return bool(_APPROVAL.search(text) and _APPROVED_THING.search(text) and not _OVERRIDE.search(text))


def _approves_it(document: Document, sentence: Sentence) -> bool:
    """`… proposes changes. The committee approves them.`"""
    before = document.sentences[max(0, sentence.index - 1)]
    approved = _APPROVES_IT.search(sentence.text) and names_a_role(sentence.text)
    return bool(approved and before.paragraph == sentence.paragraph and _APPROVED_THING.search(before.text))


def _absent(document: Document, what: str, title: str, explanation: str) -> Draft:
    searched = tuple(document.label(section) for section in document.ir.sections if _CHANGES.search(section.title))
    return Draft(
        family="GOV",
        category="missing-governance",
        severity="high",
        title=title,
        explanation=explanation,
        searched=searched or document.all_sections,
        confidence=0.8,
        decision=(f"no {what} in the text, its tables or its properties",),
    )


def document_control(document: Document) -> Outcome:
    keys = {key.lower().replace(" ", "_") for key in document.ir.metadata}
    places = (_opening(document), *_margins(document))
    absent = []
    if not keys & _VERSION_KEYS and not _labelled(document, "version") and not any(map(_VERSION.search, places)):
        absent.append("version")
    if not keys & _DATE_KEYS and not _labelled(document, "date") and not _dated(document):
        absent.append("date")
    examined = tuple(
        s.span for s in (*document.body, *document.history) if s.cells and _row_label(s) in {"version", "date", "owner"}
    )
    if not absent or document.words < LONG_ENOUGH:
        fallback = tuple(section.heading for section in document.ir.sections[:1]) if not absent else ()
        return Outcome(examined=examined or fallback)
    names = " and no ".join(absent)
    return Outcome(
        (
            Draft(
                family="DOC",
                category="missing-governance",
                severity="medium",
                title=f"The document states no {names}",
                explanation=(
                    f"Nobody can tell which edition this is and what it replaces: the document states no {names} of "
                    "its own."
                ),
                searched=document.all_sections,
                proposal=insert_after(document, _control_position(document), _control_text(absent)),
                confidence=0.9,
                decision=tuple(f"no {name} in properties, opening or tables" for name in absent),
            ),
        ),
        examined,
    )


def _opening(document: Document) -> str:
    """Title and what stands before the second section: where documents say what they are."""
    starts = [section.span.start for section in document.ir.sections if section.level <= 2]
    limit = starts[2] if len(starts) > 2 else len(document.text)
    return document.text[: min(limit, 1500)]


def _margins(document: Document) -> list[str]:
    """Lines of headers and footers: they tell of the document itself."""
    return [line for one in document.ir.page_margins for line in one.text.split("\n")]


def _dated(document: Document) -> bool:
    """In the opening, a header or a footer."""
    limit = len(_opening(document))
    opening = (sentence.text for sentence in document.body if sentence.start < limit)
    return any(
        _DATE_LABEL.search(text)
        and any(one.dimension == "date" for one in quantities(text))
        and not re.search(r"\b(?:base|launch|inception) date\b", text, re.IGNORECASE)
        for text in (*opening, *_margins(document))
    )


def _row_label(sentence: Sentence) -> str:
    return sentence.cells[0][1].text.strip("*` :").lower() if sentence.cells else ""


def _labelled(document: Document, name: str) -> bool:
    """A row `Version | 2.3`, a column `Version`, a line `Version: 2.3`."""
    line = Caseless(rf"^\W*(?:document\s|effective\s|publication\s|issue\s)?{name}\W*:\W*\S")
    for sentence in (*document.body, *document.history):
        if _row_label(sentence) in {name, f"document {name}", f"effective {name}", f"{name} of this document"}:
            return True
        if sentence.cells and len(sentence.cells) > 2 and sentence.cells[0][0].strip("*` ").lower() == "version":
            return True
        if line.search(sentence.text):
            return True
    return False


def _control_position(document: Document) -> int:
    return document.ir.sections[0].heading.end if document.ir.sections else 0


def _control_text(absent: list[str]) -> str:
    return "\n\n" + "\n".join(f"{name.capitalize()}: {{{name}}}  " for name in absent)
