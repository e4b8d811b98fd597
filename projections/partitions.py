"""Read models that follow a source in partitions: how far each partition is, moved in the transaction of its rows.

A source has its events in partitions, each in the order of positions, all of a stream in one. Each partition is
followed by itself, by one holder at a time, wherever that runs. Only a model whose every row is written by the events
of one stream can be kept so: the order between streams is not there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from ledger.reader import Recorded
from projections import poison, tracking
from projections.applying import replay
from projections.model import ReadModel
from projections.poison import Bound, Poison
from projections.rows import Rows
from projections.tracking import Db, Fenced, Place

PARTITION_DDL: Final = """
CREATE TABLE IF NOT EXISTS reading.mirror (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id  uuid NOT NULL DEFAULT gen_random_uuid()  -- of this database: who fills another shares no work with it
);
INSERT INTO reading.mirror DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS reading.source (
    model      text    NOT NULL,
    version    integer NOT NULL,
    name       text    NOT NULL,
    id         uuid    NOT NULL,   -- another one by the same name is another source
    partitions integer NOT NULL,
    stopped    text,               -- why the model does not go on, if it does not
    PRIMARY KEY (model, version)
);

CREATE TABLE IF NOT EXISTS reading.partition (
    model       text        NOT NULL,
    version     integer     NOT NULL,
    partition   integer     NOT NULL,
    next        bigint      NOT NULL DEFAULT 0,  -- the offset at which it goes on
    position    bigint      NOT NULL DEFAULT 0,  -- of the last event that is in the rows
    lineage     uuid,                            -- of the ledger that the position counts in
    recorded_at timestamptz,                     -- of that event
    moved_at    timestamptz NOT NULL DEFAULT now(),
    holder      uuid,                            -- who follows it
    PRIMARY KEY (model, version, partition),
    FOREIGN KEY (model, version) REFERENCES reading.source ON DELETE CASCADE
);
"""

_ID: Final = "SELECT id FROM reading.mirror"

_BEGIN: Final = """
WITH new AS (
    INSERT INTO reading.source (model, version, name, id, partitions)
    VALUES (%(model)s, %(version)s, %(name)s, %(id)s, %(partitions)s)
    ON CONFLICT DO NOTHING RETURNING model, version, partitions
)
INSERT INTO reading.partition (model, version, partition)
SELECT model, version, generate_series(0, partitions - 1) FROM new
"""

_SOURCE: Final = "SELECT name, id, partitions, stopped FROM reading.source WHERE model = %s AND version = %s"

_CLAIM: Final = """
UPDATE reading.partition SET holder = %s WHERE model = %s AND version = %s AND partition = ANY(%s)
RETURNING partition, next, position, lineage
"""

_MOVE: Final = """
UPDATE reading.partition SET next = %s, position = %s, lineage = %s, recorded_at = %s, moved_at = now()
WHERE model = %s AND version = %s AND partition = %s AND holder = %s AND next = %s
"""

_SKIP: Final = """
UPDATE reading.partition SET next = %s, moved_at = now()
WHERE model = %s AND version = %s AND partition = %s AND holder = %s AND next = %s
"""

_ALL: Final = """
SELECT partition, next, position, lineage, recorded_at, moved_at FROM reading.partition
WHERE model = %s AND version = %s ORDER BY partition
"""

_LOCK: Final = """
SELECT next, position FROM reading.partition WHERE model = %s AND version = %s AND partition = %s FOR UPDATE
"""

_STOP: Final = """
UPDATE reading.source SET stopped = %s WHERE model = %s AND version = %s AND stopped IS DISTINCT FROM %s
"""

_FORGET: Final = "DELETE FROM reading.source WHERE model = %s AND version = %s"

_REACH: Final = """
INSERT INTO reading.tracking (model, version, lineage, position, recorded_at)
VALUES (%(model)s, %(version)s, %(lineage)s, %(position)s, %(recorded_at)s)
ON CONFLICT (model, version, beside) DO UPDATE
SET position = excluded.position, recorded_at = excluded.recorded_at, moved_at = now()
WHERE tracking.lineage = excluded.lineage AND tracking.position < excluded.position
"""


class CannotBePartitioned(Exception):
    """The model's rows are not each of one stream: without the order between streams they could not be made."""


class OtherSource(Exception):
    """The model was filled from another source: made anew under the same name, or with other partitions.

    It stops and does not skip.
    """


@dataclass(frozen=True)
class PartitionedSource:
    """A source as it is now. ``id`` is its own, however often there was one of this ``name``."""

    name: str
    id: UUID
    partitions: int


@dataclass(frozen=True)
class Partition:
    """How far one partition of a model is: every event of it up to ``position`` is in the rows.

    It goes on at the offset ``next``. At 0 it never had an event, and has no lineage.
    """

    number: int
    next: int
    position: int
    lineage: UUID | None
    recorded_at: datetime | None
    moved_at: datetime


class Offset(Recorded):
    """An event as it came from a partition: of the ledger's history ``lineage``; ``next`` is the offset behind it."""

    __slots__ = ("lineage", "next")

    lineage: UUID
    next: int


