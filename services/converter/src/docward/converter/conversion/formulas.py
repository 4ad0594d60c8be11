"""Formulas: displayed and inline math, text fences and plain `x = …` lines, with their variables.

Nothing is invented: a formula's text is a slice of the Markdown. A variable is defined where a “where” list, a
definition, a parameter or an earlier formula gives its symbol.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docward.converter.conversion.anchors import Anchors
from docward.converter.conversion.blocks import Piece
from docward.converter.conversion.prose import plain, sentences, words
from docward.events.ir import Definition, Formula, Parameter, Variable

RELATION = re.compile(r"(?<![<>=!:+\-*/])(?::=|=)(?!=)|\\(?:equiv|approx|propto|leq?|geq?|le|ge)\b|[≤≥≈]")
EQUALS = re.compile(r"(?<![<>=!:+\-*/])(?::=|=)(?![=>])")
OPERATOR = re.compile(
    r"[+*/×·÷^√∑Σ∏∫−]|(?<=[\w)\]}])\s*-\s*(?=[\w(\\])|\\(?:frac|dfrac|tfrac|sum|prod|int|sqrt|cdot|times|min|max"
    r"|log|ln|exp)\b|\b(?:max|min|sum|avg|mean|median|stdev|std|sqrt|log|ln|exp|abs|floor|ceil|round|rank|sign|sma"
    r"|ema)\s*\(",
    re.IGNORECASE,
)
PLAIN_LINE = re.compile(
    r"^(?:[-*+]\s+|\d{1,3}[.)]\s+|>\s*)?(?P<body>(?P<left>[A-Za-zα-ωΑ-Ω][\w .{}(),\[\]^′'*\-−+]{0,60}?)\s*(?::="
    r"|=)\s*(?P<right>[^=\n].*))$"
)
IN_SENTENCE = re.compile(
    r"(?:(?<=\s)|(?<=\()|^)(?P<left>(?:[A-Z]\w*[ ]){0,3}[A-Za-zα-ωΑ-Ω]\w*(?:[_^]\{[^}\n]{1,20}\}"
    r"|\([\w,\s−-]{1,12}\)|\[[\w,\s−-]{1,12}\])?)\s*(?::=|=)\s*(?P<right>[^=\n;]{3,}?)(?=[.;](?:\s|$)|,\s+(?:where"
    r"|with|and|which|so|but)\b|\s+(?:where|if|when|for|with|is|are|gives|denotes)\s|$)"
)
TAG = re.compile(r"\\tag\*?\{([^}]*)\}|[\s\u00a0]\(((?:[A-Z]\.)?\d+(?:\.\d+)*)\)\s*$")
MATH_LANGUAGES = frozenset(
    {"", "math", "text", "txt", "latex", "tex", "formula", "plain", "plaintext", "pseudocode", "pseudo"}
)

FUNCTIONS = words(
    "max min sum avg average mean median std stdev stddev var variance cov corr sqrt log ln log10 exp abs floor"
    " ceil ceiling"
    " round rank sign sma ema prod product argmax argmin sup inf lim mod if then else and or not otherwise where for in"
    " of the at to all is with by per each from as over on a an when int float left right cases aligned begin end tag"
    " quad qquad text mathrm operatorname frac dfrac tfrac cdot times sin cos tan clip zscore percentile quantile"
    " return"
)
GREEK = words(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho varrho sigma"
    " tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell"
)
ACCENTS = words(
    "bar hat tilde vec dot ddot overline widehat widetilde mathbf mathit mathcal mathbb boldsymbol bm mathsf"
)
INDICES = words("t i j k n s m T d")
BOUND = re.compile(r"(?:\\(?:sum|prod|max|min|bigcup|lim|int)(?:\\limits)?|[∑Σ∏])\s*_\s*\{?\s*\(?([A-Za-z])\b")
SUBSCRIPT = r"(?:\s*_\s*(?:\{{(?P<sub{n}>[^{{}}]*(?:\{{[^{{}}]*\}}[^{{}}]*)*)\}}|(?P<one{n}>\\?[A-Za-z0-9]+)))?"
ACCENTED = re.compile(
    rf"\\(?P<accent>{'|'.join(sorted(ACCENTS))})\s*\{{?\s*(?P<inner>\\?[A-Za-z]+)\s*\}}?{SUBSCRIPT.format(n='')}"
)
TOKEN = re.compile(
    r"\\(?:text|mathrm|operatorname|textit|textrm|mbox)\*?\s*\{(?P<words>[^{}]*)\}"
    + SUBSCRIPT.format(n="1")
    + r"|\\(?:begin|end)\{[^}]*\}|\\(?P<command>[A-Za-z]+)"
    + SUBSCRIPT.format(n="2")
    + r"|(?P<name>[A-Za-zα-ωΑ-Ω]+)"
    + SUBSCRIPT.format(n="3")
)
OPERAND = re.compile(
    r"[^\s+*/×·÷^√∑Σ∏∫−=<>≤≥≈(),;:\[\]{}|%-][^+*/×·÷^√∑Σ∏∫−=<>≤≥≈(),;:\[\]|%]*?(?=\s*(?:[+*/×·÷^√∑Σ∏∫−=<>≤≥≈"
    r"(),;:\[\]|%]|\s-\s|$))"
)


@dataclass(frozen=True)
class Found:
    start: int
    end: int
    body: str
    latex: bool
    confidence: float = 1.0


def build_formulas(
    markdown: str,
    pieces: Sequence[Piece],
    definitions: Sequence[Definition],
    parameters: Sequence[Parameter],
    anchors: Anchors,
) -> list[Formula]:
    known: dict[str, tuple[str, str | None]] = {}
    for parameter in parameters:
        _learn(known, parameter.name, parameter.id, None)
    for definition in definitions:
        for term in (definition.term, *definition.aliases):
            _learn(known, term, definition.id, plain(definition.text))
    found = [one for index in range(len(pieces)) for one in _in_piece(markdown, pieces, index)]
    formulas = [_formula(markdown, one, anchors) for one in found]
    names: dict[str, tuple[str, str | None]] = {}
    for formula in formulas:
        if formula.name:
            _learn(names, formula.name, formula.id, None)
    return [_resolved(formula, known, names) for formula in formulas]


def _in_piece(markdown: str, pieces: Sequence[Piece], index: int) -> Iterator[Found]:
    piece = pieces[index]
    if piece.kind == "formula":
        yield Found(piece.start, piece.end, piece.content, latex=True)
    elif piece.kind == "code":
        if piece.info.lower() in MATH_LANGUAGES:
            yield from _lines(markdown[piece.start : piece.end], piece.start, confidence=0.9)
    elif piece.kind in {"paragraph", "list-item", "quote"}:
        maths = [inline for inline in piece.inlines if inline.kind == "math" and _is_formula(inline.content)]
        for inline in maths:
            yield Found(inline.start, inline.end, inline.content, latex=True)
        if "=" not in markdown[piece.start : piece.end]:
            return
        masked = _masked(markdown, piece)
        lines = list(_lines(masked, piece.start, confidence=0.9))
        yield from lines
        if not lines:
            yield from _within(masked, piece.start)


def _is_formula(latex: str) -> bool:
    return bool(RELATION.search(latex)) or bool(OPERATOR.search(latex) and re.search(r"\\frac|\\sum|\s", latex))


def _masked(markdown: str, piece: Piece) -> str:
    """The piece's text with math, links and images blanked, so that plain formulas are not sought in them."""
    text = markdown[piece.start : piece.end]
    for inline in piece.inlines:
        if inline.kind in {"math", "link", "image", "footnote"}:
            start, end = inline.start - piece.start, inline.end - piece.start
            text = text[:start] + " " * (end - start) + text[end:]
    return text


