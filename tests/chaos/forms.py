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
    joins: int
    """Members that come and go while there is work that takes `work_s`."""
    work_s: float
    restarts: int
    """Of a service after the other, under load."""


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
    joins=1,
    work_s=4.5,
    restarts=0,
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
    joins=10,
    work_s=6,
    restarts=20,
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
    joins=100,
    work_s=6,
    restarts=100,
)
