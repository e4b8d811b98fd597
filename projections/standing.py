"""The columns that say where an application stands, kept alike by every read model that lists applications."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any, ClassVar

from domain.compatriot.application import Application
from domain.compatriot.state import Standing, State, state_of
from domain.compatriot.term import DueDate, DueStep, TermRule, due_on
from ledger.reader import Recorded
from projections.answers import sealed_part
from projections.model import Change, Patch, Put, ReadModel, Row, Table, on

STANDING_COLUMNS = """
    stream            uuid        PRIMARY KEY,  -- the application's
    subject           uuid,
    position          bigint      NOT NULL,     -- of Registered: the order of every list
    registered_at     timestamptz NOT NULL,
    tier              text        NOT NULL,
    language          text        NOT NULL,
    channel           text        NOT NULL,
    fee               numeric     NOT NULL,
    currency          text        NOT NULL,
    state             text        NOT NULL,     -- domain.compatriot.state.State
    paid_at           timestamptz,
    verified_at       timestamptz,
    review_started_at timestamptz,
    requested_at      timestamptz,
    concluded_at      timestamptz,
    decided_at        timestamptz,
    delivered_at      timestamptz,
    ended             text,
    ended_at          timestamptz,
    answer_until      date,                     -- the last day for what is missing
    warned            jsonb       NOT NULL,     -- of what, since it is missing
    due               jsonb,                    -- the due date as its reasons: [[rule, date, days], …]
    due_on            date,
    registration      bytea,                    -- sealed: form, documents, number, cash reference; none once erased
    erasing_at        timestamptz,              -- since when the personal data are to be erased: nothing is shown
    erased_at         timestamptz               -- and since when they are
"""
"""Columns common to every table of applications; a table's own follow."""

STANDING_FIELDS = frozenset(field.name for field in fields(Standing))


class Standings(ReadModel):
    """What each event of an application does to the common columns of the table ``applications``."""

    applications: ClassVar[Table]

    @on(Application.Registered)
    def registered(self, recorded: Recorded, event: Application.Registered) -> Iterable[Change]:
        yield Put(
            self.applications,
            (recorded.stream,),
            {
                "subject": event.subject,
                "position": recorded.position,
                "registered_at": recorded.at,
                "tier": event.tier.value,
                "language": event.language.value,
                "channel": event.channel.value,
                "fee": event.fee.amount,
                "currency": event.fee.currency,
                "state": state_of(Standing()).value,
                "answer_until": event.reception_until,
                "warned": [],
                "registration": sealed_part(recorded),
            },
        )

    def set(self, recorded: Recorded, **values: Any) -> Patch:
        """Columns of the event's application change, and with them its state where they decide it."""
        if STANDING_FIELDS.isdisjoint(values):
            return Patch(self.applications, (recorded.stream,), values)

        def revised(row: Row) -> Mapping[str, Any]:
            return {**values, "state": state_of(standing_of({**row, **values})).value}

        return Patch(self.applications, (recorded.stream,), revised)

    @on(Application.VideoVerified)
    def verified(self, recorded: Recorded, event: Application.VideoVerified) -> Iterable[Change]:
        yield self.set(recorded, verified_at=recorded.at, **_started(event.due))

    @on(Application.Paid)
    def paid(self, recorded: Recorded, event: Application.Paid) -> Iterable[Change]:
        yield self.set(recorded, paid_at=recorded.at, **_started(event.due))

    @on(Application.ReviewStarted)
    def review_started(self, recorded: Recorded, event: Application.ReviewStarted) -> Iterable[Change]:
        yield self.set(recorded, review_started_at=recorded.at)

    @on(Application.InformationRequested)
    def information_requested(self, recorded: Recorded, event: Application.InformationRequested) -> Iterable[Change]:
        yield self.set(recorded, requested_at=recorded.at, answer_until=event.answer_until, warned=[])

    @on(Application.InformationProvided)
    def information_provided(self, recorded: Recorded, event: Application.InformationProvided) -> Iterable[Change]:
        yield self.set(recorded, requested_at=None, answer_until=None, warned=[], **_told(event.due))

    @on(Application.TermExtended)
    def term_extended(self, recorded: Recorded, event: Application.TermExtended) -> Iterable[Change]:
        yield self.set(recorded, **_told(event.due))

    @on(Application.ConclusionPrepared)
    def conclusion_prepared(self, recorded: Recorded, event: Application.ConclusionPrepared) -> Iterable[Change]:
        yield self.set(recorded, concluded_at=recorded.at)

    @on(Application.Decided)
    def decided(self, recorded: Recorded, event: Application.Decided) -> Iterable[Change]:
        yield self.set(recorded, decided_at=recorded.at)

    @on(Application.DecisionDelivered)
    def decision_delivered(self, recorded: Recorded, event: Application.DecisionDelivered) -> Iterable[Change]:
        yield self.set(recorded, delivered_at=recorded.at)

    @on(Application.ExpiryWarned)
    def expiry_warned(self, recorded: Recorded, event: Application.ExpiryWarned) -> Iterable[Change]:
        yield self.set(recorded, answer_until=event.lapses_after, warned=[what.value for what in event.missing])

    @on(Application.ReceptionRefused)
    def reception_refused(self, recorded: Recorded, event: Application.ReceptionRefused) -> Iterable[Change]:
        yield self.set(recorded, **_ended(recorded, State.RECEPTION_REFUSED))

    @on(Application.Lapsed)
    def lapsed(self, recorded: Recorded, event: Application.Lapsed) -> Iterable[Change]:
        yield self.set(recorded, **_ended(recorded, State.LAPSED))

    @on(Application.Withdrawn)
    def withdrawn(self, recorded: Recorded, event: Application.Withdrawn) -> Iterable[Change]:
        yield self.set(recorded, **_ended(recorded, State.WITHDRAWN))

    @on(Application.ErasureRequested)
    def erasure_requested(self, recorded: Recorded, event: Application.ErasureRequested) -> Iterable[Change]:
        yield self.set(recorded, erasing_at=recorded.at, **self.blank())

    @on(Application.PersonalDataErased)
    def personal_data_erased(self, recorded: Recorded, event: Application.PersonalDataErased) -> Iterable[Change]:
        yield self.set(recorded, erased_at=recorded.at)

    def blank(self) -> Mapping[str, Any]:
        """The columns that hold or were made of what the person said or was told, emptied.

        On the event, and not when the key is gone: so the rows are the same whichever came first.
        """
        return {"registration": None, "answer_until": None, "warned": []}


def standing_of(row: Mapping[str, Any]) -> Standing:
    """The facts that decide the state, from a row's columns."""
    facts = {name: row.get(name) for name in STANDING_FIELDS}
    facts["ended"] = State(facts["ended"]) if facts["ended"] is not None else None
    return Standing(**facts)


def due_of(row: Mapping[str, Any]) -> DueDate | None:
    """The due date as its reasons, from a row's columns."""
    if row["due"] is None:
        return None
    return tuple(DueStep(TermRule(rule), date.fromisoformat(day), days) for rule, day, days in row["due"])


def _told(due: DueDate) -> dict[str, Any]:
    return {"due": [[step.rule.value, step.date.isoformat(), step.days] for step in due], "due_on": due_on(due)}


def _started(due: DueDate | None) -> dict[str, Any]:
    """The term starts with this event, if it does: nothing is awaited any more."""
    return {} if due is None else {**_told(due), "answer_until": None}


def _ended(recorded: Recorded, state: State) -> dict[str, Any]:
    return {"ended": state.value, "ended_at": recorded.at, "answer_until": None}
