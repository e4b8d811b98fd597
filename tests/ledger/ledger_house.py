"""Where a test's ledger lives, and ways to open it and to look at it from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from domain.office import Office
from domain.people import SubjectId
from ledger.keys import KeyStore
from ledger.opening import Ledger, open_ledger
from sarkmeli.roles import DbRole, become


@dataclass
class House:
    """Where a ledger lives, and ways to open and look at it."""

    ledger_conninfo: str
    keys_conninfo: str
    folder: Path
    closing: list[Callable[[], None]]

    def __post_init__(self) -> None:
        self.is_made = False

    def ledger_as(self, role: DbRole) -> str:
        return become(self.ledger_conninfo, role)

    def keys_as(self, role: DbRole) -> str:
        return become(self.keys_conninfo, role)

    def make(self) -> None:
        """The first keys, the tie to them and the lineage, as a migration makes them."""
        if not self.is_made:
            open_ledger(self.ledger_as(DbRole.OWNER), self.keys_as(DbRole.OWNER), self.folder).close()
            self.is_made = True

    def open(self, role: DbRole = DbRole.APP) -> Ledger:
        """As the office has it; as the owner, who alone makes a new one, that a migration becomes."""
        if role is not DbRole.OWNER:
            self.make()
        opened = open_ledger(self.ledger_as(role), self.keys_as(role), self.folder)
        self.closing.append(opened.close)
        return opened

    def eraser(self) -> KeyStore:
        """The key store as who erases has it: it destroys keys and mints none."""
        self.make()
        keys = KeyStore(self.keys_as(DbRole.ERASER), self.folder)
        self.closing.append(keys.close)
        return keys

    def erase(self, subject: SubjectId, aware: KeyStore) -> None:
        """Destroy the subject's key; ``aware`` has forgotten it at once."""
        self.eraser().erase(subject)
        aware._by_id.clear()
        aware._by_subject.clear()

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
            found = connection.execute(query, params or None)
            return found.fetchall() if found.description else []

    def ask_keys(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.keys_conninfo, autocommit=True) as connection:
            found = connection.execute(query, params or None)
            return found.fetchall() if found.description else []

    def until_somebody_waits(self, work: Work, waiters: int = 1) -> None:
        """Goes on once PostgreSQL says that so many wait for a lock, or once ``work`` has ended."""
        while work.is_under_way() and self.ask("SELECT count(*) FROM pg_locks WHERE NOT granted")[0][0] < waiters:
            pass


class Work:
    """Something done in a thread of its own."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._ended: SimpleQueue[Any] = SimpleQueue()

        def run() -> None:
            try:
                self._ended.put(work())
            except BaseException as error:
                self._ended.put(error)

        self._thread = Thread(target=run, daemon=True)
        self._thread.start()

    def is_under_way(self) -> bool:
        return self._thread.is_alive()

    def outcome(self) -> Any:
        """What it gave or the error that it raised, as a value."""
        ended = self._ended.get(timeout=60)
        self._thread.join()
        return ended

    def result(self) -> Any:
        """What it gave; raises what it raised."""
        ended = self.outcome()
        if isinstance(ended, BaseException):
            raise ended
        return ended


def plain_environment(house: House) -> dict[str, str]:
    """The library's own variables and nothing of ours but the module."""
    parts = conninfo_to_dict(house.ledger_conninfo)
    return {
        "PERSISTENCE_MODULE": "ledger",
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": "",
        "POSTGRES_MAX_OVERFLOW": "15",
    }
