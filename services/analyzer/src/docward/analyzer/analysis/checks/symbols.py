"""FML: entries of a "where" list that no formula uses, quantities defined by each other, values from the future."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome
from docward.analyzer.analysis.text import Caseless
from docward.events.findings import Category
from docward.events.ir import Span

_SYMBOL = re.compile(r"[A-Za-zα-ωΑ-Ω]{1,3}|(?:\\\w+|[A-Za-zα-ωΑ-Ω]{1,12})[_^].+|\\\w+(?:\{\w\}.*)?")
_WHERE = Caseless(r"\W*(?:where|with|in which|wherein|here)\b")
_LISTS = Caseless(r"(?:^|\s)(?:where|with|in which|wherein|here|symbols?|notation|variables?)\s*[:,]?\s*$")
_HEADS = Caseless(r"\W*(?:symbols?|variables?|notation)\W*")
_ITEM = re.compile(r"^[\s*+-]*\$(?P<symbol>[^$\n]+)\$\s*(?:—|–|--?|:)\s+\S")
_MATH = re.compile(r"\$[^$\n]+\$|`[^`\n]+`")
_DECORATION = re.compile(r"\\(?:bar|hat|tilde|vec|mathrm|text|mathbf)\b|[{}\s]")

_TERM = re.compile(
    r"^(?:The|An?)\s(?P<term>[A-Z]\w+(?:\s[A-Z]\w+){0,3}|[a-z]+ [a-z]+|[a-z]+)\s(?:is|equals|is calculated as|"
    r"is computed as|is defined as)\s(?P<rest>.+)",
    re.DOTALL,
)
_COMPUTES = re.compile(
    r"\b(?:divided by|multiplied by|times|sum of|product of|difference (?:of|between)|ratio of|less|plus|minus)\b"
)
_EARLIER_BEFORE = Caseless(r"\b(?:previous|prior|preceding|old|last|initial|yesterday['’]s|former)\s$")
_EARLIER_BEHIND = Caseless(r"^[^,.;]{0,20}\b(?:before|previous|prior|preceding|yesterday|t\s?[-−–]\s?1|last)\b")

_OF_THE_DAY = Caseless(
    r"\b(?:of|on) the (?:same|current|rebalancing|effective|trading|that) (?:trading |business )?day\b|"
    r"\b(?:today|(?:the )?(?:current|same|that) day)['’]s\b"
)
_KNOWN_AT_THE_END = Caseless(
    r"\b(?:clos(?:e|ing)|settlement prices?|(?:total|full|whole|entire) (?:\w+ )?(?:volume|turnover)|"
    r"(?:daily|day['’]s) (?:high|low|volume))\b"
)
_AT_THE_OPEN = Caseless(
    r"\b(?:at|from|before|by|until) (?:the )?(?:market )?(?:open(?:ing)?|start of (?:the )?(?:trading|session))\b|"
    r"\bat 0?[5-9]:\d\d\b"
)
_BEFORE_THE_OPEN = Caseless(r"\bbefore (?:the )?(?:market )?open(?:ing)?\b")
_OPEN_FROM_CLOSE = Caseless(
    r"\bopen(?:ing)? of (?:the )?(?P<day>(?:day|date) \w\b)[^.;]*\bclos(?:e|ing)\b[^.;]{0,12} "
    r"of (?:the )?(?P=day)(?!\w|\s?-)"
)
_OTHER_DAY = Caseless(
    r"\b(?:previous|prior|preceding|following|next|yesterday\w*|day (?:before|after)|estimated?|forecast\w*|"
    r"expected|not|never)\b"
)
_TIME_INDEX = re.compile(r"[_^](?:\{[\w,]*?)?(?<![A-Za-z])t(?![A-Za-z])")
_LATER_INDEX = re.compile(r"[_^]\{?[\w,]*?(?<![A-Za-z])t\s*\+\s*\d")


def unused_symbols(document: Document) -> Outcome:
    drafts, examined = [], []
    for symbol, span in _entries(document):
        sentence = document.sentence_at(span.end - 1)  # an item begins behind its bullet
        if sentence is None or not _explains_a_formula(document, sentence) or not _SYMBOL.fullmatch(symbol):
            continue
        if _is_used(document, _base(symbol), sentence, span):
            examined.append(span)
        else:
            drafts.append(_unused(span, symbol))
    return Outcome(tuple(drafts), tuple(examined))


def _explains_a_formula(document: Document, sentence: Sentence) -> bool:
    """The list below a formula of the same section."""
    explains = _WHERE.match(sentence.text) or _is_listed(document, sentence) or _of_symbols(document, sentence)
    return bool(explains) and any(
        formula.span.end <= sentence.start and document.section_at(formula.span.start) is sentence.section
        for formula in document.ir.formulas
    )


def _entries(document: Document) -> Iterator[tuple[str, Span]]:
    """Each symbol and where it is explained: the definitions, and items `$x$ — meaning` that are none."""
    for definition in document.ir.definitions:
        yield definition.term.strip("$` "), definition.span
    ends = {definition.span.end for definition in document.ir.definitions}
    for sentence in document.body:
        match = _ITEM.match(document.markdown[sentence.start : sentence.end]) if sentence.kind == "list" else None
        if match and not any(sentence.start < end <= sentence.end for end in ends):
            yield match["symbol"], sentence.span


def _of_symbols(document: Document, sentence: Sentence) -> bool:
    """A row of a table of symbols, or an item of a list in which every item explains one."""
    if sentence.kind == "row":
        return bool(sentence.cells) and _HEADS.fullmatch(sentence.cells[0][0]) is not None
    return sentence.kind == "list" and _ITEM.match(document.markdown[sentence.start : sentence.end]) is not None


def _is_listed(document: Document, sentence: Sentence) -> bool:
    """An item of a list that the word `where` leads into."""
    index = sentence.index
    while index and document.sentences[index].kind == "list":
        index -= 1
    return sentence.kind == "list" and _LISTS.search(document.sentences[index].text) is not None


def _base(symbol: str) -> str:
    return re.split(r"[_^(]", _DECORATION.sub("", symbol))[0].lstrip("\\")


def _is_used(document: Document, base: str, where: Sentence, span: Span) -> bool:
    """In a formula, or as a symbol of the text or in an entry of the list that explains another one."""
    name = re.compile(rf"(?<![A-Za-zα-ωΑ-Ω]){re.escape(base)}(?![A-Za-zα-ωΑ-Ω])")
    if any(name.search(_DECORATION.sub("", f.latex or "") + " " + f.text) for f in document.ir.formulas):
        return True
    for sentence in document.sentences:
        text = document.stated[sentence.start : sentence.end]
        if sentence is where:
            begin, end = max(0, span.start - sentence.start), span.end - sentence.start
            text = text[:begin] + " " + text[end:]
        words = text if sentence.kind == "code" else " ".join(_MATH.findall(text))
        if name.search(words):
            return True
    return False


def _unused(span: Span, symbol: str) -> Draft:
    return Draft(
        family="FML",
        category="incomplete-formula",
        severity="medium",
        title=f"No formula uses {symbol}",
        explanation=(
            f"{symbol} is explained below a formula, but occurs in no formula of the document. Either the formula "
            "lacks a term, or the entry is a remainder."
        ),
        spans=(span,),
        confidence=0.85,
        decision=(f"symbol {symbol}", "defined in a where list", "in no formula, no text and no code"),
    )


_EVENT = Caseless(r"\b(?:re-?balancing|reconstitution|reset|roll|corporate (?:actions?|events?))\b")


@dataclass(frozen=True)
class _Computed:
    name: str
    span: Span
    uses: AbstractSet[str]


def circular_definitions(document: Document) -> Outcome:
    """Formulas by the symbols on their right side, sentences by the defined quantities of which they compute one."""
    computed = {each.name: each for each in (*_formulas(document), *_sentences(document))}
    drafts: list[Draft] = []
    reported: set[str] = set()
    for name in computed:
        cycle = _cycle(computed, name)
        if cycle and not reported & set(cycle):
            reported.update(cycle)
            drafts.append(_circular(document, [computed[each] for each in cycle]))
    return Outcome(tuple(drafts), tuple(each.span for each in computed.values() if each.uses & computed.keys()))


def _formulas(document: Document) -> Iterator[_Computed]:
    """What is set at an event, by its section's title, is of an earlier time than what is computed from it daily."""
    for formula in document.ir.formulas:
        section = document.section_at(formula.span.start)
        if formula.name and not (section and _EVENT.search(section.title)):
            uses = {variable.symbol.strip() for variable in formula.variables} - {formula.name.strip()}
            yield _Computed(formula.name.strip(), formula.span, uses)


