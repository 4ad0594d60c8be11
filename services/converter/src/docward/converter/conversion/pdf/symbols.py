"""What the glyphs and words of mathematics are in LaTeX."""

from __future__ import annotations

from docward.converter.conversion.prose import words

GREEK_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩϵϑϕϱϖµ∆"
GREEK_NAMES = (
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon varphi chi"
    " psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega epsilon vartheta phi varrho varpi mu Delta"
)
GREEK = {glyph: f"\\{name}" for glyph, name in zip(GREEK_LETTERS, GREEK_NAMES.split(), strict=True)}
LETTERS = GREEK | {"∞": "\\infty", "∂": "\\partial", "∇": "\\nabla", "∅": "\\emptyset", "ℓ": "\\ell", "⊤": "\\top",
    "′": "\\prime", "∗": "*", "†": "\\dagger", "∀": "\\forall", "∃": "\\exists", "…": "\\ldots", "⋯": "\\cdots",
    "ı": "\\imath", "⊥": "\\perp", "¬": "\\neg", "ς": "\\varsigma", "ℎ": "h"}  # fmt: skip
OPERATORS = {"+": "+", "-": "-", "−": "-", "±": "\\pm", "∓": "\\mp", "×": "\\times", "·": "\\cdot", "⋅": "\\cdot",
    "÷": "\\div", "∘": "\\circ", "∪": "\\cup", "∩": "\\cap", "∧": "\\wedge", "∨": "\\vee", "⊕": "\\oplus",
    "⊗": "\\otimes", "⊙": "\\odot", "∖": "\\setminus"}  # fmt: skip
RELATIONS = {"=": "=", "<": "<", ">": ">", "≤": "\\leq", "≥": "\\geq", "≠": "\\neq", "≈": "\\approx", "≡": "\\equiv",
    "∼": "\\sim", "≃": "\\simeq", "∝": "\\propto", "∈": "\\in", "∉": "\\notin", "⊂": "\\subset", "⊆": "\\subseteq",
    "→": "\\to", "←": "\\leftarrow", "⇒": "\\Rightarrow", "⇐": "\\Leftarrow", "⇔": "\\Leftrightarrow",
    "↦": "\\mapsto", "≪": "\\ll", "≫": "\\gg", "⩽": "\\leq", "⩾": "\\geq", "≔": ":="}  # fmt: skip
LIMITED = {"∑": "\\sum", "∏": "\\prod", "∐": "\\coprod", "∫": "\\int", "∮": "\\oint", "⋃": "\\bigcup",
    "⋂": "\\bigcap", "⋁": "\\bigvee", "⋀": "\\bigwedge", "⊎": "\\biguplus", "⊔": "\\bigsqcup"}  # fmt: skip
OPENING = {"(": "(", "[": "[", "{": "\\{", "⌊": "\\lfloor", "⌈": "\\lceil", "⟨": "\\langle"}
CLOSING = {")": ")", "]": "]", "}": "\\}", "⌋": "\\rfloor", "⌉": "\\rceil", "⟩": "\\rangle"}
PARTNER = dict(zip(OPENING, CLOSING, strict=True))
MARKS = {",": ",", ";": ";", ":": ":", ".": ".", "!": "!", "/": "/", "|": "|", "‖": "\\|", "%": "\\%", "$": "\\$",
    "&": "\\&", "#": "\\#", "_": "\\_", "'": "'", "’": "'", "?": "?", "*": "*", "€": "€", "£": "£", "¥": "¥",
    "°": "^{\\circ}"}  # fmt: skip
ACCENTS = {"¯": "bar", "ˉ": "bar", "ˆ": "hat", "^": "hat", "˜": "tilde", "~": "tilde", "˙": "dot", "¨": "ddot",
    "⃗": "vec", "ˇ": "check", "˘": "breve"}  # fmt: skip
LIMITED_NAMES = words("max min sup inf lim limsup liminf arg")
FUNCTIONS = LIMITED_NAMES | words(
    "log ln exp sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh det dim ker Pr gcd deg hom"
)
CONDITIONS = words("if otherwise else for when and or where with")
