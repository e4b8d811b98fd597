"""Reading the ledger in order: what followers and projections see. Personal facts stay sealed until opened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any, Final
from uuid import UUID

from psycopg import Connection

from domain.event import Root
from ledger import events
from ledger.barrier import Barrier
from ledger.connecting import Patient, asking, open_pool, rows
from ledger.lineage import AheadOfLedger, OtherLineage, current_lineage
from ledger.mapper import with_facts
from ledger.recorded import Recorded, Undecodable
from ledger.sealing import Sealer
from ledger.signals import Listener
from ledger.topics import topic_of

__all__ = ["AheadOfLedger", "OtherLineage", "Reader", "Recorded", "Undecodable"]

LINEAGE_MEMORY: Final = 5.0
"""Seconds for which the lineage is not asked for again."""

COUNTING: Final = 3600.0
"""Seconds for which counting a whole ledger may last."""

_LAST: Final = "SELECT coalesce(max(position), 0) FROM ledger.event"


class Reader:
    """Reads the ledger without ever passing a position that is still to be filled. Safe for many threads."""

    def __init__(self, conninfo: str, sealer: Sealer) -> None:
        self._sealer = sealer
        self._pool = open_pool(conninfo, "reader", max_size=8)
        self._barrier = Barrier()
        self._listener = Listener(conninfo)
        self._lineage: tuple[float, UUID] | None = None

    def close(self) -> None:
        """Close the connections."""
        self._listener.close()
        self._pool.close()

    def settled(self) -> int:
        """The highest position behind which nothing is still to come; 0 in an empty ledger."""
        return asking(self._pool, self._barrier.settled)

    def read(self, after: int, limit: int) -> Sequence[Recorded]:
        """As `follow`, decoded. Stops before an event that cannot be. Raises: Undecodable if that one stands first."""
        found: list[Recorded] = []
        for recorded in self.follow(after, limit):
            try:
                found.append(recorded.decoded())
            except Undecodable:
                if not found:
                    raise
                break
        return found

    def follow(self, after: int, limit: int) -> Sequence[Recorded]:
        """At most ``limit`` events from after a position, in order, none past the settled one; none decoded yet."""

        def ask(connection: Connection[Any]) -> list[Recorded]:
            settled = self._barrier.settled(connection)
            return (
                [Recorded(*row) for row in events.followed(connection, after, settled, limit)]
                if settled > after
                else []
            )

        return asking(self._pool, ask)

    def stream(self, stream: UUID) -> Sequence[Recorded]:
        """One stream's events by version, decoded. Raises: Undecodable."""
        found = asking(self._pool, lambda connection: events.by_version(connection, stream))
        return [Recorded.of(row).decoded() for row in found]

    def newest(self, stream: UUID, kinds: Sequence[type[Root.Event]]) -> Sequence[Root.Event]:
        """A stream's newest event of each of these kinds, by version, personal facts still sealed. Raises: Undecodable.

        One statement, and the key store is not asked.
        """
        topics = [topic_of(kind) for kind in kinds]
        found = asking(self._pool, lambda connection: events.newest(connection, stream, topics))
        return [Recorded.of(row).decoded().event for row in found]

    def by_stream(self, after: UUID, last: int, limit: int, without: Sequence[str] = ()) -> Iterator[Recorded]:
        """At most ``limit`` events up to position ``last`` of the streams past ``after``, none decoded yet.

        Stream by stream in the order of their ids, each by version, as they come; topics in ``without`` are left out.
        ``last`` must be settled. Raises: psycopg.OperationalError, also in the middle.
        """
        with self._pool.connection() as connection:
            for row in events.by_stream(connection, after, last, limit, without):
                yield Recorded(*row)

    def count(self, through: UUID, last: int, without: Sequence[str] = ()) -> tuple[int, int]:
        """How many events `by_stream` gives of the streams up to ``through``, and of all."""
        with self._pool.connection() as connection:
            assert isinstance(connection, Patient)
            patience, connection.patience = connection.patience, COUNTING
            try:
                return events.count(connection, through, last, without)
            finally:
                connection.patience = patience

    def open(self, recorded: Recorded) -> Root.Event:
        """The event with its personal fields opened, or `ERASED`. Raises: Tampered, UnknownKey."""
        return self.open_all([recorded])[0]

    def open_all(self, recorded: Sequence[Recorded]) -> list[Root.Event]:
        """As `open`, for many at the price of one question to the key store."""
        sealed = [one.sealed for one in recorded if one.sealed is not None]
        opened = iter(self._sealer.open_all(sealed))
        return [one.event if one.sealed is None else with_facts(one.event, next(opened)) for one in recorded]

    def wait(self, after: int, timeout: float) -> int:
        """The settled position, as soon as it is past ``after`` or ``timeout`` seconds have gone.

        Woken by the signal behind each commit, and by a heartbeat. Raises: psycopg.OperationalError while PostgreSQL
        does not answer.
        """
        deadline = monotonic() + timeout
        while True:
            self._listener.listen()
            settled = self.settled()
            remaining = deadline - monotonic()
            if settled > after or remaining <= 0:
                return settled
            self._listener.wait(remaining)

    def lineage(self) -> UUID:
        """The ledger's lineage now (or up to 5 seconds ago)."""
        now = monotonic()
        if self._lineage is None or now - self._lineage[0] >= LINEAGE_MEMORY:
            self._lineage = (now, asking(self._pool, current_lineage))
        return self._lineage[1]

    def check(self, position: int, lineage: UUID) -> None:
        """That a follower who stands at ``position`` of ``lineage`` may go on from there.

        Raises: OtherLineage, AheadOfLedger.
        """
        current, last = asking(
            self._pool, lambda connection: (current_lineage(connection), rows(connection, _LAST)[0][0])
        )
        if lineage != current:
            raise OtherLineage(f"position {position} is of lineage {lineage}, the ledger's is {current}")
        if position > last:
            raise AheadOfLedger(f"position {position} is past the ledger's last, {last}")
