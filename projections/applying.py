"""Applying events to a model's rows: a batch in one transaction with the mark of how far it came, poison set apart.

Where the events come from, and what the mark is, is whose business follows: the ledger by position
(`projections.follower`), or a source that comes in partitions (`projections.partitions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from ledger.reader import Recorded
from projections import poison
from projections.model import Change, Key, Row, Table
from projections.poison import Bound, Poison
from projections.rows import Rows
from projections.tracking import Db, Place

R = TypeVar("R", bound=Recorded)
R_contra = TypeVar("R_contra", bound=Recorded, contravariant=True)


class Mark(Protocol[R_contra]):
    """How far a follower came, moved in the transaction that writes the rows."""

    def move(self, to: R_contra) -> None:
        """Move on to behind this event; the first statement of the transaction. Raises: Fenced."""
        ...

    def moved(self, to: R_contra) -> None:
        """That transaction is committed."""
        ...


class Applying(Generic[R]):
    """Applies batches to one model's tables over one connection, which it does not own.

    The events of a batch ascend by position.
    """

    def __init__(
        self, db: Db, place: Place, mark: Mark[R], bound: Bound | None = None, rows: Rows | None = None
    ) -> None:
        self.db = db
        self.place = place
        self.mark = mark
        self.bound = bound or Bound()
        self.rows = rows or Rows(db, place)

    def advance(self, batch: Sequence[R]) -> None:
        """Apply a batch; where an event is to blame, apply what stands before it, set it apart and go on.

        Raises: Fenced, TooMuchPoison, and whatever database error is not the event's fault.
        """
        try:
            self._apply(batch)
        except Poison as found:
            before = [recorded for recorded in batch if recorded.position < found.position]
            after = [recorded for recorded in batch if recorded.position > found.position]
            if before:
                self.advance(before)
            self._set_apart(found, batch[len(before)])
            if after:
                self.advance(after)
        except Exception as error:
            if not poison.is_poison(error):
                raise
            if len(batch) == 1:
                self._set_apart(poison.blame(batch[0], error), batch[0])
                return
            middle = len(batch) // 2
            self.advance(batch[:middle])
            self.advance(batch[middle:])

    def _apply(self, batch: Sequence[R]) -> None:
        last = batch[-1]
        with self.db.transaction():
            self.mark.move(last)
            apart = poison.streams(self.db, self.place)
            fold(self.db, self.rows, self.place, [recorded for recorded in batch if recorded.stream not in apart])
        self.mark.moved(last)

    def _set_apart(self, found: Poison, recorded: R) -> None:
        with self.db.transaction():
            self.mark.move(recorded)
            poison.add(self.db, self.place, found, self.bound)
        self.mark.moved(recorded)
        poison.tell(self.place, found)


def fold(db: Db, rows: Rows, place: Place, events: Sequence[Recorded]) -> None:
    """Write what ``events`` do to the model's rows, within the caller's transaction. Raises: Poison."""
    said: list[tuple[Recorded, tuple[Change, ...]]] = []
    for recorded in events:
        try:
            said.append((recorded, tuple(place.model.changes(recorded))))
        except Exception as error:
            raise poison.blame(recorded, error) from error
    touched = {(change.table, change.key) for _, changes in said for change in changes}
    if not touched:
        return
    standing: dict[tuple[Table, Key], Row | None] = rows.load(db, touched)
    for recorded, changes in said:
        try:
            for change in changes:
                place.model.fold(standing, recorded.stream, change)
        except Exception as error:
            raise poison.blame(recorded, error) from error
    rows.write(db, standing)


def replay(db: Db, place: Place, stream: UUID, events: Sequence[Recorded]) -> None:
    """Make a stream's rows anew of these events of it, within the caller's transaction. Raises: Poison."""
    rows = Rows(db, place)
    rows.remove_of(db, stream)
    for recorded in events:
        try:
            fold(db, rows, place, [recorded])
        except Poison:
            raise
        except Exception as error:
            if poison.is_poison(error):
                raise poison.blame(recorded, error) from error
            raise
