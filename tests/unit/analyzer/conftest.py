"""Markdown in, IR and report out: the analyzer's tests go through the real conversion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import pytest

from docward.analyzer.analysis import Release, analyse
from docward.analyzer.analysis.checks import CHECKS
from docward.analyzer.analysis.document import Document
from docward.analyzer.analysis.drafts import Outcome
from docward.analyzer.analysis.packs import bundled_lexicon, bundled_packs, load_pack
from docward.analyzer.policies import policies_of
from docward.converter.conversion import convert
from docward.events.findings import AnalysisReport
from docward.events.ir import Ir
from docward.events.policies import Pack, repository_id

DOCUMENT_ID = "0f6d2a52-9d3a-5c52-9a38-0c0f3d3f6a11"


@dataclass(frozen=True)
class Converted:
    markdown: str
    ir: Ir


def converted(text: str) -> Converted:
    conversion = convert(text.encode(), "text/markdown", document_id=DOCUMENT_ID)
    return Converted(conversion.markdown, conversion.ir)


def release_of(pack: Pack, release: int = 1) -> Release:
    return Release(
        repository_id=repository_id(pack.pack.id),
        repository=pack.pack.id,
        release=release,
        policies=policies_of(pack),
    )


@pytest.fixture(scope="session")
def packs() -> dict[str, Pack]:
    return {path.stem: load_pack(path) for path in bundled_packs()}


@pytest.fixture(scope="session")
def releases(packs) -> list[Release]:
    return [release_of(pack) for pack in packs.values()]


@pytest.fixture
def document() -> Callable[[str], Document]:
    def build(text: str) -> Document:
        made = converted(text)
        return Document(made.ir, made.markdown, bundled_lexicon())

    return build


@pytest.fixture
def run(document) -> Callable[[str, str], Outcome]:
    """One check by its name."""
    by_name = {check.name: check.run for check in CHECKS}
    return lambda name, text: by_name[name](document(text))


@pytest.fixture
def report() -> Callable[..., AnalysisReport]:
    def build(text: str, *releases: Release) -> AnalysisReport:
        made = converted(text)
        return analyse(made.ir, made.markdown, releases)

    return build


@pytest.fixture
def any_id() -> UUID:
    return UUID(int=7)
