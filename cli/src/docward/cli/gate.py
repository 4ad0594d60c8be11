"""What a check lets pass: profiles by stage of a document, suppressions with reason and expiry, a baseline.

Nothing is ever left out of a report because of them; they decide what counts against the document.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from docward.events.findings import AnalysisReport, Finding, Severity, Verdict, VerdictKind
from docward.reports import Standing
from docward.reports.reviewed import SEVERITIES, requirement_key

T = TypeVar("T")
ProfileName = Literal["strict", "review", "draft"]


class GateError(Exception):
    """A suppressions or baseline file that cannot be used, and why."""


@dataclass(frozen=True)
class Profile:
    severity: Severity
    """The least severity that fails."""
    verdicts: frozenset[VerdictKind]
    """Of a MUST: those that fail."""
    absences: bool = True
    """Whether findings about something that stands nowhere count."""

    def fails(self, finding: Finding) -> bool:
        counts = self.absences or bool(finding.quotes)
        return counts and SEVERITIES.index(finding.severity) <= SEVERITIES.index(self.severity)

    def fails_requirement(self, verdict: Verdict) -> bool:
        return verdict.level == "MUST" and verdict.verdict in self.verdicts


PROFILES: Mapping[ProfileName, Profile] = {
    "strict": Profile("low", frozenset({"contradicted", "missing", "partial", "not-assessed"})),
    "review": Profile("high", frozenset({"contradicted", "missing"})),
    "draft": Profile("critical", frozenset({"contradicted"}), absences=False),
}
"""strict: before a release. review: when a text is handed in. draft: while it is written, when much is still absent."""


class Suppression(BaseModel):
    """Says why one finding, or one requirement, does not count, and until when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str | None = None
    requirement: str | None = None
    """`repository/policy`"""
    file: str = "*"
    """A pattern for the files that it is for."""
    reason: str = Field(min_length=10)
    expires: date

    @model_validator(mode="after")
    def one_target(self) -> Suppression:
        if (self.fingerprint is None) == (self.requirement is None):
            raise ValueError("name a fingerprint or a requirement, and only one of them")
        return self

    @property
    def target(self) -> str:
        return self.fingerprint or self.requirement or ""


class _Suppressions(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    suppressions: tuple[Suppression, ...]


_Baseline = TypeAdapter(dict[str, dict[str, str]])


@dataclass
class Gate:
    profile: Profile
    suppressions: Sequence[Suppression] = ()
    baseline: Mapping[str, Mapping[str, str]] | None = None
    """By file: fingerprints and requirements that are known, with the analysis that first saw them."""
    today: date = field(default_factory=date.today)
    _used: set[Suppression] = field(default_factory=set)

    def judge(self, file: str, analysis_id: str, report: AnalysisReport) -> tuple[dict[str, Standing], frozenset[str]]:
        """How each finding stands, and the requirements that fail."""
        known = None if self.baseline is None else self.baseline.get(file, {})
        standings = {
            finding.fingerprint: self._standing(file, analysis_id, finding, known) for finding in report.findings
        }
        failed = frozenset(
            key
            for verdict in report.verdicts
            if self.profile.fails_requirement(verdict)
            and (key := requirement_key(verdict)) not in (known or {})
            and self._suppression(file, key) is None
        )
        return standings, failed

    def _standing(self, file: str, analysis_id: str, finding: Finding, known: Mapping[str, str] | None) -> Standing:
        fingerprint = finding.fingerprint
        suppression = self._suppression(file, fingerprint)
        is_new = None if known is None else fingerprint not in known
        return Standing(
            status="rejected" if suppression else "open",
            reason=f"{suppression.reason} (until {suppression.expires})" if suppression else "",
            first_seen=(known or {}).get(fingerprint, analysis_id),
            last_seen=analysis_id,
            is_new=is_new,
            fails=suppression is None and is_new is not False and self.profile.fails(finding),
        )

    def _suppression(self, file: str, target: str) -> Suppression | None:
        for suppression in self.suppressions:
            if suppression.target == target and fnmatch.fnmatch(file, suppression.file):
                self._used.add(suppression)
                if suppression.expires >= self.today:
                    return suppression
        return None

    def remarks(self) -> Iterable[str]:
        """Suppressions that have expired, or that nothing needs: each is a line to remove or to renew."""
        for suppression in self.suppressions:
            if suppression.expires < self.today:
                yield f"the suppression of {suppression.target} expired on {suppression.expires} and is not applied"
            elif suppression not in self._used:
                yield f"the suppression of {suppression.target} suppresses nothing"


def read_suppressions(path: Path) -> tuple[Suppression, ...]:
    """Raises GateError. Of an empty file there are none."""

    def read(text: str) -> tuple[Suppression, ...]:
        # Every value as it is written: a fingerprint of digits is no number.
        content = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506  # it makes strings, lists and mappings only
        return _Suppressions.model_validate({"suppressions": []} if content is None else content).suppressions

    return _read(path, read)


def read_baseline(path: Path) -> dict[str, dict[str, str]]:
    """Raises GateError."""
    return _read(path, _Baseline.validate_json)


def baseline_of(judged: Mapping[str, tuple[str, AnalysisReport, Mapping[str, Standing]]], profile: Profile) -> str:
    """What is known from here on, by file: (analysis, report, standings)."""
    content = {
        file: {
            **{f.fingerprint: standings[f.fingerprint].first_seen for f in report.findings},
            **{requirement_key(v): analysis for v in report.verdicts if profile.fails_requirement(v)},
        }
        for file, (analysis, report, standings) in judged.items()
    }
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _read(path: Path, read: Callable[[str], T]) -> T:
    try:
        return read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise GateError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise GateError(f"{path}: no YAML: {error}") from error
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'file'}: {e['msg']}" for e in error.errors())
        raise GateError(f"{path}: {told}") from error
