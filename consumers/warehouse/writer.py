"""Writing batches into the table, each record once, whoever else writes and whenever one is killed."""

# pyarrow carries no types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportCallIssue=false, reportUnknownParameterType=false, reportUnknownArgumentType=false

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import pyarrow as pa
import structlog
from pyiceberg.expressions import And, BooleanExpression, EqualTo, In
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import ALWAYS_TRUE, Table

from consumers.warehouse.batch import Batch, Span
from consumers.warehouse.commits import OLDEST_FILES, Conflict, commit
from consumers.warehouse.files import write_files
from consumers.warehouse.forgetting import Forgetting
from consumers.warehouse.progress import Partition, Reached, TopicMadeAnew, reached, written
from consumers.warehouse.records import Fact, Forgotten, Unreadable, fingerprint
from consumers.warehouse.table import FACTS, FORGOTTEN, UNREADABLE, Warehouse, columns

log = structlog.get_logger("warehouse")

PATIENCE: Final = 2.0
"""Seconds that one waits at most between two conflicts."""

Todo = dict[Partition, Span]


class OutOfStep(Exception):
    """The table is not where this member believes it to be: it was emptied, or another was here. Begin from it anew."""


class ToldToEnd(Exception):
    """The member shall end, and writing would have taken longer. What is not in the table is read again by the next."""


@dataclass(frozen=True)
class Done:
    """What one write came to. ``rows`` are the facts added; ``reached`` is where the table then is."""

    rows: int = 0
    unreadable: int = 0
    removed: int = 0
    conflicts: int = 0
    reached: Mapping[Partition, Reached] | None = None


@dataclass(frozen=True)
class Prepared:
    """Data files that hold a batch's facts and stand in no snapshot yet."""

    begins: Mapping[Partition, int]
    files: Sequence[DataFile]
    rows: int
    at: float

    def holds(self, todo: Todo) -> bool:
        """Whether they are still what is to be added, and young enough not to be swept away as left behind."""
        fresh = time.time() - self.at < OLDEST_FILES
        return fresh and self.begins == _begins(todo)


