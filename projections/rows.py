"""A read model's rows in PostgreSQL: loaded by key, written set-wise, removed by owner, hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, LiteralString
from uuid import UUID

from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from projections.model import OWNER, Key, Row, Table
from projections.tracking import Db, Place

_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum
"""

_LOAD = "SELECT t.* FROM {table} t JOIN unnest({arrays}) AS wanted ({key}) USING ({key})"

_WRITE = """
INSERT INTO {table} ({columns}) SELECT * FROM unnest({arrays})
ON CONFLICT ({key}) DO UPDATE SET ({columns}) = ROW ({excluded})
"""

_REMOVE = "DELETE FROM {table} t USING unnest({arrays}) AS gone ({key}) WHERE ({own}) = ({other})"

_REMOVE_OF = "DELETE FROM {table} WHERE {owner} = %s"

_GONE = "DELETE FROM {table} s WHERE NOT EXISTS (SELECT FROM {beside} b WHERE ({own}) = ({other}))"

_DIFFERENT = """
INSERT INTO {table} ({columns})
SELECT {chosen} FROM {beside} b LEFT JOIN {table} s USING ({key}) WHERE s.{owner} IS NULL OR s.* *<> b.*
ON CONFLICT ({key}) DO UPDATE SET ({columns}) = ROW ({excluded})
"""
"""``*<>`` compares rows byte by byte: what is equal but not the same differs."""

_COPY = "COPY {table} ({columns}) FROM STDIN (FORMAT binary)"

ONE_SPELLING = """
SET LOCAL TimeZone = 'UTC'; SET LOCAL DateStyle = 'ISO, YMD'; SET LOCAL IntervalStyle = 'iso_8601';
SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1
"""
"""So that a row reads alike in every session."""

_HASH = "SELECT to_jsonb(t)::text FROM {table} t ORDER BY {key}"


