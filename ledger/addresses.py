"""Addresses: natural keys that must be unique, kept as keyed hashes from which nobody learns the key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from domain.office import Address, AddressTaken
from ledger.connecting import rows
from ledger.keys import MAC_VERSION_BYTES, KeyStore

DDL: Final = """
CREATE TABLE IF NOT EXISTS ledger.address (
    kind        text NOT NULL,
    hmac        bytea NOT NULL,
    key_version smallint NOT NULL,
    stream      uuid NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, hmac)
);
CREATE INDEX IF NOT EXISTS address_stream ON ledger.address (stream);
"""
"""Not append-only: an erased person's addresses go, and a rotated key re-hashes them."""

_HELD: Final = "SELECT stream FROM ledger.address WHERE kind = %s AND hmac = ANY(%s)"
_INSERT: Final = """
INSERT INTO ledger.address (kind, hmac, key_version, stream) VALUES (%s, %s, %s, %s)
ON CONFLICT (kind, hmac) DO NOTHING RETURNING stream
"""


def find_address(connection: Connection[Any], keys: KeyStore, kind: str, value: str) -> UUID | None:
    """The stream that holds the address."""
    found = rows(connection, _HELD, (kind, [digest for _, digest in _hashes(keys, kind, value)]))
    return found[0][0] if found else None


def take_addresses(connection: Connection[Any], keys: KeyStore, addresses: Sequence[Address]) -> None:
    """Give each address to its stream, within the appending transaction. Raises: AddressTaken.

    Sorted, so that two appends with the same addresses wait for each other and never deadlock.
    """
    wanted = sorted((address.kind, _hashes(keys, address.kind, address.value), address.stream) for address in addresses)
    for kind, hashes, stream in wanted:
        (version, digest), *older = hashes
        if older and any(
            holder != stream for (holder,) in rows(connection, _HELD, (kind, [digest for _, digest in older]))
        ):
            raise AddressTaken(kind)
        if rows(connection, _INSERT, (kind, digest, version, stream)):
            continue
        if rows(connection, _HELD, (kind, [digest])) != [(stream,)]:
            raise AddressTaken(kind)


def _hashes(keys: KeyStore, kind: str, value: str) -> list[tuple[int, bytes]]:
    return [
        (int.from_bytes(mac[:MAC_VERSION_BYTES], "big"), mac[MAC_VERSION_BYTES:])
        for mac in keys.macs("address", kind, value)
    ]
