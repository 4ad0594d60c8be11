"""Words of a document: tokens with offsets and stems, and a same-length view of Markdown without its marks.

`plain(markdown)` has the length of its input, so an offset in one is an offset in the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

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


class Caseless:
    """A pattern in any case. It is looked for in the lower-case text first, where `re` can leap to where a match may
    begin: three times as quick as `re.IGNORECASE` where there is none.
    """

    __slots__ = ("_exact", "_lowered", "pattern")

    def __init__(self, pattern: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self.pattern = pattern
        self._exact = re.compile(pattern, re.IGNORECASE | flags)
        lowered = _UPPER.sub(lambda m: m.group() if len(m.group()) > 1 else m.group().lower(), pattern)
        self._lowered = re.compile(lowered.removeprefix(r"\b"), flags)  # `\b` in front would forbid to leap

    def search(self, text: str) -> re.Match[str] | None:
        return self._exact.search(text) if self._may_match(text) else None

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        return self._exact.finditer(text) if self._may_match(text) else iter(())

    def match(self, text: str) -> re.Match[str] | None:
        return self._exact.match(text)

    def fullmatch(self, text: str) -> re.Match[str] | None:
        return self._exact.fullmatch(text)

    def split(self, text: str) -> list[str]:
        return [part or "" for part in self._exact.split(text)]

    def sub(self, replacement: str, text: str) -> str:
        return self._exact.sub(replacement, text)

    def _may_match(self, text: str) -> bool:
        lowered = text.lower()
        return len(lowered) != len(text) or self._lowered.search(lowered) is not None


_UPPER = re.compile(r"\\.|\(\?P<\w+>|\(\?P=\w+\)|[A-Z]")
"""Escapes and names of groups keep their case."""


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


class Token(NamedTuple):
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
