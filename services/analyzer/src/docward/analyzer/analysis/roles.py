"""The role lexicon: persons, functions and bodies that can own, approve, monitor or be told."""

from __future__ import annotations

import re

_ROLE = re.compile(
    r"\b(?:(?:chief|head|director|manager|chair|owner|officer)\b(?:\s(?:of\s)?[\w-]+){0,3}|(?:market |model |"
    r"independent )?risk (?:management|control|function|committee|officer|team|manager)|"
    r"market risk|compliance(?: (?:officer|function|team|department))?|(?:index|risk|investment|model|pricing|"
    r"oversight|steering|product|trading|governance|change) (?:committee|board|council)|senior management|"
    r"traders?(?: (?:in charge|on duty))?|trading desk|internal audit|auditors?|administrator|"
    r"calculation agent|[\w-]+ (?:engineering|operations|technology|research|desk|team|department)|"
    r"developers?|operators?|portfolio managers?|supervisors?|board|committee|designated (?:person|individual|"
    r"staff)|C[EFROIT]O|SMF\d*)\b",
    re.IGNORECASE,
)


def names_a_role(text: str) -> bool:
    return _ROLE.search(text) is not None
