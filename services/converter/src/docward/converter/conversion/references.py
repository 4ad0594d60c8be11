"""Cross-references: to sections, appendices, tables, figures, formulas, terms; to other documents, standards, links.

Each is resolved to an element or says that it is not: nothing that looks like a reference is dropped. A reference to
a part of another document (“Section 4 of the Trading Policy”) is external and belongs to that document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from string import ascii_uppercase
from urllib.parse import unquote

from docward.converter.conversion import codes
from docward.converter.conversion.anchors import Anchors
from docward.converter.conversion.blocks import Piece
from docward.converter.conversion.prose import at_word, key, plain, words
from docward.converter.conversion.tables import CAPTION
from docward.converter.conversion.targets import APPENDIX, FIGURE, Targets
from docward.events.ir import CrossReference, ReferenceKind

NUMBER = r"(?:[A-Z]\.)?\d+[A-Z]?(?:\.\d+)*(?:\([a-z0-9]{1,4}\))*(?![\w%])|[A-Z](?:\.?\d+)*(?![\w’'])|[IVX]+\b"
LIST = rf"(?P<numbers>(?:{NUMBER})(?:(?:\s*,\s*|\s*,?\s+(?:and|or|to|through)\s+|\s*[–-]\s*|\s*&\s*)(?:{NUMBER}))*)"
KINDS: dict[ReferenceKind, tuple[str, ...]] = {
    "section": (
        "[Ss]ections?", "[Ss]ubsections?", r"Sect?\.", "[Cc]hapters?", "[Cc]lauses?", "[Pp]aragraphs?",
        r"[Rr]ules?(?=\s+[A-Z]?\d+\.\d)", r"Parts?(?=\s+\d)", r"PARTS?(?=\s\d)",
    ),
    "appendix": (
        "[Aa]ppendix", "[Aa]ppendices", "[Aa]nnexe?s?", "Schedules?", "Exhibits?", "Attachments?", "Addendum",
        "APPENDIX", "ANNEX", r"A(?:pp|PP)\.?(?=\s\d)",
    ),
    "table": ("[Tt]ables?", r"Tab\."),
    "figure": ("[Ff]igures?", r"Figs?\.", "[Cc]hart", "[Dd]iagram"),
    "formula": ("[Ee]quations?", r"Eqs?\.", "[Ff]ormulas?", "[Ff]ormulae"),
}  # fmt: skip
KIND = {kind: re.compile("|".join(words)) for kind, words in KINDS.items()}
NUMBERED = re.compile(at_word(*chain(*KINDS.values())) + "|§§?")
TAIL = re.compile(rf"[\s\u00a0]*(?:[Nn]o\.\s*)?\(?{LIST}\)?")
OF_OTHER = re.compile(r"\)?,?\s+(?:of|in|to|from|under)\s+(?:the\s+|our\s+)?(?=[A-Z“\"])")

NOUNS = (
    "Policy", "Policies", "Manual", "Guide", "Handbook", "Methodology", "Specifications?", "Standards?", "Procedures?",
    "Agreement", "Rulebook", "Rule Book", "Framework", "Charter", "Playbook", "Runbook", "Guidelines?",
    "White ?[Pp]aper", "Memorandum", "Document", "Documentation", "Protocol", "Plan", "Terms of Reference", "Inventory",
    "Register", "Code of Conduct",
)  # fmt: skip
NOUN = f"(?:{'|'.join(NOUNS)})"
A_NOUN = re.compile(at_word(*NOUNS))
FIRST_WORD = r"[A-Z\d](?<!\w[A-Z\d])(?:(?<=\D)[\w&’'/.-]*|\d{3})"
NAME_WORD = r"(?:[A-Z][\w&’'/.-]*|\d{4})"
DOCUMENT = re.compile(
    rf"(?P<name>{FIRST_WORD}(?:\s+(?:(?:of|for|and|on|&)\s+)?(?:the\s+)?{NAME_WORD}){{0,6}}?"
    rf"\s+{NOUN}(?:\s+{NOUN})*)\b"
    r"(?![\w-]|\s+(?:Committee|Owner|Team|Officer|Board|Group|Manager))"
    r"(?P<code>\s*\((?=[^)\n]*[\dA-Z-])[A-Z][A-Za-z]*[-\w./ ]{0,30}\))?"
    r"(?P<version>[”\"*_]*,?\s*\(?(?:(?:[Vv](?:ersion)?|[Rr]ev(?:ision)?|[Ee]dition)\.?\s*\d[\w.]*|(?:dated?|of"
    r"|effective)\s+(?:\d{1,2}\s+)?(?:[A-Z][a-z]+\s+)?(?:\d{1,2},?\s+)?\d{4}(?:-\d\d-\d\d)?|\d{4}-\d\d-\d\d)\)?)?"
)
LEADING = words(
    "the this that these our see each any all its per under in for as if where when and or per by both an a to on"
    " with every such no is are"
)
STANDARD = re.compile(
    at_word(
        r"RTS \d+", r"ITS \d+", "MiFID II", "MiFIR", r"MAR\b", "EMIR", "DORA", "BMR", "UK BMR",
        "Benchmarks? Regulation", r"Regulation \((?:EU|EC)\)(?: No\.?)? \d+/\d+",
        r"Commission Delegated Regulation \(EU\) \d+/\d+", r"Delegated Regulation \(EU\) \d+/\d+",
        r"Directive \d+/\d+/\w+",
        *(rf"{who}Rule \d+[\w.-]*(?:\([a-z0-9]+\))*" for who in ("SEC ", "FINRA ", "CFTC ", "NYSE ", "Nasdaq ", "")),
        "Reg(?:ulation)? (?:NMS|SHO|SCI|AT)", r"ISO(?:/IEC)? \d+(?:-\d+)?", r"FIX \d\.\d", r"RFC \d+",
        "IOSCO(?: Principles)?", r"SR \d+-\d+", "PRIIPs", "UCITS", r"IFRS \d+", "GIPS",
    )
    + r"(?:,? (?:Article|Art\.|Annex|Section|Recital)s? (?:\d+(?:\(\d+\))*(?:\([a-z]\))*|[IVX]+))?"
)  # fmt: skip
BOOKS = "SYSC COBS MAR SUP DTR GEN PRU FEES MIR COB AML FUNDS PERG DISP"
RULEBOOK = re.compile(
    at_word(
        rf"[{ascii_uppercase}][A-Z]{{2,4}}\s+\d+[A-Z]?(?:\.\d+){{2,}}",
        *(rf"{book}\s+\d+[A-Z]?(?:\.\d+)+" for book in BOOKS.split()),
    )
    + r"[A-Z]?\b(?:\([a-z0-9]{1,4}\))*(?:(?:,|\s(?:and|or|to))\s\d+(?:\.\d+)+[A-Z]?)*"
)
"""A rule of a regulator's book, by its short name: `SYSC 9.1.1R`."""
NAMED_BOOK = re.compile(r"\b[A-Z][\w&]*\s$")
ARTICLE = re.compile(
    at_word("Article", r"Art\.")
    + r"s? \d+(?:\(\d+\))*(?:\([a-z]\))*(?:,? (?:and|to) \d+)? (?:of|in) (?:the )?(?=[A-Z])"
)
VENDOR = re.compile(
    at_word(
        "Bloomberg", "Refinitiv", "LSEG", "Thomson Reuters", "FactSet", "Morningstar", "IHS Markit", "Markit",
        "Compustat", "CRSP", "MSCI", "Datastream", "ICE Data", "Quandl", "WRDS", "RavenPack", "S&P Capital IQ",
    )
    + r"(?: [A-Z][\w&-]*){0,2}"
)  # fmt: skip
BARE_URL = re.compile(r"https?://[^\s<>()\[\]|\"”]+[^\s<>()\[\]|\"”.,;:!?]")
BY_TITLE = re.compile(
    r"(?:\b(?:[Ss]ection|[Cc]hapter|[Pp]aragraph|[Aa]ppendix|[Aa]nnex|[Pp]art)\s+[“\"](?P<after>[^”\"\n]{2,80})[”\"]"
    r"|[“\"](?P<before>[^”\"\n]{2,80})[”\"]\s+(?:section|chapter|appendix|annex|paragraph)\b)"
)
QUOTE = re.compile(r"[“\"]")


