"""What every file here stands on: a pool of autocommit connections to the ledger database, and the key store's help."""

from __future__ import annotations

from typing import Protocol, TypeAlias

from psycopg import Connection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

Db: TypeAlias = Connection[TupleRow]
Pool: TypeAlias = ConnectionPool[Db]
"""Opened with ``kwargs={"autocommit": True}``; a block that needs a transaction says so."""

SCHEMA_DDL = "CREATE SCHEMA IF NOT EXISTS housekeeping"


class Macs(Protocol):
    """Keyed digests, so that no row here can be tied to a number or an address without the key folder."""

    def mac(self, purpose: str, *parts: str | bytes) -> bytes:
        """HMAC-SHA-256 over ``parts`` under the key for ``purpose``. Implemented by `ledger.keys.KeyStore`."""
        ...


class OfficeSeal(Macs, Protocol):
    """Seals what the office itself must remember for a while. Implemented by `ledger.keys.KeyStore`."""

    def seal_for_office(self, purpose: str, value: bytes) -> bytes:
        """``value`` sealed under a key for ``purpose`` alone."""
        ...

    def open_for_office(self, purpose: str, sealed: bytes) -> bytes:
        """What `seal_for_office` was given. Raises: ledger.keys.Tampered."""
        ...