def _lines(text: str, offset: int, confidence: float) -> Iterator[Found]:
    for line in text.split("\n"):
        body = line.rstrip(" .;,\\")
        found = PLAIN_LINE.match(body.strip().strip("`*"))
        if found and _computes(found["left"], found["right"]):
            start = offset + line.find(found["body"])
            yield Found(start, start + len(found["body"]), found["body"], latex=False, confidence=confidence)
        offset += len(line) + 1


def _computes(left: str, right: str) -> bool:
    """An equation computes something; “x = 5 days” sets a value, and a sentence is neither."""
    words = [word for word in re.findall(r"[A-Za-z]+", left) if len(word) > 2]
    prose = re.search(
        r"\b(?:is|are|must|shall|should|when|if|that|because|than)\b", left + " " + right.split("  ", maxsplit=1)[0]
    )
    return bool(OPERATOR.search(right)) and len(words) <= 6 and not prose and bool(re.search(r"[A-Za-zα-ω]", right))


def _within(text: str, offset: int) -> Iterator[Found]:
    for start, end in sentences(text, 0, len(text)):
        for found in IN_SENTENCE.finditer(text[start:end]):
            if OPERATOR.search(found["right"]) and re.search(r"[A-Za-zα-ω]", found["right"]):
                body = found[0].rstrip(" .,`*")
                begin = offset + start + found.start()
                yield Found(begin, begin + len(body), body, latex=False, confidence=0.8)


