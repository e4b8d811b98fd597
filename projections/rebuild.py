"""Rebuilding a read model beside the one that serves, from the ledger's first event.

A new version needs none of this: its tables are new, and its runner fills them while the old version serves. This is
for the version in force, after a repair or a `LineageMismatch`: its rows are prepared in tables beside, and put in
place in one transaction. Readers see the old rows until then; nothing is renamed and no reader waits.
"""

from __future__ import annotations

from collections.abc import Callable

from projections import filling, poison, rows, tracking
from projections.filling import Progress
from projections.follower import Follower, Source
from projections.model import ReadModel
from projections.poison import Bound
from projections.tracking import Db, Place
from projections.turns import BusyElsewhere, Heart, session, take_turn

_UNHURRIED = "SET idle_in_transaction_session_timeout = '15s'"
"""For the one transaction that also folds while it is open."""

BATCH = 2000
"""Events folded into one transaction by following what happened since the fill began."""


def rebuild(
    conninfo: str,
    source: Source,
    model: ReadModel,
    *,
    bound: Bound | None = None,
    told: Callable[[Progress], None] = lambda progress: None,
) -> int:
    """Rebuild ``model`` and put the result in place; the position that it then stands at.

    ``told`` hears of the progress. What was broken off, by the same program on the same ledger, is gone on with.
    Raises: BusyElsewhere if another rebuild of it is under way, TooMuchPoison, database errors; the model that serves
    is then as it was.
    """
    beside = Place(model, beside=True)
    with Heart(conninfo) as heart, session(conninfo) as db:
        if not take_turn(db, beside):
            raise BusyElsewhere(f"another rebuild of {model.title} is under way")
        follower = prepared(db, source, beside, heart, bound, told)
        _put_in_place(db, beside, follower)
        clear(db, beside)
        tracking.signal(db, Place(model), follower.position)
        return follower.position


def prepared(
    db: Db,
    source: Source,
    beside: Place,
    heart: Heart,
    bound: Bound | None = None,
    told: Callable[[Progress], None] = lambda progress: None,
) -> Follower:
    """The tables beside, made of every event so far. The turn must have been taken."""
    standing = tracking.find(db, beside)
    if standing is not None and not (standing.program == filling.program() and standing.lineage == source.lineage()):
        clear(db, beside)
    rows.create(db, beside)
    follower = Follower(db, source, beside, BATCH, bound, heart.id)
    filling.fill(follower, told)
    while follower.step():
        pass
    return follower


def clear(db: Db, beside: Place) -> None:
    """Leave nothing of a rebuild behind. The turn must have been taken."""
    with db.transaction():
        rows.drop(db, beside)
        poison.clear(db, beside)
        tracking.forget(db, beside)


def _put_in_place(db: Db, beside: Place, follower: Follower) -> None:
    """Swap rows, quarantine and position at once, never to an earlier position than the one that was served.

    A runner at work on the serving model waits, then finds another position than it left, drops its batch and goes on
    from there.
    """
    serving = Place(beside.model)
    db.execute(_UNHURRIED)
    with db.transaction():
        standing = tracking.find(db, serving, lock=True)
        while standing is not None and standing.lineage == follower.lineage and follower.position < standing.position:
            follower.step()
        tracking.adopt(db, serving, follower.lineage, follower.position)
        poison.clear(db, serving)
        poison.adopt(db, serving)
        rows.replace(db, beside.model.tables)
