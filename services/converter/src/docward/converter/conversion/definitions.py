"""Where a document says what a term or a symbol means.

Recognised: “X” means …, X is defined as …, (the “X”), Average True Range (ATR), a bold term with its text, glossary
tables, and the “where” lists that explain a formula's symbols. A definition's text is the clause that defines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docward.converter.conversion.anchors import Anchors
from docward.converter.conversion.blocks import Piece
from docward.converter.conversion.prose import QUANTITY, at_word, key, plain, sentences, words
from docward.converter.conversion.tables import CAPTION
from docward.events.ir import Definition, Section, Table

QUOTED = (
    r"(?:[“\"‘](?P<q{n}>[^”\"’\n]{{1,60}})[”\"’]|\*\*(?P<b{n}>[^*\n]{{1,60}})\*\*|(?<!\*)\*(?P<i{n}>[^*\n]{{1,60}})\*)"
)
VERB = (
    r"(?:shall mean|means|refers? to|(?:is|are|shall be) defined (?:as|to be|by)|denotes?|is understood as|has the"
    r" meaning)\b"
)
DEFINING = re.compile("mean|refer|defined|denote|understood")
"""What every `VERB` holds."""
MEANS = re.compile(
    rf"(?:\b[Tt]he (?:term|expression) )?{QUOTED.format(n=1)}(?:,? (?:or|and|also) {QUOTED.format(n=2)})?"
    rf"(?:\s*\([^)\n]{{1,60}}\))?,?\s+{VERB}"
)
SUBJECT_MEANS = re.compile(
    rf"^(?:[-*+]\s+|\d+[.)]\s+)?(?:(?:For|In|Within)\s+[^,;.\n]{{1,60}},\s+)?(?:(?:[Tt]he|[Aa]n?|Each)\s+)?"
    rf"(?P<term>[A-Za-z`$][^.;:,\n(]{{0,60}}?)"
    rf"(?:\s*\((?P<alias>[^)\n]{{1,30}})\))?,?\s+{VERB.replace('refers? to|', '')}"
)
CAPITAL_IS = re.compile(
    r"^(?:[-*+]\s+|\d+[.)]\s+)?(?:The|An?|Each)\s(?P<term>[A-Z][\w’'-]*(?:\s[A-Z][\w’'-]*){1,3})\s(?:is|are)\s"
    r"(?:the|an?|any|each)\s(?!same\b)"
)
"""`The Cut-off Date is the last …`: capitals say that the words are a term of the document."""
ASIDE = 0.8
"""The confidence of such a sentence: it defines what nothing else does."""
NAMED = re.compile(
    r"\((?:the|an?|each,? an?|hereinafter|hereafter|collectively|together|referred to as)[^()\"“\n]{0,40}[\"“]"
    r"([^”\"\n]{1,60})[”\"]\)"
)
ACRONYM = re.compile(r"\((?:the |or )?[\"“]?([A-Z][A-Za-z0-9&/-]*[A-Z0-9][a-z]?)[\"”]?\)")
EXPANDED = re.compile(r"\b([A-Z][A-Z0-9&/-]{1,8}) \(([A-Za-z][\w’'& -]{4,70})\)")
LEAD_TERM = re.compile(
    r"^(?:[-*+]\s+|\d+[.)]\s+)?(?P<em>\*\*|\*(?!\*)|_)(?P<term>[^*_\n]{1,60}?)\s*(?P<inner>:)?(?P=em)\s*"
    r"(?:\((?P<alias>[^)\n]{1,40})\)\s*)?"
    r"(?P<mark>[:–—-])?\s*(?P<text>\S.*)$",
    re.DOTALL,
)
ENTRY = re.compile(
    r"(?:^|(?<=\n))(?P<line>(?:\*\*[^*\n]{1,60}\*\*|\*[^*\n]{1,60}\*|_[^_\n]{1,60}_)\s*[:–—-])", re.MULTILINE
)
PLAIN_LEAD = re.compile(
    r"^(?:[-*+]\s+|\d+[.)]\s+)?(?P<term>[A-Z][\w/&’' -]{0,50}?)\s*(?:\((?P<alias>[^)\n]{1,40})\))?\s*(?::|"
    r" [–—-])\s+(?P<text>\S.*)$",
    re.DOTALL,
)
NOT_TERMS = words(
    "note notes example examples important warning caution remark source sources see tip summary purpose rationale"
    " step version date author owner status approved by effective date table figure"
)
PRONOUNS = words("this that these those it they which who he she we you there here what both each one")

SYMBOL = (
    r"(?:\$[^$\n]{1,60}\$|`[^`\n]{1,60}`|\*[^*\n]{1,30}\*"
    r"|(?:[A-Z][A-Za-z0-9]{0,12}|[a-zα-ωΑ-Ω∆∑](?![a-z])[A-Z0-9]{0,3}|[a-z]{1,12}(?=[_^]))(?:[_^]\{?[\w+−,*"
    r" -]{1,16}?\}?)?(?:\([a-z](?:[-−+]\d)?\))?′?)(?![\w’])"
)
IS = (
    r"(?:\s*(?:=|:|–|—)\s*|\s+-\s+|\s+(?:is|are|denotes?|represents?|stands? for|means|equals)\s+|\s+(?=(?:the|an?"
    r"|its|each)\s))"
)
WHERE = re.compile(
    at_word("[Ww]here", "[Ww]ith", "[Ii]n which", "[Hh]ere", not_after=r"[^\s,;(]")
    + r"[,:]?\s+(?="
    + SYMBOL
    + "(?:"
    + IS
    + r"|\s*,|\s+and\b))"
)
SYMBOLS = rf"{SYMBOL}(?:(?:,\s+|,?\s+and\s+){SYMBOL})*"
NO_MEANING = re.compile(
    r"(?:as|set|not|zero|positive|negative|smaller|larger|greater|less|more|fewer|lower|higher|above|below|equal|at"
    r" (?:least|most)"
    r"|defined|described|given|the same)\b"
)
WHERE_PART = re.compile(rf"(?:^|[,;]\s*(?:and\s+)?|\s+and\s+)(?P<terms>{SYMBOLS}){IS}(?P<text>\S)")
FIRST_PART = re.compile(rf"(?P<terms>{SYMBOLS}){IS}(?P<text>\S)")
WHERE_LEAD = re.compile(r"(?:^|\s)(?:where|with|in which|symbols?|notation|variables?|whereby)\s*:?\s*$", re.IGNORECASE)
ITEM = re.compile(
    rf"^(?:[-*+]\s+|\d+[.)]\s+)?(?P<term>{SYMBOL}|\*\*[^*\n]{{1,60}}\*\*|[A-Za-z][\w ]{{0,40}}?){IS}(?P<text>\S.*)$",
    re.DOTALL,
)
LET = re.compile(rf"{at_word('[Ll]et', '[Dd]enote by')}\s+(?P<term>{SYMBOL})\s+(?:be|denote|represent|the)\b")
NOUN_SYMBOL = re.compile(
    r"\b(?:[Tt]he|[Aa]n?)\s+(?P<text>[a-zA-Z][a-zA-Z -]{2,50}?)\s+(?P<term>\$\\?[A-Za-z][^$\s=<>+]{0,20}\$)(?!\w)"
)

TERM_COLUMN = re.compile(
    r"^(?:terms?|acronyms?|abbreviations?|symbols?|notation|variables?|definition of|expression)\b", re.IGNORECASE
)
TEXT_COLUMN = re.compile(r"meaning|definition|description|expansion|stands for|explanation", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    term: str
    start: int
    end: int
    aliases: tuple[str, ...] = ()
    confidence: float = 1.0


def build_definitions(
    markdown: str, pieces: Sequence[Piece], sections: Sequence[Section], tables: Sequence[Table], anchors: Anchors
) -> list[Definition]:
    """In the order of the text; one clause that defines a term in two forms counts once."""
    types = {section.id: section.type for section in sections}
    found = list(_glossary_rows(tables))
    explained = False  # whether the list that goes on explains symbols: its lead-in says “where:” or the like
    for piece, above in zip(pieces, [None, *pieces], strict=False):
        if piece.kind == "list-item" and above is not None and (above.kind != "list-item" or not explained):
            explained = _leads(markdown, above)
        if piece.kind in {"paragraph", "list-item", "quote"}:
            glossary = types.get(anchors.section_at(piece.start) or "") in {"glossary", "definition"}
            found += _in_piece(markdown, piece, glossary=glossary, listed=explained and piece.kind == "list-item")
    said = {key(item.term) for item in found if item.confidence != ASIDE}
    found = [item for item in found if item.confidence != ASIDE or key(item.term) not in said]
    definitions: list[Definition] = []
    taken: dict[str, int] = {}
    for item in sorted(found, key=lambda one: (one.start, one.end)):
        name = key(item.term)
        if not name or name in PRONOUNS or item.start < taken.get(name, 0):
            continue
        if item.aliases and item.start < taken.get(key(item.aliases[0]), 0):  # “Net asset value (NAV)” defines one term
            continue
        taken.update(dict.fromkeys((name, *map(key, item.aliases)), item.end))
        definitions.append(
            Definition(
                **anchors.locate("definition", name, item.start, item.end),
                confidence=item.confidence,
                term=plain(item.term),
                text=markdown[item.start : item.end],
                aliases=item.aliases,
            )
        )
    return definitions


def _glossary_rows(tables: Sequence[Table]) -> Iterator[Found]:
    for table in tables:
        names = [cell.text for cell in table.header]
        if not names or not TERM_COLUMN.match(names[0]) or not any(TEXT_COLUMN.search(name) for name in names[1:]):
            continue
        for row in table.rows:
            if len(row) > 1 and row[0].text and any(cell.text for cell in row[1:]):
                term, alias = split_alias(row[0].text)
                yield Found(term, row[0].span.start, row[-1].span.end, alias)


def split_alias(term: str) -> tuple[str, tuple[str, ...]]:
    """“Net asset value (NAV)” is a term with an alias; “P(t)” is one symbol."""
    found = re.fullmatch(r"(.{2,}?)\s+\(([^()]{2,30})\)", term.strip())
    return (found[1], (found[2],)) if found else (term, ())


def _leads(markdown: str, piece: Piece) -> bool:
    lead_in = piece.kind in {"paragraph", "list-item"}
    return lead_in and bool(WHERE_LEAD.search(plain(markdown[piece.start : piece.end])[-40:]))


def _in_piece(markdown: str, piece: Piece, *, glossary: bool, listed: bool) -> Iterator[Found]:
    for start, end in _entries(markdown, piece):
        if lead := _lead(markdown[start:end], glossary=glossary, listed=listed):
            term, alias = split_alias(plain(lead["term"]) if "(" in lead["term"] and listed is False else lead["term"])
            yield Found(term, start, end, (*alias, *_alias(lead)))
    for start, end in sentences(markdown, piece.start, piece.end):
        yield from _in_sentence(markdown, start, end)


def _entries(markdown: str, piece: Piece) -> Iterator[tuple[int, int]]:
    """The piece; where several of its lines begin with a term in bold or italics, each of them."""
    starts = [found.start("line") for found in ENTRY.finditer(markdown, piece.start, piece.end)]
    if len(starts) < 2 or starts[0] != piece.start:
        starts = [piece.start]
    for start, end in zip(starts, [*starts[1:], piece.end], strict=True):
        yield start, start + len(markdown[start:end].rstrip())


def _lead(text: str, *, glossary: bool, listed: bool) -> re.Match[str] | None:
    if listed and (found := ITEM.match(text)):
        return found
    if (found := LEAD_TERM.match(text)) and _defines(found, glossary=glossary):
        return found
    if glossary and (found := PLAIN_LEAD.match(text)) and key(found["term"]) not in NOT_TERMS:
        return None if CAPTION.match(text) else found
    return None


def _defines(found: re.Match[str], *, glossary: bool) -> bool:
    """“**Lookback**: the number of …” defines; “**Lookback**: 20 days” sets a value, “**Note**: …” does neither."""
    text = plain(found["text"])
    if not (found["mark"] or found["inner"]) or key(found["term"]) in NOT_TERMS or len(text.split()) < 3:
        return False
    if glossary:
        return True
    return not QUANTITY.match(text) and bool(re.match(r"(?:An?|The|Any|Each|All|Every)\b|[a-z]", text))


def _alias(found: re.Match[str]) -> tuple[str, ...]:
    alias = found.groupdict().get("alias")
    return (plain(alias),) if alias and alias.strip() else ()


def _in_sentence(markdown: str, start: int, end: int) -> Iterator[Found]:
    text = markdown[start:end].replace("\n", " ")
    defining = DEFINING.search(text) is not None
    if defining:
        for found in MEANS.finditer(text):
            terms = [found[f"{mark}{n}"] for n in (1, 2) for mark in "qbi" if found[f"{mark}{n}"]]
            yield Found(terms[0], start, end, tuple(terms[1:]))
    if defining and (subject := SUBJECT_MEANS.match(text)) and len(subject["term"].split()) <= 6:
        yield Found(subject["term"], start, end, _alias(subject), 0.9)
    elif subject := CAPITAL_IS.match(text):
        yield Found(subject["term"], start, end, confidence=ASIDE)
    for found in NAMED.finditer(text):
        yield Found(found[1], start, end)
    yield from _acronyms(text, start, end)
    yield from _where(text, start)
    for found in LET.finditer(text):
        yield Found(found["term"], start + found.start(), end)
    for found in NOUN_SYMBOL.finditer(text) if "$" in text else ():
        if re.search(r"\b(?:of|in|which|that|is|are|where|for|on|at)\b", found["text"]):
            continue
        yield Found(found["term"], start + found.start(), start + found.end(), confidence=0.7)


def _acronyms(text: str, start: int, end: int) -> Iterator[Found]:
    for found in ACRONYM.finditer(text):
        words = re.findall(r"[^\s\-/]+", text[max(0, found.start() - 120) : found.start()])
        if re.search(r"\d{3}", found[1]):  # a document's code, not an acronym
            continue
        if expansion := spelled_out(found[1], [word.strip('“”"*_,;:') for word in words]):
            yield Found(found[1], start, end, (expansion,))
    for found in EXPANDED.finditer(text) if " (" in text else ():
        if spelled_out(found[1], re.findall(r"[^\s\-/]+", found[2])):
            yield Found(found[1], start, end, (found[2],))


def spelled_out(acronym: str, words: Sequence[str]) -> str | None:
    """The last words whose initials are the acronym: “average true range” for ATR; small words may be left out."""
    letters = [letter for letter in acronym.rstrip("s").lower() if letter.isalpha()]
    small = {"of", "and", "the", "for", "in", "on", "to", "a", "an", "&"}
    taken: list[str] = []
    for word in reversed(words):
        if not letters:
            break
        if word and word[0].lower() == letters[-1]:
            letters.pop()
        elif word.lower() not in small or not taken:
            return None
        taken.append(word)
    return " ".join(reversed(taken)) if not letters and len(taken) > 1 else None


def _where(text: str, start: int) -> Iterator[Found]:
    lead = WHERE.search(text)
    if lead is None:
        return
    first = FIRST_PART.match(text, lead.end())
    parts = [first, *WHERE_PART.finditer(text, first.end())] if first else list(WHERE_PART.finditer(text, lead.end()))
    for part, following in zip(parts, [*parts[1:], None], strict=False):
        stop = following.start() if following else len(text)
        stop = part.start("terms") + len(text[part.start("terms") : stop].rstrip(" .,;)"))
        if NO_MEANING.match(text, part.start("text")):  # “P and S are as defined above” refers, it does not define
            continue
        for symbol in re.split(r",?\s+and\s+|,\s+", part["terms"]):
            yield Found(symbol, start + part.start("terms"), start + stop)
