"""Where a test's ledger lives, and ways to open it and to look at it from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from domain.office import Office
from ledger.opening import Ledger, open_ledger


@dataclass
class House:
    """Where a ledger lives, and ways to open and look at it."""

    ledger_conninfo: str
    keys_conninfo: str
    folder: Path
    closing: list[Callable[[], None]]

    def open(self) -> Ledger:
        opened = open_ledger(self.ledger_conninfo, self.keys_conninfo, self.folder)
        self.closing.append(opened.close)
        return opened

    def office(self, **env: str) -> Office:
        office = Office(env={**self.open().env, **env})
        self.closing.append(office.close)
        return office

    def connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self.ledger_conninfo, autocommit=True)
        self.closing.append(connection.close)
        return connection

    def ask(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.ledger_conninfo, autocommit=True) as connection:
            found = connection.execute(query, params)
            return found.fetchall() if found.description else []

    def ask_keys(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.keys_conninfo, autocommit=True) as connection:
            found = connection.execute(query, params)
            return found.fetchall() if found.description else []
