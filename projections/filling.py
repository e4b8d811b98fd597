"""Filling a read model's tables from the ledger's first event: stream by stream, copied in, resumable.

A row is written by the events of one stream only, so each stream can be folded whole, whatever happened between its
events, and its rows are final when they are copied in: no row is read back, none is written twice, and what is in
memory is one portion of streams. The result is what following would have made of the same events.
"""

from __future__ import annotations

import gc
import hashlib
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain, groupby
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import structlog
from psycopg.errors import UniqueViolation
from psycopg.types.json import set_json_dumps

from ledger.reader import Recorded
from ledger.topics import event_classes
from projections import poison, tracking
from projections.follower import Follower
from projections.model import Key, ReadModel, Row, Table
from projections.poison import Poison
from projections.rows import plain_json

log = structlog.get_logger()

PORTION: Final = 10_000
"""Events whose streams are copied in by one transaction."""
SELDOM: Final = 200_000
"""Objects that must be made, while folding, before the garbage collector looks for cycles."""
BEFORE_ALL: Final = UUID(int=0)
"""A stream id before every stream's."""


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` events that the model handles."""

    done: int
    total: int


Told = Callable[[Progress], None]
Known = Callable[[Recorded], bool]


@dataclass(frozen=True)
class Folded:
    """What one stream's first ``events`` events make of the model's rows; ``poison`` is the event after them."""

    stream: UUID
    events: int
    rows: dict[tuple[Table, Key], Row | None]
    poison: Poison | None = None


class SharedRows(Exception):
    """Two streams claim one row: only following, in the order of positions, can say whose it is."""


def fill(follower: Follower, told: Told = lambda progress: None, stop: threading.Event | None = None) -> None:
    """Fill the model's tables if it stands at 0, and let ``follower`` go on from there.

    What an earlier fill by the same program left is gone on with. ``stop`` ends it between two portions. A model
    whose handlers write other streams' rows is left to follow. Raises: Fenced, TooMuchPoison, database errors.
    """
    if follower.position == 0 and not follower.place.model.halts:
        filling = _Filling(follower)
        try:
            with seldom_collecting():
                filling.run(told, stop or threading.Event())
        except SharedRows:
            log.warning("two streams claim one row: following from the first event", model=follower.place.title)
            filling.give_up()


def fold_stream(model: ReadModel, events: Sequence[Recorded], known: Known | None = None) -> Folded:
    """What one stream's events, or the first that are ``known``, make of the model's rows."""
    if known is not None and not all(map(known, events)):
        some = fold_stream(model, first) if (first := [one for one in events if known(one)]) else None
        return Folded(events[0].stream, len(events), some.rows if some else {}, some.poison if some else None)
    rows: dict[tuple[Table, Key], Row | None] = {}
    stream = events[0].stream
    for number, recorded in enumerate(events):
        try:
            for change in model.changes(recorded):
                model.fold(rows, stream, change)
        except Exception as error:  # noqa: BLE001 - of the event, not of the database
            before = fold_stream(model, events[:number]).rows if number else {}
            return Folded(stream, number, before, poison.blame(recorded, error))
    return Folded(stream, len(events), rows)


def fold_portion(
    model: ReadModel,
    read: Callable[[UUID, int], Iterator[Recorded]],
    after: UUID,
    known: Known | None = None,
) -> tuple[list[Folded], bool]:
    """The next streams past ``after``, folded, and whether they are the last; ``read`` gives (after, limit) events."""
    limit = PORTION
    while True:
        events = 0
        folded: list[Folded] = []
        for _, group in groupby(read(after, limit), attrgetter("stream")):
            of_stream = list(group)
            events += len(of_stream)
            if events < limit:
                folded.append(fold_stream(model, of_stream, known))
        if events < limit:
            return folded, True
        if folded:
            return folded, False  # the last stream may go on past the limit: it comes again
        limit *= 4  # one stream of so many events


def unhandled(model: ReadModel) -> list[str]:
    """The topics that the model does not handle. Those that no class declares are not among them."""
    return sorted(event_classes().keys() - model.by_topic.keys())


class _Filling:
    """One fill, over its follower's connection."""

    def __init__(self, follower: Follower) -> None:
        self.follower = follower
        self.db, self.place, self.model = follower.db, follower.place, follower.place.model
        self.unhandled = unhandled(self.model)
        self.until = 0
        self.filled = BEFORE_ALL
        set_json_dumps(plain_json, self.db)

    def run(self, told: Told, stop: threading.Event) -> None:
        """From where it stands to the end, or until told to stop."""
        if not self._begin():
            return
        progress = self._counted()
        told(progress)
        while not stop.is_set():
            folded, last = fold_portion(self.model, self._read, self.filled)
            if folded:
                self._store(folded, folded[-1].stream)
                progress = Progress(progress.done + sum(one.events for one in folded), progress.total)
                told(progress)
            if last:
                tracking.end_fill(self.db, self.place, self.follower.holder)
                self.follower.position = self.until
                tracking.signal(self.db, self.place, self.until)
                return

    def give_up(self) -> None:
        """Nothing is filled: the follower begins at the first event."""
        self._clear(0)

    def _begin(self) -> bool:
        """Where to go on; False in an empty ledger."""
        standing = tracking.find(self.db, self.place)
        assert standing is not None
        if standing.fill_until is not None and standing.filled is not None and standing.program == program():
            self.until, self.filled = standing.fill_until, standing.filled
            return True
        self.until = self.follower.source.settled()
        if self.until:
            self._clear(self.until)
        return self.until > 0

    def _clear(self, until: int) -> None:
        with self.db.transaction():
            tracking.begin_fill(self.db, self.place, self.follower.holder, until, BEFORE_ALL, program())
            self.follower.applying.rows.clear(self.db)
            poison.clear(self.db, self.place)

    def _counted(self) -> Progress:
        return Progress(*self.follower.source.count(self.filled, self.until, self.unhandled))

    def _read(self, after: UUID, limit: int) -> Iterator[Recorded]:
        return self.follower.source.by_stream(after, self.until, limit, self.unhandled)

    def _store(self, folded: Sequence[Folded], last: UUID) -> None:
        """Copy the rows in and move on, in one transaction; streams whose rows cannot be stored are set apart."""
        try:
            self._write(folded, last)
        except UniqueViolation as error:
            raise SharedRows from error
        except Exception as error:
            if not poison.is_poison(error):
                raise
            self._write(self._storable(folded), last)
        self.filled = last
        self.follower.goes_on()

    def _write(self, folded: Sequence[Folded], last: UUID) -> None:
        found = [one.poison for one in folded if one.poison is not None]
        with self.db.transaction():
            tracking.fill(self.db, self.place, self.follower.holder, self.filled, last)
            self._copy(folded)
            if found:
                poison.add_found(self.db, self.place, found, self.follower.applying.bound)
        for one in found:
            poison.tell(self.place, one)

    def _copy(self, folded: Sequence[Folded]) -> None:
        self.follower.applying.rows.copy(self.db, chain.from_iterable(one.rows.items() for one in folded))

    def _storable(self, folded: Sequence[Folded]) -> list[Folded]:
        """The same, each stream cut before the first event that makes of it what cannot be stored."""
        if self._can_store(folded) is None:
            return list(folded)
        if len(folded) > 1:
            middle = len(folded) // 2
            return [*self._storable(folded[:middle]), *self._storable(folded[middle:])]
        (one,) = folded
        events = list(self._read(UUID(int=one.stream.int - 1), one.events))
        before = Folded(one.stream, 0, {})
        for number, recorded in enumerate(events, 1):
            here = fold_stream(self.model, events[:number])
            if error := self._can_store([here]):
                return [Folded(one.stream, before.events, before.rows, poison.blame(recorded, error))]
            before = here
        return [one]

    def _can_store(self, folded: Sequence[Folded]) -> Exception | None:
        """Tried and taken back: None, or the poison that it met."""
        try:
            with self.db.transaction(force_rollback=True):
                self._copy(folded)
        except Exception as error:
            if not poison.is_poison(error):
                raise
            return error
        return None


_collecting: Final = threading.Lock()
_folds: Final[list[int]] = []
_usual: Final = gc.get_threshold()


@contextmanager
def seldom_collecting() -> Generator[None]:
    """Folding makes much that lives for a portion, and no cycles: looking for them took an eighth of its time."""
    with _collecting:
        _folds.append(1)
        gc.set_threshold(SELDOM, *_usual[1:])
    try:
        yield
    finally:
        with _collecting:
            _folds.pop()
            if not _folds:
                gc.set_threshold(*_usual)


@cache
def program() -> str:
    """A digest of the code that folds: what another program filled is not gone on with."""
    digest = hashlib.sha256()
    for package in ("domain", "ledger", "projections"):
        _add(digest, files(package))
    return digest.hexdigest()


def _add(digest: Any, folder: Any) -> None:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            _add(digest, entry)
        elif entry.name.endswith(".py"):
            digest.update(f"{entry.name}\n".encode() + entry.read_bytes())
