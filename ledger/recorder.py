"""The ledger as the library's recorder: appends, reads of a stream, reads of all, and the office's desk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Final, TypeVar, cast
from uuid import UUID

import psycopg
from eventsourcing import postgres
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    OperationalError,
    PersistenceError,
    ProcessRecorder,
    ProgrammingError,
    StoredEvent,
    Subscription,
    Tracking,
)
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from domain.event import Act, Root
from domain.office import AlreadyDone, Receipt
from ledger import addresses, events, lineage, schema
from ledger.append import Append, Held
from ledger.barrier import Barrier, wait_for_backend, wait_for_writers
from ledger.connecting import rows
from ledger.dispatcher import BEGUN_AGAIN, Dispatcher, LedgerBusy, LostAtCommit, NothingStored
from ledger.idempotency import CommandKey
from ledger.keys import KeyStore
from ledger.recorded import Recorded
from ledger.signals import wake_followers
from ledger.subscription import LedgerSubscription
from ledger.topics import topic_of

__all__ = ["LedgerBusy", "LedgerProcessRecorder", "LedgerRecorder", "OutcomeUnknown"]

T = TypeVar("T")

ATTEMPTS: Final = 4
"""How often an append is begun that certainly left nothing behind: a deadlock, a connection dead before the commit."""
ENDPOINT: Final = ("dbname", "host", "port", "user", "password")
RESOLUTION: Final = 3.0
"""Seconds spent on learning how a commit ended whose answer was lost."""


class OutcomeUnknown(OperationalError):
    """The connection died at the commit and nothing could be learnt since. It may or may not have been stored.

    Remedy: send the same command with the same id again; it is done once in either case.
    """


class LedgerRecorder(postgres.PostgresRecorder, ApplicationRecorder):
    """Implements ``domain.office.Desk`` too. Without ``keys`` it keeps any application's events, but no commands."""

    def __init__(
        self,
        datastore: postgres.PostgresDatastore,
        keys: KeyStore | None = None,
        dispatcher: Dispatcher | None = None,
    ) -> None:
        super().__init__(datastore)
        self._keys = keys
        self._dispatcher = dispatcher or Dispatcher(datastore)
        self._barrier = Barrier()

    def create_table(self) -> None:
        """Make the ledger's tables, or bring them up to date, and keep its lineage."""
        with self.datastore.get_connection() as connection:
            schema.make_ledger(connection)
            lineage.keep_lineage(connection)
        super().create_table()

    @property
    def conninfo(self) -> str:
        """How to reach the ledger's database beside the pool, to listen there."""
        given = cast(dict[str, Any], self.datastore.pool.kwargs or {})
        return make_conninfo(
            cast(str, self.datastore.pool.conninfo), **{key: given[key] for key in ENDPOINT if given.get(key)}
        )

    # -- appending -----------------------------------------------------------------------------------------------

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append the events, all or none, and note the command as done; their positions.

        ``command``: Act, ``principal``: UUID, ``addresses``: tuple[Address, ...], as `Office.commit` gives them.
        Raises: IntegrityError (a stream moved on), AddressTaken, AlreadyDone, CommandReused, OutcomeUnknown, DataError
        (an event that cannot be stored), LedgerBusy and any other OperationalError (nothing was stored).
        """
        append = self._append(stored_events, kwargs)
        if append is None:
            return None
        attempt, lost_before = 1, False
        while True:
            try:
                return self._once(append, kwargs.get("tracking"))
            except NothingStored as lost:
                if attempt == ATTEMPTS:
                    raise OperationalError("the append could not be begun; nothing was stored") from lost
            except LostAtCommit as lost:
                lost_before = True
                if (positions := self._resolve(append, lost.backend)) is not None:
                    return positions
                if attempt == ATTEMPTS:
                    raise OperationalError("the append could not be committed; nothing was stored") from lost
            except (IntegrityError, AlreadyDone):
                # What stands in the way may be this very append, which a connection thought dead has stored after all.
                if lost_before and (positions := self._ask(append.find)) is not None:
                    return positions
                raise
            attempt += 1

    def _append(self, stored: Sequence[StoredEvent], circumstances: dict[str, Any]) -> Append | None:
        act = cast(Act | None, circumstances.get("command"))
        taken = circumstances.get("addresses", ())
        if act is None and not taken:
            return Append(stored) if stored or circumstances.get("tracking") else None
        if act is None or self._keys is None:
            raise ProgrammingError("commands and addresses need a ledger that is opened with its keys")
        return Append(stored, CommandKey.of(act, self._keys), circumstances["principal"], taken, self._keys)

    def _once(self, append: Append, tracking: Tracking | None) -> list[int]:
        """Write it with others, or by itself if it must be: it keeps tracking, it is big, or it has to wait."""
        if tracking is None and append.is_small:
            try:
                return self._dispatcher.write(append)
            except Held:
                pass
        with self._dispatcher.lane():
            return self._alone(append, tracking)

    def _alone(self, append: Append, tracking: Tracking | None) -> list[int]:
        with self.datastore.get_connection() as connection:
            backend, written = connection.info.backend_pid, False
            try:
                with connection.transaction():
                    if tracking is not None:
                        self._track(connection, tracking)
                    positions = append.run(connection)
                    written = True
            except psycopg.Error as error:
                if connection.closed:
                    self.datastore.pool.check()
                    raise (LostAtCommit(backend) if written else NothingStored()) from error
                if isinstance(error, BEGUN_AGAIN):
                    raise NothingStored from error
                if isinstance(error, psycopg.errors.QueryCanceled):
                    connection.close()  # cancelled inside `ledger.draw`, it might still hold the drawing lock
                raise
            if append.stored:
                wake_followers(connection)
            return positions

    def _track(self, connection: Connection[Any], tracking: Tracking) -> None:
        raise ProgrammingError("this recorder keeps no tracking")

    def _resolve(self, append: Append, backend: int) -> list[int] | None:
        """How a commit ended whose answer was lost: the positions, or None if nothing was stored.

        An immediate look-up would say "nothing" of a transaction that is still to commit; so this waits until the
        backend that was told to write has ended, and every writer seen under way, and looks then.
        """
        deadline = monotonic() + RESOLUTION
        while True:
            try:
                with self.datastore.get_connection() as connection:
                    if not wait_for_backend(connection, backend, max(0.0, deadline - monotonic())):
                        raise OutcomeUnknown("the commit's outcome is unknown: it is still under way")
                    if not wait_for_writers(connection, max(0.0, deadline - monotonic())):
                        raise OutcomeUnknown("the commit's outcome is unknown: writers before it have not ended")
                    if not append.stored and append.command is None:
                        raise OutcomeUnknown("the commit's outcome is unknown: it left nothing to look for")
                    return append.find(connection)
            except OutcomeUnknown:
                raise
            except PersistenceError as error:
                if monotonic() >= deadline:
                    raise OutcomeUnknown("the commit's outcome is unknown: PostgreSQL does not answer") from error

    # -- reading -------------------------------------------------------------------------------------------------

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The stream's events by version."""
        found = self._ask(lambda connection: events.by_version(connection, originator_id, gt, lte, limit, down=desc))
        return [row.stored() for row in found]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Events by position, never past where the ledger is settled."""
        after = (start if not inclusive_of_start else start - 1) if start is not None else 0

        def ask(connection: Connection[Any]) -> list[events.Row]:
            settled = self._barrier.settled(connection)
            last = settled if stop is None else min(stop, settled)
            return events.by_position(connection, after, last, limit, topics)

        return [row.notification() for row in self._ask(ask)]

    def max_notification_id(self) -> int | None:
        """The last settled position, or None in an empty ledger."""
        return self._ask(self._barrier.settled) or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Events by position from after ``gt``, without end."""
        return LedgerSubscription(self, gt, topics)

    # -- the desk ------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """PostgreSQL's clock, UTC."""
        now: datetime = self._ask(lambda connection: rows(connection, "SELECT clock_timestamp()"))[0][0]
        return now.astimezone(UTC)

    def find_command(self, act: Act) -> Receipt | None:
        """What ``act`` did if it was done before. Raises: CommandReused."""
        key = CommandKey.of(act, self._with_keys())
        return self._ask(key.find)

    def find_address(self, kind: str, value: str) -> UUID | None:
        """The stream that holds this address."""
        keys = self._with_keys()
        return self._ask(lambda connection: addresses.find_address(connection, keys, kind, value))

    def find_addresses(self, kind: str, values: Sequence[str]) -> list[UUID | None]:
        """The streams that hold these addresses, in their order, in one statement."""
        keys = self._with_keys()
        return self._ask(lambda connection: addresses.find_addresses(connection, keys, kind, values))

    def newest_of(self, streams: Sequence[UUID], kinds: Sequence[type[Root.Event]]) -> Sequence[Root.Event]:
        """The newest event of each of these kinds in each of these streams, personal facts still sealed.

        Raises: Undecodable.
        """
        topics = [topic_of(kind) for kind in kinds]
        found = self._ask(lambda connection: events.newest_of(connection, streams, topics))
        return [Recorded.of(row).event for row in found]

    def _with_keys(self) -> KeyStore:
        if self._keys is None:
            raise ProgrammingError("commands and addresses need a ledger that is opened with its keys")
        return self._keys

    def _ask(self, ask: Callable[[Connection[Any]], T]) -> T:
        """Read; if the connection proves dead, drop the dead ones and read once more."""
        connection = None
        try:
            with self._connection() as connection:
                return ask(connection)
        except OperationalError:
            if connection is None or not connection.closed:
                raise
        self.datastore.pool.check()
        with self._connection() as connection:
            return ask(connection)

    def _connection(self) -> AbstractContextManager[Connection[Any]]:
        return self.datastore.get_connection()


class LedgerProcessRecorder(postgres.PostgresTrackingRecorder, LedgerRecorder, ProcessRecorder):
    """A recorder that keeps another application's tracking in the transaction of its own events."""

    def __init__(self, datastore: postgres.PostgresDatastore, *, tracking_table_name: str, **kwargs: Any) -> None:
        """``kwargs`` are those of `LedgerRecorder`."""
        super().__init__(datastore, tracking_table_name=tracking_table_name, **kwargs)

    def _track(self, connection: Connection[Any], tracking: Tracking) -> None:
        with connection.cursor() as cursor:
            self._insert_tracking(cursor, tracking)
