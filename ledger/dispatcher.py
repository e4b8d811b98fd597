"""Group commit: appends wait in a bounded queue, and one thread a datastore writes all that wait at once as a batch.

Its pace sets the size of a batch: while one is committed, the next gathers. Where nobody waits and nothing is being
written, a caller writes its own: never two at a time. What stands against one append (a
conflict, a lock that another transaction holds, an event that PostgreSQL will not take) fails that one alone.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from threading import BoundedSemaphore, Condition, Lock, Thread
from typing import Any, Final

import psycopg
from eventsourcing.persistence import InterfaceError, OperationalError, PersistenceError
from eventsourcing.postgres import PostgresDatastore
from psycopg import Connection

from ledger.append import MOST_EVENTS, SMALL, Append, Held, Outcome, run_all
from ledger.signals import Signals, wake_followers

_log = logging.getLogger(__name__)

MOST_WAITING: Final = 1024
MOST_BYTES: Final = 64 * 2**20
"""Appends, and bytes of events in them, that may wait at once."""
ROOM_PATIENCE: Final = 1.0
"""Seconds for which an append waits for room in the queue."""
LANE_PATIENCE: Final = 5.0
"""Seconds for which an append that must be written by itself waits for its turn."""

OF_ONE: Final = ("22", "23", "54", "55")
"""SQLSTATE classes (data, integrity, limits, locks) that one append causes; any other error is everybody's."""
BEGUN_AGAIN: Final = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


class LedgerBusy(OperationalError):
    """More is waiting to be written than may wait; nothing was stored.

    Remedy: send the same command again after ``retry_after`` seconds.
    """

    def __init__(self, why: str, retry_after: int = 1) -> None:
        super().__init__(f"{why}; nothing was stored")
        self.retry_after = retry_after


class NothingStored(Exception):
    """A deadlock, or the connection died before the commit: begin again."""


class LostAtCommit(Exception):
    """Stored or not: to be looked up behind the barrier, once ``backend``, who was told to write it, has ended."""

    def __init__(self, backend: int) -> None:
        super().__init__(f"backend {backend} did not answer")
        self.backend = backend


class _Waiting:
    """An append on its way, and where its caller waits."""

    __slots__ = ("_answered", "append", "following", "outcome")

    def __init__(self, append: Append) -> None:
        self.append = append
        self.outcome: Outcome | None = None
        self.following: _Waiting | None = None
        self._answered = Lock()
        self._answered.acquire()

    def wake(self) -> None:
        self._answered.release()

    def positions(self) -> list[int]:
        """Wait for the answer; wake whoever waits next, so that woken threads do not fight over the interpreter."""
        try:
            self._answered.acquire()
        finally:
            if self.following is not None:
                self.following.wake()
        if isinstance(self.outcome, list):
            return self.outcome
        raise self.outcome or InterfaceError("an append was not answered")


