"""Whole streams for the read side: one document, one pack, one group and their analyses, with everything that can
happen to them, and a document for every state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

from contracts.golden import TYPES, example
from docward.events.messages import Command, ObjectRef
from unit.projector.story import DOCUMENT, REPOSITORY, Told, told

COMMAND_TYPES = [cls.TYPE for cls in TYPES if issubclass(cls, Command)]
NUMBERS = count(1000)
SECOND, THIRD, FOURTH = (UUID(int=number, version=4) for number in (2, 3, 4))
DELETED = UUID(int=0xDE1E7ED, version=4)
GROUP = UUID(int=0x640, version=4)
FINDINGS = example("findings-recorded.v1").body["findings"]
VERDICTS = example("verdicts-recorded.v1").body["verdicts"]
POLICIES = example("pack-imported.v1").body["policies"]
FINGERPRINTS = [finding["fingerprint"] for finding in FINDINGS]


@dataclass
class Stream:
    """Events of one aggregate, numbered in the order in which they are told."""

    key: UUID
    events: list[Told] = field(default_factory=list)

    def then(self, name: str, /, *, by: int | None = None, **body: Any) -> Stream:
        number = next(NUMBERS) if by is None else by
        self.events.append(told(name, len(self.events) + 1, key=self.key, by=number, **body))
        return self


def document_at(number: int) -> UUID:
    return UUID(int=0xD0C00 + number, version=4)


def the_document(texts: Mapping[str, ObjectRef]) -> list[Told]:
    """Everything that can happen to a document but its deletion. `texts` holds the Markdown of its versions."""
    markdown = {version: texts[f"version-{version}"].model_dump(mode="json") for version in (1, 3, 4)}
    return (
        Stream(DOCUMENT)
        .then("document-submitted", by=1)
        .then("document-converted", by=1, version=1, markdown=markdown[1])
        .then("details-edited", by=2, title="Momentum, edited", description="By hand.", tags=["momentum", "edited"])
        .then("document-shared", by=4, groups=["risk"])
        .then("repositories-assigned", by=5)
        .then("revision-submitted", by=3, version=2, filename="second.pdf", comment="second try")
        .then("conversion-failed", by=3, version=2, reason="encrypted", detail="It is locked.")
        .then("changes-requested", by=30, version=3, base=1)
        .then("changes-applied", by=30, version=3, base=1)
        .then("document-converted", by=30, version=3, origin="changes", markdown=markdown[3])
        .then("version-restored", by=31, version=4, restored=3)
        .then("document-converted", by=31, version=4, origin="restore", markdown=markdown[4])
        .then("conversion-requested", by=32, version=1)
        .then("document-converted", by=32, version=1, markdown=markdown[1], converter="docward-converter/9")
        .then("export-requested", by=33, version=4)
        .then("document-exported", by=33, version=4, format="docx")
        .then("ownership-transferred", by=34, owner="jo.ferrante")
        .then("document-made-private", by=35)
        .events
    )


def its_analyses() -> list[Told]:
    """Four analyses with one outcome each, and feedback of every kind in between."""
    second, third, fourth = str(SECOND), str(THIRD), str(FOURTH)
    unseen = FINDINGS[0] | {"fingerprint": "f" * 32, "severity": "critical"}
    latest = [FINDINGS[0], unseen]
    first, other, last = FINGERPRINTS
    return (
        Stream(DOCUMENT)
        .then("analysis-requested", by=20, version=1)
        .then("findings-recorded", by=20, version=1, chunk=1, chunks=2, findings=FINDINGS[:2])
        .then("findings-recorded", by=20, version=1, chunk=2, chunks=2, findings=FINDINGS[2:])
        .then("verdicts-recorded", by=20, version=1)
        .then("analysis-completed", by=20, version=1)
        .then("finding-accepted", by=21, fingerprint=first, comment="agreed")
        .then("finding-modified", by=22, fingerprint=other, text="Appendix B", comment="")
        .then("finding-rejected", by=23, fingerprint=last, reason="not ours")
        .then("finding-reopened", by=24, fingerprint=last, comment="it is")
        .then("analysis-requested", by=25, analysis_id=second, version=3)
        .then("analysis-cancelled", by=26, analysis_id=second, version=3)
        .then("analysis-requested", by=27, analysis_id=third, version=3)
        .then("findings-recorded", by=27, analysis_id=third, version=3, findings=latest)
        .then("verdicts-recorded", by=27, analysis_id=third, version=3, verdicts=VERDICTS[:1])
        .then(
            "analysis-completed",
            by=27,
            analysis_id=third,
            version=3,
            compliance="non-compliant",
            findings={"critical": 1, "high": 1},
            verdicts={"partial": 1},
            fingerprints=[finding["fingerprint"] for finding in latest],
        )
        .then("analysis-requested", by=28, analysis_id=fourth, version=4)
        .then("analysis-failed", by=28, analysis_id=fourth, version=4, reason="object-missing", detail="It is gone.")
        .events
    )


def the_repository() -> list[Told]:
    """Imported, edited, published three times, imported again and archived."""

    def policy(ident: str, title: str = "A policy") -> dict[str, Any]:
        return {**POLICIES[0], "id": ident, "title": title}

    return (
        Stream(REPOSITORY)
        .then("repository-created", by=40, name="internal-algorithm-standard", title="Standard")
        .then("pack-imported", by=40, chunk=1, chunks=2, policies=[policy("P-1"), policy("P-2")])
        .then("pack-imported", by=40, chunk=2, chunks=2, policies=[policy("P-3")])
        .then("release-published", by=40, release=1, policies=3, notes="first")
        .then("repository-edited", by=41, title="The standard", description="Ours.")
        .then("policy-added", by=42, policy=policy("P-4"))
        .then("policy-edited", by=43, policy=policy("P-1", "Another title"))
        .then("policy-removed", by=44, policy_id="P-2")
        .then("release-published", by=45, release=2, policies=3, notes="second")
        .then("pack-imported", by=46, chunk=1, chunks=1, policies=[policy("P-4", "Imported"), policy("P-5")])
        .then("release-published", by=46, release=3, policies=2, notes="third")
        .then("repository-archived", by=47, reason="superseded")
        .events
    )


def the_group() -> list[Told]:
    """Two members and a third that goes again; analysed once, and deleted."""
    group = (
        Stream(GROUP)
        .then("document-group-created", by=50, members=[str(DOCUMENT), str(DELETED)], primary=str(DOCUMENT))
        .then("document-group-renamed", by=51, title="The suite", description="All of it.")
        .then("group-member-added", by=52, document_id=str(document_at(3)))
        .then("primary-member-set", by=53, document_id=str(document_at(3)))
        .then("group-member-removed", by=54, document_id=str(DELETED))
        .then("document-group-deleted", by=56, reason="merged into one document")
        .events
    )
    return [*group, *Stream(GROUP).then("suite-analysis-requested", by=55, version=5).events]


def _submitted(number: int) -> Stream:
    return Stream(document_at(number)).then("document-submitted", by=2000 + number)


def _converted(number: int) -> Stream:
    return _submitted(number).then("document-converted", by=2000 + number, markdown=_MISSING)


def _analysis(number: int) -> Stream:
    return Stream(document_at(number)).then("analysis-requested", analysis_id=_analysis_id(number), by=3000 + number)


def _analysis_id(number: int) -> str:
    return str(UUID(int=0xA000 + number, version=4))


_MISSING = {"uri": "products/gone.md", "sha256": "0" * 64, "size": 1, "media_type": "text/markdown"}

_ANALYSIS: dict[int, dict[str, Any]] = {
    number: {"analysis_id": _analysis_id(number), "by": 3000 + number} for number in range(20)
}

STATES: list[tuple[str, list[Stream]]] = [
    ("submitted", [_submitted(0)]),
    ("converting", [_converted(1).then("conversion-requested", version=1)]),
    (
        "conversion-failed",
        [_submitted(2).then("conversion-failed", by=2002, version=1, reason="damaged", detail="It is broken.")],
    ),
    ("converted", [_converted(3)]),
    ("analyzing", [_converted(4), _analysis(4)]),
    ("analyzed", [_converted(5), _analysis(5).then("analysis-completed", **_ANALYSIS[5])]),
    ("analysis-failed", [_converted(6), _analysis(6).then("analysis-failed", **_ANALYSIS[6], version=1)]),
    ("converted", [_converted(7), _analysis(7).then("analysis-cancelled", **_ANALYSIS[7], version=1)]),
    (
        "submitted",
        [
            _converted(8).then("revision-submitted", by=2100, version=2),
            _analysis(8).then("analysis-completed", **_ANALYSIS[8]),
        ],
    ),
    ("deleted", [_submitted(9).then("document-deleted", by=2109, reason="no more")]),
    ("deleted", [_converted(10).then("document-deleted", by=2110), _analysis(10)]),
]
"""The status of the document of that number, and its streams."""


def a_deleted_document(texts: Mapping[str, ObjectRef]) -> list[Told]:
    """Converted, indexed, and deleted afterwards."""
    markdown = texts["deleted"].model_dump(mode="json")
    return (
        Stream(DELETED)
        .then("document-submitted")
        .then("document-converted", markdown=markdown)
        .then("document-deleted")
        .events
    )


def states() -> Iterator[Told]:
    for _, streams in STATES:
        for stream in streams:
            yield from stream.events


def commands() -> list[Told]:
    """One command of every type; the number of its place, from 5000."""
    return [told(name, by=5000 + number) for number, name in enumerate(COMMAND_TYPES)]


def asked() -> list[Told]:
    """The commands behind some of the streams, one that is rejected, and one that nobody decides."""
    return [
        told("submit-document", by=1),
        told("submit-revision", by=3),
        told("request-analysis", by=25),
        told("request-analysis", by=27),
        told("import-pack", by=40, key=REPOSITORY),
        told("edit-details", by=6, expected_version=2),
        told("command-rejected", by=6, code="version-conflict", detail="It is at 5.", current_version=5),
        told("edit-details", by=8),
    ]
