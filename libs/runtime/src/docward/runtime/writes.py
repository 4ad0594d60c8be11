"""Writes of projections as values: folded per row of a batch, then run as a few bulk statements.

The outcome is the one of running them one by one, in order. Column types are read from the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from pydantic_core import to_json

from docward.runtime.postgres import Connection

Row = dict[str, Any]


class Upsert(NamedTuple):
    """Create the row or change it. `initial` counts only when it is created."""

    table: str
    key: Row
    values: Row
    initial: Mapping[str, Any] = MappingProxyType({})


class Patch(NamedTuple):
    """Change the row if it is there."""

    table: str
    key: Row
    values: Row


class Delete(NamedTuple):
    table: str
    key: Row


Write = Upsert | Patch | Delete


@dataclass(slots=True)
class _Change:
    """What a batch does to one row, in this order: delete it, patch it if it is there, create or change it."""

    table: str
    key: Row
    deleted: bool = False
    patch: Row | None = None
    upsert: tuple[Mapping[str, Any], Row] | None = None
    """(initial, values)"""


@dataclass(frozen=True, slots=True)
class Statement:
    """Rows that one bulk statement writes: alike in table and columns."""

    table: str
    kind: str
    key: tuple[str, ...]
    initial: tuple[str, ...]
    values: tuple[str, ...]
    rows: list[Row]
    """By column."""

    def text(self) -> str:
        """The rows as JSON, which is made and read several times faster than arrays are."""
        return to_json(self.rows).decode()


class Fold:
    """The writes of a batch, folded per row so that each row is written once, with the same outcome as one by one."""

    def __init__(self) -> None:
        self._changes: dict[tuple[Any, ...], _Change] = {}

    def add(self, writes: Iterable[Write]) -> None:
        for write in writes:
            place = (write.table, *write.key.values())
            change = self._changes.get(place)
            if change is None:
                change = self._changes[place] = _Change(write.table, write.key)
            match write:
                case Delete():
                    self._changes[place] = _Change(write.table, write.key, deleted=True)
                case Patch() | Upsert() if change.upsert is not None:
                    change.upsert[1].update(write.values)
                case Patch() if not change.deleted:
                    change.patch = {**change.patch, **write.values} if change.patch else write.values
                case Upsert():
                    change.upsert = (write.initial, dict(write.values))

    def statements(self) -> Iterable[Statement]:
        """Deletions first, then patches, then upserts: the order in which a row may have come by them."""
        deletes: dict[tuple[Any, ...], Statement] = {}
        patches: dict[tuple[Any, ...], Statement] = {}
        upserts: dict[tuple[Any, ...], Statement] = {}
        for change in self._changes.values():
            if change.deleted:
                _gather(deletes, "delete", change, {}, {})
            if change.patch:
                _gather(patches, "patch", change, {}, change.patch)
            if change.upsert is not None:
                initial, values = change.upsert
                _gather(upserts, "upsert", change, {c: v for c, v in initial.items() if c not in values}, values)
        return [*deletes.values(), *patches.values(), *upserts.values()]


def _gather(found: dict[tuple[Any, ...], Statement], kind: str, change: _Change, initial: Row, values: Row) -> None:
    shape = (change.table, *change.key, None, *initial, None, *values)
    statement = found.get(shape)
    if statement is None:
        statement = Statement(change.table, kind, tuple(change.key), tuple(initial), tuple(values), [])
        found[shape] = statement
    statement.rows.append({**change.key, **initial, **values})


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

    async def run(self, connection: Connection, statement: Statement, text: str) -> None:
        """`text` is the statement's, made when there was time for it."""
        await connection.execute(self.sql(statement), text)

    def sql(self, statement: Statement) -> str:
        columns = (*statement.key, *statement.initial, *statement.values)
        listed = ", ".join(columns)
        source = f"json_to_recordset($1::text::json) as u ({', '.join(f'{c} {self._types[c]}' for c in columns)})"
        match = " and ".join(f"t.{c} = u.{c}" for c in statement.key)
        if statement.kind == "delete":
            sql = f"delete from {self._name} t using {source} where {match}"  # noqa: S608 -- names of our own tables
        elif statement.kind == "patch":
            sets = ", ".join(f"{c} = u.{c}" for c in statement.values)
            sql = f"update {self._name} t set {sets} from {source} where {match}"  # noqa: S608 -- as above
        else:
            sets = ", ".join(f"{c} = excluded.{c}" for c in statement.values)
            action = f"do update set {sets}" if sets else "do nothing"
            sql = (
                f"insert into {self._name} ({listed}) select {listed} from {source} "  # noqa: S608 -- as above
                f"on conflict ({', '.join(statement.key)}) {action}"
            )
        return sql
