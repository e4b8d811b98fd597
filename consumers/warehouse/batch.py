"""What a member has polled and not written yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from consumers.warehouse.progress import Partition
from consumers.warehouse.records import ConsumerRecord, Fact, Forgotten, Unreadable, read

ROW_BYTES = 600
"""What a row costs in memory besides its record's value, about."""


@dataclass
class Span:
    """Everything between two offsets of one partition. ``next`` may lie behind gaps: a transaction's marker has an
    offset too. ``first``: it begins where Kafka's own log does, for a table that holds nothing of the partition.
    """

    topic_id: str
    begin: int
    next: int
    first: bool = False
    facts: list[Fact] = field(default_factory=list[Fact])
    forgotten: list[Forgotten] = field(default_factory=list[Forgotten])
    unreadable: list[Unreadable] = field(default_factory=list[Unreadable])

    def after(self, offset: int) -> Span:
        """What of it lies at ``offset`` or behind."""
        if offset <= self.begin:
            return self
        return Span(
            self.topic_id,
            offset,
            max(offset, self.next),
            False,
            [one for one in self.facts if one.offset >= offset],
            [one for one in self.forgotten if one.offset >= offset],
            [one for one in self.unreadable if one.offset >= offset],
        )


@dataclass
class Batch:
    """Spans by partition, and what they weigh."""

    spans: dict[Partition, Span] = field(default_factory=dict[Partition, Span])
    records: int = 0
    weight: int = 0

    def begin(self, partition: Partition, topic_id: str, offset: int, *, first: bool = False) -> None:
        """Records of the partition will come from ``offset`` on."""
        self.spans[partition] = Span(topic_id, offset, offset, first)

    def add(self, partition: Partition, records: Sequence[ConsumerRecord]) -> None:
        """Take records as they were polled, in order."""
        span = self.spans[partition]
        facts = span.facts
        for record in records:
            row = read(record)
            if type(row) is Fact:
                facts.append(row)
            elif type(row) is Forgotten:
                span.forgotten.append(row)
            elif type(row) is Unreadable:
                span.unreadable.append(row)
            self.weight += ROW_BYTES + len(record.value or b"")
        self.records += len(records)
        span.next = records[-1].offset + 1

    def following(self) -> Batch:
        """An empty one that begins where this one ends."""
        batch = Batch()
        for partition, span in self.spans.items():
            batch.begin(partition, span.topic_id, span.next, first=span.first and span.next == span.begin)
        return batch
