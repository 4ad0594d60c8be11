"""Words of a document: tokens with offsets and stems, and a same-length view of Markdown without its marks.

`plain(markdown)` has the length of its input, so an offset in one is an offset in the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

_MARKS = re.compile(
    r"(?<![\\\w}^_])\{[A-Za-z][\w ,:’'-]{2,80}\}|\*+|`+|\\(?=[^\w\s])|\]\([^)\s]*\)|[\[\]]|<br\s*/?>|\n"
)
_WORD = re.compile(r"(?:large|mid|small|micro|mega|all)[- ]?caps?\b|[^\W_]+(?:[.,]\d+)*", re.IGNORECASE)
"""`large-cap` is one word: it is no cap."""
_STEMMER = snowballstemmer.stemmer("english")


def alternatives(text: str) -> str:
    """A regular expression that matches any of the lines."""
    return f"(?:{'|'.join(line.strip() for line in text.strip().splitlines())})"


def words(text: str) -> frozenset[str]:
    """A word list as it is read: separated by blanks and line ends."""
    return frozenset(text.split())


STOP_WORDS = words(
    """
    a an the this that these those it its their our his her they we you he she is are was were be been being has
    have had do does did of to in on at by for from with as and or but if then than so such into over under per
    each any all no not which who whom whose what when where how will shall must should may might can could
    would there here also only both either neither very
    """
)


@dataclass(frozen=True, slots=True)
class Token:
    text: str
    stem: str
    start: int
    end: int


def plain(markdown: str) -> str:
    """The text with emphasis, code marks, link targets, line ends and slots (`{value}`) as blanks; offsets stay."""
    return _MARKS.sub(lambda match: " " * len(match.group()), markdown)


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    lowered = word.lower()
    return str(_STEMMER.stemWord(lowered)) if lowered.isalpha() else lowered


_ENDINGS = tuple(
    re.compile(rf"(?<=..)(?:{e})$") for e in (r"(?<=[sxz])es|(?<=[cs]h)es|(?<![sui])s", r"ing|(?<!e)ed", "e")
)


@lru_cache(maxsize=100_000)
def base_form(word: str) -> str:
    """The word without plural and verb endings: `limits`, `limited` are `limit`, but `indicative` is no `indicator`."""
    base = word.lower()
    if len(base) > 4 and base.endswith(("ies", "ied")):
        return f"{base[:-3]}y"
    for ending in _ENDINGS:
        base = ending.sub("", base)
    return base[:-1] if len(base) > 3 and base[-1] == base[-2] else base


def base_forms(text: str) -> tuple[str, ...]:
    return tuple(base_form(match.group()) for match in _WORD.finditer(text))


def tokens(text: str, offset: int = 0) -> tuple[Token, ...]:
    return tuple(
        Token(match.group(), stem(match.group()), match.start() + offset, match.end() + offset)
        for match in _WORD.finditer(text)
    )


def stems(text: str) -> tuple[str, ...]:
    return tuple(stem(match.group()) for match in _WORD.finditer(text))


@lru_cache(maxsize=20_000)
def title_stems(title: str) -> frozenset[str]:
    """The stems of a heading, which every requirement asks for."""
    return frozenset(stems(title))


def content_stems(text: str) -> frozenset[str]:
    """Stems of the words that carry meaning: no function words, no single letters, no numbers."""
    return content_of(tokens(text))


def content_of(of: Iterable[Token]) -> frozenset[str]:
    return frozenset(
        token.stem
        for token in of
        if len(token.text) > 1 and not token.text[0].isdigit() and token.text.lower() not in STOP_WORDS
    )


def normalised(text: str) -> str:
    """For fingerprints: letters and digits only, lower case, single blanks."""
    return " ".join(match.group().lower() for match in _WORD.finditer(text))
