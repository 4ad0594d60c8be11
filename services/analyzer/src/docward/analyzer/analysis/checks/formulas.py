"""FML: symbols that nothing defines, statistics without their window, divisions whose zero case is open."""

from __future__ import annotations

import re
from collections import defaultdict

from docward.analyzer.analysis.document import Document, Sentence
from docward.analyzer.analysis.drafts import Draft, Outcome, insert_after, sub_span
from docward.analyzer.analysis.text import Caseless, stems, words
from docward.events.ir import Formula, Span

_INDICES = words("i j k t s d n l T ii jj")
_FUNCTIONS = words(
    """
    sum prod min max abs sqrt exp log ln floor ceil ceiling round sign avg mean median rank sgn if else and or
    not for in frac cdot times left right text mathrm operatorname over all to of pi e ewma cov var corr sin cos
    tanh clip end begin int sd std stdev cases quad argmax argmin lim return def none true false float
    """
)
_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eta": "η", "theta": "θ", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "omega": "ω",
}  # fmt: skip
_IS = r"(?:is|are|denotes?|means|equals?|stands?\sfor|represents?|refers?\sto|being|:=|=|:|–|—|\s-\s)"
_TEXT_IN_FORMULA = re.compile(
    r"\\(?:text|mathrm|operatorname|mathit|textit|mbox)\{[^{}]*\}|\\[A-Za-z]+|[_^](?:\{[^{}]*\}|\w)"
)
_LETTER = re.compile(r"(?<![\w.])[a-z](?![\w'(.])")
_ARTICLE_LIKE = re.compile(r"(?<![\w\\.])A_(?:\{[^{}]*\}|\w)")
"""A symbol that reads as an article where it stands without its index."""
_NUMBERED = re.compile(r"_\{?\d")
_INTRODUCES = re.compile(r"\b(?:is|are|equals|as|by|be)\W*$")
"""Before a formula whose left side the sentence has named: `The cost of a level is`."""
_WINDOW_WORDS = Caseless(
    r"\b(?:historical (?:average|mean|prices?|volatility)|(?:moving|rolling) (?:average|mean|window)|"
    r"look-?back (?:period|window)|trailing (?:average|volatility)|momentum signals?)\b"
)
_WINDOW_SYMBOL = Caseless(
    r"^(?:vol(?:atility)?|std|std_?dev|stdev|sma|ema|mean_?\w+|avg_?\w+|rolling_?\w+|momentum|beta)(?:_\w+)?$"
)
_WINDOW_DIMENSIONS = frozenset({"time", "count"})
_WINDOW_STEMS = frozenset(
    stems("volatility average mean momentum lookback window deviation historical moving rolling period return")
)
_RISKY = Caseless(r"(?:vol|std|dev|sigma|σ|variance|range|spread|score|\bs_k)")
_ZERO = Caseless(
    r"\b(?:zero|division|divided by 0|floor(?:ed)?|denominator|(?:equals?|is|=) 0(?:\.0+)?|set to|below 0|smaller than|"
    r"no (?:signal|score|value|weight) is computed)\b"
)

_ZERO_DIVISOR = Caseless(
    r"\b(?:when|where|if)\s(?:\S+\s){1,6}(?:is|equals|becomes)\s(?:zero|0)\b|\bdivi(?:sion|ded) by (?:zero|0)\b|"
    r"\bdenominators?\b.{0,40}\b(?:zero|0)\b"
)
"""A rule for a divisor that is zero, wherever the division is written."""


def formula_symbols(document: Document) -> Outcome:
    drafts, examined = [], []
    reported: set[str] = set()
    for formula in document.ir.formulas:
        undefined: dict[str, list[str]] = defaultdict(list)
        for variable in formula.variables:
            symbol = variable.symbol.strip()
            if _is_symbol(symbol) and symbol not in reported and not _is_label(symbol, formula):
                if variable.defined_in is None and not _is_defined(document, symbol, formula):
                    undefined[_family(symbol)].append(symbol)
                else:
                    examined.append(formula.span)
        for symbol in _letters(document, formula):
            if symbol not in reported and not _is_defined(document, symbol, formula):
                undefined[symbol].append(symbol)
        for symbols in undefined.values():
            reported.update(symbols)
            drafts.append(_undefined(document, formula, symbols))
    return Outcome(tuple(drafts), tuple(dict.fromkeys(examined)))


def _letters(document: Document, formula: Formula) -> list[str]:
    """Small letters that stand as operands in the formula and are not among its variables; capitals name functions."""
    known = {re.split(r"[_^({]", v.symbol.strip())[0] for v in formula.variables}
    if formula.name and _INTRODUCES.search(document.text[max(0, formula.span.start - 40) : formula.span.start]):
        known.add(re.split(r"[_^({]", formula.name.strip())[0])
    bare = _TEXT_IN_FORMULA.sub(" ", formula.latex or "")
    found = (*_LETTER.findall(bare), *_ARTICLE_LIKE.findall(formula.latex or ""))
    return [s for s in dict.fromkeys(found) if s not in known and _is_symbol(s)]