def _sentences(document: Document) -> Iterator[_Computed]:
    found = [(s, m) for s in document.body if s.kind == "prose" and (m := _TERM.match(s.text.lstrip()))]
    computing = [(s, m) for s, m in found if _COMPUTES.search(m["rest"])]
    names = {match["term"].lower() for _, match in computing}
    for sentence, match in computing:
        uses = {name for name in names if _needs(match["rest"], name)} - {match["term"].lower()}
        yield _Computed(match["term"].lower(), sentence.span, uses)


def _needs(text: str, name: str) -> bool:
    """The name stands in the text, and not only for its value at an earlier time."""
    return any(
        not _EARLIER_BEFORE.search(text[: match.start()]) and not _EARLIER_BEHIND.search(text[match.end() :])
        for match in re.finditer(rf"\b{re.escape(name)}\b", text, re.IGNORECASE)
    )


def _cycle(computed: Mapping[str, _Computed], start: str) -> list[str]:
    """The shortest way from a quantity back to itself; empty where there is none."""
    ways, seen = [[start]], {start}
    while ways:
        way = ways.pop(0)
        for name in sorted(computed[way[-1]].uses & computed.keys()):
            if name == start:
                return way
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _circular(document: Document, cycle: list[_Computed]) -> Draft:
    names = " and ".join(
        document.text[each.span.start : each.span.end].split("=")[0].strip(" $\n")[:40] for each in cycle
    )
    listed = ", ".join(each.name for each in cycle)
    return Draft(
        family="FML",
        category="incomplete-formula",
        severity="high",
        title=f"Defined by each other: {listed}"[:120],
        explanation=(
            f"Each of these needs the other first, and nothing says which value of an earlier time is meant: {names}. "
            "The computation cannot begin."
        ),
        spans=tuple(each.span for each in cycle),
        confidence=0.8,
        decision=(f"cycle of {listed}", "no earlier value breaks it"),
    )


