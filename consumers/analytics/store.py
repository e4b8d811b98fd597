"""The marts' own file, a DuckDB database: the facts it has read, the cases folded from them, and how far it is.

A refresh is one transaction: the rows that came and went since the last one, the cases that they touch folded anew, and
the mark. A process that dies in it leaves the file as it was. After cases were forgotten the file is written anew,
because a database keeps the bytes of deleted rows in its free blocks.
"""

# duckdb and pyarrow carry no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
from pyiceberg.table import Table

from consumers.analytics.changes import COLUMNS, Changes, Mark, changes
from consumers.analytics.folding import FACT, FOLDED, FOLDS, TABLES
from consumers.analytics.marts import VIEWS

VERSION: Final = 1
"""Of the tables and of how they are folded. A file of another version is made again from the whole table."""

CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": False,
    "threads": 2,
    "memory_limit": "1GB",
}
"""What does not fit in memory lies in a folder beside the file while DuckDB works on it."""

_MARK: Final = """
CREATE TABLE IF NOT EXISTS mark (
  version INTEGER NOT NULL, iceberg VARCHAR NOT NULL, snapshot BIGINT, dirty BOOLEAN NOT NULL
)
"""
"""One row. ``dirty``: cases were forgotten, and the file is not yet written anew."""

PORTION: Final = 500_000
"""Rows that are folded at once, about: more are cut by case."""

_MOVED: Final = "CREATE OR REPLACE TEMP TABLE moved AS SELECT * EXCLUDE (copies), copies AS n FROM fact LIMIT 0"
_CAME: Final = "INSERT INTO moved SELECT *, 1 FROM arrived"
_WENT: Final = "INSERT INTO moved SELECT *, -1 FROM arrived"

_DELTA: Final = """
CREATE OR REPLACE TEMP TABLE delta AS
SELECT * EXCLUDE (n), sum(n)::BIGINT AS copies FROM moved
WHERE hash(case_id) % {portions} = {portion}
GROUP BY ALL HAVING sum(n) <> 0
"""
"""What really changed of some cases: rows that were only moved from one file to another cancel out."""

_TOUCHED: Final = "CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT case_id FROM delta"

_MERGED: Final = """
CREATE OR REPLACE TEMP TABLE merged AS
SELECT * EXCLUDE (copies), sum(copies)::BIGINT AS copies FROM (
  SELECT * FROM fact SEMI JOIN touched USING (case_id) UNION ALL SELECT * FROM delta
) GROUP BY ALL HAVING sum(copies) > 0
"""

_FORGOTTEN: Final = "SELECT count(*) FROM touched ANTI JOIN merged USING (case_id)"
_KNOWN: Final = "CREATE OR REPLACE TEMP TABLE known AS SELECT DISTINCT case_id FROM fact"
_LOST: Final = "SELECT count(*) FROM known ANTI JOIN moved USING (case_id)"


class Busy(Exception):
    """Another process has the file open to write."""