def _undefined(document: Document, formula: Formula, symbols: list[str]) -> Draft:
    names = ", ".join(symbols)
    definitions = "; ".join(f"{symbol} is {{meaning, unit and value of {symbol}}}" for symbol in symbols)
    return Draft(
        family="FML",
        category="incomplete-formula",
        severity="critical",
        title=f"No definition of {names} in a formula",
        explanation=(
            f"The formula uses {names}, but no 'where' list, definition, table or earlier formula says what that is "
            "and which value it has. The result cannot be computed."
        ),
        spans=(formula.span,),
        proposal=insert_after(document, formula.span.end, f"\n\nwhere {definitions}."),
        decision=(f"symbol {names}", "no definition in the document"),
    )


def _is_symbol(symbol: str) -> bool:
    bare = symbol.strip("\\{} ")
    base = re.split(r"[-+(^ ]", bare)[0]
    return (
        bool(re.search(r"[A-Za-zα-ωΑ-Ω]", bare))
        and not {bare, base} & _INDICES
        and not {bare.lower(), base.lower()} & _FUNCTIONS
    )


def _is_label(symbol: str, formula: Formula) -> bool:
    """`fast` of `M^{fast}` tells one M from another; it stands nowhere but in scripts."""
    bare = symbol.strip("\\{} ")
    scripts = re.compile(r"[_^]\{[^{}]*\}")
    return bare.isalpha() and len(bare) > 2 and bare not in scripts.sub(" ", formula.latex or bare)


def _family(symbol: str) -> str:
    return re.sub(r"[\d_{}\\]+\w*$", "", symbol) or symbol


def _variants(symbol: str) -> list[str]:
    bare = symbol.replace("\\", "").replace("{", "").replace("}", "").strip()
    base = re.sub(r"\(.*\)$", "", bare)
    names = {symbol, bare, base, base.replace(",", ""), base if _NUMBERED.search(base) else base.split("_")[0]}
    names |= {_GREEK[name.lower()] for name in list(names) if name.lower() in _GREEK}
    return sorted(name for name in names if name)


def _is_defined(document: Document, symbol: str, formula: Formula) -> bool:
    alternatives = "|".join(re.escape(name) for name in _variants(symbol))
    name = rf"(?<![\w\\])(?:{alternatives})(?:[_^][\w{{}},]+)?(?:\([^)]*\))?"
    case = re.IGNORECASE if len(symbol) > 3 else re.NOFLAG  # short symbols are told apart by their case
    stated = re.compile(rf"{name}{_TOGETHER}\s*(?:\$|\\\)|\)|[\"”])?\s*,?\s*{_IS}\s", case)
    listed = re.compile(rf"\b(?:[Ww]here|with|and|[Ll]et)\s+\$?{name}(?![\w'’-])", case)
    if _is_aligned(document, name) or _is_instance(document, symbol) or _is_left_side(formula, symbol):
        return True
    if _follows(document, symbol) or any(_names(d.term.strip("$` "), symbol) for d in document.ir.definitions):
        return True
    for sentence in document.sentences:
        if sentence.start < formula.span.end and sentence.end > formula.span.start:
            continue
        text = document.stated[sentence.start : sentence.end].replace("`", "")
        if _ELSEWHERE.search(text):
            continue
        if (
            sentence.kind == "row"
            and sentence.cells
            and re.fullmatch(
                rf"[`$\s]*(?:(?:[Vv]alue|[Pp]arameter)\s(?:of\s)?)?{name}[`$\s]*", sentence.cells[0][1].text
            )
        ):
            return True
        if stated.search(text.replace("\\", "")) or (
            sentence.kind != "code" and listed.search(text) and "=" not in text
        ):
            return True
    return False


_TOGETHER = r"(?:\$(?:,|,? and)\s\$[^$\n]{1,20}){0,3}"
"""Symbols that are explained with the one before them: `$x$, $y$ — price and quantity`."""


def _names(term: str, symbol: str) -> bool:
    """`\\Delta K` explains the `\\Delta` before a `K`."""
    return term == symbol or (symbol.startswith("\\") and term.startswith(f"{symbol} "))


def _is_aligned(document: Document, name: str) -> bool:
    """A line of a list that is set with blanks: `n_i    shares of constituent i`."""
    return re.search(rf"^[ \t>]*{name}[ \t]{{2,}}[A-Za-z]", document.stated, re.MULTILINE) is not None


def _is_instance(document: Document, symbol: str) -> bool:
    """`T_1` where `T_j` is defined, in a list, a table or as the left side of a formula."""
    numbered = re.fullmatch(r"(\\?[A-Za-z]+)_\{?\d\}?", symbol)
    if numbered is None:
        return False
    general = re.compile(rf"{re.escape(numbered[1])}_\{{?[a-z]\b")
    heads = [f.name or (f.latex or "").partition("=")[0] for f in document.ir.formulas]
    heads += [d.term for d in document.ir.definitions]
    heads += [s.cells[0][1].text for s in document.body if s.cells]
    return any(general.match(head.strip("$` ")) for head in heads)