@dataclass(frozen=True)
class Found:
    kind: ReferenceKind
    start: int
    end: int
    target: str
    external: bool = False
    version: str | None = None
    target_id: str | None = None


def build_references(
    markdown: str, pieces: Sequence[Piece], targets: Targets, anchors: Anchors
) -> list[CrossReference]:
    references: list[CrossReference] = []
    flat = markdown.replace("\n", " ")  # a reference may stand on two lines
    for piece in pieces:
        if piece.kind in {"front-matter", "code", "formula"}:
            continue
        taken = bytearray(piece.end - piece.start)
        for found in _in_piece(flat, piece, targets):
            start, end = found.start - piece.start, found.end - piece.start
            if not any(taken[start:end]):
                taken[start:end] = b"\1" * (end - start)
                references.append(_reference(markdown, found, anchors))
    return sorted(references, key=lambda reference: reference.span.start)


def _reference(markdown: str, found: Found, anchors: Anchors) -> CrossReference:
    text = markdown[found.start : found.end]
    anchor = f"{anchors.section_at(found.start)}\x1e{key(text)}\x1e{found.target}"
    return CrossReference(
        **anchors.locate("reference", anchor, found.start, found.end),
        text=text,
        kind=found.kind,
        target=found.target,
        target_id=found.target_id,
        resolved=found.target_id is not None or (found.kind == "url" and found.external),
        external=found.external,
        version=found.version,
    )


