"""What the analyzer does about the converter's events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from docward.events.analyses import RequestAnalysis
from docward.events.codec import Envelope
from docward.events.documents import DocumentConverted
from docward.events.topics import ANALYSIS_COMMANDS, DOCUMENT_EVENTS
from docward.runtime.reactions import Outgoing, Reaction


def analyse_converted_versions(envelope: Envelope, event: Any) -> Iterable[Outgoing]:
    """Every converted version is analysed against the repositories that the document has at that moment."""
    if isinstance(event, DocumentConverted):
        command = RequestAnalysis(
            version=event.version, markdown=event.markdown, ir=event.ir, repositories=event.repositories
        )
        yield Outgoing(ANALYSIS_COMMANDS, "analysis", envelope.key, command)


ANALYSE_CONVERTED_VERSIONS = Reaction("analyzer-conversions", DOCUMENT_EVENTS, analyse_converted_versions)