class PartitionMark:
    """The mark of one partition in the hands of its holder. Implements `projections.applying.Mark`."""

    def __init__(self, db: Db, place: Place, number: int, holder: UUID, standing: tuple[int, int, UUID | None]) -> None:
        self._db = db
        self._place = place
        self._number = number
        self._holder = holder
        self.next, self.position, self.lineage = standing

    def move(self, to: Offset) -> None:
        """The fence: move on from where this holder believes it stands. Raises: Fenced."""
        self._fence(_MOVE, to.next, to.position, to.lineage, to.recorded_at)

    def moved(self, to: Offset) -> None:
        """That transaction is committed."""
        self.next, self.position, self.lineage = to.next, to.position, to.lineage

    def skip(self, following: int) -> None:
        """Move on over what is no event. Raises: Fenced."""
        self._fence(_SKIP, following)
        self.next = following

    def _fence(self, statement: str, *values: object) -> None:
        whose = (*self._place.key[:2], self._number, self._holder, self.next)
        if self._db.execute(statement.encode(), (*values, *whose)).rowcount != 1:
            raise Fenced(
                f"partition {self._number} of {self._place.title} no longer goes on at {self.next}, or is another's"
            )


def refuse_unpartitionable(model: ReadModel) -> None:
    """Raises: CannotBePartitioned, for a model that `halts`."""
    if model.halts:
        raise CannotBePartitioned(
            f"{model.title} declares that its handlers write rows of other streams: it follows the ledger itself"
        )


def database(db: Db) -> UUID:
    """Which database of read models this is."""
    row = db.execute(_ID).fetchone()
    assert row is not None
    return row[0]


def begin(db: Db, place: Place, source: PartitionedSource) -> None:
    """Follow this source, from its beginning if the model followed none. Raises: CannotBePartitioned, OtherSource."""
    refuse_unpartitionable(place.model)
    model, version, _ = place.key
    db.execute(
        _BEGIN,
        {"model": model, "version": version, "name": source.name, "id": source.id, "partitions": source.partitions},
    )
    found = source_of(db, place.model)
    if found is None or found[0] != source:
        before = "nothing" if found is None else f"{found[0].name} {found[0].id} of {found[0].partitions} partitions"
        raise OtherSource(
            f"{place.title} was filled from {before}; now it is {source.name} {source.id} of {source.partitions}"
        )


def source_of(db: Db, model: ReadModel) -> tuple[PartitionedSource, str | None] | None:
    """What the model follows, and why it stopped, if it did; None if it never began."""
    row = db.execute(_SOURCE, (model.name, model.version)).fetchone()
    return None if row is None else (PartitionedSource(row[0], row[1], row[2]), row[3])


def claim(db: Db, place: Place, numbers: Collection[int], holder: UUID) -> dict[int, PartitionMark]:
    """Make ``holder`` the one who moves these partitions: whoever did is fenced from now on. Raises: Fenced."""
    found = db.execute(_CLAIM, (holder, *place.key[:2], list(numbers))).fetchall()
    if len(found) != len(numbers):
        raise Fenced(f"{place.title} was made to begin anew")
    return {
        number: PartitionMark(db, place, number, holder, (at, position, line)) for number, at, position, line in found
    }


def partitions_of(db: Db, model: ReadModel) -> list[Partition]:
    """How far each partition is, in order."""
    return [Partition(*row) for row in db.execute(_ALL, (model.name, model.version)).fetchall()]


def stop(db: Db, place: Place, reason: str | None) -> None:
    """Note why the model does not go on; None when it does again."""
    db.execute(_STOP, (reason, *place.key[:2], reason))


def reach(db: Db, place: Place, lineage: UUID, position: int, recorded_at: datetime | None) -> None:
    """Every event up to ``position`` is in the rows: what those who wait for it look at. It never goes back."""
    model, version, _ = place.key
    db.execute(
        _REACH,
        {"model": model, "version": version, "lineage": lineage, "position": position, "recorded_at": recorded_at},
    )
    tracking.signal(db, place, position)


def forget(db: Db, place: Place) -> None:
    """Empty the model's tables: it never followed anything. Whoever holds a partition is fenced."""
    with db.transaction():
        db.execute(_FORGET, place.key[:2])
        Rows(db, place).clear(db)
        poison.clear(db, place)
        tracking.forget(db, place)


def forget_version(db: Db, name: str, version: int) -> None:
    """That version never followed anything."""
    db.execute(_FORGET, (name, version))


class WentOn(Exception):
    """The partition went on, past what was read of it."""


def retry(db: Db, place: Place, number: int, stream: UUID, events: Sequence[Offset], end: int) -> bool:
    """Replay a quarantined stream as far as its partition is and lift its mark, in one transaction.

    ``events`` are the stream's before the offset ``end``. False if it was not quarantined. Raises: WentOn; Poison if
    the model still cannot take it, in which case nothing has changed but the count of retries.
    """
    try:
        with db.transaction():
            row = db.execute(_LOCK, (*place.key[:2], number)).fetchone()
            if row is None or not poison.lift(db, place, stream):
                return False
            if row[0] > end:
                raise WentOn
            replay(db, place, stream, [one for one in events if one.position <= row[1]])
            stop(db, place, None)
            return True
    except Poison as found:
        poison.add(db, place, found, Bound(streams=2**31))
        raise
