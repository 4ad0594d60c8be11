"""TRM: abbreviations that are never spelled out, and terms that are defined twice with different meanings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from rapidfuzz import fuzz

from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import Draft, Outcome, insert_after, replace
from docward.analyzer.analysis.text import Caseless, content_stems, words
from docward.events.ir import Span

_ACRONYM = re.compile(r"(?<![\w$\\/.-])[A-Z][A-Z&]{1,6}s?(?![\w]|[-/.]\w|\s?=|[’']\w)")
_ID = re.compile(r"[A-Z]{2,}[-_][A-Z0-9]+(?:[-_][A-Z0-9]+)*")
_CODE_SPAN = re.compile(r"`[^`\n]+`|\$[^$\n]+\$|https?://\S+")
# Known to every reader of such documents: currencies, codes and places, formats, protocols, clocks, authorities.
_KNOWN = words(
    """
    VWAP TWAP OHLC IOC FOK GTC GTD P&L PNL CI CD CLI PR SHA PGP CVE UTF OS
    EUR USD GBP CHF JPY SEK NOK DKK AUD CAD HKD SGD PLN CNY INR US UK EU EEA UTC GMT CET CEST ET EST EDT BST JST
    HKT SGT IST AM PM PDF DOCX DOC XLSX RST CSV JSON XML YAML HTTP HTTPS URL REST API SQL TCP UDP IP FTP SFTP
    SSH TLS ID IDS CPU RAM ISO IEEE RFC MUST SHALL SHOULD MAY NOT AND OR IF THEN ELSE TRUE FALSE NULL NA NAN TBD
    TBC TODO OK NO YES ALL MIN MAX SUM LOG EXP SQRT AVG MEAN MIFID MIFIR RTS ITS MAR BMR ESMA FCA PRA SEC FINRA
    CFTC NFA IOSCO BAFIN AMF AFM MAS ASIC EBA ECB IMF FIA S&P NYSE NASDAQ LSE JPX HKEX ASX SGX NSE BSE CME ICE
    CBOE XETRA MSCI FTSE STOXX GICS ICB ISIN CUSIP SEDOL FIGI LEI MIC ETF ETFS ETP FX OTC IPO AG SE SA NV PLC
    DAX MDAX CAC SPX SPY QQQ NDX DJIA SMI IBEX FTSEMIB AEX HSI NKY TOPIX ATX OMX EEM HR IT PR QA UAT FAQ KPI SLA GUI UI
    CCP OMS EMS FIX HFT AI ML LEDGER FY QTD YTD MTD EOD BOD SOD YOY USA UAE APAC EMEA GDP CPI NAV ATM DMA DVP T&C R&D
    BUY SELL NET GROSS BEGIN END LONG SHORT OPEN CLOSE HIGH LOW START STOP FLAT HOLD BID ASK MID ON OFF NEW OLD PASS
    FAIL DRAFT FINAL NOTE IMPORTANT WARNING CAUTION CONFIDENTIAL INTERNAL PUBLIC ONLY NEVER ALWAYS EACH EVERY NONE DO
    WHEN WHERE WHILE FOR WITH IS ARE BE BY OF TO IN AT AS IT WE THE AN ANY BOTH ENTRY EXIT ORDER LIMIT MARKET PRICE
    DATE TIME VALUE TOTAL RISK INPUT OUTPUT RETURN SELECT FROM UP DOWN LEFT RIGHT SET GET ADD RUN KILL HALT PAUSE MON
    TUE WED THU FRI SAT SUN JAN FEB MAR APR JUN JUL AUG SEP OCT NOV DEC
    LLC LLP INC LTD GMBH CEO CFO CRO COO CTO CIO VIX II III IV VI VII VIII IX XI XII ESG FIFO LIFO
    AAA AA BBB BB CCC CC NR WR IG HY BTC ETH USDT USDC SOL XRP ADA DOT DOGE LTC BNB DAI EURC WBTC
    BRL MXN ZAR TRY ILS KRW TWD THB IDR MYR PHP VND CZK HUF RON BGN ISK RUB CNH SAR AED QAR KWD EGP CLP COP PEN NZD
    WTI TTF NBP RBOB ULSD LNG LME NYMEX COMEX CBOT CFE TSX BME SIX WSE JSE BMV KRX TWSE IEX BATS EBS DTCC OCC LCH
    DTC NSCC FINMA CSSF CNMV CONSOB BIS IMM ISDA ICMA SIFMA OECD UN NASA NOAA TARGET SEPA SWIFT CREST CLS
    SOFR SONIA ESTR EONIA LIBOR EURIBOR TONA SARON TIBOR ICAP ISS CDP TRBC SIC NAICS NACE GLEIF RIC BIC IBAN
    NUMA GAAP IFRS VAT UCITS AIFMD EMIR DORA SFDR PRIIPS MIFIDII OTF MTF SI MOC LOC MOO LOO DAY GTX TIF
    LSEG BXE CXE DXE MDDX ITCH OUCH SBE FAST CSD CCY LHS RHS EBITDA EBIT EPS ROE ROA TSR
    CSS HTML PNG UUID JWT OIDC TOML GPU GPS NTP PTP UTF ASCII CRC MIT BSD GPL
    """
)
_ORDERS = words("IOC FOK GTC GTD MOC LOC MOO LOO DAY GTX TIF SI CI CD PR RIC DOT LOC OCC OS IP BIC ADA")
"""Known as kinds of orders or codes, and unknown where they decide something: `the IOC meets`."""
_DECIDES = re.compile(
    r"\s(?:meets|decides|approves?|reviews?|votes|is chaired|consists of|oversees|may (?:decide|approve|deviate))\b"
)
_NO_NAME = words("Each Every This That These Those When Where With Only Both Under From Such Upon Then Once Daily Than")
"""Words that begin a sentence, and no name."""
_MEANS = re.compile(
    r"(?:^|[,:;]\s|\bthe\s|\b[Aa]n?\s)[\"“]?(?P<term>[A-Z][\w-]+(?: [A-Z][\w-]+)*)[\"”]?\s(?:means|is defined as|"
    r"shall mean|denotes)\s(?P<text>.{10,})"
)
_PRICED = Caseless(
    r"\b(?:prices?|contracts?|shares?|units?|lots?|volumes?|futures?|options?|positions?|quotes?) (?:of|in|on) $"
)
"""Before the symbol of an instrument: `seven contracts of FESX`."""
_CODE_COLUMN = Caseless(
    r"\b(?:MIC|codes?|tickers?|symbols?|ISINs?|RIC|ids?|identifiers?|venues?|exchanges?|instruments?)\b"
)
"""The heading of a column of codes."""
_LISTED = re.compile(r"(?:\b[A-Z]{2,5},\s){2,}(?:and\s|or\s)?[A-Z]{2,5}\b(?:\s(?:and|or)\s[A-Z]{2,5}\b)?")
"""Three or more in a row (`AAPL, MSFT, IBM`) are symbols of instruments."""
_SAME_MEANING = 78
"""Token-set similarity (0–100) from which two definitions of a term count as one wording."""


def acronyms(document: Document) -> Outcome:
    expanded = _expanded(document)
    title = set(re.findall(r"[A-Z]{2,}", f"{document.ir.title or ''} {' '.join(document.ir.metadata.values())}"))
    lower = {token.text for token in document.tokens if token.text.islower()}
    uses: dict[str, list[Span]] = defaultdict(list)
    for sentence in document.body:
        hidden = [
            m.span() for p in (_CODE_SPAN, _ID) for m in p.finditer(document.stated, sentence.start, sentence.end)
        ]
        hidden += [(cell.span.start, cell.span.end) for head, cell in sentence.cells if _CODE_COLUMN.search(head)]
        hidden += [m.span() for m in _LISTED.finditer(document.text, sentence.start, sentence.end)]
        for match in _ACRONYM.finditer(document.text, sentence.start, sentence.end):
            if not any(a <= match.start() < b for a, b in hidden) and not _in_name(document.text, match):
                uses[match.group().rstrip("s")].append(Span(start=match.start(), end=match.end()))
    drafts, examined = [], []
    for acronym, spans in uses.items():
        is_body = acronym in _ORDERS and any(_is_a_body(document.text, span) for span in spans)
        if acronym in title or (_is_common(acronym, lower) and not is_body) or _is_formula_symbol(document, acronym):
            continue
        if any(_is_instrument(document.text, span) for span in spans):
            continue
        if acronym in expanded or f"{acronym}s" in expanded:
            examined.append(spans[0])
            continue
        drafts.append(
            Draft(
                family="TRM",
                category="undefined-parameter",
                severity="medium",
                title=f"{acronym} is used but never spelled out",
                explanation=(
                    f"The abbreviation {acronym} is neither expanded where it is used nor listed or defined elsewhere."
                ),
                spans=tuple(spans[:5]),
                proposal=insert_after(document, spans[0].end, f" ({{meaning of {acronym}}})"),
                confidence=0.85,
                decision=(f"abbreviation {acronym}", "no expansion, definition, glossary or table entry"),
            )
        )
    return Outcome(tuple(drafts), tuple(examined))


def _is_common(acronym: str, lower: AbstractSet[str]) -> bool:
    """Known to every reader, a word in capitals (`BUY` where the text also has `buy`), or a currency pair."""
    pair = len(acronym) == 6 and {acronym[:3], acronym[3:]} <= _KNOWN
    return acronym in _KNOWN or acronym.lower() in lower or pair


def _is_a_body(text: str, span: Span) -> bool:
    return text[max(0, span.start - 4) : span.start].lower() == "the " and bool(_DECIDES.match(text, span.end))


def _is_instrument(text: str, span: Span) -> bool:
    """At least four capitals, and one place that trades or prices it: a symbol, which stands for itself."""
    before = text[max(0, span.start - 40) : span.start].replace("\n", " ")
    return span.end - span.start > 3 and _PRICED.search(before) is not None


def _in_name(text: str, match: re.Match[str]) -> bool:
    """Part of a proper name (`UN Global Compact`, `Capital IQ`, `New York, NY 10001`), listed with such names, the unit
    of an amount, or what names a calendar, an exchange or a feed.
    """
    before, after = text[max(0, match.start() - 30) : match.start()], text[match.end() : match.end() + 30]
    return bool(
        re.match(
            r"\s(?:[A-Z]{2,5}\s)?(?:[A-Z][a-z]+|\d{5})\b|,\s[A-Z][a-z]+(?:,|\s(?:and|or)\s[A-Z])|"
            r"\s\d[\d,.]*\s?(?:k|m|bn|million|billion|thousand)?\b|"
            r"\s(?:calendar|exchange|feed|terminal|certification|trading (?:platform|system|venue)|data ?base|"
            r"licen[cs]e|market data)\b",
            after,
        )
    ) or bool(
        re.search(
            r"(?:[\w&,]\s|\()[A-Z][a-z]+,?\s$|[A-Z][a-z]+,?\s(?:and|or)\s$|"
            r"\b(?:product|feed|protocol|platform|vendor|venue|exchange|data ?set|provider|broker|named|called)\s$",
            before,
        )
        or ((name := re.search(r"(?:^|\n|\|)\s*([A-Z][a-z]{3,})\s$", before)) and name[1] not in _NO_NAME)
    )


def _expanded(document: Document) -> set[str]:
    """Abbreviations with a meaning: `Long Name (LN)`, `LN (long name)`, `LN - Long Name`, first cells, definitions."""
    found: set[str] = set()
    for definition in document.ir.definitions:
        for term in (definition.term, *definition.aliases):
            found.update(re.findall(r"[A-Z][A-Z&]{1,6}", term))
    for sentence in document.sentences:
        text = sentence.text
        for match in re.finditer(r"\(\s?(?:the\s)?[\"“']?\s?([A-Z][A-Z&]{1,6})s?\s?[\"”']?\s?\)", text):
            if _stands_for(text[: match.start()], match.group(1)):
                found.add(match.group(1))
        for match in re.finditer(
            r"\b([A-Z][A-Z&]{1,6})s?\s*(?:\(([a-z][^)]{4,}|[A-Z][a-z][^)]{3,})\)|(?:[-–—:=]|means|stands for|denotes|"
            r"is the)\s)",
            text,
        ):
            found.add(match.group(1))
        if sentence.kind == "row" and sentence.cells and len(sentence.cells) > 1:
            found.update(re.findall(r"\w \(([A-Z]{2,5})\)", sentence.cells[0][1].text))  # the symbol beside its name
            labels = [sentence.cells[0][1].text]  # and what a column of codes assigns to it
            labels += [cell.text for head, cell in sentence.cells[1:] if _CODE_COLUMN.search(head)]
            found.update(f for text in labels if re.fullmatch(r"[A-Z][A-Z&]{1,6}", f := text.strip("*` ")))
    return found


def _stands_for(before: str, acronym: str) -> bool:
    words = re.findall(r"[A-Za-z]+", before)[-(len(acronym) + 4) :]
    initials = "".join(word[0].lower() for word in words)
    rest = iter(initials)
    loosely = all(letter in rest for letter in acronym.lower())
    return loosely or (bool(words) and any(word[0].lower() == acronym[0].lower() for word in words))


def _is_formula_symbol(document: Document, acronym: str) -> bool:
    symbol = re.compile(rf"(?<![A-Za-z]){re.escape(acronym)}(?![a-z])")
    return any(
        (formula.name and symbol.search(formula.name)) or any(symbol.match(v.symbol) for v in formula.variables)
        for formula in document.ir.formulas
    )


def double_definitions(document: Document) -> Outcome:
    by_term: dict[str, list[_Meaning]] = defaultdict(list)
    for meaning in _meanings(document):
        known = by_term[meaning.term.casefold()]
        if not known or meaning.span.start >= known[-1].span.end:
            known.append(meaning)
    drafts, examined = [], []
    for definitions in by_term.values():
        first, *others = definitions
        different = [other for other in others if not _same_meaning(first, other)]
        if not different:
            examined.append(first.span)
            continue
        other = different[0]
        drafts.append(
            Draft(
                family="TRM",
                category="inconsistent-content",
                severity="high",
                title=f"{first.term} is defined twice with different meanings",
                explanation=(
                    f"{first.term} is defined in {document.label(document.section_at(first.span.start))} and again, "
                    f"differently, in {document.label(document.section_at(other.span.start))}. A reader cannot tell "
                    "which meaning applies."
                ),
                spans=(first.span, *(item.span for item in different)),
                proposal=replace(document, other.span, "{one definition: keep the first or this one}"),
                decision=(f"two definitions of {first.term!r}", "their wordings differ"),
            )
        )
    return Outcome(tuple(drafts), tuple(examined))


def across(documents: Sequence[Document]) -> Iterator[tuple[Draft, tuple[tuple[Document, Span], ...]]]:
    """Of each term the first two documents that define it differently: a draft, and its places."""
    by_term: dict[str, list[tuple[Document, _Meaning]]] = defaultdict(list)
    for document in documents:
        for meaning in _meanings(document):
            by_term[meaning.term.casefold()].append((document, meaning))
    for (home, first), *others in by_term.values():
        differing = ((d, m) for d, m in others if d is not home and not _same_meaning(first, m))
        elsewhere, other = next(differing, (home, first))
        if elsewhere is home:
            continue
        draft = Draft(
            family="TRM",
            category="inconsistent-content",
            severity="high",
            title=f"{first.term} has different meanings in two documents",
            explanation=(
                f"{first.term} is defined in {home.label(home.section_at(first.span.start))} and, differently, in "
                f"{elsewhere.label(elsewhere.section_at(other.span.start))} of another document of the suite. A "
                "reader cannot tell which meaning applies."
            ),
            spans=(first.span,),
            decision=(f"two definitions of {first.term!r}", "their wordings differ"),
        )
        yield draft, ((home, first.span), (elsewhere, other.span))


@dataclass(frozen=True)
class _Meaning:
    term: str
    text: str
    span: Span


def _meanings(document: Document) -> list[_Meaning]:
    """Definitions of the IR, and sentences that use a defined term with "means" again."""
    found = [
        _Meaning(term, definition.text, definition.span)
        for definition in document.ir.definitions
        if re.fullmatch(r"[A-Za-z][A-Za-z-]+(?: [A-Za-z-]+)*", term := definition.term.strip('"“”*` '))
        and len(term) > 2
        and len(definition.text.split()) >= 3
    ]
    terms = {meaning.term for meaning in found}
    for sentence in document.body:
        found.extend(
            _Meaning(match["term"], match["text"], sentence.span)
            for match in _MEANS.finditer(sentence.text)
            if match["term"] in terms
        )
    return sorted(found, key=lambda meaning: meaning.span.start)


def _same_meaning(one: _Meaning, two: _Meaning) -> bool:
    """Whether the wordings agree, the words that only define left out."""
    common = content_stems(f"{one.term} {two.term} means defined denotes")
    a, b = (" ".join(sorted(content_stems(meaning.text) - common)) for meaning in (one, two))
    return not a or not b or fuzz.token_set_ratio(a, b) >= _SAME_MEANING
