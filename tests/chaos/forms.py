"""How much of everything: the brief form of the tests, the one of `make chaos`, and the one of `make soak`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    kills: int
    """At random, of services and servers, in at most `seconds`; and a death at every point, in any case."""
    seconds: float
    outage_s: float
    """How long each server is away."""
    freezes: int
    """Of owners, longer than their session."""
    crashes: int
    """Of Postgres under live traffic, and as many in the middle of a rebuild."""
    brokers: int
    """Rounds in which one of three brokers dies."""
    poisoned: int
    """Pairs of turns, without and with a poisoned key, of `paced_s` each."""
    paced_s: float
    orderings: int
    """Seeds of delays and failures, with `per_key` events of each of 64 keys."""
    per_key: int
    loops: int
    """Of each service that stand still alone; of each service another one stands still with all the others."""
    seeds: int
    """Of bad weather between the services and their servers."""
    work_s: float
    """How long slow work takes."""
    come_s: float
    """Between two members that come, while slow work goes on; they leave after half of it."""
    restarts: int
    """Of a service after the other, under load."""
    drawn: int
    """Documents for each parser."""
    hostile: int
    """Files, beside ordinary documents."""


BRIEF = Form(
    kills=0,
    seconds=400,
    outage_s=4,
    freezes=6,
    crashes=2,
    brokers=2,
    poisoned=1,
    paced_s=2,
    orderings=1,
    per_key=200,
    loops=0,
    seeds=4,
    work_s=12,
    come_s=4,
    restarts=0,
    drawn=15,
    hostile=24,
)
SHORT = Form(
    kills=200,
    seconds=240,
    outage_s=60,
    freezes=10,
    crashes=10,
    brokers=10,
    poisoned=3,
    paced_s=10,
    orderings=5,
    per_key=1000,
    loops=2,
    seeds=20,
    work_s=45,
    come_s=7.5,
    restarts=20,
    drawn=200,
    hostile=320,
)
LONG = Form(
    kills=2000,
    seconds=3600,
    outage_s=60,
    freezes=100,
    crashes=50,
    brokers=50,
    poisoned=10,
    paced_s=30,
    orderings=1000,
    per_key=1000,
    loops=100,
    seeds=500,
    work_s=300,
    come_s=20,
    restarts=100,
    drawn=20_000,
    hostile=3_000,
)
