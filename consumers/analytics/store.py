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
from collections.abc import Generator
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

_MARK: Final = """
CREATE TABLE IF NOT EXISTS mark (
  version INTEGER NOT NULL, iceberg VARCHAR NOT NULL, snapshot BIGINT, dirty BOOLEAN NOT NULL
)
"""
"""One row. ``dirty``: cases were forgotten, and the file is not yet written anew."""

_DELTA: Final = """
CREATE OR REPLACE TEMP TABLE delta AS
SELECT * EXCLUDE (n), sum(n)::BIGINT AS copies FROM (
  SELECT *, 1 AS n FROM came UNION ALL SELECT *, -1 AS n FROM went
) GROUP BY ALL HAVING sum(n) <> 0
"""
"""What really changed: rows that were only moved from one file to another cancel out."""

_TOUCHED: Final = "CREATE OR REPLACE TEMP TABLE touched AS SELECT DISTINCT case_id FROM delta"

_MERGED: Final = """
CREATE OR REPLACE TEMP TABLE merged AS
SELECT * EXCLUDE (copies), sum(copies)::BIGINT AS copies FROM (
  SELECT * FROM fact SEMI JOIN touched USING (case_id) UNION ALL SELECT * FROM delta
) GROUP BY ALL HAVING sum(copies) > 0
"""

_FORGOTTEN: Final = "SELECT count(*) FROM touched ANTI JOIN merged USING (case_id)"


class Busy(Exception):
    """Another process has the file open to write."""


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
        return self.take(changes(table, self.mark))

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
        forgotten = 0
        if found.whole:
            known = {case for (case,) in self.rows("SELECT DISTINCT case_id FROM fact")}
            run("DELETE FROM fact")
            for name in FOLDED:
                run(f"DELETE FROM {name}")  # noqa: S608 - our own names
            forgotten = len(known - set(found.came.column("case").to_pylist()))
        self._register("came", found.came)
        self._register("went", found.went)
        run(_DELTA)
        run(_TOUCHED)
        run(_MERGED)
        ((gone,),) = self.rows(_FORGOTTEN)
        ((touched,),) = self.rows("SELECT count(*) FROM touched")
        for name in ("fact", *FOLDED):
            run(f"DELETE FROM {name} WHERE case_id IN (SELECT case_id FROM touched)")  # noqa: S608 - our own names
        run("INSERT INTO fact SELECT * FROM merged")
        for statement in FOLDS:
            run(statement)
        forgotten += gone
        run("DELETE FROM mark")
        dirty = was_dirty or forgotten > 0
        run("INSERT INTO mark VALUES (?, ?, ?, ?)", [VERSION, found.mark.table, found.mark.snapshot, dirty])
        return Refreshed(found.came.num_rows, found.went.num_rows, touched - gone, forgotten, found.whole)

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
    """The marts' file, made if it is not there. Raises: Busy."""
    path.parent.mkdir(parents=True, exist_ok=True)
    marts = Marts(path, _connect(path))
    try:
        yield marts
    finally:
        marts.connection.close()


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        connection = duckdb.connect(str(path), config={"autoinstall_known_extensions": False, "threads": 2})
    except duckdb.IOException as error:
        if "lock" in str(error).lower():
            raise Busy(f"{path} is open in another process") from error
        raise
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
