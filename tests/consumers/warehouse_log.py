"""A log of records in memory, as Kafka would give them, and members that write from it: for tests without a broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from pyiceberg.table import Table
from warehouse_house import case, headers

from consumers.warehouse.batch import Batch
from consumers.warehouse.progress import Partition, reached
from consumers.warehouse.records import fingerprint
from consumers.warehouse.table import Place, open_warehouse
from consumers.warehouse.writer import Done, Writer

TOPIC = "sarkmeli.compatriot.v1"


class Killed(Exception):
    """A member died."""


@dataclass(frozen=True)
class Record:
    """What a consumer gives."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass
class Log:
    """Partitions of one topic. Some offsets hold no record, as where a transaction ended."""

    topic_id: str = "one"
    records: dict[int, list[Record]] = field(default_factory=lambda: {0: [], 1: []})
    ends: dict[int, int] = field(default_factory=lambda: {0: 0, 1: 0})

    def fact(self, partition: int, number: int, day: int = 1) -> None:
        sequence = 1 + sum(record.key == case(number).encode() for record in self.records[partition])
        told = headers(uuid4().hex, sequence, at=f"2026-11-{day:02}T10:00:00Z")
        self._add(partition, case(number).encode(), b"{}", told)

    def tombstone(self, partition: int, number: int) -> None:
        told = [("ce_specversion", b"1.0"), ("ce_type", b"sarkmeli.case.forgotten.v1")]
        self._add(partition, case(number).encode(), None, told)

    def nonsense(self, partition: int, number: int | None = None) -> None:
        self._add(partition, b"?" if number is None else case(number).encode(), b"?", [("name", b"of a person")])

    def marker(self, partition: int) -> None:
        self.ends[partition] += 1

    def _add(self, partition: int, key: bytes, value: bytes | None, told: list[tuple[str, bytes]]) -> None:
        self.records[partition].append(Record(TOPIC, partition, self.ends[partition], key, value, told))
        self.ends[partition] += 1

    def wanted(self, places: dict[Partition, Any]) -> set[tuple[int, int]]:
        """Partition and offset of every fact that a table which is so far must hold."""
        found: set[tuple[int, int]] = set()
        for number, records in self.records.items():
            place = places.get(Partition(TOPIC, number))
            seen = [one for one in records if place is not None and one.offset < place.next]
            out = {one.key for one in seen if one.value is None}
            found |= {(number, one.offset) for one in seen if one.value == b"{}" and one.key not in out}
        return found

    def unreadable(self, places: dict[Partition, Any]) -> set[tuple[int, int]]:
        """Those that make no sense, up to there."""
        return {
            (number, one.offset)
            for number, records in self.records.items()
            for one in records
            if one.value == b"?" and (place := places.get(Partition(TOPIC, number))) and one.offset < place.next
        }


class Member:
    """Writes from the log by the real writer."""

    def __init__(self, log: Log, where: Place, partitions: tuple[int, ...] = (0, 1)) -> None:
        self.log = log
        self.where = where
        self.warehouse = open_warehouse(where)
        self.writer = Writer(self.warehouse)
        self.partitions = partitions
        self.batch = Batch()
        self.begin()

    def begin(self) -> None:
        places = self.writer.begins({TOPIC: self.log.topic_id})
        self.batch = Batch()
        for number in self.partitions:
            place = places.get(Partition(TOPIC, number))
            self.batch.begin(
                Partition(TOPIC, number), self.log.topic_id, 0 if place is None else place.next, first=place is None
            )

    def gather(self, most: int = 1000) -> None:
        """Poll."""
        for number in self.partitions:
            partition = Partition(TOPIC, number)
            span = self.batch.spans[partition]
            found = [one for one in self.log.records[number] if one.offset >= span.next][:most]
            if found:
                self.batch.add(partition, found)

    def write(self) -> Done:
        batch, self.batch = self.batch, self.batch.following()
        return self.writer.write(batch)


def rows(member: Member) -> list[tuple[int, int]]:
    """Partition and offset of every fact in the table, read from the catalog anew."""
    table = member.warehouse.facts.refresh()
    found = table.scan(selected_fields=("partition", "offset")).to_arrow()
    return list(zip(found["partition"].to_pylist(), found["offset"].to_pylist(), strict=True))


def check(member: Member) -> None:
    """The table holds what it must, each once.

    A case that is written down as forgotten may be out already: that comes ahead of the offset behind its tombstone.
    """
    found = rows(member)
    wanted = member.log.wanted(reached(member.warehouse.facts.properties))
    assert len(found) == len(set(found))
    assert wanted.issuperset(found)
    missing = wanted.difference(found)
    if missing:
        out = set(member.warehouse.forgotten.refresh().scan().to_arrow()["fingerprint"].to_pylist())
        keys = {(n, one.offset): one.key or b"" for n, records in member.log.records.items() for one in records}
        assert all(fingerprint(keys[one].decode()) in out for one in missing)


@contextmanager
def at_commit(number: int, before: Callable[[], None] = lambda: None, after: Callable[[], None] = lambda: None,
              ) -> Iterator[None]:  # fmt: skip
    """Have something happen just before or after the ``number``-th commit to any table from here on."""
    commit, count = Table._do_commit, 0

    def counted(self: Table, *arguments: Any, **named: Any) -> None:
        nonlocal count
        count += 1
        mine = count == number
        if mine:
            before()
        commit(self, *arguments, **named)
        if mine:
            after()

    with patch.object(Table, "_do_commit", counted):
        yield


def die() -> None:
    raise Killed


def six_commits(where: Place) -> Member:
    """What wrote a table in six commits, each of two cases on two days."""
    log = Log()
    made = Member(log, where)
    for turn in range(6):
        for day in (1, 2):
            log.fact(0, turn % 3, day)
            log.fact(1, 3 + turn % 3, day)
        made.gather()
        made.write()
    return made
