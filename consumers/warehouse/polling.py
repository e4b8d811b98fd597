"""Reading on past a record whose headers' names are no text.

Kafka takes any bytes as a header's name, kafka-python only UTF-8: on other bytes every poll ends at that record, so
that whoever may write to a topic could stop all who read it. Our consumer gives such a name as `NotText`.
"""

# kafka-python carries few types, and has no other place where a batch is taken apart.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# pyright: reportUnknownArgumentType=false, reportPrivateUsage=false, reportMissingParameterType=false
# pyright: reportUntypedBaseClass=false, reportAttributeAccessIssue=false

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kafka import KafkaConsumer
from kafka.consumer.fetcher import Fetcher
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint

from consumers.warehouse.records import NotText


def reading_any_name(consumer: KafkaConsumer) -> KafkaConsumer:
    """The consumer, which from here on reads records whatever their headers' names are."""
    consumer._fetcher.PartitionRecords = _PartitionRecords
    return consumer


class _PartitionRecords(Fetcher.PartitionRecords):
    """What was fetched of one partition."""

    def _unpack_records(self, tp: Any, records: Any, *deserializers: Any) -> Iterator[Any]:
        return super()._unpack_records(tp, _Batches(records), *deserializers)


class _Batches:
    """The batches of a fetch, each one that reads any name."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def next_batch(self) -> Any:
        """The next one, or None."""
        batch = self._records.next_batch()
        if type(batch) is DefaultRecordBatch:
            batch.__class__ = _Batch
        return batch


class _Batch(DefaultRecordBatch):
    """A batch of records in Kafka's message format 2. Source: Kafka's documentation, "Message Format"."""

    __slots__ = ()

    def _read_msg(self, *arguments: Any) -> Any:
        begin = self._pos
        try:
            return super()._read_msg(*arguments)
        except UnicodeDecodeError:
            names = self._mask_names(begin)
            record = super()._read_msg(*arguments)
            record.headers[:] = [(_text(name), value) for name, (_, value) in zip(names, record.headers, strict=True)]
            return record

    def _mask_names(self, begin: int) -> list[bytes]:
        """Write question marks over the headers' names of the record that begins there; what they were."""
        buffer, at = self._buffer, begin
        for _ in range(4):  # the record's length, its attributes, the differences of its time and of its offset
            _, at = decode_varint(buffer, at)
        for _ in range(2):  # key and value
            length, at = decode_varint(buffer, at)
            at += max(length, 0)
        count, at = decode_varint(buffer, at)
        names: list[bytes] = []
        for _ in range(count):
            length, at = decode_varint(buffer, at)
            names.append(bytes(buffer[at : at + length]))
            buffer[at : at + length] = b"?" * len(names[-1])
            at += length
            length, at = decode_varint(buffer, at)
            at += max(length, 0)
        return names


def _text(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return NotText(name.decode(errors="surrogateescape"))
