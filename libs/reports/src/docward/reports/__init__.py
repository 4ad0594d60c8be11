"""What an analysis found, to read, to print or to feed to a build: pure functions, the same bytes each time.

`render` gives a report of one or several reviewed documents in any of FORMATS; what a document says is escaped
wherever it is shown. `differences` sets two versions of a document beside each other, `irtext` writes the IR of one
down for language models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from docward.reports import articles, data, junit, page, sarif
from docward.reports.reviewed import Part, Release, Reviewed, Standing

__all__ = ["FORMATS", "MEDIA_TYPES", "SUFFIXES", "Part", "Release", "Reviewed", "Standing", "render"]

_WRITERS: dict[str, tuple[str, str, Callable[[Sequence[Reviewed]], str]]] = {
    "json": ("application/json", "json", data.written),
    "sarif": ("application/sarif+json", "sarif", sarif.written),
    "junit": ("application/xml", "xml", junit.written),
    "html": ("text/html; charset=utf-8", "html", page.written),
    "self-assessment": ("text/html; charset=utf-8", "html", articles.written),
}
FORMATS = tuple(_WRITERS)
MEDIA_TYPES = {name: media_type for name, (media_type, _, _) in _WRITERS.items()}
SUFFIXES = {name: suffix for name, (_, suffix, _) in _WRITERS.items()}


def render(kind: str, documents: Sequence[Reviewed]) -> str:
    """Raises KeyError for a format that is none of FORMATS."""
    return _WRITERS[kind][2](documents)
