"""Office Math (OMML) becomes LaTeX. Every character of a formula stays; an unknown construct keeps its content."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from docward.converter.conversion.docx.package import M, W, tag
from docward.converter.conversion.prose import words

GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma",
    "τ": "tau", "υ": "upsilon", "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta",
    "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon", "Φ": "Phi", "Ψ": "Psi",
    "Ω": "Omega", "ϕ": "phi", "ϵ": "varepsilon", "ϑ": "vartheta", "ς": "varsigma", "ϱ": "varrho",
}  # fmt: skip
SYMBOLS = {
    "−": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "÷": r"\div ", "±": r"\pm ",
    "∓": r"\mp ", "∗": "*", "≤": r"\leq ", "≥": r"\geq ", "≠": r"\neq ", "≈": r"\approx ", "≡": r"\equiv ",
    "∼": r"\sim ", "∝": r"\propto ", "→": r"\to ", "←": r"\leftarrow ", "⇒": r"\Rightarrow ",
    "⇔": r"\Leftrightarrow ", "↦": r"\mapsto ", "∞": r"\infty ", "∂": r"\partial ", "∇": r"\nabla ", "√": r"\surd ",
    "∈": r"\in ", "∉": r"\notin ", "∅": r"\emptyset ", "⊂": r"\subset ", "⊆": r"\subseteq ", "∪": r"\cup ",
    "∩": r"\cap ", "∀": r"\forall ", "∃": r"\exists ", "¬": r"\neg ", "∧": r"\wedge ", "∨": r"\vee ",
    "…": r"\ldots ", "⋯": r"\cdots ", "⋮": r"\vdots ", "⋱": r"\ddots ", "′": "'", "″": "''", "⊤": r"\top ",
    "⊥": r"\perp ", "∥": r"\parallel ", "∘": r"\circ ", "⊗": r"\otimes ", "⊕": r"\oplus ", "ℓ": r"\ell ",
    "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ",
    "⌉": r"\rceil ", "⟨": r"\langle ", "⟩": r"\rangle ", "‖": r"\| ", "≪": r"\ll ", "≫": r"\gg ", "≔": r":=",
    "\u2061": "", "\u2062": "", "\u200b": "", "%": r"\%", "#": r"\#", "&": r"\&", "$": r"\$", "_": r"\_",
    "{": r"\{", "}": r"\}", "\\": r"\backslash ", "\u00a0": " ",
}  # fmt: skip
FUNCTIONS = words(
    "max min sup inf lim log ln exp sin cos tan cot sec csc sinh cosh tanh arcsin arccos arctan det dim gcd arg Pr"
)
NARY = {
    "∑": r"\sum",
    "∏": r"\prod",
    "∐": r"\coprod",
    "∫": r"\int",
    "∬": r"\iint",
    "∭": r"\iiint",
    "∮": r"\oint",
    "⋃": r"\bigcup",
    "⋂": r"\bigcap",
    "⋁": r"\bigvee",
    "⋀": r"\bigwedge",
}
ACCENTS = {
    "\u0302": "hat",
    "^": "hat",
    "ˆ": "hat",
    "\u0303": "tilde",
    "~": "tilde",
    "\u0304": "bar",
    "\u0305": "bar",
    "¯": "bar",
    "‾": "bar",
    "\u20d7": "vec",
    "→": "vec",
    "\u0307": "dot",
    "\u0308": "ddot",
    "\u030c": "check",
    "\u0306": "breve",
}
FENCES = {
    "{": r"\{",
    "}": r"\}",
    "⌊": r"\lfloor",
    "⌋": r"\rfloor",
    "⌈": r"\lceil",
    "⌉": r"\rceil",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "〈": r"\langle",
    "〉": r"\rangle",
    "‖": r"\|",
    "": ".",
}
ROW_END = r" \\ "
PROPERTIES = words(
    "rPr fPr sSubPr sSupPr sSubSupPr sPrePr radPr naryPr dPr funcPr limLowPr limUppPr accPr barPr mPr eqArrPr"
    " groupChrPr boxPr borderBoxPr phantPr ctrlPr oMathParaPr argPr"
)


def latex(node: Any) -> str:
    """LaTeX of an `m:oMath`, `m:oMathPara` or any part of one."""
    text = re.sub(r"[ \t\n]+", " ", _node(node)).strip()
    return re.sub(r" (?=[_^{})\],])", "", text)


def _node(node: Any) -> str:
    convert = CONSTRUCTS.get(tag(node))
    return convert(node) if convert else _children(node)


def _children(node: Any) -> str:
    return "".join(_node(child) for child in node if isinstance(child.tag, str) and tag(child) not in PROPERTIES)


def _part(node: Any, name: str) -> str:
    found = node.find(M + name)
    return "" if found is None else _children(found).strip()


def _option(node: Any, properties: str, name: str, default: str | None = None) -> str | None:
    found = node.find(f"{M}{properties}/{M}{name}")
    return default if found is None else str(found.get(M + "val", ""))


def _on(node: Any, properties: str, name: str) -> bool:
    found = node.find(f"{M}{properties}/{M}{name}")
    return found is not None and found.get(M + "val", "1") not in {"0", "off", "false"}


def _run(node: Any) -> str:
    text = "".join(part.text or "" for part in node if part.tag in {M + "t", W + "t"})
    if _on(node, "rPr", "nor") and re.search(r"[A-Za-z]{2}", text):
        escaped = re.sub(r"([%#&$_{}])", r"\\\1", text)
        return rf"\text{{{escaped}}}"
    if _option(node, "rPr", "sty") == "p" and re.fullmatch(r"[A-Za-z]{2,}", text):
        return rf"\{text} " if text in FUNCTIONS else rf"\mathrm{{{text}}}"
    if _option(node, "rPr", "sty") in {"b", "bi"} and text.strip():
        return rf"\mathbf{{{symbols(text)}}}"
    return symbols(text)


def symbols(text: str) -> str:
    """Unicode mathematics in LaTeX's words; styled letters lose their style, not their identity."""
    out = []
    for char in text:
        if char in SYMBOLS:
            out.append(SYMBOLS[char])
            continue
        simple = unicodedata.normalize("NFKC", char) if ord(char) > 0xFFFF or char in "ℎℓℝℕ" else char
        out.append(rf"\{GREEK[simple]} " if simple in GREEK else simple)
    return "".join(out)


