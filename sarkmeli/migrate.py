"""Applies every owner's DDL, in order, to the two databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import LiteralString, cast

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from housekeeping.schema import HOUSEKEEPING_DDL
from ledger.schema import KEYS_DDL, LEDGER_DDL
from projections.schema import PROJECTIONS_DDL

MIGRATION_LOCK = 0x5341524B
"""The advisory lock under which one migration at a time runs ("SARK")."""

OLDEST = 150000


class TooOld(Exception):
    """The server is older than PostgreSQL 15."""


def create_databases(server: str, *wanted: str) -> None:
    """Make each database of the ``wanted`` connection infos that is not there yet, through ``server``."""
    for conninfo in wanted:
        name = conninfo_to_dict(conninfo).get("dbname")
        assert name
        with psycopg.connect(server, autocommit=True) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
                # Two starting at once: the other one's will do.
                with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(str(name))))


def migrate(ledger_conninfo: str, keys_conninfo: str) -> None:
    """Bring both databases to this release's tables; doing it again changes nothing. Raises: TooOld."""
    _apply(keys_conninfo, KEYS_DDL)
    _apply(ledger_conninfo, (*LEDGER_DDL, *PROJECTIONS_DDL, *HOUSEKEEPING_DDL))


def _apply(conninfo: str, statements: Iterable[str]) -> None:
    with psycopg.connect(conninfo) as connection:
        if connection.info.server_version < OLDEST:
            raise TooOld(f"PostgreSQL 15 or newer is needed; this is {connection.info.server_version // 10000}")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        connection.execute("SET LOCAL client_min_messages = warning")
        for statement in statements:
            connection.execute(cast(LiteralString, statement))
