"""Addresses: natural keys that must be unique, kept as keyed hashes from which nobody learns the key."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from domain.office import Address
from ledger import packing
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
DO $$
BEGIN
    IF to_regtype('ledger.new_address') IS NULL THEN
        CREATE TYPE ledger.new_address AS (kind text, hmac bytea, key_version integer, stream uuid);
    END IF;
END
$$;
"""
"""Not append-only: an erased person's addresses go (see `forget`), and a rotated key re-hashes them."""

NOBODY: Final = UUID(int=0)
"""The stream of an address that leads nowhere any more and is kept so that it is never given again."""

_HELD: Final = """
SELECT stream FROM ledger.address
WHERE kind = %s AND hmac = ANY(%s) AND stream <> '00000000-0000-0000-0000-000000000000'
"""
_HELD_OF_MANY: Final = """
SELECT hmac, stream FROM ledger.address
WHERE kind = %s AND hmac = ANY(%s) AND stream <> '00000000-0000-0000-0000-000000000000'
"""
_BURY: Final = """
UPDATE ledger.address SET stream = '00000000-0000-0000-0000-000000000000', recorded_at = 'epoch'
WHERE stream = %s AND kind = ANY(%s)
"""
_REMOVE: Final = "DELETE FROM ledger.address WHERE stream = %s AND kind <> ALL(%s)"


def find_address(connection: Connection[Any], keys: KeyStore, kind: str, value: str) -> UUID | None:
    """The stream that holds the address."""
    found = rows(connection, _HELD, (kind, [digest for _, digest in _hashes(keys, kind, value)]))
    return found[0][0] if found else None


def find_addresses(connection: Connection[Any], keys: KeyStore, kind: str, values: Sequence[str]) -> list[UUID | None]:
    """The streams that hold the addresses, in the order of ``values``: one statement, whatever is held."""
    digests = [[digest for _, digest in _hashes(keys, kind, value)] for value in values]
    held = dict(rows(connection, _HELD_OF_MANY, (kind, [digest for each in digests for digest in each])))
    return [next((held[digest] for digest in each if digest in held), None) for each in digests]


def forget(connection: Connection[Any], stream: UUID, kept: Collection[str]) -> None:
    """Remove every address that leads to ``stream``; those of the kinds ``kept`` lead nowhere and stay taken for ever.

    When such a one was given is forgotten, too: the hour would lead back to the events of that hour.
    """
    connection.execute(_BURY, (stream, list(kept)))
    connection.execute(_REMOVE, (stream, list(kept)))


def pack(keys: KeyStore, addresses: Sequence[Address]) -> tuple[list[bytes], list[bytes]]:
    """The addresses' locks, sorted, and their rows (``ledger.new_address``), under every key version in use.

    A row with ``key_version`` null, an older key's hash, is only to be found held by another. Raises:
    UnicodeEncodeError.
    """
    packed: set[tuple[bytes, bytes]] = set()
    for one in addresses:
        kind, stream = packing.text(one.kind), packing.uuid(one.stream)
        for age, (version, digest) in enumerate(_hashes(keys, one.kind, one.value)):
            kept = packing.small_integer(None if age else version)
            row = packing.row(4, kind, packing.octets(digest), kept, stream)
            packed.add((packing.LOCK + digest[-8:], row))
    ordered = sorted(packed)
    return [lock for lock, _ in ordered], [row for _, row in ordered]


def _hashes(keys: KeyStore, kind: str, value: str) -> list[tuple[int, bytes]]:
    return [
        (int.from_bytes(mac[:MAC_VERSION_BYTES], "big"), mac[MAC_VERSION_BYTES:])
        for mac in keys.macs("address", kind, value)
    ]
