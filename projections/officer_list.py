"""The officers' and the chief's list: received applications in the order of their registration."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from domain.compatriot.application import Application
from domain.compatriot.form import Tier
from domain.compatriot.state import UNDECIDED, State
from domain.language import Language
from domain.people import SubjectId
from ledger.reader import Recorded
from ledger.sealing import Sealed
from projections.answers import Page, Pool, ask, fetch, page_of, paged
from projections.model import Change, Patch, Table, on
from projections.poison import Stale
from projections.standing import STANDING_COLUMNS, Standings

VERSION = 2

LISTED = Table(
    "officer_list",
    VERSION,
    ("stream",),
    f"""
    CREATE TABLE IF NOT EXISTS {{table}} ({STANDING_COLUMNS},
        assigned text
    );
    CREATE INDEX IF NOT EXISTS {{index}}_order ON {{table}} (state, position);
    CREATE INDEX IF NOT EXISTS {{index}}_assigned ON {{table}} (assigned, position) WHERE assigned IS NOT NULL;
    """,
)


class OfficerListModel(Standings):
    """One row an application: where it stands and who has it."""

    name = "officer_list"
    version = VERSION
    tables = (LISTED,)
    applications = LISTED

    @on(Application.Assigned)
    def assigned(self, recorded: Recorded, event: Application.Assigned) -> Iterable[Change]:
        yield self.given(recorded, event.officer)

    @on(Application.ReviewStarted)
    def review_started(self, recorded: Recorded, event: Application.ReviewStarted) -> Iterable[Change]:
        yield from super().review_started(recorded, event)
        yield self.given(recorded, event.officer)

    @on(Application.ConclusionPrepared)
    def conclusion_prepared(self, recorded: Recorded, event: Application.ConclusionPrepared) -> Iterable[Change]:
        yield from super().conclusion_prepared(recorded, event)
        yield self.given(recorded, event.officer)

    def given(self, recorded: Recorded, officer: str) -> Change:
        """``officer`` has the case."""
        return Patch(self.applications, (recorded.stream,), {"assigned": officer})


OFFICER_LIST = OfficerListModel()


@dataclass(frozen=True)
class Listed:
    """One line of the list; ``registration`` is opened by `projections.door`, a page's readings at once."""

    case: UUID
    position: int
    subject: SubjectId
    state: State
    tier: Tier
    language: Language
    registered_at: datetime
    due_on: date | None
    assigned: str | None
    registration: Sealed


_PAGE = ask(
    """
    SELECT t.position AS model_position, l.*, q.at AS stale_since FROM reading.tracking t LEFT JOIN LATERAL (
        SELECT * FROM {listed} l WHERE l.state = ANY(%(states)s::text[]) AND l.position > %(after)s
        AND l.erasing_at IS NULL AND (%(officer)s::text IS NULL OR l.assigned = %(officer)s)
        AND (%(unassigned)s::boolean IS FALSE OR l.assigned IS NULL)
        ORDER BY l.position LIMIT %(limit)s
    ) l ON true
    LEFT JOIN reading.quarantine q
        ON (q.model, q.version, q.beside, q.stream) = (t.model, t.version, t.beside, l.stream)
    WHERE (t.model, t.version, t.beside) = (%(model)s, %(version)s, false) ORDER BY l.position
    """,
    listed=LISTED,
)


def page(
    pool: Pool,
    states: Collection[State] = UNDECIDED,
    officer: str | None = None,
    unassigned: bool = False,
    after: int = 0,
    first: int = 50,
) -> Page[Listed]:
    """Applications in these states, oldest first; of one ``officer`` or those ``unassigned``, if so asked."""
    limit = paged(first)
    asked: dict[str, Any] = {
        "states": sorted(state.value for state in states),
        "after": after,
        "officer": officer,
        "unassigned": unassigned,
        "limit": limit,
        "model": OFFICER_LIST.name,
        "version": OFFICER_LIST.version,
    }
    rows = fetch(pool, _PAGE, asked)
    return page_of(rows, limit, _listed)


def _listed(row: dict[str, Any]) -> Listed | Stale:
    if row["stale_since"] is not None:
        return Stale(row["stale_since"])
    return Listed(
        case=row["stream"],
        position=row["position"],
        subject=SubjectId(row["subject"]),
        state=State(row["state"]),
        tier=Tier(row["tier"]),
        language=Language(row["language"]),
        registered_at=row["registered_at"],
        due_on=row["due_on"],
        assigned=row["assigned"],
        registration=Sealed.unpack(row["registration"]),
    )
