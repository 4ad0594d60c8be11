r"""Typeset mathematics as LaTeX: what stands above, below, left and right of what says what it means.

`latex` is told the runs of one formula and the lines drawn in it. Fraction bars and roots come first, then rows (of
cases and matrices), then each row from left to right: what is smaller and shifted is a script of what it follows, or a
limit where it stands above or below an operator. What it does not understand it does not guess: the answer is None.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from docward.converter.conversion.pdf.atoms import Atom, UnknownError, atoms_of
from docward.converter.conversion.pdf.page import Rule, Run
from docward.converter.conversion.pdf.symbols import CLOSING, OPENING, PARTNER

SMALL = 0.87
"""A script is smaller than this part of what it belongs to."""
AXIS = 0.25
"""Of the size: how high fraction bars and the middles of brackets stand over the baseline."""

_x0 = attrgetter("x0")


def latex(runs: Sequence[Run], rules: Sequence[Rule]) -> str | None:
    try:
        return _layout(atoms_of(runs), sorted(rules, key=lambda rule: rule.x1 - rule.x0)) or None
    except UnknownError:
        return None


def _layout(atoms: Sequence[Atom], rules: Sequence[Rule]) -> str:
    """LaTeX of what stands together. `rules`: the narrowest first."""
    atoms = list(atoms)
    while rules:
        *rules, rule = rules
        atoms, rules = _with_rule(atoms, rule, rules)
    return _rows(atoms)


def _with_rule(atoms: list[Atom], rule: Rule, rules: list[Rule]) -> tuple[list[Atom], list[Rule]]:
    """The atoms with the fraction, the root or the bar of a drawn line as one atom, and the lines not yet used."""
    root = next((one for one in atoms if one.latex == "√" and _is_roof(one, rule)), None)
    near = [one for one in atoms if rule.x0 - 1.5 <= one.middle <= rule.x1 + 1.5 and one is not root]
    if root is not None:
        inside = [one for one in near if root.y0 - 2 < one.height < rule.y0]
        left = [one for one in atoms if root.x0 - 3 < one.middle < root.x1 and one not in inside]
        index = [one for one in left if one.size < 0.75 * root.size and root.height < one.height]
        inner = [one for one in rules if _within(one, rule) and root.y0 < one.y0 < rule.y0]
        degree = f"[{_rows(index)}]" if index else ""
        text = f"\\sqrt{degree}{{{_layout(inside, inner)}}}"
        members = [root, *inside, *index]
        whole = _whole(text, members, rule, base=_main_base(inside), size=_main_size(inside))
    else:
        over, under = _next_to(near, rule, up=True), _next_to(near, rule, up=False)
        if not under:
            return atoms, rules
        inner = [one for one in rules if _within(one, rule)]
        above = [one for one in inner if one.y0 > rule.y0 and one.y0 < max((two.y1 for two in over), default=0)]
        below = [one for one in inner if one.y0 < rule.y0 and one.y0 > min(two.y0 for two in under)]
        inner, members = [*above, *below], [*over, *under]
        if over:
            text = f"\\frac{{{_layout(over, above)}}}{{{_layout(under, below)}}}"
            size = max(_main_size(over), _main_size(under))
            whole = _whole(text, members, rule, base=rule.y0 - AXIS * size, size=size)
        else:
            text = f"\\overline{{{_layout(under, below)}}}"
            whole = _whole(text, members, rule, base=_main_base(under), size=_main_size(under))
    used, gone = {id(one) for one in inner}, {id(one) for one in members}
    return [*(one for one in atoms if id(one) not in gone), whole], [one for one in rules if id(one) not in used]


def _is_roof(root: Atom, rule: Rule) -> bool:
    return abs(rule.x0 - root.x1) < 0.25 * root.size and abs(rule.y0 - root.y1) < 0.3 * root.size


def _within(inner: Rule, outer: Rule) -> bool:
    return outer.x0 - 1 <= inner.x0 and inner.x1 <= outer.x1 + 1


def _next_to(atoms: Sequence[Atom], rule: Rule, *, up: bool) -> list[Atom]:
    """The atoms over or under a bar, as far as they hang together."""
    side = [one for one in atoms if (one.height > rule.y0) == up]
    side.sort(key=lambda one: one.y0 if up else -one.y1)
    kept: list[Atom] = []
    edge = rule.y0
    for one in side:
        if (one.y0 - edge if up else edge - one.y1) > 0.75 * one.size:
            break
        kept.append(one)
        edge = max(edge, one.y1) if up else min(edge, one.y0)
    return kept


def _whole(text: str, members: Sequence[Atom], rule: Rule, *, base: float, size: float) -> Atom:
    return Atom(
        text,
        "whole",
        min(rule.x0, *(one.x0 for one in members)),
        min(rule.y0, *(one.y0 for one in members)),
        max(rule.x1, *(one.x1 for one in members)),
        max(rule.y0, *(one.y1 for one in members)),
        base,
        size,
    )


def _main_size(atoms: Sequence[Atom]) -> float:
    sizes = [one.size for one in atoms if not one.tall] or [one.size for one in atoms]
    return max(sizes, default=10.0)


def _main_base(atoms: Sequence[Atom]) -> float:
    """The baseline of most of what is large; the leftmost decides between equals."""
    size = _main_size(atoms)
    large = [one for one in atoms if one.size > SMALL * size and not one.tall and one.kind != "accent"] or list(atoms)
    if not large:
        raise UnknownError
    simple = [one for one in large if one.kind != "whole"] or large
    bases = [one.base for one in sorted(simple, key=_x0)]
    return max(dict.fromkeys(bases), key=lambda base: sum([abs(one - base) < 0.15 * size for one in bases]))


def _rows(atoms: Sequence[Atom]) -> str:
    """A grid between brackets, rows under each other, or one line."""
    atoms = sorted(atoms, key=_x0)
    size = _main_size(atoms) if atoms else 10.0
    for at, opening in enumerate(atoms):
        if opening.kind == "open" and opening.y1 - opening.y0 > 1.9 * size:
            stop = next((end for end in range(at + 1, len(atoms)) if _closes(atoms[end], opening)), None)
            inside = atoms[at + 1 : stop]
            rows = _baselines(inside, size)
            if len(rows) > 1 and (stop is not None or opening.latex == "\\{"):
                last = atoms[stop] if stop is not None else inside[-1]
                members = [opening, *inside, last]
                middle = (opening.y0 + opening.y1) / 2
                grid = _whole(
                    _grid(opening, rows, closed=stop is not None), members, Rule(opening.x0, middle, last.x1, middle),
                    base=middle - AXIS * size, size=size,
                )  # fmt: skip
                rest = [] if stop is None else atoms[stop + 1 :]
                return _rows([*atoms[:at], grid, *rest])
    rows = _baselines(atoms, size)
    if len(rows) > 1 and all(max(o.y1 for o in low) < min(o.y0 for o in up) + 0.3 * size for up, low in pairwise(rows)):
        lines = [re.sub(r"(?<![\\<>])(=|\\leq|\\geq|\\approx)", r"&\1", _line(row), count=1) for row in rows]
        return "\\begin{aligned} " + " \\\\ ".join(lines) + " \\end{aligned}"
    return _line(atoms)


def _closes(one: Atom, opening: Atom) -> bool:
    partner = {value: CLOSING[PARTNER[key]] for key, value in OPENING.items()}[opening.latex]
    return one.latex == partner and abs(one.y1 - opening.y1) < 0.3 * one.size


def _baselines(atoms: Sequence[Atom], size: float) -> list[list[Atom]]:
    """Rows of a grid, top first: large atoms on baselines that are a line apart."""
    bases: list[float] = []
    for one in atoms:
        large = one.size > SMALL * size and not one.tall and one.kind != "accent"
        if large and not any(abs(one.base - base) < 0.75 * size for base in bases):
            bases.append(one.base)
    if len(bases) < 2:
        return [list(atoms)]
    bases.sort(reverse=True)
    rows: list[list[Atom]] = [[] for _ in bases]
    for one in atoms:
        level = one.height - AXIS * size if one.tall else one.base
        rows[min(range(len(bases)), key=lambda at: abs(bases[at] - level))].append(one)
    return rows


def _grid(opening: Atom, rows: Sequence[Sequence[Atom]], *, closed: bool) -> str:
    name = {"(": "pmatrix", "[": "bmatrix"}.get(opening.latex, "cases") if closed else "cases"
    lines = [" & ".join(_line(cell) for cell in _cells(row)) for row in rows]
    return f"\\begin{{{name}}} " + " \\\\ ".join(lines) + f" \\end{{{name}}}"


def _cells(row: Sequence[Atom]) -> list[list[Atom]]:
    cells: list[list[Atom]] = [[]]
    end = float("inf")
    for one in sorted(row, key=_x0):
        if one.x0 - end > 0.5 * one.size or (one.latex.startswith("\\text") and len(cells) == 1 and cells[0]):
            cells.append([])
        cells[-1].append(one)
        end = one.x1
    return cells


@dataclass
class _Host:
    """What stands on the line, with its scripts."""

    atom: Atom
    lower: list[Atom]
    upper: list[Atom]

    @property
    def end(self) -> float:
        return max(one.x1 for one in (self.atom, *self.lower, *self.upper))


def _line(atoms: Sequence[Atom]) -> str:
    if not atoms:
        return ""
    base, size = _main_base(atoms), _main_size(atoms)
    atoms = sorted(atoms, key=_x0)
    accents = [one for one in atoms if one.kind == "accent"]
    hosts = [_Host(one, [], []) for one in atoms if one.kind != "accent" and _on_line(one, base, size)]
    scripts = [one for one in atoms if one.kind != "accent" and not _on_line(one, base, size)]
    scripts = _take_limits(hosts, scripts)
    for one in scripts:
        host = next((host for host in reversed(hosts) if host.atom.x0 < one.x0 and host.atom.middle < one.middle), None)
        if host is None or one.x0 - host.end > size:
            raise UnknownError
        tall = host.atom.tall or host.atom.kind == "whole"
        up = one.height > host.atom.height if tall else one.base > base
        (host.upper if up else host.lower).append(one)
    for accent in accents:
        _accented(accent, [*(host.atom for host in hosts), *scripts])
    return _joined(hosts, size)


def _on_line(one: Atom, base: float, size: float) -> bool:
    if one.tall:
        return one.size > SMALL * size or abs(one.height - AXIS * size - base) < 0.3 * size
    if one.kind == "whole":
        return abs(one.base - base) < 0.3 * size
    return abs(one.base - base) < 0.1 * size or (one.size > SMALL * size and abs(one.base - base) < 0.16 * size)


def _take_limits(hosts: Sequence[_Host], scripts: list[Atom]) -> list[Atom]:
    """Give operators what stands right above and below them; the scripts that are left."""
    for host in hosts:
        if host.atom.kind != "limits":
            continue
        for up in (False, True):
            level = [one for one in scripts if (one.y0 > host.atom.height if up else one.y1 < host.atom.height)]
            x0, x1 = host.atom.x0, host.atom.x1
            found = [one for one in level if one.x0 < x1 and one.x1 > x0 and one.middle < x1]
            while more := [one for one in level if one not in found and _touches(one, found)]:
                found += more
            if found and abs(min(o.x0 for o in found) + max(o.x1 for o in found) - x0 - x1) < 0.9 * host.atom.size:
                (host.upper if up else host.lower).extend(found)
                scripts = [one for one in scripts if one not in found]
    return scripts


def _touches(one: Atom, others: Sequence[Atom]) -> bool:
    return any(one.x0 - other.x1 < 0.35 * one.size and other.x0 - one.x1 < 0.35 * one.size for other in others)


def _accented(accent: Atom, atoms: Sequence[Atom]) -> None:
    letters = [one for one in atoms if one.kind in {"letter", "word"}]
    one = min(letters, key=lambda one: abs(one.middle - accent.middle), default=accent)
    if one is accent or abs(one.middle - accent.middle) > 0.6 * one.size:
        raise UnknownError
    one.latex = f"\\{accent.latex}{{{one.latex}}}"


def _joined(hosts: Sequence[_Host], size: float) -> str:
    stretched = _stretched(hosts)
    parts: list[str] = []
    end: float | None = None
    for at, host in enumerate(hosts):
        one = host.atom
        if one.latex == "√":
            raise UnknownError
        if end is not None and one.x0 - end > 1.5 * size:
            parts.append(r" \quad ")
        sign = at == 0 or hosts[at - 1].atom.kind in {"open", "relation", "operator"}
        spaced = one.kind == "relation" or (one.kind == "operator" and not sign)
        text = stretched.get(at, "") + one.latex + _scripts(host)
        if spaced:
            parts.append(f" {text} ")
        else:
            parts.append((" " if parts and _needs_blank(parts[-1], text, one) else "") + text)
            if text[-1] in ",;" or one.kind == "limits":
                parts.append(" ")
        end = host.end
    return " ".join("".join(parts).split())


def _needs_blank(before: str, text: str, one: Atom) -> bool:
    command = re.search(r"\\[A-Za-z]+$", before) and text[0].isalpha()
    return bool(command) or (one.kind in {"word", "whole"} and before[-1] not in "([{ ")


def _stretched(hosts: Sequence[_Host]) -> dict[int, str]:
    r"""`\left` and `\right` by position, for tall brackets that have a partner."""
    found: dict[int, str] = {}
    stack: list[tuple[str, int]] = []
    bar: int | None = None
    for at, host in enumerate(hosts):
        one = host.atom
        if not one.tall or one.kind == "limits":
            continue
        if one.kind == "open":
            stack.append((one.latex, at))
        elif one.kind == "close" and stack:
            found[stack.pop()[1]], found[at] = r"\left", r"\right"
        elif one.latex in {"|", "\\|"}:
            if bar is None:
                bar = at
            else:
                found[bar], found[at], bar = r"\left", r"\right", None
    return found


def _scripts(host: _Host) -> str:
    text = ""
    for mark, atoms in (("_", host.lower), ("^", host.upper)):
        if atoms:
            inner = re.sub(r"(?<!\\) ([=+,-]) |(?<=,) ", r"\1", _rows(atoms))
            if mark == "^" and re.fullmatch(r"(?:\\prime ?)+", inner):
                text += "'" * inner.count("prime")
            else:
                text += mark + (inner if len(inner) == 1 else f"{{{inner}}}")
    return text
