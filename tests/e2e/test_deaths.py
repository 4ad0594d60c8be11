"""Any part is killed in the middle of the work and started again: every document reaches its end, once."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from docward.localstack import start_stack
from e2e.test_samples import PACKS, SAMPLES, analysed, findings_of, import_packs, submit
from installation import SERVICES, Installation, new_installation, until

SAMPLE = SAMPLES / "intraday-mean-reversion.md"
BURST = 10
"""Documents under way when something is killed."""


async def submitted(api: httpx.Client) -> list[str]:
    return [submit(api, SAMPLE, tags=f"burst-{n}") for n in range(BURST)]


def post_once(api: httpx.Client) -> int:
    """The status of a request that may be sent several times."""
    headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": "once"}
    params = {"filename": SAMPLE.name, "repositories": list(PACKS), "tags": "once"}
    return api.post("/documents", params=params, content=SAMPLE.read_bytes(), headers=headers).status_code


async def check(place: Installation, api: httpx.Client, idents: list[str]) -> None:
    """Nothing lost, nothing twice."""
    for ident in idents:
        document = await analysed(api, ident, within=120)
        assert document["current_version"] == 1
    reports = {tuple(sorted(f["title"] for f in findings_of(api, ident))) for ident in idents}
    assert len(reports) == 1, "equal documents have equal findings"
    for table, key in (("converter.events", "stream_id, version"), ("analyzer.events", "stream_id, version")):
        twice = await place.fetch(f"select {key} from {table} group by {key} having count(*) > 1")  # noqa: S608
        assert twice == []
    for schema, types in (
        ("converter", {"document-submitted", "document-converted"}),
        ("analyzer", {"analysis-requested", "analysis-completed"}),
    ):
        rows = await place.fetch(
            f"select key, type, count(*) as n from {schema}.events where type = any($1) group by 1, 2",  # noqa: S608
            list(types),
        )
        counts = {(str(row["key"]), row["type"]): row["n"] for row in rows}
        assert counts == {(ident, type_): 1 for ident in idents for type_ in types}
    visible = await place.fetch("select count(*) as n, count(distinct document_id) as d from read.documents")
    assert (visible[0]["n"], visible[0]["d"]) == (len(idents), len(idents))
    operations = await place.fetch("select status, type from read.operations where type = 'submit-document'")
    assert [row["status"] for row in operations] == ["succeeded"] * len(idents)
    for schema in ("converter", "analyzer", "projector"):
        assert await place.fetch(f"select reason, error_message from {schema}.parked") == []  # noqa: S608


@pytest.mark.parametrize("victim", [service for service in SERVICES if service != "gateway"])
async def test_a_service_killed_in_the_middle_loses_nothing(installation: Installation, victim: str) -> None:
    installation.start()
    await installation.ready()
    with installation.api() as api:
        import_packs(api)
        idents = await submitted(api)
        installation.kill(victim)
        idents += await submitted(api)
        installation.start(victim)
        await check(installation, api, idents)


async def test_the_gateway_killed_in_the_middle_loses_nothing_it_accepted(installation: Installation) -> None:
    installation.start()
    await installation.ready()
    with installation.api() as api:
        import_packs(api)
        idents = await submitted(api)
    installation.kill("gateway")
    installation.start("gateway")
    await installation.ready("gateway")
    with installation.api() as api:
        idents += await submitted(api)
        await check(installation, api, idents)


async def test_kafka_killed_in_the_middle_loses_nothing(tmp_path: Path) -> None:
    stack = start_stack(tmp_path / "stack", durable=False)
    try:
        async with new_installation(stack, tmp_path) as place:
            place.start()
            await place.ready()
            with place.api() as api:
                import_packs(api)
                idents = await submitted(api)
                stack.servers["kafka-1"].kill()
                assert post_once(api) == 503, "nothing is accepted without a durable write"
                stack.servers["kafka-1"].start()

                async def accepts() -> bool:
                    answer = api.get("/documents", params={"limit": 1})
                    ready = httpx.get(f"{place.url}/health/ready")
                    return answer.status_code == 200 and ready.status_code == 200

                await until(accepts, within=60)
                assert post_once(api) == 202, "the same request again is the same command"
                idents += await submitted(api)
                idents += [d["document_id"] for d in api.get("/documents", params={"tag": "once"}).json()["items"]]
                await check(place, api, idents)
    finally:
        stack.remove()