def _formula(markdown: str, found: Found, anchors: Anchors) -> Formula:
    body = TAG.sub("", found.body).strip()
    equals = EQUALS.search(body)
    name = _name(body[: equals.start()], latex=found.latex) if equals else None
    right = body[equals.end() :] if equals else body
    symbols = latex_symbols(right) if found.latex else plain_symbols(right)
    own = symbol_keys(name)[-1:] if name else []
    return Formula(
        **anchors.locate("formula", " ".join(body.split()), found.start, found.end),
        confidence=found.confidence,
        text=markdown[found.start : found.end],
        latex=body if found.latex else None,
        name=name,
        variables=tuple(Variable(symbol=symbol) for symbol in symbols if symbol_keys(symbol)[-1:] != own or not own),
    )


def _name(left: str, *, latex: bool) -> str | None:
    left = re.sub(r"\\(?:begin|end)\{[^}]*\}(?:\{[^}]*\})?|\\(?:displaystyle|left|right)|&", "", left).strip()
    if latex:
        left = re.sub(r"\\(?:text|mathrm|operatorname|textit)\*?\{([^{}]*)\}", r"\1", left)
    return " ".join(left.split()) or None


def formula_label(body: str) -> str | None:
    """The number by which the text refers to a formula: `\\tag{3}` or a trailing `(3)`."""
    found = TAG.search(body)
    return (found[1] or found[2]) if found else None


def latex_symbols(latex: str) -> list[str]:
    """Symbols that need a meaning, in order, once each; bound and time indices need none."""
    bound = set(BOUND.findall(latex)) | INDICES
    symbols: dict[str, None] = {}
    for found in ACCENTED.finditer(latex):
        symbols.setdefault(f"\\{found['accent']}{{{found['inner']}}}{_subscript(found['sub'], found['one'])}")
    for found in TOKEN.finditer(ACCENTED.sub(" ", latex)):
        if symbol := _latex_symbol(found, bound):
            symbols.setdefault(symbol)
    return list(symbols)


def _latex_symbol(found: re.Match[str], bound: set[str]) -> str | None:
    if words := (found["words"] or "").strip():
        return None if words.split()[0].lower() in FUNCTIONS else words + _subscript(found["sub1"], found["one1"])
    if command := found["command"]:
        return f"\\{command}{_subscript(found['sub2'], found['one2'])}" if command in GREEK else None
    name = found["name"]
    if not name or _is_word(name) or (name in bound and not (found["sub3"] or found["one3"])):
        return None
    return name + _subscript(found["sub3"], found["one3"])