class Unopened(Exception):
    """The file is there and no database; the message names it and says what to do."""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did: rows that came and went, cases folded anew and cases forgotten; whether all began anew."""

    came: int
    went: int
    folded: int
    forgotten: int
    whole: bool


class Marts:
    """The file, opened. Not for several threads."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.path = path
        self.connection = connection

    @property
    def mark(self) -> Mark | None:
        """Up to where the table of facts was read; None before the first refresh, and of a file of another version."""
        row = self.connection.execute("SELECT version, iceberg, snapshot FROM mark").fetchone()
        return None if row is None or row[0] != VERSION else Mark(row[1], row[2])

    def refresh(self, table: Table) -> Refreshed:
        """Bring the marts to the newest snapshot of ``table``."""
        try:
            return self.take(changes(table, self.mark))
        except FileNotFoundError:  # of the snapshot that they stand at: it was expired meanwhile
            return self.take(changes(table, None))

    def take(self, found: Changes) -> Refreshed:
        """Fold what became of the facts, in one transaction."""
        run = self.connection.execute
        run("BEGIN")
        try:
            done = self._fold(found)
            run("COMMIT")
        except BaseException:
            run("ROLLBACK")
            raise
        self._write_anew_if_dirty()
        return done

    def rows(self, query: str, *facts: Any) -> list[tuple[Any, ...]]:
        """The rows that a query answers with."""
        return self.connection.execute(query, facts).fetchall()

    def _fold(self, found: Changes) -> Refreshed:
        run = self.connection.execute
        was_dirty = bool(self.rows("SELECT 1 FROM mark WHERE dirty"))
        run(_MOVED)
        came, went = self._gather(found.came, _CAME), self._gather(found.went, _WENT)
        forgotten = 0
        if found.whole:
            run(_KNOWN)
            ((forgotten,),) = self.rows(_LOST)
            for name in ("fact", *FOLDED):
                run(f"DELETE FROM {name}")  # noqa: S608 - our own names
        folded = 0
        portions = 1 + (came + went) // PORTION
        for portion in range(portions):
            touched, gone = self._fold_some(_DELTA.format(portions=portions, portion=portion))
            folded, forgotten = folded + touched - gone, forgotten + gone
        run("DROP TABLE moved")
        run("DELETE FROM mark")
        dirty = was_dirty or forgotten > 0
        run("INSERT INTO mark VALUES (?, ?, ?, ?)", [VERSION, found.mark.table, found.mark.snapshot, dirty])
        return Refreshed(came, went, folded, forgotten, found.whole)

    def _gather(self, portions: Iterable[pa.Table], statement: str) -> int:
        """Put rows beside the facts, a portion after the other; how many."""
        count = 0
        for rows in portions:
            self._register("arrived", rows)
            self.connection.execute(statement)
            self.connection.unregister("arrived")
            count += rows.num_rows
        return count

    def _fold_some(self, delta: str) -> tuple[int, int]:
        """Fold the cases that ``delta`` names anew: how many it touches, and how many of them are gone."""
        run = self.connection.execute
        run(delta)
        run(_TOUCHED)
        run(_MERGED)
        ((gone,),) = self.rows(_FORGOTTEN)
        ((touched,),) = self.rows("SELECT count(*) FROM touched")
        for name in ("fact", *FOLDED):
            run(f"DELETE FROM {name} WHERE case_id IN (SELECT case_id FROM touched)")  # noqa: S608 - our own names
        run("INSERT INTO fact SELECT * FROM merged")
        for statement in FOLDS:
            run(statement)
        return touched, gone

    def _register(self, name: str, rows: pa.Table) -> None:
        """Hours in UTC, without a zone: DuckDB needs no time zones of its own then."""
        at = rows.schema.get_field_index("hour")
        bare = rows.set_column(at, "hour", rows.column("hour").cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")))
        bare = bare.select(list(COLUMNS)).rename_columns(["case_id" if one == "case" else one for one in COLUMNS])
        self.connection.register(name, bare)

    def _write_anew_if_dirty(self) -> None:
        if not self.rows("SELECT 1 FROM mark WHERE dirty"):
            return
        fresh = self.path.with_suffix(".fresh")
        fresh.unlink(missing_ok=True)
        name = str(fresh).replace("'", "''")
        self.connection.execute(f"ATTACH '{name}' AS fresh")
        ((own,),) = self.rows("SELECT current_database()")
        self.connection.execute(f'COPY FROM DATABASE "{own}" TO fresh')
        self.connection.execute("UPDATE fresh.mark SET dirty = false")
        self.connection.execute("DETACH fresh")
        self.connection.close()
        _settle(fresh, self.path)
        self.connection = _connect(self.path)


@contextmanager
def opened(path: Path) -> Generator[Marts]:
    """The marts' file, made if it is not there. Raises: Busy, Unopened."""
    path.parent.mkdir(parents=True, exist_ok=True)
    marts = Marts(path, _connect(path))
    try:
        yield marts
    finally:
        marts.connection.close()


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(str(path), config=CONFIG)
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise Busy(f"{path} is open in another process") from error
        raise Unopened(
            f"{path} cannot be opened: {error}. If it is damaged, delete it: it is made anew from the warehouse"
        ) from error
    # Of a process that was killed: rows of cases that may be forgotten by now.
    shutil.rmtree(path.with_name(path.name + ".tmp"), ignore_errors=True)
    version = connection.execute("SELECT 1 FROM duckdb_tables() WHERE table_name = 'mark'").fetchone()
    if version and connection.execute("SELECT 1 FROM mark WHERE version <> ?", [VERSION]).fetchone():
        for name in ("fact", *FOLDED):
            connection.execute(f"DROP TABLE IF EXISTS {name} CASCADE")
    for statement in (FACT, *TABLES, _MARK, *VIEWS):
        connection.execute(statement)
    return connection


def _settle(fresh: Path, path: Path) -> None:
    """Put the new file in place of the old one, durably: a crash leaves one or the other, whole."""
    path.with_name(path.name + ".wal").unlink(missing_ok=True)
    with fresh.open("rb") as file:
        os.fsync(file.fileno())
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
