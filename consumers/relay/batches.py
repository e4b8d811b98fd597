"""Records as Kafka keeps them, a batch a partition written here and handed to the client whole.

The client's own `send` takes one record: it looks at its metadata, locks, makes a future and writes each byte of each
length by a call, which costs twice as much as all that comes before. What it does with a batch that is full (numbers
it in its transaction, sends it, again if need be, splits it, tells what came of it) is left to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from kafka.errors import IllegalStateError, KafkaTimeoutError, UnknownTopicOrPartitionError

from consumers import kafka_clients
from consumers.kafka_clients import MemoryRecordsBuilder, ProducerBatch, TopicPartition, murmur2
from consumers.relay.records import Record

FORM: Final = 2
"""Of the records: the one that knows headers and transactions (KIP-98). Every broker since 0.11 takes it."""

AROUND: Final = 128
"""Bytes that a record and its batch take besides what they hold, at most."""

REMEMBERED: Final = 100_000
"""Keys whose partition is remembered: to compute one in Python costs more than to write a record."""

_NO_ATTRIBUTES: Final = b"\0"
_NULL: Final = b"\1"
"""A length of -1."""


class TooLarge(Exception):
    """A record is larger than the broker, or this client, takes."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.size = len(record.value or b"") + len(record.key) + sum(len(k) + len(v) for k, v in record.headers)
        super().__init__(f"a record of {self.size} bytes for {record.topic}")


@dataclass(slots=True)
class Batch:
    """Records of one partition, in order and written one behind the other."""

    records: list[Record] = field(default_factory=list[Record])
    written: bytearray = field(default_factory=bytearray)
    latest: int = 0

    def body(self, record: Record) -> bytes:
        """A record as it is written next here, but for its length."""
        records, key, value, headers = self.records, record.key, record.value, record.headers
        since = record.timestamp - records[0].timestamp if records else 0
        parts = [_NO_ATTRIBUTES, varint(since), varint(len(records)), varint(len(key)), key]
        parts += (_NULL,) if value is None else (varint(len(value)), value)
        parts.append(varint(len(headers)))
        for name, said in headers:
            parts += (called(name), varint(len(said)), said)
        return b"".join(parts)

    def add(self, record: Record, body: bytes) -> None:
        """Write it."""
        self.records.append(record)
        self.written += varint(len(body))
        self.written += body
        self.latest = max(self.latest, record.timestamp)


@lru_cache(maxsize=1 << 14)
def varint(number: int) -> bytes:
    """A number in Kafka's own bytes: zigzag, seven bits in each."""
    written = bytearray()
    kafka_clients.encode_varint(number, written.append)
    return bytes(written)


@lru_cache(maxsize=256)
def called(name: str) -> bytes:
    """A header's name, its length before it."""
    told = name.encode()
    return varint(len(told)) + told


class Sent:
    """What came of a batch that was handed over. ``_record_futures`` of the client's own batch, which splits by it."""

    def __init__(self, batch: Any, records: Sequence[Record]) -> None:
        self._whole = batch.produce_future
        self._records = records
        self._alone: dict[int, Any] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, place: int) -> Any:
        """A future for one record: only who splits the batch asks, and only from then on each has its own outcome."""
        future = kafka_clients.FutureRecordMetadata(self._whole, place, None, None, -1, -1, -1)
        self._alone[place] = future
        return future

    @property
    def is_done(self) -> bool:
        """Whether each record's outcome is known."""
        if self._whole.is_done:
            return True
        return len(self._alone) == len(self) and all(future.is_done for future in list(self._alone.values()))

    def failed(self) -> tuple[Record, Exception] | None:
        """The first record that is not known to be there, and why; None if all are."""
        if self._whole.is_done:
            if self._whole.exception is not None:
                return self._records[0], self._whole.exception
            _, _, why = self._whole.value  # the client ends a batch well and says here what was wrong with it
            return (self._records[0], why(0)) if why is not None else None
        for place, record in enumerate(self._records):
            future = self._alone.get(place)
            if future is None or not future.is_done:
                return record, KafkaTimeoutError("a send has no outcome")
            if not future.succeeded():
                return record, future.exception
        return None


class Packing:
    """Puts records into batches. ``size``: what one takes, in bytes; no record may be larger than ``largest``."""

    def __init__(self, size: int, largest: int) -> None:
        self._size = size
        self._largest = largest
        self._hashes: dict[bytes, int] = {}

    def packed(self, records: Sequence[Record], partitions: Mapping[str, int]) -> dict[tuple[str, int], list[Batch]]:
        """The records by topic and partition, in order. ``partitions``: how many each topic has. Raises: TooLarge."""
        found: dict[tuple[str, int], list[Batch]] = {}
        hashes = self._hashes
        for record in records:
            hashed = hashes.get(record.key)
            place = record.topic, (self._hash(record.key) if hashed is None else hashed) % partitions[record.topic]
            batches = found.get(place)
            if batches is None:
                batches = found[place] = [Batch()]
            batch = batches[-1]
            body = batch.body(record)
            if batch.records and len(batch.written) + len(body) > self._size:
                batch = Batch()
                batches.append(batch)
                body = batch.body(record)
            if len(body) + AROUND > self._largest:
                raise TooLarge(record)
            batch.add(record, body)
        return found

    def _hash(self, key: bytes) -> int:
        """By which Kafka's own clients choose a key's partition."""
        if len(self._hashes) >= REMEMBERED:
            self._hashes.clear()
        self._hashes[key] = hashed = murmur2(key) & 0x7FFFFFFF
        return hashed


def hand_over(producer: Any, topic: str, partition: int, batch: Batch) -> Sent:
    """Give the client a batch to be sent in the transaction that it is in, behind what it was given before.

    As its own `send` does with the first record of a batch. Raises: kafka.errors.KafkaError.
    """
    if partition not in producer.partitions_for(topic):
        raise UnknownTopicOrPartitionError(f"{topic} has no partition {partition}")
    place, accumulator = TopicPartition(topic, partition), producer._accumulator
    producer._transaction_manager.maybe_add_partition_to_transaction(place)
    whole = ProducerBatch(place, _builder(accumulator.config, batch))
    whole._record_futures = sent = Sent(whole, batch.records)
    accumulator._appends_in_progress.increment()  # who closes the client by force waits for us
    try:
        with accumulator._tp_lock(place):
            if accumulator._closed:
                raise IllegalStateError("the client is closed")
            accumulator._batches[place].append(whole)
            accumulator._incomplete.add(whole)
    finally:
        accumulator._appends_in_progress.decrement()
    return sent


def _builder(config: Mapping[str, Any], batch: Batch) -> Any:
    """As if each record had been appended to it."""
    builder = MemoryRecordsBuilder(FORM, config["compression_attrs"], config["batch_size"])
    within, count = builder._builder, len(batch.records)
    within._buffer += batch.written  # behind the room for the batch's own header, which is written when it is sent
    within._first_timestamp, within._max_timestamp = batch.records[0].timestamp, batch.latest
    within._num_records, within._last_offset = count, count - 1
    builder._next_offset = count
    return builder
