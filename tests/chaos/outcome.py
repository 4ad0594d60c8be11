"""What a scenario came to: violations, which decide, and figures beside their goals, which inform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaos.history import KINDS, Violation


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement. A goal that is missed is shown, and decides nothing: machines differ."""

    name: str
    value: float
    unit: str = ""
    most: float | None = None
    """The goal, if there is one."""

    @property
    def missed(self) -> bool:
        return self.most is not None and self.value > self.most

    def __str__(self) -> str:
        goal = "" if self.most is None else f" (goal: at most {self.most:g}{', MISSED' if self.missed else ''})"
        return f"{self.name}: {self.value:,.4g} {self.unit}".rstrip() + goal

    def as_json(self) -> dict[str, Any]:
        return {"name": self.name, "value": self.value, "unit": self.unit, "most": self.most, "missed": self.missed}


@dataclass
class Outcome:
    violations: list[Violation]
    kills: int = 0
    counted: dict[str, int] = field(default_factory=dict)
    """How much there was to go wrong."""
    faults: dict[str, int] = field(default_factory=dict)
    """How often each fault was brought about."""
    figures: list[Figure] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)
    """Points at which a process died."""
    missed: list[str] = field(default_factory=list)
    deaths: dict[str, int] = field(default_factory=dict)
    """Processes that ended by themselves, by service."""
    seconds: float = 0.0

    @property
    def held(self) -> bool:
        return not self.violations

    def shows(self, damage: str) -> Violation | None:
        """The first violation of which this is said."""
        return next((violation for violation in self.violations if damage in violation.what), None)

    def as_json(self) -> dict[str, Any]:
        return {
            "held": self.held,
            "kills": self.kills,
            **by_kind([self]),
            "seconds": round(self.seconds, 1),
            "counted": self.counted,
            "faults": self.faults,
            "figures": [figure.as_json() for figure in self.figures],
            "points_reached": self.reached,
            "points_missed": self.missed,
            "unplanned_deaths": self.deaths,
            "violations": [f"{violation.kind}: {violation.what}" for violation in self.violations[:100]],
        }

    def lines(self) -> Iterable[str]:
        """For people."""
        for violation in self.violations[:20]:
            yield f"VIOLATION, {violation.kind}: {violation.what}"
        for title, numbers in (("counted", self.counted), ("faults", self.faults), ("ended by itself", self.deaths)):
            if numbers:
                yield f"{title}: " + ", ".join(f"{name} {number:,}" for name, number in numbers.items())
        if self.reached or self.missed:
            yield f"points: died at {len(self.reached)}; not reached: {', '.join(self.missed) or 'none'}"
        yield from map(str, self.figures)


def by_kind(outcomes: Iterable[Outcome]) -> dict[str, int]:
    found = Counter(violation.kind for outcome in outcomes for violation in outcome.violations)
    return {kind: found[kind] for kind in KINDS}


def last_line(outcomes: Sequence[Outcome]) -> str:
    found = by_kind(outcomes)
    kills = sum(outcome.kills for outcome in outcomes)
    return f"{kills} kills, lost {found['lost']}, duplicated {found['duplicated']}, reordered {found['reordered']}"
