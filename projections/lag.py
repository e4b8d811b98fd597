"""How far the read models are behind: for /metrics, readiness, and `sarkmeli projections status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from projections.model import ReadModel
from projections.tracking import Db

_LAG = """
SELECT t.position, t.stopped, greatest(0, (SELECT coalesce(max(position), 0) FROM ledger.event) - t.position),
    coalesce((
        SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::float8
        FROM ledger.event e WHERE e.position > t.position ORDER BY e.position LIMIT 1
    ), 0),
    (SELECT count(*) FROM reading.quarantine q
     WHERE (q.model, q.version, q.beside) = (t.model, t.version, t.beside)),
    t.fill_until IS NOT NULL
FROM reading.tracking t WHERE (t.model, t.version, t.beside) = (%s, %s, false)
"""


@dataclass(frozen=True)
class Lag:
    """One model's lag: ``behind`` positions and ``seconds`` since the oldest event that it has not followed.

    ``position`` is None for a model that never ran, 0 for one that ``fills``; ``stopped`` says why it does not go on.
    """

    model: str
    version: int
    position: int | None
    behind: int
    seconds: float
    quarantined: int
    stopped: str | None
    fills: bool


def lag(db: Db, models: Sequence[ReadModel]) -> list[Lag]:
    """The lag of each model, in order."""
    found: list[Lag] = []
    for model in models:
        row = db.execute(_LAG, (model.name, model.version)).fetchone()
        if row is None:
            found.append(Lag(model.name, model.version, None, 0, 0.0, 0, None, False))
        else:
            position, stopped, behind, seconds, quarantined, fills = row
            found.append(Lag(model.name, model.version, position, behind, seconds, quarantined, stopped, fills))
    return found


def is_ready(db: Db, models: Sequence[ReadModel], seconds: float = 5.0) -> bool:
    """Whether every model has run and is no more than ``seconds`` behind: an instance serves only then."""
    return all(
        one.position is not None
        and one.stopped is None
        and (one.position > 0 or one.behind == 0)  # what never followed is not ready, however young the ledger
        and one.seconds <= seconds
        for one in lag(db, models)
    )
