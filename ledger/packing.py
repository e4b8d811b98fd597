"""Arrays in PostgreSQL's binary form, so that a batch of any size is sent as a handful of parameters.

Each element is packed by whoever brings it, in that caller's own thread: what cannot be packed fails nobody else.
Source: PostgreSQL's ``array_recv`` and the ``recv`` function of each type.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format
from typing_extensions import override

BYTEA: Final = 17
INT8: Final = 20
INT4: Final = 23
TEXT: Final = 25
TIMESTAMPTZ: Final = 1184
UUID_: Final = 2950
"""PostgreSQL's object ids of the element types."""

NULL: Final = b"\xff\xff\xff\xff"
"""The element that is not there."""

_HEADER: Final = struct.Struct("!iiIii")
_INT4: Final = struct.Struct("!ii")
_INT8: Final = struct.Struct("!iq")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True)
class Packed:
    """A whole parameter as PostgreSQL receives it; the statement says its type."""

    content: bytes


class _PackedDumper(Dumper):
    format = Format.BINARY

    @override
    def dump(self, obj: Packed) -> bytes:
        return obj.content


psycopg.adapters.register_dumper(Packed, _PackedDumper)


def array(kind: int, elements: Sequence[bytes]) -> Packed:
    """The array of packed ``elements``, all of one ``kind``."""
    if not elements:
        return Packed(struct.pack("!iiI", 0, 0, kind))
    return Packed(_HEADER.pack(1, 0, kind, len(elements), 1) + b"".join(elements))


def small_integers(values: Iterable[int | None]) -> Packed:
    """An ``integer[]``."""
    return array(INT4, [NULL if value is None else _INT4.pack(4, value) for value in values])


def integer(value: int | None) -> bytes:
    """A ``bigint``. Raises: struct.error if it is none."""
    return NULL if value is None else _INT8.pack(8, value)


def octets(value: bytes | None) -> bytes:
    """A ``bytea``."""
    return NULL if value is None else len(value).to_bytes(4, "big") + value


def text(value: str) -> bytes:
    """A ``text``. Raises: UnicodeEncodeError for a lone surrogate."""
    return octets(value.encode())


def uuid(value: UUID | str | None) -> bytes:
    """A ``uuid``. Raises: ValueError for text that is none."""
    if value is None:
        return NULL
    return b"\0\0\0\x10" + (value if isinstance(value, UUID) else UUID(value)).bytes


def moment(value: datetime | None) -> bytes:
    """A ``timestamptz``. Raises: TypeError for a time without its zone."""
    return NULL if value is None else _INT8.pack(8, (value - _EPOCH) // _MICROSECOND)
