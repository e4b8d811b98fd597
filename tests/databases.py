"""A test worker's databases: empty ones, and copies of what was made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from sarkmeli.migrate import KEYS, LEDGER, migrate, migrate_one

Filling: TypeAlias = Callable[[str], object]
"""Makes of an empty database, by its connection info, what tests begin with, and keeps no connection to it.

All that are made with it are alike: an id that each is to have of its own is no part of a filling.
"""


class NewDatabase(Protocol):
    """Makes a database: see `Databases.make`."""

    def __call__(self, filling: Filling | None = None, /) -> str: ...


_RIGHTS = """
UPDATE pg_database AS copy SET datacl = made.datacl FROM pg_database AS made
WHERE copy.datname = %s AND made.datname = %s
"""
"""CREATE DATABASE copies everything in a database, and not who may connect to it."""


class Databases:
    """On one server, of which ``server`` is a superuser's connection info."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._filled: dict[Filling, str] = {}

    def make(self, filling: Filling | None = None) -> str:
        """A new database's connection info: empty, or as ``filling`` makes it, which it does once a worker."""
        return self._named(self._copy(filling))

    def drop(self, conninfo: str) -> None:
        """Drop it if it is there, whoever is connected to it."""
        self._say("DROP DATABASE IF EXISTS {} WITH (FORCE)", str(conninfo_to_dict(conninfo)["dbname"]))

    def _copy(self, filling: Filling | None) -> str:
        name = f"t{uuid4().hex[:12]}"
        if filling is None:
            self._say("CREATE DATABASE {}", name)
            return name
        if filling not in self._filled:
            made = self._copy(None)
            filling(self._named(made))
            self._say("ALTER DATABASE {} ALLOW_CONNECTIONS false", made)  # nor does autovacuum connect to it
            self._filled[filling] = made
        made = self._filled[filling]
        self._say("CREATE DATABASE {} TEMPLATE {}", name, made)
        with psycopg.connect(self._server, autocommit=True) as db:
            db.execute(_RIGHTS, (name, made))
        return name

    def _named(self, name: str) -> str:
        return make_conninfo(self._server, dbname=name)

    def _say(self, statement: Any, *names: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as db:
            db.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def an_offices_ledger(conninfo: str) -> None:
    """As `sarkmeli migrate` makes it: with housekeeping, read models and the roles' rights."""
    migrate_one(conninfo, LEDGER)


def an_offices_keys(conninfo: str) -> None:
    """As `sarkmeli migrate` makes it."""
    migrate_one(conninfo, KEYS)


def ledger_and_keys(conninfo: str) -> None:
    """Both in one."""
    migrate(conninfo, conninfo)