def _in_piece(markdown: str, piece: Piece, targets: Targets) -> Iterator[Found]:
    start, end = piece.start, piece.end
    for inline in piece.inlines:
        if inline.kind == "link" and inline.target:
            yield _link(inline.start, inline.end, inline.target, targets)
    own = _own_label(markdown, piece)
    for url in BARE_URL.finditer(markdown, start, end):
        yield Found("url", url.start(), url.end(), url.group(), external=True)
    yield from _numbered(markdown, max(start, own), end, targets)
    if piece.kind != "heading":
        yield from _named(markdown, start, end, targets)


def _named(markdown: str, start: int, end: int, targets: Targets) -> Iterator[Found]:
    """By a title, by the number of a requirement, by the name of a standard, a document or a vendor."""
    if QUOTE.search(markdown, start, end):
        for found in BY_TITLE.finditer(markdown, start, end):
            title = found["after"] or found["before"]
            yield Found("section", found.start(), found.end(), title, target_id=targets.titles.get(key(title)))
    for found in codes.mentioned(markdown, start, end, targets.prefixes):
        target = targets.numbers.get(("section", found.group().casefold()))
        yield Found("section", found.start(), found.end(), found.group(), target_id=target)
    for pattern in (ARTICLE, STANDARD, RULEBOOK):
        for found in pattern.finditer(markdown, start, end):
            yield _standard(markdown, found, end)
    if A_NOUN.search(markdown, start, end):
        for found in DOCUMENT.finditer(markdown, start, end):
            yield from _document(found, targets)
    for found in VENDOR.finditer(markdown, start, end):
        yield Found("vendor", found.start(), found.end(), found.group(), external=True)


def _own_label(markdown: str, piece: Piece) -> int:
    """Where a caption's or a heading's own label ends: it is no reference to itself."""
    text = markdown[piece.start : piece.end]
    for pattern in (CAPTION, FIGURE, APPENDIX):
        if found := pattern.match(text):
            return piece.start + found.end()
    if piece.kind == "heading" and (
        found := re.match(r"[#\s*_]*(?:Appendix|Annex|Schedule|Section|Chapter)\s+[\w.]+", text, re.IGNORECASE)
    ):
        return piece.start + found.end()
    return piece.start


def _link(start: int, end: int, target: str, targets: Targets) -> Found:
    if target.startswith("#"):
        name = unquote(target[1:]).casefold()
        if labelled := targets.labels.get(name):
            return Found(labelled[0], start, end, target, target_id=labelled[1])
        return Found("section", start, end, target, target_id=targets.slugs.get(name))
    if re.match(r"[a-z][a-z0-9+.-]*:", target, re.IGNORECASE):
        return Found("url", start, end, target, external=True)
    return Found("document", start, end, target, external=True)


def _numbered(markdown: str, start: int, end: int, targets: Targets) -> Iterator[Found]:
    for word in NUMBERED.finditer(markdown, start, end):
        tail = TAIL.match(markdown, word.end(), end)
        kind = _kind(word)
        if tail is None or (kind != "section" and not re.match(r"[\s\u00a0]", markdown[word.end() : word.end() + 1])):
            continue
        if (
            re.fullmatch(r"[a-z].*", word.group())
            and re.fullmatch(r"[A-HJ-Z]|I|[IVX]+", tail["numbers"])
            and kind != "appendix"
        ):
            continue
        book = NAMED_BOOK.search(markdown, max(start, word.start() - 20), word.start())
        if word.group().lower().startswith("rule") and book and book.group().strip().lower() not in LEADING:
            text = plain(markdown[book.start() : tail.end()])
            yield Found("standard", book.start(), tail.end(), text, external=True)
            continue
        other = _other_document(markdown, tail.end(), end, targets)
        yield from _each(markdown, word, tail, kind, targets, other)


