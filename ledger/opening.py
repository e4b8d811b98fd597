"""Opening the ledger: its database, its key store and its keys, checked against each other before anything is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import psycopg
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict

from ledger.connecting import LINK, refuse_unsafe_durability, rows
from ledger.keys import KeysMissing, KeyStore
from ledger.kms import PKCS11, open_kms
from ledger.lineage import keep_lineage
from ledger.reader import Reader
from ledger.sealing import NoKeys, Sealer
from ledger.token import Tokens

DDL: Final = """
CREATE TABLE IF NOT EXISTS ledger.key_store (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id  uuid NOT NULL
);
"""
"""Which key store's keys the ledger's sealed parts are under."""


@dataclass(frozen=True)
class Ledger:
    """An open ledger. ``env`` is what ``domain.office.Office`` is made with, which then has no key store of its own."""

    env: dict[str, str] = field(repr=False)
    keys: KeyStore
    reader: Reader
    sealer: Sealer
    tokens: Tokens

    def close(self) -> None:
        """Close every connection."""
        self.reader.close()
        self.keys.close()


def open_ledger(ledger_conninfo: str, keys_conninfo: str, kms: Path | str) -> Ledger:
    """Open a ledger whose tables are there (``ledger.schema``). ``kms`` is what `ledger.kms.open_kms` takes.

    Raises: KeysMissing (data without their keys), KmsUnavailable, UnsafeDurability, psycopg.Error.
    """
    keys = KeyStore(keys_conninfo, open_kms(kms))
    try:
        with psycopg.connect(ledger_conninfo, autocommit=True, **LINK) as connection:
            refuse_unsafe_durability(connection)
            bind_key_store(connection, keys)
            keep_lineage(connection)
        sealer = Sealer(keys)
        reader = Reader(ledger_conninfo, sealer)
    except BaseException:
        keys.close()
        raise
    return Ledger(
        env={**environment(ledger_conninfo, keys_conninfo, kms), "LEDGER_KEYS_OPENED": keys.name},
        keys=keys,
        reader=reader,
        sealer=sealer,
        tokens=Tokens(keys, reader.lineage),
    )


def open_reader(conninfo: str) -> Reader:
    """The ledger for who follows it and opens nothing that is sealed: no key store is asked for.

    Raises: UnsafeDurability, psycopg.Error.
    """
    with psycopg.connect(conninfo, autocommit=True, **LINK) as connection:
        refuse_unsafe_durability(connection)
        keep_lineage(connection)
    return Reader(conninfo, Sealer(NoKeys()))


def bound_key_store(connection: Connection[Any]) -> UUID:
    """The key store that the ledger is tied to. Raises: KeysMissing if it was never opened with its keys."""
    bound = rows(connection, "SELECT id FROM ledger.key_store")
    if not bound:
        raise KeysMissing("this ledger has no key store yet: run `sarkmeli migrate`")
    return bound[0][0]


def environment(ledger_conninfo: str, keys_conninfo: str, kms: Path | str) -> dict[str, str]:
    """What the library's application reads; nothing is taken from the process's own environment."""
    holder = "LEDGER_KMS" if isinstance(kms, str) and kms.startswith(PKCS11) else "LEDGER_KEY_FOLDER"
    parts = cast(dict[str, Any], conninfo_to_dict(ledger_conninfo))
    return {
        "PERSISTENCE_MODULE": "ledger",
        "POSTGRES_DBNAME": str(parts.get("dbname") or ""),
        "POSTGRES_HOST": str(parts.get("host") or ""),
        "POSTGRES_PORT": str(parts.get("port") or ""),
        "POSTGRES_USER": str(parts.get("user") or ""),
        "POSTGRES_PASSWORD": str(parts.get("password") or ""),
        "POSTGRES_SCHEMA": "ledger",
        "POSTGRES_POOL_SIZE": "1",
        "POSTGRES_MAX_OVERFLOW": "9",
        "LEDGER_CONNINFO": ledger_conninfo,
        "LEDGER_KEYS_CONNINFO": keys_conninfo,
        holder: str(kms),
        "CREATE_TABLE": "no",
    }


def bind_key_store(connection: Connection[Any], keys: KeyStore) -> None:
    """Tie a new ledger to its key store; refuse any other. Raises: KeysMissing."""
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(1398895211, 3)")
        bound: list[tuple[UUID]] = rows(connection, "SELECT id FROM ledger.key_store")
        if not bound and not rows(connection, "SELECT has_table_privilege('ledger.key_store', 'INSERT')")[0][0]:
            raise KeysMissing("this ledger has no key store yet: run `sarkmeli migrate`")
        if not bound:
            connection.execute("INSERT INTO ledger.key_store (id) VALUES (%s)", (keys.id,))
        elif bound[0][0] != keys.id:
            made = "is new" if keys.is_new else f"is {keys.id}"
            raise KeysMissing(f"this ledger's keys are in key store {bound[0][0]}; the one given {made}")
