"""A replay has no effect but the rows: what decides, works and reacts reads nothing of it."""

from __future__ import annotations

from docward.runtime import replays
from installation import Installation, until

EFFECTS = """
select (select count(*) from converter.events) as converted, (select count(*) from analyzer.events) as analysed,
    (select count(*) from converter.jobs) as conversions, (select count(*) from analyzer.jobs) as analyses,
    (select sum(attempts) from analyzer.jobs) as attempts,
    (select count(*) from converter.commands) + (select count(*) from analyzer.commands) as commands
"""


async def test_a_replay_repeats_no_side_effect(installation: Installation) -> None:
    place = installation
    await place.start_with_analysed(3)
    with place.api() as client:
        shown = client.get("/documents").json()
        before = await place.fetch(EFFECTS)
        objects = sorted(path.name for path in place.objects.rglob("*") if path.is_file())
        for name in ("documents", "search", "analyses", "findings", "operations", "audit"):
            body = {"projection": name, "everything": True, "why": "to see"}
            asked = client.post("/admin/replays", json=body)
            assert asked.status_code == 202, asked.text
            number = asked.json()["replay"]

            async def over(number: int = number) -> bool:
                return client.get(f"/admin/replays/{number}").json()["state"] not in replays.UNFINISHED

            await until(over)
            assert client.get(f"/admin/replays/{number}").json()["state"] == "done"
        assert await place.fetch(EFFECTS) == before
        assert sorted(path.name for path in place.objects.rglob("*") if path.is_file()) == objects
        assert client.get("/documents").json() == shown