class Columns:
    """A table's columns and their types, as the catalogue has them: the DDL stays the one place that says them."""

    def __init__(self, db: Db, table: Table, beside: bool) -> None:
        self.table = table
        self.name = table.at(beside)
        self.types: dict[str, str] = dict(db.execute(_COLUMNS, (f"reading.{table.bare(beside)}",)).fetchall())
        names = tuple(self.types)
        self._load = self._ready(_LOAD, arrays=self.arrays(table.key), key=listed(table.key))
        self._write = self._ready(
            _WRITE,
            columns=listed(names),
            arrays=self.arrays(names),
            key=listed(table.key),
            excluded=listed(names, "excluded"),
        )
        self._remove = self._ready(
            _REMOVE,
            arrays=self.arrays(table.key),
            key=listed(table.key),
            own=listed(table.key, "t"),
            other=listed(table.key, "gone"),
        )
        self._copy = self._ready(_COPY, columns=listed(names))
        self._clear = self._ready("DELETE FROM {table}")
        self._remove_of = self._ready(_REMOVE_OF, owner=sql.Identifier(OWNER))

    def load(self, db: Db, keys: Iterable[Key]) -> dict[Key, Row]:
        """The rows that stand under these keys."""
        wanted = list(keys)
        with db.cursor(row_factory=dict_row) as cursor:
            cursor.execute(self._load, [[key[i] for key in wanted] for i in range(len(self.table.key))])
            return {tuple(row[name] for name in self.table.key): row for row in cursor}

    def write(self, db: Db, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert or replace these rows, each under its own key."""
        db.execute(self._write, self.parameters(rows))

    def copy(self, db: Db, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert these rows, none of which is there. The connection's JSON must be `plain_json`."""
        self._refuse_unknown(rows)
        names = tuple(self.types)
        with db.cursor() as cursor, cursor.copy(self._copy) as copy:
            copy.set_types([kind.partition("(")[0] for kind in self.types.values()])
            for row in rows:
                copy.write_row(tuple(map(row.get, names)))

    def remove(self, db: Db, keys: Iterable[Key]) -> None:
        """Delete the rows under these keys, those that are there."""
        gone = list(keys)
        db.execute(self._remove, [[key[i] for key in gone] for i in range(len(self.table.key))])

    def remove_of(self, db: Db, owner: UUID) -> None:
        """Delete every row that this stream owns."""
        db.execute(self._remove_of, (owner,))

    def parameters(self, rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
        """What `arrays` of every column are filled with. Raises: LookupError for a column that the table has not."""
        self._refuse_unknown(rows)
        return [self._column(name, rows) for name in self.types]

    def clear(self, db: Db) -> None:
        """Delete every row."""
        db.execute(self._clear)

    def _refuse_unknown(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if unknown := set[str]().union(*rows) - self.types.keys():
            raise LookupError(f"{self.table.name} has no column {', '.join(sorted(unknown))}")

    def _column(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
        values = [row.get(name) for row in rows]
        if self.types[name] == "jsonb":
            return [None if value is None else Jsonb(value, plain_json) for value in values]
        return values

    def _ready(self, text: LiteralString, **pieces: sql.Composable) -> bytes:
        return sql.SQL(text).format(table=self.name, **pieces).as_bytes()

    def arrays(self, names: Sequence[str]) -> sql.Composed:
        """A parameter for each column: an array of its type."""
        return sql.SQL(", ").join(sql.SQL("%s::" + self.types[name] + "[]") for name in names)  # pyright: ignore


_encode = json.JSONEncoder(separators=(",", ":")).encode


def plain_json(value: Any) -> str:
    """As JSON. Raises: TypeError for what is not plain."""
    return _encode(value) if value else ("{}" if value == {} else "[]" if value == [] else _encode(value))


def listed(names: Sequence[str], of: str | None = None) -> sql.Composed:
    """Columns by name, of a table where one is named."""
    return sql.SQL(", ").join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in names)


class Rows:
    """All tables of one model at one place."""

    def __init__(self, db: Db, place: Place) -> None:
        self.columns = {table: Columns(db, table, place.beside) for table in place.model.tables}

    def load(self, db: Db, places: Iterable[tuple[Table, Key]]) -> dict[tuple[Table, Key], Row | None]:
        """The rows at these places, None where there is none."""
        found: dict[tuple[Table, Key], Row | None] = dict.fromkeys(places)
        for table, columns in self.columns.items():
            keys = [key for where, key in found if where is table]
            if keys:
                found.update({(table, key): row for key, row in columns.load(db, keys).items()})
        return found

    def write(self, db: Db, rows: Mapping[tuple[Table, Key], Row | None]) -> None:
        """Make the tables say this: None deletes. In key order, so that two writers never lock crosswise."""
        for table, columns in self.columns.items():
            mine = sorted(((key, row) for (where, key), row in rows.items() if where is table), key=lambda x: x[0])
            if kept := [row for _, row in mine if row is not None]:
                columns.write(db, kept)
            if gone := [key for key, row in mine if row is None]:
                columns.remove(db, gone)

    def copy(self, db: Db, rows: Iterable[tuple[tuple[Table, Key], Row | None]]) -> None:
        """Insert these rows, none of which is there; None inserts nothing."""
        of_table: dict[Table, list[Row]] = {table: [] for table in self.columns}
        for (table, _), row in rows:
            if row is not None:
                of_table[table].append(row)
        for table, kept in of_table.items():
            if kept:
                self.columns[table].copy(db, kept)

    def clear(self, db: Db) -> None:
        """Delete every row of every table."""
        for columns in self.columns.values():
            columns.clear(db)

    def remove_of(self, db: Db, owner: UUID) -> None:
        """Delete every row that this stream owns."""
        for columns in self.columns.values():
            columns.remove_of(db, owner)


def create(db: Db, place: Place) -> None:
    """Make the model's tables at this place, if they are not there."""
    for table in place.model.tables:
        db.execute(table.create(place.beside).encode())


def drop(db: Db, place: Place) -> None:
    """Drop the model's tables at this place, if they are there."""
    for table in place.model.tables:
        db.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table.at(place.beside)))


def replace(db: Db, tables: Sequence[Table]) -> None:
    """Make the tables that serve say what those beside say. Readers see the old rows until the commit.

    Only rows that differ are written: a repair costs what it mends.
    """
    for table in tables:
        names = tuple(Columns(db, table, beside=True).types)
        pieces = {
            "table": table.at(),
            "beside": table.at(beside=True),
            "key": listed(table.key),
            "own": listed(table.key, "s"),
            "other": listed(table.key, "b"),
            "columns": listed(names),
            "chosen": listed(names, "b"),
            "excluded": listed(names, "excluded"),
            "owner": sql.Identifier(OWNER),
        }
        db.execute(sql.SQL(_GONE).format(**pieces))
        db.execute(sql.SQL(_DIFFERENT).format(**pieces))


def table_hash(db: Db, place: Place) -> str:
    """SHA-256 over every row of every table in key order: the same events must give the same."""
    digest = hashlib.sha256()
    for table in place.model.tables:
        query = sql.SQL(_HASH).format(table=table.at(place.beside), key=listed(table.key))
        with db.transaction(), db.cursor(name="hash") as cursor:
            db.execute(ONE_SPELLING)
            cursor.execute(query)
            for (row,) in cursor:
                digest.update(f"{table.name} {row}\n".encode())
    return digest.hexdigest()
