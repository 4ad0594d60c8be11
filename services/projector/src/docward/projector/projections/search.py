"""The read model `search`: the words of titles and texts.

A version's text is a row of its own, so that converting an old version again does not hide the current one. A deleted
document leaves nothing behind: its objects may be gone when the model is rebuilt, and the rows must be the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

from docward.events.codec import Envelope
from docward.events.documents import DetailsEdited, DocumentConverted, DocumentDeleted, DocumentSubmitted
from docward.events.messages import Message, ObjectRef
from docward.events.topics import DOCUMENT_EVENTS
from docward.projector.projections.columns import ddl
from docward.runtime.projections import Delete, Position, Projection, Upsert, Write

TEXT_BYTES = 300_000
"""Of a text, that much is indexed: about a hundred pages. Postgres refuses a tsvector of 1 MB, and short words that all
differ take up to three times their own bytes in it."""

DETAILS = 0
"""In place of a version: the row of title, description and tags."""


def needed(message: Message) -> Iterable[ObjectRef]:
    return [message.markdown] if isinstance(message, DocumentConverted) else []


def project(
    envelope: Envelope,
    message: Message,
    position: Position,  # noqa: ARG001 -- one signature
    objects: Mapping[str, bytes | None],
) -> Iterator[Write]:
    match message:
        case (
            DocumentSubmitted(title=title, description=description, tags=tags)
            | DetailsEdited(title=title, description=description, tags=tags)
        ):
            yield _text(envelope.key, DETAILS, "\n".join([title, description, *tags]))
        case DocumentConverted(version=version, markdown=markdown):
            stored = objects[markdown.uri]
            if stored is not None:
                yield _text(envelope.key, version, indexed(stored))
        case DocumentDeleted():
            # Every version took an event at least, so the stream's version bounds their number.
            for version in range(DETAILS, (envelope.stream_version or 0) + 1):
                yield Delete("document_texts", {"document_id": envelope.key, "version": version})


def indexed(markdown: bytes) -> str:
    """The part of a text that is indexed, cut at a character, without what Postgres cannot store."""
    return markdown[:TEXT_BYTES].decode("utf-8", "ignore").replace("\x00", "")


def _text(document_id: UUID, version: int, text: str) -> Write:
    return Upsert("document_texts", {"document_id": document_id, "version": version}, {"text": text})


SEARCH = Projection(
    name="search", version=1, topics=(DOCUMENT_EVENTS,), ddl=ddl("search"), project=project, needs=needed
)
