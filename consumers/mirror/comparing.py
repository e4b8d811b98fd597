"""Whether a mirror says what the ledger says: each partition as far as it is, folded anew, compared, nothing written.

So nothing need stand still, and what the topic lost, doubled or brought in another order is found.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from consumers.mirror.outgoing import partition_of
from ledger.lineage import current_lineage
from projections import partitions, tracking
from projections.comparing import Comparison, compare_at
from projections.filling import Progress
from projections.model import ReadModel
from projections.tracking import Db, Place

LOOK_SECONDS = 0.2


def caught_up(db: Db, model: ReadModel, position: int, seconds: float) -> bool:
    """Wait until the model in the mirror is at ``position`` as a whole; False if it is not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        standing = tracking.find(db, Place(model))
        if standing is not None and standing.position >= position:
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(LOOK_SECONDS)


def compare_mirror(
    db: Db, ledger: Db, model: ReadModel, told: Callable[[Progress], None] = lambda progress: None
) -> Comparison:
    """Compare a mirrored model with the ledger. Both connections may be read-only.

    ``db`` must be in a REPEATABLE READ transaction on the mirror, ``ledger`` on the ledger's database and
    autocommitting.
    """
    found = Comparison(model)
    source, marks = partitions.source_of(db, model), partitions.partitions_of(db, model)
    seen = [mark for mark in marks if mark.lineage is not None]
    if source is None or not seen:
        found.unable = "it never saw an event"
        return found
    lineage = current_lineage(ledger)
    if other := {mark.lineage for mark in seen} - {lineage}:
        found.unable, found.different = f"it followed the ledger {other.pop()}, this one is {lineage}", 1
        return found
    at = {mark.number: mark.position for mark in marks}
    count = source[0].partitions
    compare_at(
        db,
        ledger,
        found,
        max(at.values()),
        told,
        lambda recorded: recorded.position <= at[partition_of(recorded.stream, count)],
    )
    return found
