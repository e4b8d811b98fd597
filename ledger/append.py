"""An append: what one command changed; and how many of them are written together, in one statement and one commit.

Order of waiting, the same for every append, so that none deadlock: the locks of what it touches (its command's key,
its addresses, its streams; each sorted), the writers' lock (shared, never waited for), the drawing of positions, event
rows. Who holds the lock of a stream is alone with its rows; an append that touches too many to lock them all is
written by itself, its rows sorted. A batch waits for nobody: what another transaction holds is set aside.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import DataError, IntegrityError, StoredEvent
from psycopg import Connection

from domain.office import Address, AddressTaken, AlreadyDone
from ledger import addresses, events, packing
from ledger.idempotency import CommandKey
from ledger.keys import KeyStore
from ledger.writing import Kinds, Refused, call, kinds_of

LARGEST: Final = 16 * 2**20
"""Bytes that the events of one append may hold together."""
SMALL: Final = 2**20
MOST_EVENTS: Final = 256
"""Bytes and events that one append may have to be written together with others."""
MOST_STREAMS: Final = 64
"""Streams that one append locks; with more of them it is written by itself, and the unique index does the rest."""


class Held(Exception):
    """Another transaction is at work on the same command, address or stream; nothing was stored."""


class StreamMovedOn(IntegrityError):
    """The stream holds such a version already; nothing was stored."""


class TooLarge(DataError):
    """The events of one append hold more than `LARGEST` bytes; nothing was stored."""


Outcome = list[int] | Exception
"""The positions of an append's events in their order, or why it was not written."""


