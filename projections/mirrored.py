"""How far a mirror is behind the ledger, asked from beside the ledger: also while nobody keeps the mirror current."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from ledger.connecting import LINK, Patient, rows
from ledger.lineage import current_lineage
from projections.model import ReadModel
from projections.tracking import Db

PATIENCE: Final = 2
"""Seconds: whoever asks for figures waits no longer for a mirror that does not answer (libpq's shortest)."""

_STANDING: Final = """
SELECT coalesce(t.position, 0), t.lineage, s.stopped IS NOT NULL,
    (SELECT count(*) FROM reading.quarantine q WHERE (q.model, q.version) = (m.model, m.version) AND NOT q.beside)
FROM (VALUES (%s::text, %s::integer)) AS m (model, version)
LEFT JOIN reading.tracking t ON (t.model, t.version) = (m.model, m.version) AND NOT t.beside
LEFT JOIN reading.source s ON (s.model, s.version) = (m.model, m.version)
"""

_BEHIND: Final = """
SELECT greatest(0, (SELECT coalesce(max(position), 0) FROM ledger.event) - %s),
    coalesce((
        SELECT extract(epoch FROM clock_timestamp() - e.recorded_at)::float8
        FROM ledger.event e WHERE e.position > %s ORDER BY e.position LIMIT 1
    ), 0)
"""


@dataclass(frozen=True)
class Seen:
    """What the mirror says of one model: every event of this ``lineage`` up to ``position`` is in its rows."""

    model: str
    position: int
    lineage: UUID | None
    stopped: bool
    quarantined: int


@dataclass(frozen=True)
class Standing:
    """One mirrored model: ``behind`` positions and ``seconds`` since the oldest event that it does not hold.

    ``stopped``: a person must mend something, which `sarkmeli mirror status` names.
    """

    model: str
    behind: int
    seconds: float
    quarantined: int
    stopped: bool


class Mirrored:
    """The mirror in the database at ``conninfo``, which keeps these models."""

    def __init__(self, conninfo: str, models: Sequence[ReadModel]) -> None:
        self.conninfo = conninfo
        self.models = models

    def look(self) -> list[Seen]:
        """What the mirror says of each model, in order. Raises: psycopg.Error if it cannot be asked."""
        link: dict[str, Any] = {**LINK, "connect_timeout": PATIENCE}
        with Patient.connect(self.conninfo, autocommit=True, **link) as db:
            db.patience = PATIENCE
            return [Seen(model.name, *rows(db, _STANDING, (model.name, model.version))[0]) for model in self.models]


def measured(ledger: Db, seen: Sequence[Seen]) -> list[Standing]:
    """How far behind the ledger that is: one that never ran lacks everything, as one of another lineage does."""
    lineage = current_lineage(ledger)
    found: list[Standing] = []
    for one in seen:
        other = one.lineage not in (None, lineage)
        position = 0 if other else one.position
        behind, seconds = rows(ledger, _BEHIND, (position, position))[0]
        found.append(Standing(one.model, behind, seconds, one.quarantined, one.stopped or other))
    return found
