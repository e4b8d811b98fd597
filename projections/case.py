"""A case as the staff see it: the dossier with everything said of it, through whose hands it went, what is due when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from typing_extensions import override

from domain.compatriot.application import Application
from domain.compatriot.decision import Hands, Outcome
from domain.compatriot.state import Missing, State, missing
from ledger.reader import Recorded
from ledger.sealing import Sealed
from projections.answers import Answer, Pool, ask, fetch, fetch_one, maybe, paged, sealed_part, unpacked
from projections.call_rows import CALL_COLUMNS
from projections.dossier import DOSSIER_COLUMNS
from projections.model import Change, Table, on
from projections.payment_rows import PAYMENT_COLUMNS
from projections.poison import Stale
from projections.standing import standing_of
from projections.status import CASE_ANSWER, Status, StatusModel, answered

VERSION = 2

APPLICATION = Table(
    "case",
    VERSION,
    ("stream",),
    f"""
    CREATE TABLE IF NOT EXISTS {{table}} ({DOSSIER_COLUMNS},
        operator   text,
        officers   jsonb NOT NULL,
        chiefs     jsonb NOT NULL,
        assigned   text,
        recommends text,
        conclusion bytea            -- sealed: the officer's text
    );
    CREATE INDEX IF NOT EXISTS {{index}}_answer ON {{table}} (answer_until, position) WHERE answer_until IS NOT NULL;
    CREATE INDEX IF NOT EXISTS {{index}}_erasing ON {{table}} (erasing_at)
        WHERE erasing_at IS NOT NULL AND erased_at IS NULL;
    """,
)
PAYMENT = Table(
    "case_payment",
    VERSION,
    ("stream",),
    f"""
    CREATE TABLE IF NOT EXISTS {{table}} ({PAYMENT_COLUMNS});
    CREATE INDEX IF NOT EXISTS {{index}}_case ON {{table}} (case_id);
    """,
)
CALL = Table(
    "case_call",
    VERSION,
    ("stream",),
    f"""
    CREATE TABLE IF NOT EXISTS {{table}} ({CALL_COLUMNS});
    CREATE INDEX IF NOT EXISTS {{index}}_case ON {{table}} (case_id);
    """,
)


class CaseModel(StatusModel):
    """The holder's view and what only the staff may see."""

    name = "case"
    version = VERSION
    tables = (APPLICATION, PAYMENT, CALL)
    applications = APPLICATION
    payments = PAYMENT
    calls = CALL

    @on(Application.Registered)
    def registered(self, recorded: Recorded, event: Application.Registered) -> Iterable[Change]:
        yield from super().registered(recorded, event)
        yield self.set(recorded, officers=[], chiefs=[])

    @on(Application.VideoVerified)
    def verified(self, recorded: Recorded, event: Application.VideoVerified) -> Iterable[Change]:
        yield from super().verified(recorded, event)
        yield self.set(recorded, operator=event.operator)

    @on(Application.Assigned)
    def assigned(self, recorded: Recorded, event: Application.Assigned) -> Iterable[Change]:
        yield self.led(recorded)
        yield self.set(recorded, assigned=event.officer)

    @on(Application.TermExtended)
    def term_extended(self, recorded: Recorded, event: Application.TermExtended) -> Iterable[Change]:
        yield from super().term_extended(recorded, event)
        yield self.led(recorded)

    @on(Application.ReviewStarted)
    def review_started(self, recorded: Recorded, event: Application.ReviewStarted) -> Iterable[Change]:
        yield from super().review_started(recorded, event)
        yield self.handed(recorded, event.officer)

    @on(Application.InformationRequested)
    def information_requested(self, recorded: Recorded, event: Application.InformationRequested) -> Iterable[Change]:
        yield from super().information_requested(recorded, event)
        yield self.handed(recorded, event.by.id)

    @on(Application.DocumentAttached)
    def document_attached(self, recorded: Recorded, event: Application.DocumentAttached) -> Iterable[Change]:
        yield self.paper(recorded)
        yield self.handed(recorded, event.by.id)

    @on(Application.ConclusionPrepared)
    def conclusion_prepared(self, recorded: Recorded, event: Application.ConclusionPrepared) -> Iterable[Change]:
        yield from super().conclusion_prepared(recorded, event)
        yield self.handed(recorded, event.officer)
        yield self.set(recorded, recommends=event.recommends.value, conclusion=sealed_part(recorded))

    @override
    def blank(self) -> Mapping[str, Any]:
        return {**super().blank(), "conclusion": None}

    def handed(self, recorded: Recorded, officer: str) -> Change:
        """``officer`` works on the case and therefore has it, as `domain.compatriot.decision.Hands` says."""
        return self.revise(
            recorded,
            lambda row: {
                "officers": row["officers"] if officer in row["officers"] else [*row["officers"], officer],
                "assigned": officer,
            },
        )

    def led(self, recorded: Recorded) -> Change:
        """Who did it acted on the case as chief."""
        chief = recorded.event.by.id
        return self.revise(
            recorded, lambda row: {"chiefs": row["chiefs"] if chief in row["chiefs"] else [*row["chiefs"], chief]}
        )