def _subscript(braced: str | None, single: str | None) -> str:
    inside = braced if braced is not None else single
    if not inside or not inside.strip():
        return ""
    inside = re.sub(r"\\(?:text|mathrm)\{([^{}]*)\}", r"\1", inside.strip())
    return f"_{inside}" if len(inside) == 1 else f"_{{{inside}}}"


def plain_symbols(text: str) -> list[str]:
    """Operands of a formula in plain words: names, capitalised names of a few words, Greek letters."""
    if "\\" in text:
        return latex_symbols(text)
    text = re.sub(r"\b([A-Za-z]+)\s*(?=\()", lambda found: "" if _is_word(found[1]) else found[0], text)
    text = re.sub(r"(?<=\w)[(\[]\s*[a-z](?:\s*[-−+]\s*\d+)?(?:\s*,\s*[a-z])?\s*[)\]]", "", text)  # P(t-1) is P
    text = re.sub(r"_\{([^}]*)\}", lambda found: "_" + re.sub(r"\W+", "", found[1]), text)
    symbols: dict[str, None] = {}
    for found in OPERAND.finditer(text):
        words = [
            word for word in found[0].strip(" .`*\"'").split() if not re.fullmatch(r"[\d.,]+%?|[a-z][-−+]\d+", word)
        ]
        small = any(word.lower() in FUNCTIONS for word in words)
        if len(words) > 1 and (small or len(words) > 4):
            continue
        name = " ".join(words)
        if name and re.match(r"[A-Za-zα-ωΑ-Ω]", name) and not _is_function(name) and name not in INDICES:
            symbols.setdefault(name)
    return list(symbols)


def _is_word(name: str) -> bool:
    """A single capital is a variable: `A`, unlike the article."""
    return (name.lower() if len(name) > 1 else name) in FUNCTIONS


def _is_function(name: str) -> bool:
    """“sum” and “SUM” are functions, “Sum” is a name."""
    return name in FUNCTIONS or (name.isupper() and len(name) > 1 and name.lower() in FUNCTIONS)


def symbol_keys(symbol: str) -> list[str]:
    """Spellings under which a symbol may be defined: itself, then its base without time or member indices."""
    text = re.sub(
        r"\\(?:text|mathrm|mathbf|mathit|operatorname|bar|hat|tilde|vec|overline|boldsymbol|bm)\s*\{?", "", symbol
    )
    text = re.sub(r"[\\${}`*\s]", "", plain(text) if "$" in text or "`" in text else text)
    text = re.sub(r"\([a-z](?:[-−+]\d+)?(?:,[a-z])?\)$", "", text)
    base = re.sub(r"_.*$", "", text)
    indices = re.fullmatch(r"[a-zT](?:[-−+,]?[\da-zT]?)*", text[len(base) + 1 :]) is not None
    keys = [text if len(text) == 1 else text.casefold()]
    if base and base != text and indices:
        keys.append(base if len(base) == 1 else base.casefold())
    return keys


def _learn(known: dict[str, tuple[str, str | None]], term: str, element: str, meaning: str | None) -> None:
    for one in symbol_keys(term):
        known.setdefault(one, (element, meaning))


def _resolved(
    formula: Formula, known: dict[str, tuple[str, str | None]], names: dict[str, tuple[str, str | None]]
) -> Formula:
    variables, uses = list[Variable](), dict[str, None]()
    for variable in formula.variables:
        element, meaning = None, None
        for source in (known, names):
            hit = next((source[one] for one in symbol_keys(variable.symbol) if one in source), None)
            if hit and hit[0] != formula.id:
                element, meaning = element or hit[0], meaning or hit[1]
                uses.setdefault(hit[0])
        variables.append(Variable(symbol=variable.symbol, meaning=meaning, defined_in=element))
    return formula.model_copy(update={"variables": tuple(variables), "dependencies": tuple(uses)})