class Writer:
    """Writes for one member of the group. One thread at a time.

    Once ``stop`` is set it finishes what it does and begins nothing again: no commit, no look into a further file.
    """

    def __init__(self, warehouse: Warehouse, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()
        self._warehouse = warehouse
        self._facts = warehouse.facts
        self._out: set[str] = set()

    def begins(self, topics: Mapping[str, str]) -> dict[Partition, Reached]:
        """How far the table is, read anew, with the cases that must stay out; ``topics``: the id of each topic now.

        Raises: TopicMadeAnew.
        """
        self._facts.refresh()
        self._learn()
        places = reached(self._facts.properties)
        for partition, place in places.items():
            if topics.get(partition.topic, place.topic_id) != place.topic_id:
                raise TopicMadeAnew(partition.topic)
        return places

    def write(self, batch: Batch) -> Done:
        """Add what of the batch is not in yet, and how far that is, in one commit; again after each conflict.

        Raises: TopicMadeAnew, OutOfStep, ToldToEnd. Anything else leaves it unknown what happened: `begins` tells.
        """
        prepared: Prepared | None = None
        forgetting: Forgetting | None = None
        conflicts = 0
        while True:
            self._facts.refresh()
            todo = self._todo(batch)
            if not todo:
                if forgetting is not None:
                    forgetting.discard()
                return Done(conflicts=conflicts, reached=reached(self._facts.properties))
            if prepared is None or prepared.begins != _begins(todo):
                self._remember(todo)
                self._set_aside(todo)
                self._forget_what_was_set_aside(todo)
            if prepared is None or not prepared.holds(todo):
                prepared = self._prepare(todo)
            # Of all that were to be forgotten at first: what another has taken out since is in no file any more.
            forgetting = forgetting or Forgetting(self._facts, _forgotten(todo), "case", self._unless_told)
            gone = forgetting.found()
            places = {partition: Reached(span.topic_id, span.next) for partition, span in todo.items()}
            try:
                added = [*prepared.files, *gone.add]
                commit(self._facts, add=added, remove=gone.remove, properties=written(places), why="collect")
            except Conflict as conflict:
                conflicts += 1
                forgetting.refused(conflict)
                self._wait(min(PATIENCE, 0.01 * 2 ** min(conflicts, 10)))
                continue
            unreadable = sum(len(span.unreadable) for span in todo.values())
            return Done(prepared.rows, unreadable, gone.rows, conflicts, reached(self._facts.properties))

    def _todo(self, batch: Batch) -> Todo:
        """What the table does not hold yet. Raises: TopicMadeAnew, OutOfStep."""
        places = reached(self._facts.properties)
        todo: Todo = {}
        for partition, span in batch.spans.items():
            place = places.get(partition)
            if place is not None and place.topic_id != span.topic_id:
                raise TopicMadeAnew(partition.topic)
            following = span.begin if place is None and span.first else 0 if place is None else place.next
            if following < span.begin:
                raise OutOfStep(f"{partition}: the table needs {following} next, and {span.begin} was read")
            if following > span.begin:
                # Another wrote a part of this, and may have met a tombstone there.
                self._learn()
            if following < span.next:
                todo[partition] = span.after(following)
        return todo

    def _learn(self) -> None:
        """Which cases must stay out. They are written down ahead of the offset behind their tombstones."""
        self._out = set(_column(self._warehouse.forgotten.refresh(), "fingerprint"))

    def _prepare(self, todo: Todo) -> Prepared:
        facts = [fact for span in todo.values() for fact in span.facts]
        tombstones = _forgotten(todo)
        if self._out or tombstones:
            facts = [one for one in facts if one.case not in tombstones and fingerprint(one.case) not in self._out]
        at = time.time()
        files = write_files(self._facts, _rows(FACTS, Fact._fields, facts)) if facts else []
        return Prepared(_begins(todo), files, len(facts), at)

    def _remember(self, todo: Todo) -> None:
        """Write down which cases stay out, ahead of the facts. Twice is as good as once: it is a set."""
        said = [one for span in todo.values() for one in span.forgotten if fingerprint(one.case) not in self._out]
        if not said:
            return
        rows = [(fingerprint(one.case), one.topic, one.partition, one.offset) for one in said]
        table = self._warehouse.forgotten
        kept = _rows(FORGOTTEN, ("fingerprint", *Forgotten._fields[1:]), rows)
        self._until_done(table, lambda: commit(table, add=write_files(table, kept), why="forget"))
        self._out.update(row[0] for row in rows)

    def _set_aside(self, todo: Todo) -> None:
        """Keep what could not be read, ahead of the facts, unless whoever was killed here has done so."""
        for partition, span in todo.items():
            if span.unreadable:
                self._until_done(self._warehouse.unreadable, partial(self._quarantine, partition, span))

    def _forget_what_was_set_aside(self, todo: Todo) -> None:
        """Take forgotten cases out of what could not be read, ahead of the offsets behind their tombstones."""
        cases, table = _forgotten(todo), self._warehouse.unreadable
        forgetting = Forgetting(table, cases, "key", self._unless_told)

        def attempt() -> None:
            gone = forgetting.found()
            if gone.remove:
                try:
                    commit(table, add=gone.add, remove=gone.remove, why="forget")
                except Conflict as conflict:
                    forgetting.refused(conflict)
                    raise

        if cases:
            self._until_done(table, attempt)

    def _quarantine(self, partition: Partition, span: Span) -> None:
        table = self._warehouse.unreadable
        here = And(EqualTo("topic", partition.topic), EqualTo("topic_id", span.topic_id))
        here = And(here, EqualTo("partition", partition.number))
        here = And(here, In("offset", {one.offset for one in span.unreadable}))
        known = set(_column(table, "offset", here))
        new = [one for one in span.unreadable if one.offset not in known]
        if not new:
            return
        # After the table was read: whoever takes a case out of it since is in conflict with this.
        self._learn()
        bare = [one.bare() if one.key and fingerprint(one.key.decode("latin-1")) in self._out else one for one in new]
        now = datetime.now(UTC)
        fields = ("topic_id", "found_at", *Unreadable._fields)
        rows = _rows(UNREADABLE, fields, [(span.topic_id, now, *one) for one in bare])
        commit(table, add=write_files(table, rows), why="set aside")
        for one in new:
            log.error("a record makes no sense and is set aside", topic=one.topic, partition=one.partition,
                      offset=one.offset, reason=one.reason)  # fmt: skip

    def _until_done(self, table: Table, attempt: Callable[[], None]) -> None:
        while True:
            table.refresh()
            try:
                attempt()
            except Conflict:
                self._wait(0.05)
            else:
                return

    def _wait(self, most: float) -> None:
        """Let the others go first. Raises: ToldToEnd."""
        self._stop.wait(random.uniform(0, most))
        self._unless_told()

    def _unless_told(self) -> None:
        if self._stop.is_set():
            raise ToldToEnd


def _begins(todo: Todo) -> dict[Partition, int]:
    return {partition: span.begin for partition, span in todo.items()}


def _forgotten(todo: Todo) -> set[str]:
    return {one.case for span in todo.values() for one in span.forgotten}


def _column(table: Table, name: str, where: BooleanExpression = ALWAYS_TRUE) -> list[Any]:
    return table.scan(row_filter=where, selected_fields=(name,)).to_arrow()[name].to_pylist()


def _rows(schema: Schema, fields: Sequence[str], rows: Iterable[Sequence[Any]]) -> pa.Table:
    """Rows whose values stand in the order of ``fields``."""
    kinds = columns(schema)
    turned = dict(zip(fields, zip(*rows, strict=True), strict=True))
    return pa.table([pa.array(turned[name], kinds.field(name).type) for name in kinds.names], schema=kinds)
