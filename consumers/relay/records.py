"""What is handed to Kafka: records and topics, and who says which records a batch of events leaves behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.recorded import Recorded


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it is sent. ``value`` is None in a tombstone; ``timestamp`` is in milliseconds since the epoch.

    A public fact's timestamp is cut to the hour, a tombstone's to the day; only what stays inside has the millisecond.
    """

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    timestamp: int


@dataclass(frozen=True)
class Topic:
    """A topic with its fixed number of partitions and what differs from the broker's own configuration."""

    name: str
    partitions: int
    config: Mapping[str, str]


class Outgoing(Protocol):
    """Says which records a batch of the ledger's events leaves behind.

    The same events give the same records, whenever they are asked for and however batches were cut.
    """

    def topics(self) -> Sequence[Topic]:
        """Every topic that a record may name."""
        ...

    def records(self, recorded: Sequence[Recorded]) -> Sequence[Record]:
        """The records of these events, in their order; events that may not leave give none.

        ``recorded`` are successive events of the ledger as `ledger.reader.Reader.follow` gives them. Raises:
        ledger.recorded.Undecodable, and what the databases raise.
        """
        ...


@dataclass(frozen=True)
class Forgotten:
    """That a case was erased, still to be said: its tombstone, and the number by which it is told apart."""

    id: int
    record: Record


class Forgetting(Protocol):
    """The tombstones of erased cases, which stand behind every record that was ever published of those cases."""

    def waiting(self, position: int) -> Sequence[Forgotten]:
        """Erasures whose fence stands at or before ``position`` and that may be said now, in no order.

        Every one of a lower id than any of them was said before, or is among them.

        A relay asks with the last position whose records it has sent, and keeps the last id that it said in its
        progress, in the transaction that says it.
        """
        ...

    def said(self, through: int) -> None:
        """All up to this id were said, in a transaction that is committed: they need not be kept any longer."""
        ...
