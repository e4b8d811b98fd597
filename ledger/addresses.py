"""Addresses: natural keys that must be unique, kept as keyed hashes from which nobody learns the key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
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
"""
"""Not append-only: an erased person's addresses go, and a rotated key re-hashes them."""

_HELD: Final = "SELECT stream FROM ledger.address WHERE kind = %s AND hmac = ANY(%s)"


def find_address(connection: Connection[Any], keys: KeyStore, kind: str, value: str) -> UUID | None:
    """The stream that holds the address."""
    found = rows(connection, _HELD, (kind, [digest for _, digest in _hashes(keys, kind, value)]))
    return found[0][0] if found else None


class PackedAddress(NamedTuple):
    """One row to be written, or to be found held by another: with ``key_version`` null, an older key's hash."""

    kind: bytes
    hmac: bytes
    key_version: bytes
    stream: bytes


KINDS: Final = (packing.TEXT, packing.BYTEA, packing.INT4, packing.UUID_)
"""The types of a packed address's columns."""


def pack(keys: KeyStore, addresses: Sequence[Address]) -> list[PackedAddress]:
    """The addresses under every key version in use. Raises: UnicodeEncodeError."""
    packed: set[PackedAddress] = set()
    for one in addresses:
        kind, stream = packing.text(one.kind), packing.uuid(one.stream)
        for age, (version, digest) in enumerate(_hashes(keys, one.kind, one.value)):
            kept = packing.NULL if age else packing.octets(version.to_bytes(4, "big"))
            packed.add(PackedAddress(kind, packing.octets(digest), kept, stream))
    return sorted(packed)


def _hashes(keys: KeyStore, kind: str, value: str) -> list[tuple[int, bytes]]:
    return [
        (int.from_bytes(mac[:MAC_VERSION_BYTES], "big"), mac[MAC_VERSION_BYTES:])
        for mac in keys.macs("address", kind, value)
    ]
