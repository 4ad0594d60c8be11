"""What the views say after everything in the cast has happened, on real Kafka and Postgres."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import asyncpg
import pytest

from docward.events.topics import TOPICS
from docward.projector.projections.search import indexed
from integration.projector import cast
from integration.projector.cast import FINGERPRINTS, SECOND, STATES, THIRD, document_at
from integration.projector.installation import Installation
from unit.projector.story import DOCUMENT, REPOSITORY, command_id

LATEST_TEXT = 4


async def document(projected: Installation, ident: UUID = DOCUMENT) -> dict[str, object]:
    return await projected.row("documents", "document_id = $1", ident)


async def operation(projected: Installation, by: int) -> dict[str, object]:
    return await projected.row("operations", "operation_id = $1", command_id(by))


@pytest.mark.parametrize("number", range(len(STATES)))
async def test_the_status_follows_both_streams(projected: Installation, number: int) -> None:
    assert (await document(projected, document_at(number)))["status"] == STATES[number][0]


async def test_a_document_shows_its_details_and_its_current_version(projected: Installation) -> None:
    row = await document(projected)
    assert (row["title"], row["tags"]) == ("Momentum, edited", ["momentum", "edited"])
    assert (row["owner"], row["visibility"], row["groups"]) == ("jo.ferrante", "private", [])
    assert (row["current_version"], row["latest_converted_version"]) == (4, 4)
    assert row["stream_version"] == 18
    assert row["analysis_stream_version"] == 17


async def test_a_document_shows_its_latest_analysis_and_why_the_last_one_failed(projected: Installation) -> None:
    row = await document(projected)
    assert (row["status"], row["failure_reason"]) == ("analysis-failed", "object-missing")
    assert (row["latest_analysis_id"], row["analyzed_version"]) == (THIRD, 3)
    assert (row["compliance"], row["implementability"]) == ("non-compliant", "not-implementable")
    assert row["self_containment"] == 0.75
    assert row["finding_counts"] == {"critical": 1, "high": 1}
    assert row["open_findings"] == {"critical": 1}, "the accepted one and the unseen ones are not open"


async def test_a_revision_keeps_what_is_known_of_the_version_before(projected: Installation) -> None:
    row = await document(projected, document_at(8))
    assert (row["status"], row["current_version"], row["latest_converted_version"]) == ("submitted", 2, 1)
    assert (row["compliance"], row["analyzed_version"]) == ("partial", 1)


async def test_a_failed_conversion_says_why(projected: Installation) -> None:
    row = await document(projected, document_at(2))
    assert (row["failure_reason"], row["failure_detail"]) == ("damaged", "It is broken.")


async def test_every_version_says_where_it_comes_from_and_what_became_of_it(projected: Installation) -> None:
    rows = await projected.view("document_versions", "document_id = $1 order by version", DOCUMENT)
    assert [(r["version"], r["origin"], r["status"], r["base_version"]) for r in rows] == [
        (1, "upload", "converted", None),
        (2, "revision", "conversion-failed", None),
        (3, "changes", "converted", 1),
        (4, "restore", "converted", 3),
    ]
    assert rows[0]["converter"] == "docward-converter/9"
    assert (rows[1]["filename"], rows[1]["comment"], rows[1]["failure_reason"]) == (
        "second.pdf",
        "second try",
        "encrypted",
    )


async def test_a_restored_version_has_the_bytes_of_what_it_restores(projected: Installation) -> None:
    rows = await projected.view("document_versions", "document_id = $1 order by version", DOCUMENT)
    upload, _, changed, restored = rows
    assert restored["original"] == changed["original"] != upload["original"]
    assert restored["sha256"] == changed["original"]["sha256"]
    assert upload["filename"] == "momentum-execution-strategy.pdf"
    assert restored["filename"] == changed["filename"] == "momentum-execution-strategy.md"


async def test_an_export_is_there(projected: Installation) -> None:
    row = await projected.row("document_exports", "document_id = $1", DOCUMENT)
    assert (row["version"], row["format"]) == (4, "docx")


@pytest.mark.parametrize("words", ["momentum", "edited", "restored", '"by hand"'])
async def test_a_document_is_found_by_its_details_and_by_its_newest_text(projected: Installation, words: str) -> None:
    found = await projected.view("document_texts", "search @@ websearch_to_tsquery('english', $1)", words)
    assert DOCUMENT in {row["document_id"] for row in found}


async def test_texts_of_older_versions_are_not_found(projected: Installation) -> None:
    rows = await projected.view("document_texts", "document_id = $1 order by version", DOCUMENT)
    assert [row["version"] for row in rows] == [0, LATEST_TEXT]


async def test_deleted_documents_are_not_found(projected: Installation) -> None:
    assert await projected.view("document_texts", "document_id = $1", cast.DELETED) == []


@pytest.mark.parametrize(
    "words",
    [
        pytest.param((f"{n:x}.co/{n:x}" for n in range(30_000)), id="addresses"),
        pytest.param((f"a{n:x}-b{n:x}-c{n:x}-d{n:x}" for n in range(30_000)), id="compounds"),
        pytest.param((chr(0x4E00 + n) + chr(0x9000 - n) for n in range(15_000)), id="ideographs"),
    ],
)
async def test_the_longest_text_that_is_indexed_fits(projected: Installation, words: Iterator[str]) -> None:
    text = indexed(" ".join(words).encode())
    assert await projected.pool.fetchval("select length(to_tsvector('english', $1)) > 10000", text)


async def test_analyses_end_as_they_did(projected: Installation) -> None:
    rows = await projected.view("analyses", "document_id = $1 order by requested_version", DOCUMENT)
    assert [row["status"] for row in rows] == ["completed", "cancelled", "completed", "failed"]
    assert [row["latest"] for row in rows] == [False, False, True, False]
    assert rows[2]["verdict_counts"] == {"partial": 1}


async def test_findings_keep_decisions_and_are_resolved_when_they_are_not_seen_again(projected: Installation) -> None:
    rows = {r["fingerprint"]: r for r in await projected.view("findings", "document_id = $1", DOCUMENT)}
    first, modified, reopened = (rows[fingerprint] for fingerprint in FINGERPRINTS)
    assert (first["status"], first["present"], first["comment"]) == ("accepted", True, "agreed")
    assert (first["first_seen_version"], first["last_seen_version"]) == (1, 3)
    assert first["quotes"] == cast.FINDINGS[0]["quotes"]
    assert (modified["status"], modified["present"], modified["replacement"]) == ("modified", False, "Appendix B")
    assert (reopened["status"], reopened["present"]) == ("resolved", False)
    unseen = rows["f" * 32]
    assert (unseen["status"], unseen["severity"], unseen["severity_rank"]) == ("open", "critical", 1)
    assert (unseen["first_seen_analysis"], unseen["analysis_stream_version"]) == (THIRD, 17)


async def test_verdicts_are_kept_per_analysis(projected: Installation) -> None:
    rows = await projected.view("verdicts", "document_id = $1 order by version, ordinal", DOCUMENT)
    assert [(row["version"], row["policy_id"]) for row in rows] == [
        (1, "IAS-RISK-2"),
        (1, "IAS-GOV-1"),
        (3, "IAS-RISK-2"),
    ]
    assert rows[0]["repository"] == "internal-algorithm-standard"


async def test_a_repository_shows_its_details(projected: Installation) -> None:
    row = await projected.row("repositories", "repository_id = $1", REPOSITORY)
    assert (row["name"], row["title"], row["description"]) == ("internal-algorithm-standard", "The standard", "Ours.")
    assert (row["latest_release"], row["policy_count"], row["archived"]) == (3, 2, True)
    assert row["pack"]["id"] == "internal-algorithm-standard"


async def test_policies_are_those_after_the_last_import(projected: Installation) -> None:
    rows = await projected.view("policies", "repository_id = $1 order by ordinal", REPOSITORY)
    assert [(row["policy_id"], row["title"]) for row in rows] == [("P-4", "Imported"), ("P-5", "A policy")]


async def test_a_release_has_the_policies_that_it_was_published_with(projected: Installation) -> None:
    rows = await projected.view("releases", "repository_id = $1 order by release", REPOSITORY)
    contents = [[(policy["id"], policy["title"]) for policy in row["policies"]] for row in rows]
    assert contents == [
        [("P-1", "A policy"), ("P-2", "A policy"), ("P-3", "A policy")],
        [("P-1", "Another title"), ("P-3", "A policy"), ("P-4", "A policy")],
        [("P-4", "Imported"), ("P-5", "A policy")],
    ]
    assert [row["policy_count"] for row in rows] == [len(row["policies"]) for row in rows]
    assert [row["notes"] for row in rows] == ["first", "second", "third"]


async def test_a_group_shows_its_members_and_what_an_analysis_of_it_read(projected: Installation) -> None:
    row = await projected.row("document_groups", "group_id = $1", cast.GROUP)
    assert (row["title"], row["description"]) == ("The suite", "All of it.")
    assert row["members"] == [str(DOCUMENT), str(document_at(3))]
    assert row["primary_id"] == document_at(3)
    assert (row["deletion_reason"], row["stream_version"]) == ("merged into one document", 6)
    analysis = await projected.row("suite_analyses", "group_id = $1", cast.GROUP)
    assert {member["document_id"] for member in analysis["members"]} == set(row["analysed"])


@pytest.mark.parametrize("number", range(len(cast.COMMAND_TYPES)))
async def test_every_command_is_an_operation(projected: Installation, number: int) -> None:
    row = await operation(projected, 5000 + number)
    assert (row["type"], row["status"], row["visible"]) == (cast.COMMAND_TYPES[number], "accepted", True)
    assert len([name for name in ("document_id", "group_id", "repository_id") if row[name] is not None]) == 1


@pytest.mark.parametrize(
    ("by", "status", "code"),
    [
        (1, "succeeded", None),
        (3, "failed", "encrypted"),
        (6, "rejected", "version-conflict"),
        (7, "parked", "unexpected"),
        (8, "accepted", None),
        (25, "failed", "analysis-cancelled"),
        (26, "succeeded", None),
        (27, "succeeded", None),
        (28, "failed", "object-missing"),
        (30, "succeeded", None),
        (33, "succeeded", None),
        (40, "succeeded", None),
        (2000, "running", None),
        (2001, "succeeded", None),
        (2009, "failed", "document-deleted"),
        (3004, "running", None),
        (3010, "failed", "document-deleted"),
    ],
)
async def test_an_operation_ends_once(projected: Installation, by: int, status: str, code: str | None) -> None:
    row = await operation(projected, by)
    assert (row["status"], row["code"]) == (status, code)
    assert (row["detail"] is None) == (code is None)
    assert row["visible"] is True


async def test_an_operation_names_what_it_made(projected: Installation) -> None:
    submitted = await operation(projected, 1)
    assert (submitted["document_id"], submitted["version"], submitted["type"]) == (DOCUMENT, 1, "submit-document")
    assert (submitted["result_stream"], submitted["result_stream_version"]) == (f"document:{DOCUMENT}", 2)
    cancelled = await operation(projected, 25)
    assert (cancelled["analysis_id"], cancelled["document_id"]) == (SECOND, DOCUMENT)
    imported = await operation(projected, 40)
    assert (imported["repository_id"], imported["document_id"]) == (REPOSITORY, None)
    rejected = await operation(projected, 6)
    assert (rejected["current_version"], rejected["expected_version"]) == (5, 2)


async def test_an_operation_is_not_visible_before_the_views_show_its_effect(projected: Installation) -> None:
    connection = await projected.pool.acquire()
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "update verdicts_v1.verdict_streams set stream_version = 4 where document_id = $1", DOCUMENT
        )
        rows = await connection.fetch(
            "select operation_id, visible from read.operations where operation_id = any($1)",
            [command_id(20), command_id(27)],
        )
        await transaction.rollback()
    finally:
        await projected.pool.release(connection)
    assert {row["operation_id"]: row["visible"] for row in rows} == {command_id(20): False, command_id(27): False}


async def test_every_event_is_in_the_audit_trail_once(projected: Installation) -> None:
    rows = await projected.view("audit", "aggregate_id = $1", DOCUMENT)
    per_stream: dict[str, list[int]] = {}
    for row in sorted(rows, key=lambda row: row["stream_version"]):
        per_stream.setdefault(row["stream"], []).append(row["stream_version"])
    assert per_stream == {
        f"document:{DOCUMENT}": list(range(1, 19)),
        f"analysis:{DOCUMENT}": list(range(1, 18)),
        f"command:{command_id(6)}": [1],
    }
    assert all(row["actor_subject"] == "mara.lindqvist" for row in rows)


async def test_what_is_read_is_what_the_topics_carry(projected: Installation) -> None:
    rows = await projected.view("audit")
    carried = {cls.TYPE for topic in TOPICS if topic.name.endswith("-events") for cls in topic.types}
    assert {row["type"] for row in rows} == carried


async def test_the_gateway_may_read_the_views_and_nothing_else(projected: Installation) -> None:
    async with projected.pool.acquire() as connection:
        await connection.execute("set role docward_gateway")
        try:
            names = [
                row["table_name"]
                for row in await connection.fetch(
                    "select table_name from information_schema.tables where table_schema = 'read'"
                )
            ]
            assert len(names) == 14
            for name in names:
                await connection.fetch(f"select * from read.{name} limit 1")  # noqa: S608 -- of tests
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch("select * from documents_v1.documents")
        finally:
            await connection.execute("reset role")