def _base(text: str) -> str:
    """A base that is more than one symbol is grouped; a name of letters is one symbol."""
    return text if re.fullmatch(r"\w+|\\[A-Za-z]+ ?|\\(?:mathrm|text|mathbf)\{[^{}]*\}", text) else f"{{{text}}}"


def _fraction(node: Any) -> str:
    top, bottom = _part(node, "num"), _part(node, "den")
    kind = _option(node, "fPr", "type", "bar")
    if kind == "lin":
        return f"{_base(top)}/{_base(bottom)}"
    if kind == "noBar":
        return rf"\genfrac{{}}{{}}{{0pt}}{{}}{{{top}}}{{{bottom}}}"
    return rf"\frac{{{top}}}{{{bottom}}}"


def _scripts(*names: str) -> Callable[[Any], str]:
    marks = {"sub": "_", "sup": "^"}

    def convert(node: Any) -> str:
        return _base(_part(node, "e")) + "".join(f"{marks[name]}{{{_part(node, name)}}}" for name in names)

    return convert


def _before(node: Any) -> str:
    return f"{{}}_{{{_part(node, 'sub')}}}^{{{_part(node, 'sup')}}}{_part(node, 'e')}"


def _root(node: Any) -> str:
    degree = "" if _on(node, "radPr", "degHide") else _part(node, "deg")
    return rf"\sqrt[{degree}]{{{_part(node, 'e')}}}" if degree else rf"\sqrt{{{_part(node, 'e')}}}"


