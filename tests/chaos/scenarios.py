"""What `make chaos` does to Docward, one line each, with the promise that it proves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from chaos.brokers import brokers
from chaos.crashes import crashes
from chaos.endurance import endurance
from chaos.kills import kills
from chaos.loops import loops
from chaos.members import members
from chaos.network import network
from chaos.order import order
from chaos.outages import outages
from chaos.outcome import Outcome
from chaos.owners import owners
from chaos.parsers import parsers
from chaos.poison import poison
from chaos.runner import Ground


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    proves: str
    happen: Callable[[Ground], Awaitable[Outcome]]
    brokers: int = 1
    for_long: bool = False
    """Says nothing in minutes: it is only run in the long form, or when it is named."""


SCENARIOS = (
    Scenario("kills", "whatever dies, at every point of the code: every command ends once, in order", kills),
    Scenario("owners", "an owner that wakes after its session writes and publishes nothing stale", owners),
    Scenario("outages", "a server that is away delays, sets nothing aside, and needs no hands", outages),
    Scenario(
        "crashes", "Postgres crashes under traffic and in rebuilds: both go on, and the tables are equal", crashes
    ),
    Scenario("poison", "a key that cannot be projected delays no other, and loses nothing by it", poison),
    Scenario("order", "16 workers on 64 keys, delayed and failing at random: each key keeps its order", order),
    Scenario("loops", "a loop that stands still is said and ends its process: nothing is lost by it", loops),
    Scenario("network", "what is late, lost, repeated or answered wrongly on the way: each command ends once", network),
    Scenario("members", "members come and go: slow work is done once, and whoever is asked to stops in time", members),
    Scenario("parsers", "hostile documents end with a reason, and others' conversions go on beside them", parsers),
    Scenario("endurance", "under steady load and bad weather nothing grows", endurance, for_long=True),
    Scenario(
        "brokers",
        "one of three brokers dies: nothing acknowledged is lost, no consumer restarts; two: nothing is accepted",
        brokers,
        brokers=3,
    ),
)