def _is_left_side(formula: Formula, symbol: str) -> bool:
    """A formula that goes on with what stands in it: `x = a w, \\qquad w = …`."""
    return re.search(rf"(?:\\q?quad|,|\\\\|&)\s*{re.escape(symbol)}\s*&?=", formula.latex or "") is not None


_ELSEWHERE = Caseless(r"\bas defined (?:above|below|in)\b")
"""Says that a definition stands somewhere else; it is none itself."""
_STATES = frozenset(stems("old new previous prior current initial final adjusted updated next last sum of the"))


def _follows(document: Document, symbol: str) -> bool:
    """`Old Divisor` where a Divisor is defined; `P_AAPL` where the text lists AAPL."""
    words = stems(symbol)
    named = {stems(f.name) for f in document.ir.formulas if f.name} | {stems(d.term) for d in document.ir.definitions}
    core = tuple(word for word in words if word not in _STATES)
    if len(words) > 1 and core and len(core) < len(words):
        return any(tuple(w for w in name if w not in _STATES) == core and name != words for name in named)
    base, _, index = symbol.partition("_")
    entry = re.compile(rf"\W*{re.escape(index.strip('{}'))}\b")
    return bool(base and len(index) > 2) and any(
        s.kind in {"list", "row"} and entry.match(s.text) for s in document.body
    )


def formula_windows(document: Document) -> Outcome:
    """A statistic over time needs its window; one anywhere in the document that names the statistic is enough."""
    stated = _windows(document)
    if stated:
        return Outcome(examined=tuple(sentence.span for sentence in stated[:3]))
    drafts = []
    for formula in document.ir.formulas:
        symbols = [v.symbol for v in formula.variables if _WINDOW_SYMBOL.match(v.symbol.replace(" ", "_"))]
        if symbols:
            drafts.append(_no_window(document, formula.span, ", ".join(symbols), "symbol of a statistic over time"))
            break
    for sentence in document.body:
        match = _WINDOW_WORDS.search(sentence.text)
        if match and not any(q.dimension in _WINDOW_DIMENSIONS for q in sentence.quantities):
            drafts.append(
                _no_window(document, sub_span(sentence, match), match.group(), "words for a statistic over time")
            )
    return Outcome(tuple(drafts[:3]))


def _windows(document: Document) -> list[Sentence]:
    return [
        sentence
        for sentence in document.body
        if any(
            q.dimension in _WINDOW_DIMENSIONS or (sentence.kind == "row" and q.dimension == "number")
            for q in sentence.quantities
        )
        and any(token.stem in _WINDOW_STEMS for token in sentence.tokens)
    ]


def _no_window(document: Document, span: Span, name: str, why: str) -> Draft:
    return Draft(
        family="FML",
        category="incomplete-formula",
        severity="high",
        title=f"The window of {name} is not stated",
        explanation=(
            f"{name} is computed from past observations, but the document states neither how many nor at which "
            "frequency, so that two implementations give different results."
        ),
        spans=(span,),
        proposal=insert_after(document, span.end, " over the last {number} {unit}"),
        confidence=0.8,
        decision=(why, "no window of any statistic in the document"),
    )


def division_by_zero(document: Document) -> Outcome:
    drafts, examined = [], []
    handled = any(_zero_rule(sentence) for sentence in document.body)
    for formula in document.ir.formulas:
        risky = _denominator(formula)
        if risky is None:
            continue
        if handled:
            examined.append(formula.span)
            continue
        drafts.append(
            Draft(
                family="FML",
                category="incomplete-formula",
                severity="medium",
                title=f"Division by {risky}: the zero case is open",
                explanation=(
                    f"The formula divides by {risky}, which can be zero or close to it; the document does not say "
                    "what happens then."
                ),
                spans=(formula.span,),
                proposal=insert_after(document, formula.span.end, f"\n\nWhere {risky} is zero, {{result to be used}}."),
                confidence=0.75,
                decision=(f"denominator {risky}", "no rule for zero in the document"),
            )
        )
    if not drafts and not examined:
        examined = [s.span for s in document.body if _ZERO_DIVISOR.search(s.text)][:3]
    return Outcome(tuple(drafts[:2]), tuple(examined))


_BOUNDED = re.compile(r"\\?\bm(?:in|ax)\b\s*(?:\\left)?\s*[({\\]|\\sum[^=]*?1\s*/\s*\\?\w|\\sum[^=]*?\\frac\{1\}")
"""A quotient within bounds, or over a sum of reciprocals, which is never zero."""


def _denominator(formula: Formula) -> str | None:
    text = formula.latex or formula.text
    if _BOUNDED.search(text):
        return None
    found = re.findall(r"\\frac\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}", text)
    found += re.findall(r"/\s*(\([^()]*\)|[\w.\\]+(?:\([^()]*\))?)", formula.text)
    return next((d[1:-1] if d.startswith("(") else d for d in found if _RISKY.search(d)), None)


def _zero_rule(sentence: Sentence) -> bool:
    return bool(_ZERO.search(sentence.text)) and bool(
        re.search(
            r"\b(?:where|when|if|in which|below|so that|less than|smaller than|undefined|divi\w+|denominator|"
            r"floor\w*)\b",
            sentence.text,
            re.IGNORECASE,
        )
    )
