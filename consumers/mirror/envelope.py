"""One event of the ledger as bytes: what the internal topic holds. Its sealed part stays sealed, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct, msgpack

from ledger.recorded import Recorded
from projections.partitions import Offset

VERSION: Final = 1
"""Of the format, in the first byte. A later one adds what it must; what was written before is read for ever."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Unreadable(Exception):
    """What stands in the internal topic is no envelope that this release reads. Nothing goes on past it."""


class _Envelope(Struct, array_like=True, gc=False):
    lineage: bytes
    position: int
    stream: bytes
    version: int
    topic: str
    plain: bytes
    sealed: bytes | None
    key_id: bytes | None
    recorded_at: int  # microseconds since 1970


_FORMAT: Final = bytes([VERSION])
_encode: Final = msgpack.Encoder().encode
_decode: Final = msgpack.Decoder(_Envelope).decode


def packed(recorded: Recorded, lineage: bytes) -> bytes:
    """The event's envelope. ``lineage`` is the ledger's, sixteen bytes."""
    position, stream, version, topic, plain, sealed, key_id, recorded_at = recorded.columns()
    at = (recorded_at - _EPOCH) // _MICROSECOND
    key = None if key_id is None else key_id.bytes
    return _FORMAT + _encode(_Envelope(lineage, position, stream.bytes, version, topic, plain, sealed, key, at))


def opened(envelope: bytes | None, offset: int) -> Offset:
    """What `packed` was given, at this offset of its partition. Raises: Unreadable."""
    if not envelope or envelope[0] != VERSION:
        told = "empty" if not envelope else f"of format {envelope[0]}"
        raise Unreadable(f"the record at offset {offset} is {told}; this release reads format {VERSION}")
    try:
        found = _decode(memoryview(envelope)[1:])
        arrived = Offset(
            found.position,
            UUID(bytes=found.stream),
            found.version,
            found.topic,
            found.plain,
            found.sealed,
            None if found.key_id is None else UUID(bytes=found.key_id),
            _EPOCH + timedelta(microseconds=found.recorded_at),
        )
        arrived.lineage = UUID(bytes=found.lineage)
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:
        raise Unreadable(f"the record at offset {offset} is no envelope: {type(error).__name__}") from error
    arrived.next = offset + 1
    return arrived
