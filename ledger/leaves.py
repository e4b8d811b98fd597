"""What of an event the tree commits to: every column of its row, its place among the events, and the gap before it.

A leaf is `DOMAIN`, the leaf's index and the position of the event before it (8 bytes each, big-endian, 0 before the
first), then the row as PostgreSQL's binary COPY writes it: the number of columns (2 bytes), then for each its length
(4 bytes, all ones for NULL) and its bytes: integers and microseconds since 2000 big-endian, a uuid's 16 bytes, text in
UTF-8, bytea as it is. Columns: position, stream, version, topic, plain, sealed, key_id, command_key, at, recorded_at,
lineage. So a leaf says too that no event stands between the position before and its own.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from psycopg import Connection

DOMAIN: Final = b"sarkmeli event leaf v1\n"

_COPY: Final = """
COPY (
    SELECT position, stream, version, topic, plain, sealed, key_id, command_key, at, recorded_at, lineage
    FROM ledger.event WHERE position > %s AND position <= %s ORDER BY position LIMIT %s
) TO STDOUT (FORMAT binary)
"""
_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\x00"
_HEADER_BYTES: Final = len(_SIGNATURE) + 4 + 4
_TRAILER: Final = b"\xff\xff"
_PREFIX: Final = b"\x00" + DOMAIN

FIRST: Final = -(2**63)
"""Before every position that a row can have, also one that somebody put where none is ever drawn."""
LAST: Final = 2**63 - 1


@dataclass(frozen=True)
class Leaf:
    """One event as the tree sees it; ``after`` is the position of the event before it."""

    index: int
    after: int
    position: int
    row: bytes

    @property
    def content(self) -> bytes:
        """What is hashed, without RFC 6962's own first byte."""
        return DOMAIN + self.index.to_bytes(8, "big") + self.after.to_bytes(8, "big", signed=True) + self.row


def rows_in_order(connection: Connection[Any], after: int, last: int, limit: int = LAST) -> Generator[bytes]:
    """Rows from after one position up to another, as binary COPY writes them: one message a row, says the protocol.

    Hashed here and not in the server, so that nobody who can replace the server's functions replaces the hash.
    """
    connection.execute("SET client_encoding TO 'UTF8'")
    with connection.cursor() as cursor, cursor.copy(_COPY, (after, last, limit)) as copy:
        head = bytes(copy.read())
        if not head.startswith(_SIGNATURE):
            raise ValueError("not PostgreSQL's binary COPY format")
        first = head[_HEADER_BYTES:]
        if first and first != _TRAILER:
            yield first
        for message in copy:
            row = bytes(message)
            if row != _TRAILER:
                yield row


def position_of(row: bytes) -> int:
    """The position in a row as binary COPY writes it: the first column."""
    return int.from_bytes(row[6:14], "big", signed=True)


def hash_row(index: int, after: int, row: bytes) -> bytes:
    """`ledger.merkle.leaf_hash` of the leaf, without making it."""
    return sha256(_PREFIX + index.to_bytes(8, "big") + after.to_bytes(8, "big", signed=True) + row).digest()
