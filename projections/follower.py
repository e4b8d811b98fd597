"""One read model following the ledger: a batch at a time, rows and position in one transaction, poison set apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol
from uuid import UUID, uuid4

from ledger.reader import AheadOfLedger, OtherLineage, Recorded, Undecodable
from projections import poison, tracking
from projections.applying import Applying, replay
from projections.poison import Bound, Poison
from projections.tracking import Db, Place
from projections.turns import BusyElsewhere

BATCH = 500
"""Events folded into one transaction."""


class Source(Protocol):
    """What following needs of the ledger; `ledger.reader.Reader` is it."""

    def settled(self) -> int:
        """The highest position below which nothing can still appear."""
        ...

    def follow(self, after: int, limit: int) -> Sequence[Recorded]:
        """The next events, settled ones only, not decoded yet."""
        ...

    def by_stream(self, after: UUID, last: int, limit: int, without: Sequence[str] = ()) -> Iterator[Recorded]:
        """Events up to position ``last``, stream by stream, as they come; streams past ``after``."""
        ...

    def count(self, through: UUID, last: int, without: Sequence[str] = ()) -> tuple[int, int]:
        """How many events `by_stream` gives of the streams up to ``through``, and of all."""
        ...

    def stream(self, stream: UUID) -> Sequence[Recorded]:
        """One stream's events in order. Raises: Undecodable."""
        ...

    def wait(self, after: int, timeout: float) -> int:
        """Block until something settles past ``after``, at most ``timeout`` seconds."""
        ...

    def lineage(self) -> UUID:
        """The id of this ledger's history."""
        ...

    def check(self, position: int, lineage: UUID) -> None:
        """That who stands there may go on. Raises: OtherLineage, AheadOfLedger."""
        ...


class Follower:
    """Moves one model along the ledger over one connection, which it does not own.

    It takes the model from whoever had it: they are fenced from now on. ``holder`` is the id of the heart behind it.
    Raises at once: LineageMismatch.
    """

    def __init__(
        self,
        db: Db,
        source: Source,
        place: Place,
        batch: int = BATCH,
        bound: Bound | None = None,
        holder: UUID | None = None,
    ) -> None:
        self.db = db
        self.source = source
        self.place = place
        self.batch = batch
        self.holder = holder or uuid4()
        standing = tracking.begin(db, place, source.lineage(), self.holder)
        try:
            source.check(standing.position, standing.lineage)
        except (OtherLineage, AheadOfLedger) as error:
            raise tracking.LineageMismatch(place, error) from error
        self.lineage = standing.lineage
        self.position = standing.position
        self.applying = Applying(db, place, self, bound)
        self._was_stopped = standing.stopped is not None

    def goes_on(self) -> None:
        """Something was done, or there was nothing to do: what stopped the model before is over."""
        if self._was_stopped:
            tracking.stop(self.db, self.place, None)
            self._was_stopped = False

    def step(self) -> int:
        """Follow at most one batch; the number of events passed, 0 when caught up.

        Raises: Fenced, TooMuchPoison, and whatever database error is not the event's fault.
        """
        batch = self.source.follow(self.position, self.batch)
        if batch:
            self.applying.advance(batch)
            tracking.signal(self.db, self.place, self.position)
        self.goes_on()
        return len(batch)

    def move(self, to: Recorded) -> None:
        """The fence, in `Applying`'s transaction. Raises: Fenced."""
        tracking.move(self.db, self.place, self.holder, self.lineage, self.position, to.position, to.recorded_at)

    def moved(self, to: Recorded) -> None:
        """That transaction is committed."""
        self.position = to.position


def retry(db: Db, source: Source, place: Place, stream: UUID) -> bool:
    """Replay a quarantined stream as far as the model stands and lift its mark, in one transaction.

    Returns False if the stream was not quarantined. Raises: Poison if the model still cannot take it, in which case
    nothing has changed but the count of retries; BusyElsewhere while the model is filled, which ends at a position that
    it does not show yet: what is replayed would end before it.
    """
    try:
        with db.transaction():
            standing = tracking.find(db, place, lock=True)
            if standing is None or not poison.lift(db, place, stream):
                return False
            if standing.fill_until is not None:
                raise BusyElsewhere(f"{place.title} is being filled: try again when it follows")
            events = [recorded for recorded in source.stream(stream) if recorded.position <= standing.position]
            replay(db, place, stream, events)
            tracking.stop(db, place, None)  # if it had set too many apart: its runner looks whether it may go on
            return True
    except Undecodable as error:
        found = Poison(error.position, error.stream)
        poison.add(db, place, found, Bound(streams=2**31))
        raise found from error
    except Poison as found:
        poison.add(db, place, found, Bound(streams=2**31))
        raise