def _nary(node: Any) -> str:
    char = _option(node, "naryPr", "chr", "∫") or "∫"
    operator = NARY.get(char, symbols(char).strip())
    low = "" if _on(node, "naryPr", "subHide") else _part(node, "sub")
    high = "" if _on(node, "naryPr", "supHide") else _part(node, "sup")
    limits = (f"_{{{low}}}" if low else "") + (f"^{{{high}}}" if high else "")
    return f"{operator}{limits} {_part(node, 'e')}"


def _delimited(node: Any) -> str:
    left = _option(node, "dPr", "begChr", "(") or ""
    right = _option(node, "dPr", "endChr", ")") or ""
    between = symbols(_option(node, "dPr", "sepChr", "|") or "").strip()
    parts = [_children(part).strip() for part in node.findall(M + "e")]
    inside = f" {between} ".join(parts)
    if left == "{" and not right and inside.startswith(r"\begin{aligned}"):
        return inside.replace(r"\begin{aligned}", r"\begin{cases}", 1).removesuffix(r"\end{aligned}") + r"\end{cases}"
    return rf"\left{FENCES.get(left, left)} {inside} \right{FENCES.get(right, right)} "


def _function(node: Any) -> str:
    name = _part(node, "fName")
    head = re.match(r"[A-Za-z]+", name)
    if head and head[0] in FUNCTIONS:
        name = "\\" + name
    elif head and head[0] == name and len(name) > 1:
        name = rf"\operatorname{{{name}}}"
    name = re.sub(r"^\\mathrm\{(\w+)\}", lambda found: rf"\operatorname{{{found[1]}}}", name)
    return f"{name} {_part(node, 'e')}"


def _limit(mark: str, command: str) -> Callable[[Any], str]:
    def convert(node: Any) -> str:
        base, limit = _part(node, "e"), _part(node, "lim")
        bare = base.removeprefix("\\").strip()
        if bare in FUNCTIONS or base.startswith((r"\operatorname", r"\sum", r"\prod")):
            return f"{base if base.startswith(chr(92)) else chr(92) + base}{mark}{{{limit}}}"
        return rf"\{command}{{{limit}}}{{{base}}}"

    return convert


def _accent(node: Any) -> str:
    char = _option(node, "accPr", "chr", "\u0302") or "\u0302"
    return rf"\{ACCENTS.get(char, 'hat')}{{{_part(node, 'e')}}}"


def _bar(node: Any) -> str:
    return rf"\{'overline' if _option(node, 'barPr', 'pos', 'bot') == 'top' else 'underline'}{{{_part(node, 'e')}}}"


def _matrix(node: Any) -> str:
    rows = [" & ".join(_children(cell).strip() for cell in row.findall(M + "e")) for row in node.findall(M + "mr")]
    return r"\begin{matrix}" + ROW_END.join(rows) + r"\end{matrix}"


def _equations(node: Any) -> str:
    rows = [_children(row).strip().replace(r"\&", "&") for row in node.findall(M + "e")]
    return r"\begin{aligned}" + ROW_END.join(rows) + r"\end{aligned}"


def _grouped(node: Any) -> str:
    char = _option(node, "groupChrPr", "chr", "⏟")
    command = {"⏟": "underbrace", "⏞": "overbrace", "→": "overrightarrow", "←": "overleftarrow"}.get(
        char or "", "overline"
    )
    return rf"\{command}{{{_part(node, 'e')}}}"


def _paragraph(node: Any) -> str:
    return ROW_END.join(_children(one) for one in node.findall(M + "oMath"))


CONSTRUCTS: dict[str, Callable[[Any], str]] = {
    "oMathPara": _paragraph,
    "r": _run,
    "f": _fraction,
    "sSub": _scripts("sub"),
    "sSup": _scripts("sup"),
    "sSubSup": _scripts("sub", "sup"),
    "sPre": _before,
    "rad": _root,
    "nary": _nary,
    "d": _delimited,
    "func": _function,
    "limLow": _limit("_", "underset"),
    "limUpp": _limit("^", "overset"),
    "acc": _accent,
    "bar": _bar,
    "m": _matrix,
    "eqArr": _equations,
    "groupChr": _grouped,
    "borderBox": lambda node: rf"\boxed{{{_part(node, 'e')}}}",
}
