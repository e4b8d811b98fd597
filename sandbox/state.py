"""The sandbox's memory: one SQLite file in its folder, written before anything is answered."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


class State:
    """One connection, used by the one event loop only. A killed process loses nothing it has answered."""

    def __init__(self, folder: Path, ddl: Iterable[str]) -> None:
        self._connection = sqlite3.connect(folder / "state.sqlite", isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        for statements in ddl:
            self._connection.executescript(statements)

    def run(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Carry out one statement; the number of rows it changed."""
        return self._connection.execute(statement, values).rowcount

    def add(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Insert one row; its number."""
        return self._connection.execute(statement, values).lastrowid or 0

    def row(self, query: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of the answer, if any."""
        return self._connection.execute(query, values).fetchone()

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        return self._connection.execute(query, values).fetchall()

    def together(self) -> sqlite3.Connection:
        """For ``with``: the statements inside are one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def close(self) -> None:
        self._connection.close()
