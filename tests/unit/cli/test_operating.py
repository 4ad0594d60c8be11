"""The pure parts of the operators' verbs: what is named, since when, how long, and which indexes can wait."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from docward.cli import codes, parked, servers
from docward.cli.client import ClientError
from docward.projector.projections import PROJECTIONS
from docward.runtime import readmodels
from docward.runtime.generations import INDEX
from docward.runtime.projections import Projection


def test_records_are_named_by_schema_and_number() -> None:
    chosen = parked._chosen(["converter/1", "projector/3", "converter/2"], everything=False)
    assert chosen == {"converter": [1, 2], "projector": [3]}
    assert parked._chosen(None, everything=True) == {"converter": None, "analyzer": None, "projector": None}


@pytest.mark.parametrize(
    "name", ["converter", "converter/", "converter/x", "gateway/1", "1", "converter/-1", "converter/²"]
)
def test_what_names_no_record_is_wrong_usage(name: str) -> None:
    with pytest.raises(ClientError) as caught:
        parked._chosen([name], everything=False)
    assert caught.value.code == codes.USAGE


def test_nothing_is_redriven_without_saying_what() -> None:
    with pytest.raises(ClientError, match="--all"):
        parked._chosen(None, everything=False)


@pytest.mark.parametrize(("said", "age"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86400)])
def test_an_age_is_a_time(said: str, age: int) -> None:
    found = servers.moment(said)
    assert found is not None
    assert abs((datetime.now(UTC) - found) - timedelta(seconds=age)) < timedelta(seconds=5)


def test_a_time_without_a_zone_is_utc() -> None:
    assert servers.moment("2026-05-12T10:00") == datetime(2026, 5, 12, 10, tzinfo=UTC)
    assert servers.moment("2026-05-12T10:00+02:00") == datetime(2026, 5, 12, 8, tzinfo=UTC)


def test_what_a_stranger_wrote_moves_no_cursor() -> None:
    assert parked._plain("\x1b[2Jkey\n") == "\\x1b[2Jkey\\n"


def test_the_time_to_go_follows_from_the_rate() -> None:
    began = datetime.now(UTC) - timedelta(seconds=10)
    assert readmodels._eta(began, 0, 100) is None
    assert readmodels._eta(began, 100, 50) == pytest.approx(5, abs=0.5)


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_secondary_indexes_are_set_apart_and_nothing_else(projection: Projection) -> None:
    rest = INDEX.sub("", projection.ddl)
    assert len(INDEX.findall(projection.ddl)) == len(re.findall(r"(?im)^\s*create index", projection.ddl))
    assert "create index" not in rest
    assert rest.count("create table") == projection.ddl.count("create table")


def test_each_generation_has_a_schema_and_a_consumer_of_its_own() -> None:
    first = Projection("documents", 1, (), "", lambda: ())
    later = Projection("documents", 1, (), "", lambda: (), generation=2)
    assert (first.schema, first.consumer) == ("documents_v1", "projector-documents-v1")
    assert (later.schema, later.consumer) == ("documents_v1_g2", "projector-documents-v1-g2")
