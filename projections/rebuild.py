"""Rebuilding a read model beside the one that serves, from the ledger's first event.

A new version needs none of this: its tables are new, its runner fills them while the old version serves. This is for
the version in force, after a repair or a `LineageMismatch`: its rows are prepared in tables beside, and put in place in
one transaction. Readers see the old rows until then; nothing is renamed and no reader waits.
"""

from __future__ import annotations

from collections.abc import Callable

from projections import poison, rows, tracking
from projections.follower import Follower, Source
from projections.model import ReadModel
from projections.poison import Bound
from projections.runner import BusyElsewhere, session, take_turn
from projections.tracking import Db, Place

BATCH = 2000
"""Events folded into one transaction of a rebuild."""


def rebuild(
    conninfo: str,
    source: Source,
    model: ReadModel,
    *,
    bound: Bound | None = None,
    told: Callable[[int, int], None] = lambda position, settled: None,
) -> int:
    """Rebuild ``model`` and put the result in place; the position that it then stands at.

    ``told`` hears of the progress. A rebuild that was broken off begins anew. Raises: BusyElsewhere if another rebuild
    of it is under way, TooMuchPoison, database errors; the model that serves is then as it was.
    """
    beside = Place(model, beside=True)
    with session(conninfo) as db:
        if not take_turn(db, beside):
            raise BusyElsewhere(f"another rebuild of {model.title} is under way")
        _clear(db, beside)
        rows.create(db, beside)
        follower = Follower(db, source, beside, BATCH, bound)
        while follower.step():
            told(follower.position, source.settled())
        _put_in_place(db, beside, follower)
        _clear(db, beside)
        tracking.signal(db, Place(model), follower.position)
        return follower.position


def _clear(db: Db, beside: Place) -> None:
    with db.transaction():
        rows.drop(db, beside)
        poison.clear(db, beside)
        tracking.forget(db, beside)


def _put_in_place(db: Db, beside: Place, follower: Follower) -> None:
    """Swap rows, quarantine and position at once.

    A runner at work on the serving model finds another position than it left, drops its batch and goes on from there.
    """
    serving = Place(beside.model)
    with db.transaction():
        tracking.adopt(db, serving, follower.lineage, follower.position)
        poison.clear(db, serving)
        poison.adopt(db, serving)
        rows.replace(db, beside.model.tables)