class Dispatcher:
    """Writes appends in batches. One a datastore: two of them write less than one. Safe for many threads."""

    def __init__(self, datastore: PostgresDatastore) -> None:
        self._datastore = datastore
        self._queue: deque[_Waiting] = deque()
        self._bytes = 0
        self._busy = False
        self._closed = False
        self._thread: Thread | None = None
        self._lock = Lock()
        self._work, self._room = Condition(self._lock), Condition(self._lock)
        self._lanes = BoundedSemaphore(max(1, datastore.pool.max_size // 3))
        self._signals = Signals(self._wake_followers)

    @property
    def waiting(self) -> int:
        """How many appends wait for the next batch."""
        return len(self._queue)

    def write(self, append: Append) -> list[int]:
        """Write a prepared append together with others; its events' positions, in their order.

        Raises: Held, NothingStored, LostAtCommit, LedgerBusy, what `Append.refusal` gives, PersistenceError.
        """
        waiting = _Waiting(append)
        with self._lock:
            if self._closed or not self._has_room(append):
                self._wait_for_room(append)
            alone = not self._busy and not self._queue
            if alone:
                self._busy = True
            else:
                self._queue.append(waiting)
                self._bytes += append.size
                if not self._busy:
                    self._work.notify()
        if alone:
            self._write_here(waiting)
        return waiting.positions()

    def _wait_for_room(self, append: Append) -> None:
        if not self._room.wait_for(lambda: self._closed or self._has_room(append), ROOM_PATIENCE):
            raise LedgerBusy("too many appends are waiting")
        if self._closed:
            raise InterfaceError("the ledger is closed")

    def _write_here(self, waiting: _Waiting) -> None:
        """Nobody waits or is at work: write it in its caller's thread, which spares two changes of threads."""
        try:
            self._write([waiting])
        finally:
            with self._lock:
                self._rest()

    def _rest(self) -> None:
        """Nobody writes any more: let the dispatcher's thread write what has gathered meanwhile."""
        self._busy = False
        if self._queue and self._thread is None:
            self._thread = Thread(target=self._run, name="ledger dispatcher", daemon=True)
            self._thread.start()
        if self._queue or self._closed:
            self._work.notify_all()

    @contextmanager
    def lane(self) -> Generator[None]:
        """The turn of an append that is written by itself: some at a time, so that others find a connection.

        Raises: LedgerBusy.
        """
        if not self._lanes.acquire(timeout=LANE_PATIENCE):
            raise LedgerBusy("too many appends wait for what another transaction holds")
        try:
            yield
        finally:
            self._lanes.release()

    def close(self) -> None:
        """Take nothing more, and return when all that was taken is answered. May be repeated."""
        with self._lock:
            self._closed = True
            self._work.notify_all()
            self._room.notify_all()
            self._work.wait_for(lambda: not self._busy and not self._queue)
        if self._thread is not None:
            self._thread.join()
        self._signals.close()

    def _has_room(self, append: Append) -> bool:
        return not self._queue or (len(self._queue) < MOST_WAITING and self._bytes + append.size <= MOST_BYTES)

    # -- in the dispatcher's thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        while batch := self._next():
            self._write(batch)
            with self._lock:
                self._rest()

    def _next(self) -> list[_Waiting]:
        """The next batch, as soon as nobody writes; empty at the end."""
        with self._lock:
            while self._busy or not self._queue:
                if self._closed and not self._busy:
                    return []
                self._work.wait()
            self._busy = True
            batch = self._take()
            self._room.notify(len(batch))
            return batch

    def _wake_followers(self) -> None:
        try:
            with self._datastore.get_connection() as connection:
                wake_followers(connection)
        except PersistenceError as error:
            _log.warning("followers were not woken, their heartbeat will: %s", type(error).__name__)

    def _take(self) -> list[_Waiting]:
        """From the queue's head, no two that touch the same, and none before an earlier one that touches the same."""
        batch: list[_Waiting] = []
        later: list[_Waiting] = []
        touched: set[bytes] = set()
        events = size = 0
        while self._queue and events < MOST_EVENTS and size < SMALL:
            waiting = self._queue.popleft()
            locks = waiting.append.locks
            if touched.isdisjoint(locks):
                batch.append(waiting)
                events += max(1, len(waiting.append.stored))
                size += waiting.append.size
            else:
                later.append(waiting)
            touched.update(locks)
        self._queue.extendleft(reversed(later))
        self._bytes -= size
        return batch

    def _write(self, batch: Sequence[_Waiting]) -> None:
        """Answer everyone in the batch."""
        connection: Connection[Any] | None = None
        backend, answered = 0, False
        try:
            with self._datastore.get_connection() as connection:
                backend = connection.info.backend_pid
                outcomes = self._outcomes(connection, batch)
                _answer(batch, outcomes)
                answered = True
            if any(isinstance(outcome, list) and outcome for outcome in outcomes):
                self._signals.soon()
        except Exception as error:  # noqa: BLE001 - a bug is loud in its callers' threads, and does not end this one
            if answered:
                _log.exception("after a batch was written")
            elif connection is None:
                why = f"{error}; nothing was stored"
                _answer_all(batch, lambda: OperationalError(why))
            elif connection.closed:
                self._look_over_pool()
                _answer_all(batch, lambda: LostAtCommit(backend))
            else:
                self._apart(batch, error)

    def _outcomes(self, connection: Connection[Any], batch: Sequence[_Waiting]) -> list[Outcome]:
        try:
            return run_all(connection, [waiting.append for waiting in batch])
        except psycopg.errors.QueryCanceled:
            connection.close()  # cancelled inside `ledger.draw`, it might still hold the drawing lock
            raise

    def _apart(self, batch: Sequence[_Waiting], error: Exception) -> None:
        """Nothing of the batch was stored: find whose fault it was, by halves, and write the rest."""
        cause = error.__cause__
        if isinstance(cause, BEGUN_AGAIN):
            _answer_all(batch, NothingStored)
        elif len(batch) > 1 and isinstance(cause, psycopg.Error) and (cause.sqlstate or "")[:2] in OF_ONE:
            middle = len(batch) // 2
            self._write(batch[:middle])
            self._write(batch[middle:])
        elif isinstance(cause, psycopg.errors.LockNotAvailable):
            _answer_all(batch, Held)
        elif isinstance(error, PersistenceError):
            _answer_all(batch, lambda: type(error)(str(error)))
        else:
            _answer_all(batch, lambda: error)

    def _look_over_pool(self) -> None:
        try:
            self._datastore.pool.check()
        except Exception as error:  # noqa: BLE001 - the next checkout will tell
            _log.warning("the ledger's connections could not be looked over: %s", type(error).__name__)


def _answer(batch: Sequence[_Waiting], outcomes: Sequence[Outcome]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        waiting.outcome = outcome
    for waiting, following in pairwise(batch):
        waiting.following = following
    batch[0].wake()


def _answer_all(batch: Sequence[_Waiting], outcome: Callable[[], Exception]) -> None:
    _answer(batch, [outcome() for _ in batch])
