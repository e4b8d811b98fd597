"""One append: what a command changed, written in one transaction, and how to learn whether it was.

Order of waiting, the same for every append, so that none deadlock: the command's key, addresses (sorted), the writers'
lock (shared, never waited for), the drawing of positions, event rows (sorted).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from psycopg import Connection

from domain.office import Address, AlreadyDone
from ledger import addresses, barrier, events
from ledger.connecting import rows
from ledger.idempotency import CommandKey
from ledger.keys import KeyStore

_DRAW: Final = "SELECT ledger.draw(%s)"
_VERSION: Final = "SELECT coalesce(max(version), 0) FROM ledger.event WHERE stream = %s"


@dataclass(frozen=True)
class Append:
    """The events of one save in the order in which they happened, and the command that caused them, if any."""

    stored: Sequence[StoredEvent]
    command: CommandKey | None = None
    principal: UUID | None = None
    addresses: Sequence[Address] = ()
    keys: KeyStore | None = None

    def run(self, connection: Connection[Any]) -> list[int]:
        """Write everything within the connection's transaction; the positions, in the order of the events.

        Raises: AlreadyDone, CommandReused, AddressTaken, psycopg.errors.UniqueViolation.
        """
        if self.command and (done := self.command.claim(connection)):
            raise AlreadyDone(done)
        if self.addresses and self.keys:
            addresses.take_addresses(connection, self.keys, self.addresses)
        positions: list[int] = []
        if self.stored:
            rows(connection, barrier.HOLD)
            first: int = rows(connection, _DRAW, (len(self.stored),))[0][0]
            positions = list(range(first, first + len(self.stored)))
            events.insert(connection, self.stored, first, self.command.current if self.command else None)
        if self.command and self.principal:
            version = self._version_of(self.principal, connection)
            self.command.note(connection, self.principal, version, max(positions, default=0))
        return positions

    def find(self, connection: Connection[Any]) -> list[int] | None:
        """The positions if this very append is in the ledger. Only behind the barrier is None an answer."""
        if self.stored:
            return events.find_same(connection, self.stored)
        return [] if self.command and self.command.find(connection) else None

    def _version_of(self, principal: UUID, connection: Connection[Any]) -> int:
        changed = [event.originator_version for event in self.stored if event.originator_id == principal]
        return max(changed) if changed else rows(connection, _VERSION, (principal,))[0][0]
