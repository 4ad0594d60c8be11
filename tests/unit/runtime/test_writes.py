"""Folding the writes of a batch changes nothing about their outcome."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from docward.runtime.writes import Delete, Fold, Patch, Statement, Upsert, Write

Rows = dict[tuple[Any, ...], dict[str, Any]]
COLUMNS = ("a", "b", "c")
DEFAULTS = dict.fromkeys(COLUMNS)

keys = st.integers(0, 2).map(lambda n: {"id": n})
values = st.dictionaries(st.sampled_from(COLUMNS), st.integers(0, 9))
writes: st.SearchStrategy[Write] = st.one_of(
    st.builds(Upsert, st.just("t"), keys, values, values),
    st.builds(Patch, st.just("t"), keys, values),
    st.builds(Delete, st.just("t"), keys),
)
present = st.dictionaries(st.integers(0, 2).map(lambda n: (n,)), values.map(lambda v: {**DEFAULTS, **v}))


def one_by_one(rows: Rows, sequence: list[Write]) -> Rows:
    rows = {key: dict(row) for key, row in rows.items()}
    for write in sequence:
        key = tuple(write.key.values())
        match write:
            case Delete():
                rows.pop(key, None)
            case Patch(values=changes) if key in rows:
                rows[key].update(changes)
            case Upsert(values=changes) if key in rows:
                rows[key].update(changes)
            case Upsert(values=changes, initial=initial):
                rows[key] = {**DEFAULTS, **initial, **changes}
    return rows


def in_bulk(rows: Rows, statements: list[Statement]) -> Rows:
    """What Postgres makes of the statements."""
    rows = {key: dict(row) for key, row in rows.items()}
    for statement in statements:
        for row in statement.rows:
            key = tuple(row[column] for column in statement.key)
            initial = {column: row[column] for column in statement.initial}
            changes = {column: row[column] for column in statement.values}
            match statement.kind:
                case "delete":
                    rows.pop(key, None)
                case "patch" if key in rows:
                    rows[key].update(changes)
                case "upsert" if key in rows:
                    rows[key].update(changes)
                case "upsert":
                    rows[key] = {**DEFAULTS, **initial, **changes}
    return rows


@given(present, st.lists(writes, max_size=12))
def test_a_folded_batch_ends_like_its_writes_one_by_one(rows: Rows, sequence: list[Write]) -> None:
    fold = Fold()
    fold.add(sequence)
    assert in_bulk(rows, list(fold.statements())) == one_by_one(rows, sequence)


@given(st.lists(writes, max_size=12))
def test_no_statement_writes_a_row_twice(sequence: list[Write]) -> None:
    fold = Fold()
    fold.add(sequence)
    for kind in ("delete", "patch", "upsert"):
        written = [row["id"] for s in fold.statements() if s.kind == kind for row in s.rows]
        assert len(written) == len(set(written))
