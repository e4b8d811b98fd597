"""Where both sides of a measurement write: a PostgreSQL of its own with a ledger and the library's own tables."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from eventsourcing.persistence import ApplicationRecorder
from eventsourcing.postgres import PostgresFactory

from domain.office import Office
from ledger.opening import Ledger, environment, open_ledger
from ledger.schema import make_key_store, make_ledger
from sarkmeli import embedded


@dataclass(frozen=True)
class Place:
    """Where both sides write."""

    folder: Path
    ledger: Ledger
    office: Office
    stock: ApplicationRecorder

    def conninfo(self, database: str = "ledger") -> str:
        return embedded.conninfo(self.folder, database)


@contextmanager
def a_place() -> Generator[Place]:
    """A ledger in a PostgreSQL of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="sb-", dir="/tmp"))
    folder.chmod(0o755)
    closing: list[Callable[[], Any]] = [lambda: shutil.rmtree(folder, ignore_errors=True)]
    try:
        embedded.prepare(folder)
        with (folder / "postgres.log").open("wb") as log:
            embedded.start(folder, log.fileno())
        closing.append(lambda: embedded.end_leftovers(folder))
        while not embedded.answers(folder):
            pass
        with psycopg.connect(embedded.conninfo(folder, "postgres"), autocommit=True) as connection:
            for database in ("ledger", "stock"):
                connection.execute(f"CREATE DATABASE {database}")  # pyright: ignore
        conninfo, keys = embedded.conninfo(folder, "ledger"), folder / "keys"
        with psycopg.connect(conninfo, autocommit=True) as connection:
            make_ledger(connection)
        make_key_store(conninfo)
        ledger = open_ledger(conninfo, conninfo, keys)
        closing.append(ledger.close)
        office = Office(env=environment(conninfo, conninfo, keys))
        closing.append(office.close)
        stock = environment(embedded.conninfo(folder, "stock"), "", keys)
        factory = PostgresFactory({**stock, "CREATE_TABLE": "y", "POSTGRES_SCHEMA": "public"})
        closing.append(factory.close)
        yield Place(folder, ledger, office, factory.application_recorder())
    finally:
        for close in reversed(closing):
            close()