class Append:
    """The events of one save in the order in which they happened, and the command that caused them, if any.

    Making one computes and packs all that the database will be told: in its caller's thread, where what cannot be
    stored fails nobody else. Raises: TooLarge, DataError.
    """

    __slots__ = ("command", "locks", "macs", "note", "places", "rows", "size", "stored", "taken")

    def __init__(
        self,
        stored: Sequence[StoredEvent],
        command: CommandKey | None = None,
        principal: UUID | None = None,
        taken: Sequence[Address] = (),
        keys: KeyStore | None = None,
    ) -> None:
        self.stored = stored
        self.command = command
        self.macs: list[bytes] = []
        """The command's key under every key version in use, packed."""
        self.note: bytes | None = None
        """What is kept of the command, packed: its key, body, stream, and the stream's version if that changed."""
        self.taken: list[bytes] = []
        """The addresses' rows."""
        self.places: list[int] | None = None
        """Where the rows' events stand among `stored`, if not in its order: then it is written by itself."""
        try:
            packed = [events.pack(event, command.current if command else None) for event in stored]
            locks = {one.lock for one in packed}
            if len(locks) > MOST_STREAMS:
                self.places = sorted(range(len(packed)), key=lambda place: packed[place][:2])
                locks.clear()
            self.rows = [packed[place].row for place in self.places] if self.places else [one.row for one in packed]
            """The events' rows, packed."""
            self.size = sum(map(len, self.rows))
            """Bytes that its events take up."""
            self.locks = sorted(locks)
            """Advisory locks, packed, on what it touches, in the order in which they are taken."""
            if command and principal:
                self._pack(command, principal, taken, keys)
        except (struct.error, UnicodeEncodeError, ValueError, TypeError) as error:
            raise DataError(f"an event cannot be stored: {error}") from error
        if self.size > LARGEST:
            raise TooLarge(f"{self.size} bytes in one append; {LARGEST} are allowed")

    def _pack(self, command: CommandKey, principal: UUID, taken: Sequence[Address], keys: KeyStore | None) -> None:
        if taken and keys:
            held, self.taken = addresses.pack(keys, taken)
            self.locks = held + self.locks
        changed = [event.originator_version for event in self.stored if event.originator_id == principal]
        self.note = command.pack(principal, max(changed, default=None))
        self.macs = [packing.element(mac) for mac in command.macs]
        self.locks.insert(0, command.lock)

    @property
    def is_small(self) -> bool:
        """Whether it may be written together with others."""
        few = len(self.rows) <= MOST_EVENTS and len(self.locks) <= 2 * MOST_STREAMS
        return few and self.size <= SMALL and not self.places

    def run(self, connection: Connection[Any]) -> list[int]:
        """Write it by itself, within the connection's transaction, after whoever is at work on the same.

        Its events' positions, in their order. Raises: AlreadyDone, CommandReused, AddressTaken,
        psycopg.errors.UniqueViolation, psycopg.errors.LockNotAvailable.
        """
        outcome = run_all(connection, [self], patient=True)[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def refusal(self, told: Refused) -> Exception:
        """Why it was not written."""
        if told.done and self.command:
            try:
                return AlreadyDone(self.command.receipt(*told.done))
            except Exception as reused:  # noqa: BLE001 - CommandReused, to be raised in the caller's thread
                return reused
        if told.reason == "taken":
            return AddressTaken(told.kind)
        return (
            Held() if told.reason == "held" else StreamMovedOn("the stream has moved on: its version is there already")
        )

    def find(self, connection: Connection[Any]) -> list[int] | None:
        """The positions if this very append is in the ledger. Only behind the barrier is None an answer."""
        if self.stored:
            return events.find_same(connection, self.stored)
        return [] if self.command and self.command.find(connection) else None


def run_all(connection: Connection[Any], appends: Sequence[Append], *, patient: bool = False) -> list[Outcome]:
    """Write the appends, each wholly or not at all, in one statement; no two of them may share a lock.

    ``patient``: wait for whoever holds what the (single) append needs, as long as the session waits for any lock.
    Raises psycopg.Error if none was written.
    """
    arguments = _arguments(appends, kinds_of(connection))
    first, refused = call(connection, (b"\1" if patient else b"\0", *arguments))
    outcomes: list[Outcome] = []
    for append in appends:
        after = first + len(append.rows)
        outcomes.append(list(range(first, after)))
        first = after
    for told in refused:
        outcomes[told.request] = appends[told.request].refusal(told)
    return outcomes


def _arguments(appends: Sequence[Append], kinds: Kinds) -> list[bytes | None]:
    """The parameters of ``ledger.append`` but for the first, in its order."""
    rows, of_rows, locks, of_locks = list[bytes](), list[bytes](), list[bytes](), list[bytes]()
    macs, of_macs, taken, of_taken = list[bytes](), list[bytes](), list[bytes](), list[bytes]()
    notes, of_notes, lasts = list[bytes](), list[bytes](), list[bytes]()
    for n, append in enumerate(appends):
        request = packing.small(n)
        locks += append.locks
        of_locks += [request] * len(append.locks)
        rows += append.rows
        of_rows += [request] * len(append.rows)
        if append.note is None:
            continue
        macs += append.macs
        of_macs += [request] * len(append.macs)
        notes.append(append.note)
        of_notes.append(request)
        lasts.append(packing.small(len(rows) - 1) if append.rows else packing.NULL)
        taken += append.taken
        of_taken += [request] * len(append.taken)
    integers, places = packing.INT4, appends[0].places
    return [
        packing.array(integers, of_locks), packing.array(packing.INT8, locks),
        *((packing.array(integers, of_macs), packing.array(packing.BYTEA, macs)) if macs else (None, None)),
        *((packing.array(integers, of_notes), packing.array(integers, lasts)) if notes else (None, None)),
        packing.array(kinds.note, notes) if notes else None,
        *((packing.array(integers, of_taken), packing.array(kinds.address, taken)) if taken else (None, None)),
        packing.array(integers, of_rows),
        packing.array(integers, list(map(packing.small, places))) if places else None,
        packing.array(kinds.event, rows),
    ]  # fmt: skip
