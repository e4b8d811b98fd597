"""What a batch is sent as: arrays, and rows as elements of them, in PostgreSQL's binary form.

Each row is packed whole by whoever brings it, in that caller's own thread: what cannot be packed fails nobody else, and
the thread that sends the batch only joins bytes. Source: PostgreSQL's ``array_recv``, ``record_recv`` and the ``recv``
function of each type.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from uuid import UUID

BYTEA: Final = 17
INT8: Final = 20
INT4: Final = 23
TEXT: Final = 25
TIMESTAMPTZ: Final = 1184
UUID_: Final = 2950
"""PostgreSQL's object ids of the types."""

NULL: Final = b"\xff\xff\xff\xff"
"""The element that is not there."""

LOCK: Final = b"\0\0\0\x08"
"""What stands before the eight bytes of an advisory lock, as an element of a ``bigint[]``."""

_HEADER: Final = struct.Struct("!iiIii")
_EMPTY: Final = struct.Struct("!iiI")
_LENGTH: Final = struct.Struct("!i")
_FIELD: Final = struct.Struct("!Ii")
_INT4: Final = struct.Struct("!ii")
_INT8_FIELD: Final = struct.Struct("!Iiq")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


UUID_FIELD: Final = _FIELD.pack(UUID_, 16)
"""What stands before the sixteen bytes of a ``uuid`` field."""


def array(kind: int, elements: Sequence[bytes]) -> bytes:
    """The array of packed ``elements``, all of one ``kind``."""
    if not elements:
        return _EMPTY.pack(0, 0, kind)
    return _HEADER.pack(1, 0, kind, len(elements), 1) + b"".join(elements)


_SMALL: Final = tuple(_INT4.pack(4, value) for value in range(1024))


def small(value: int) -> bytes:
    """An element of an ``integer[]``."""
    return _SMALL[value] if value < len(_SMALL) else _INT4.pack(4, value)


def element(content: bytes) -> bytes:
    """An element of any array, from its type's binary form."""
    return _LENGTH.pack(len(content)) + content


def row(fields: int, *packed: bytes) -> bytes:
    """An element of an array of rows that have so many ``fields``; ``packed`` holds all of them, in order."""
    content = b"".join(packed)
    return _INT4.pack(len(content) + 4, fields) + content


def integer(value: int | None) -> bytes:
    """A ``bigint`` field. Raises: struct.error if it is none."""
    return _FIELD.pack(INT8, -1) if value is None else _INT8_FIELD.pack(INT8, 8, value)


def octets(value: bytes | None) -> bytes:
    """A ``bytea`` field."""
    return _FIELD.pack(BYTEA, -1) if value is None else _FIELD.pack(BYTEA, len(value)) + value


@lru_cache(1024)
def text(value: str) -> bytes:
    """A ``text`` field, of a few that come again and again. Raises: UnicodeEncodeError for a lone surrogate."""
    encoded = value.encode()
    return _FIELD.pack(TEXT, len(encoded)) + encoded


def small_integer(value: int | None) -> bytes:
    """An ``integer`` field."""
    return _FIELD.pack(INT4, -1) if value is None else _FIELD.pack(INT4, 4) + _LENGTH.pack(value)


def uuid(value: UUID | None) -> bytes:
    """A ``uuid`` field."""
    return _FIELD.pack(UUID_, -1) if value is None else UUID_FIELD + value.bytes


def moment(value: datetime | None) -> bytes:
    """A ``timestamptz`` field. Raises: TypeError for a time without its zone."""
    if value is None:
        return _FIELD.pack(TIMESTAMPTZ, -1)
    return _INT8_FIELD.pack(TIMESTAMPTZ, 8, (value - _EPOCH) // _MICROSECOND)
