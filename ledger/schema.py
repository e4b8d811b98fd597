"""Every table of the ledger and of its key store, in the order in which they are made."""

from __future__ import annotations

from typing import Any, Final, LiteralString

import psycopg
from psycopg import Connection

from ledger import (
    addresses,
    barrier,
    erasure,
    events,
    guard,
    idempotency,
    keyring,
    keys,
    lineage,
    minting,
    opening,
    tree,
    writing,
)

LEDGER_DDL: Final[tuple[LiteralString, ...]] = (
    "CREATE SCHEMA IF NOT EXISTS ledger",
    lineage.DDL,
    barrier.DDL,
    events.DDL,
    events.NEW,
    addresses.DDL,
    idempotency.DDL,
    idempotency.TURN_MONTHS,
    opening.DDL,
    writing.DDL,
    guard.DDL,
    tree.DDL,
)
"""For the ledger's database. Each may run again; each is one or more statements without parameters."""

KEYS_DDL: Final[tuple[LiteralString, ...]] = (
    "CREATE SCHEMA IF NOT EXISTS keystore",
    keyring.DDL,
    keys.DDL,
    minting.DDL,
    erasure.DDL,
)
"""For the key store's database."""


def make_ledger(connection: Connection[Any]) -> None:
    """Make the ledger's tables, or bring them up to date, in one transaction."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(1398895211, 3)")
        for statement in LEDGER_DDL:
            connection.execute(statement, prepare=False)


def make_key_store(conninfo: str) -> None:
    """Make the key store's tables, or bring them up to date, in one transaction."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1398895211, 4)")
        for statement in KEYS_DDL:
            connection.execute(statement, prepare=False)
