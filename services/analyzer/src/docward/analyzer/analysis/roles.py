"""The role lexicon: persons, functions and bodies that can own, approve, monitor or be told."""

from __future__ import annotations

import re

_ROLE = re.compile(
    r"\b(?:(?:chief|head|director|manager|chair|owner|officer)\b(?:\s(?:of\s)?[\w-]+){0,3}|(?:market |model |"
    r"independent )?risk (?:management|control|function|committee|officer|team|manager)|"
    r"(?:market|model|operational|credit) risk|(?:first|second|third) line(?: of defence)?|"
    r"compliance(?: (?:officer|function|team|department))?|(?:index|risk|investment|model|pricing|oversight|steering|"
    r"product|trading|governance|change) (?:committee|board|council)|senior management|traders?(?: (?:in charge|"
    r"on duty))?|trading desk|internal audit|auditors?|administrator|calculation agent|[\w-]+ (?:engineering|"
    r"operations|technology|research|desk|team|department)|developers?|operators?|portfolio managers?|supervisors?|"
    r"board|committee|designated (?:person|individual|staff)|C[EFROIT]O|SMF\d*)\b",
    re.IGNORECASE,
)


def names_a_role(text: str) -> bool:
    return _ROLE.search(text) is not None