def _kind(word: re.Match[str]) -> ReferenceKind:
    return next((kind for kind, begin in KIND.items() if begin.match(word.string, word.start())), "section")


def _other_document(markdown: str, at: int, end: int, targets: Targets) -> re.Match[str] | None:
    """The document that “of the …” names after a number, if it is not this one."""
    of = OF_OTHER.match(markdown, at, end)
    if of is None:
        return None
    found = STANDARD.match(markdown, of.end(), end) or DOCUMENT.match(markdown, of.end(), end)
    return found if found and key(found.group()) not in targets.own_title else None


def _each(  # noqa: PLR0917 - what was found, and in what
    markdown: str,
    word: re.Match[str],
    tail: re.Match[str],
    kind: ReferenceKind,
    targets: Targets,
    other: re.Match[str] | None,
) -> Iterator[Found]:
    """One reference per number; the first includes the word before it."""
    base = tail.start("numbers")
    for index, number in enumerate(re.finditer(NUMBER, tail["numbers"])):
        start = word.start() if index == 0 else base + number.start()
        end = base + number.end()
        if markdown[end : end + 1] == ")" and "(" in markdown[word.end() : base]:
            end += 1  # `equation (7)`
        label = number.group().rstrip(".")
        if other:
            version = other.groupdict().get("version")
            where: ReferenceKind = "standard" if "name" not in other.groupdict() else "document"
            yield Found(
                where,
                start,
                other.end(),
                f"{other.group().strip()}, {kind} {label}",
                external=True,
                version=_version(version),
            )
            return
        prefix = {"section": "", "formula": "", "appendix": "Appendix ", "table": "Table ", "figure": "Figure "}[kind]
        yield Found(kind, start, end, prefix + label, target_id=_resolve(kind, label, targets))


def _resolve(kind: ReferenceKind, label: str, targets: Targets) -> str | None:
    label = label.casefold()
    while label:
        if (kind, label) in targets.numbers:
            return targets.numbers[kind, label]
        if kind == "section" and ("appendix", label) in targets.numbers:
            return targets.numbers["appendix", label]
        if not label.endswith(")"):
            return None
        label = label[: label.rindex("(")]  # “4.2(b)” stands in 4.2
    return None


def _standard(markdown: str, found: re.Match[str], limit: int) -> Found:
    end = found.end()
    if found.re is ARTICLE:
        name = STANDARD.match(markdown, end, limit) or re.compile(rf"{NAME_WORD}(?:\s+{NAME_WORD})*").match(
            markdown, end, limit
        )
        end = name.end() if name else end
    return Found("standard", found.start(), end, plain(markdown[found.start() : end]), external=True)


def _document(found: re.Match[str], targets: Targets) -> Iterator[Found]:
    start, name = found.start("name"), found["name"]
    while name.split() and name.split()[0].lower() in LEADING:
        rest = name.split(None, 1)
        start += len(name) - len(rest[1]) if len(rest) > 1 else len(name)
        name = rest[1] if len(rest) > 1 else ""
    if (
        len(name.split()) < 2
        or key(name) in targets.own_title
        or (targets.own_title and targets.own_title in key(name))
    ):
        return
    names = [key(name), re.sub(r"s$", "", key(name))]
    known = next((ids[one] for ids in (targets.titles, targets.terms) for one in names if one in ids), None)
    kind: ReferenceKind = (
        "document" if known is None else ("section" if known in targets.titles.values() else "definition")
    )
    version = _version(found["version"]) or _version((found["code"] or "").strip(" ()"))
    yield Found(
        kind, start, found.end(), " ".join(name.split()), external=known is None, version=version, target_id=known
    )


def _version(text: str | None) -> str | None:
    text = re.sub(r"^[\s,(”\"*_]+|[\s)]+$", "", text or "")
    text = re.sub(r"^(?:dated?|of|effective)\s+", "", text)
    found = re.search(
        r"(?:[Vv](?:ersion)?|[Rr]ev(?:ision)?|[Ee]dition)\.?\s*(\d[\w.]*)$|((?:\d{1,2} )?(?:[A-Z][a-z]+ )?"
        r"(?:\d{1,2},? )?\d{4}(?:-\d\d-\d\d)?)$",
        text,
    )
    return (found[1] or found[2]).rstrip(".") if found else None
