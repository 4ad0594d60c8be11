"""Writes of projections as values: folded per row of a batch, then run as a few bulk statements.

The outcome is the one of running them one by one, in order. Column types are read from the catalogue.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from docward.runtime.postgres import Connection

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Upsert:
    """Create the row or change it. `initial` counts only when it is created."""

    table: str
    key: Row
    values: Row
    initial: Row = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Patch:
    """Change the row if it is there."""

    table: str
    key: Row
    values: Row


@dataclass(frozen=True, slots=True)
class Delete:
    table: str
    key: Row


Write = Upsert | Patch | Delete


@dataclass(slots=True)
class _Change:
    """What a batch does to one row, in this order: delete it, patch it if it is there, create or change it."""

    key: Row
    deleted: bool = False
    patch: Row | None = None
    upsert: tuple[Row, Row] | None = None
    """(initial, values)"""


@dataclass(frozen=True, slots=True)
class Statement:
    """Rows that one bulk statement writes: alike in table and columns."""

    table: str
    kind: str
    key: tuple[str, ...]
    initial: tuple[str, ...]
    values: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Fold:
    """The writes of a batch, folded per row so that each row is written once, with the same outcome as one by one."""

    def __init__(self) -> None:
        self._changes: dict[tuple[str, tuple[Any, ...]], _Change] = {}

    def add(self, writes: Iterable[Write]) -> None:
        for write in writes:
            place = (write.table, tuple(write.key.values()))
            change = self._changes.setdefault(place, _Change(write.key))
            match write:
                case Delete():
                    self._changes[place] = _Change(write.key, deleted=True)
                case Patch(values=values) if change.upsert is not None:
                    change.upsert[1].update(values)
                case Patch(values=values) if not change.deleted:
                    change.patch = {**(change.patch or {}), **values}
                case Upsert(values=values) if change.upsert is not None:
                    change.upsert[1].update(values)
                case Upsert(values=values, initial=initial):
                    change.upsert = (dict(initial), dict(values))

    def statements(self) -> Iterable[Statement]:
        found: dict[tuple[Any, ...], Statement] = {}

        def row(table: str, kind: str, key: Row, initial: Row, values: Row) -> None:
            shape = (kind, table, tuple(key), tuple(sorted(initial)), tuple(sorted(values)))
            statement = found.setdefault(shape, Statement(table, kind, shape[2], shape[3], shape[4], []))
            statement.rows.append(
                (*key.values(), *(initial[c] for c in statement.initial), *(values[c] for c in statement.values))
            )

        for kind in ("delete", "patch", "upsert"):
            for (table, _), change in self._changes.items():
                if kind == "delete" and change.deleted:
                    row(table, kind, change.key, {}, {})
                elif kind == "patch" and change.patch:
                    row(table, kind, change.key, {}, change.patch)
                elif kind == "upsert" and change.upsert is not None:
                    initial, values = change.upsert
                    row(table, kind, change.key, {c: v for c, v in initial.items() if c not in values}, values)
        return found.values()


class Table:
    """A table of a projection, and its columns' types as the catalogue has them."""

    def __init__(self, name: str, types: Mapping[str, str]) -> None:
        self._name = name
        self._types = types

    @classmethod
    async def read(cls, connection: Connection, schema: str, table: str) -> Table:
        rows = await connection.fetch(
            """
            select attname, format_type(atttypid, atttypmod) as type from pg_attribute
            where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
            """,
            f'"{schema}"."{table}"',
        )
        if not rows:
            raise LookupError(f"table {schema}.{table} does not exist")
        return cls(f'"{schema}"."{table}"', {row["attname"]: row["type"] for row in rows})

    async def run(self, connection: Connection, statement: Statement) -> None:
        columns = (*statement.key, *statement.initial, *statement.values)
        source = "unnest({}) as u ({})".format(
            ", ".join(f"${i}::{self._wire(c)}[]" for i, c in enumerate(columns, start=1)), ", ".join(columns)
        )
        match = " and ".join(f"t.{c} = u.{c}" for c in statement.key)
        if statement.kind == "delete":
            sql = f"delete from {self._name} t using {source} where {match}"  # noqa: S608 -- names of our own tables
        elif statement.kind == "patch":
            sets = ", ".join(f"{c} = {self._cast(c)}" for c in statement.values)
            sql = f"update {self._name} t set {sets} from {source} where {match}"  # noqa: S608 -- as above
        else:
            sets = ", ".join(f"{c} = excluded.{c}" for c in statement.values)
            action = f"do update set {sets}" if sets else "do nothing"
            sql = (
                f"insert into {self._name} ({', '.join(columns)}) "  # noqa: S608 -- as above
                f"select {', '.join(self._cast(c) for c in columns)} from {source} "
                f"on conflict ({', '.join(statement.key)}) {action}"
            )
        await connection.execute(
            sql,
            *[
                self._column(column, values)
                for column, values in zip(columns, zip(*statement.rows, strict=True), strict=True)
            ],
        )

    def _json(self, column: str) -> bool:
        return self._types[column] in {"json", "jsonb"}

    def _wire(self, column: str) -> str:
        return "text" if self._json(column) else self._types[column]

    def _cast(self, column: str) -> str:
        return f"u.{column}::{self._types[column]}" if self._json(column) else f"u.{column}"

    def _column(self, column: str, values: Sequence[Any]) -> list[Any]:
        """JSON goes as text: in an array of arrays a list would be taken for a dimension."""
        if not self._json(column):
            return list(values)
        return [None if value is None else _dumps(value) for value in values]


_dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""`json.dumps` makes an encoder at every call."""