CASE = CaseModel()


@dataclass(frozen=True)
class Case:
    """One case for the staff. Sealed parts are opened by `projections.door`, which commits the reading first."""

    status: Status
    hands: Hands
    recommends: Outcome | None
    conclusion: Sealed | None


@dataclass(frozen=True)
class Awaited:
    """A case that waits for its applicant until ``answer_until``; ``warned`` says of what it was warned already."""

    case: UUID
    position: int
    state: State
    missing: tuple[Missing, ...]
    answer_until: date
    warned: tuple[Missing, ...]


_FIND = ask(CASE_ANSWER, application=APPLICATION, payment=PAYMENT, call=CALL)

_AWAITED = ask(
    """
    SELECT * FROM {application} WHERE answer_until <= %s AND (answer_until, position) > (%s, %s)
    ORDER BY answer_until, position LIMIT %s
    """,
    application=APPLICATION,
)


_ERASING = ask(
    """
    SELECT stream FROM {application} WHERE erasing_at IS NOT NULL AND erased_at IS NULL
    ORDER BY erasing_at, stream LIMIT %s
    """,
    application=APPLICATION,
)


def erasing(pool: Pool, first: int = 100) -> list[UUID]:
    """Cases whose personal data are to be erased and are not yet, as far as is known, longest waiting first."""
    return [row["stream"] for row in fetch(pool, _ERASING, (first,))]


def find(pool: Pool, case: UUID) -> Answer[Case]:
    """A case by its stream id."""
    row = fetch_one(pool, _FIND, (case, CASE.name, CASE.version))
    answer = answered(row)
    if answer.row is None or isinstance(answer.row, Stale) or row is None:
        return Answer(None if answer.row is None else answer.row, answer.position)  # pyright: ignore
    found = Case(
        status=answer.row,
        hands=Hands(row["operator"], tuple(row["officers"]), row["assigned"], tuple(row["chiefs"])),
        recommends=maybe(Outcome, row["recommends"]),
        conclusion=unpacked(row["conclusion"]),
    )
    return Answer(found, answer.position)


def awaited(pool: Pool, until: date, after: Awaited | None = None, first: int = 100) -> list[Awaited]:
    """Cases whose last day for what is missing is ``until`` or earlier, soonest first; go on ``after`` the last seen.

    It may be stale: whoever acts on it asks the aggregate.
    """
    cursor_at: tuple[Any, ...] = (after.answer_until, after.position) if after is not None else (date.min, 0)
    rows = fetch(pool, _AWAITED, (until, *cursor_at, paged(first) - 1))
    return [
        Awaited(
            case=row["stream"],
            position=row["position"],
            state=State(row["state"]),
            missing=missing(standing_of(row)),
            answer_until=row["answer_until"],
            warned=tuple(Missing(what) for what in row["warned"]),
        )
        for row in rows
    ]