def look_ahead(document: Document) -> Outcome:
    """A value that is only known later than it is used: an index t + 1 on the right, a close before its day's open."""
    drafts, examined = [], []
    for formula in document.ir.formulas:
        left, equals, right = (formula.latex or formula.text).partition("=")
        if equals and _TIME_INDEX.search(left):
            if _LATER_INDEX.search(right) and not _LATER_INDEX.search(left):
                drafts.append(_future(formula.span, "incomplete-formula", "its right side has the index t + 1"))
            else:
                examined.append(formula.span)
    drafts += [
        _future(sentence.span, "ambiguous-methodology", "it is only known after the open")
        for sentence in document.body
        if _uses_the_future(sentence.text)
    ]
    return Outcome(tuple(drafts), tuple(examined))


def _uses_the_future(text: str) -> bool:
    if _OPEN_FROM_CLOSE.search(text) and not _OTHER_DAY.search(text):
        return True
    if not _OF_THE_DAY.search(text) or _OTHER_DAY.search(text):
        return False
    return bool((_KNOWN_AT_THE_END.search(text) and _AT_THE_OPEN.search(text)) or _BEFORE_THE_OPEN.search(text))


def _future(span: Span, category: Category, why: str) -> Draft:
    return Draft(
        family="FML",
        category=category,
        severity="high",
        title="A value is used before it is known",
        explanation=f"The result of a point in time needs a value of a later one: {why}. It cannot be computed live.",
        spans=(span,),
        confidence=0.8,
        decision=("value from the future", why),
    )
