"""The grammar of phrases, in the lexicon and in packs.

`price collar`        the words one after the other, in any number or tense (`price collars`)
`<cancel> all orders` a class of interchangeable words from the lexicon's `words`
`halt|suspend order`  one of several words or classes; `_` joins what belongs together: `shut_down|<stop>`
`~approve`            any word of the same stem: approves, approval
`test .. production`  up to six other words between
`review & annual`     both in one sentence, in any order
`futures && margin`   in conditions only: both somewhere in the document
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from docward.analyzer.analysis.text import base_forms, stems

GAP = 6
"""Words that `..` leaps over at most."""
_ELEMENT = re.compile(r"(?:<[^<>]*>|\S)+")
_CONCEPT_ID = re.compile(r"[a-z][a-z0-9_]*")
_SPOKEN = {"..": "…", "&": "and"}


@dataclass(frozen=True, slots=True)
class Step:
    symbol: str
    gap: int
    """How many tokens may stand between the step before and this one."""


@dataclass(frozen=True)
class Phrase:
    parts: tuple[tuple[Step, ...], ...]

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(step.symbol for part in self.parts for step in part))

    @cached_property
    def needed(self) -> frozenset[str]:
        return frozenset(self.symbols)


@dataclass(frozen=True, slots=True)
class Form:
    """One way to write a symbol."""

    stems: tuple[str, ...]
    exact: tuple[str, ...] | None
    """Stems alone confuse `position` with `positive`: the base forms decide, where they are given."""


def is_phrase(text: str) -> bool:
    """Whether a pack writes a phrase where a concept's id could stand."""
    return _CONCEPT_ID.fullmatch(text) is None


def together(condition: str) -> tuple[str, ...]:
    """The concepts and phrases that a condition asks for, each anywhere in the document."""
    return tuple(part.strip() for part in condition.split("&&"))


def spoken(text: str) -> str:
    """A concept or phrase as a person would say it: of several words for one thing the first."""
    first = (element.split("|")[0] for element in _ELEMENT.findall(text))
    return " ".join(_SPOKEN.get(word, word.strip("<>~").replace("_", " ")) for word in first)


def mistake(text: str, words: Mapping[str, tuple[str, ...]]) -> str:
    """What is wrong with the phrase; empty where nothing is."""
    phrase = parsed(text)
    if not phrase.symbols or not all(phrase.parts):
        return "a phrase needs words on both sides of '&'" if "&" in text else "a phrase needs words"
    for symbol in phrase.symbols:
        for name in re.findall("<([^<>]*)>", symbol):
            if name not in words:
                return f"no class of words is called <{name}>"
        if not any(form.stems for form in forms(symbol, words)):
            return f"{symbol!r} has no words"
    return ""


@lru_cache(maxsize=20_000)
def parsed(text: str) -> Phrase:
    return Phrase(tuple(tuple(_steps(part)) for part in text.split("&")))


def _steps(part: str) -> Iterator[Step]:
    """Plain words that follow one another are one symbol."""
    run: list[str] = []
    gap, run_gap = 0, 0
    for element in _ELEMENT.findall(part):
        if element in {"..", "…"}:
            if run:
                yield Step(" ".join(run), run_gap)
                run = []
            gap = GAP
        elif element[0] in "<~" or "|" in element:
            if run:
                yield Step(" ".join(run), run_gap)
                run = []
            yield Step(element, gap)
            gap = 0
        else:
            if not run:
                run_gap = gap
            run.append(element)
            gap = 0
    if run:
        yield Step(" ".join(run), run_gap)


def forms(symbol: str, words: Mapping[str, tuple[str, ...]]) -> Iterator[Form]:
    for alternative in symbol.split("|"):
        if alternative.startswith("<"):
            yield from (Form(stems(word), None) for word in words.get(alternative[1:-1], ()))
            continue
        text = alternative.lstrip("~").replace("_", " ")
        yield Form(stems(text), None if alternative.startswith("~") else base_forms(text))
