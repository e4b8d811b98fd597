"""What the holder and the officer both see of an application: its papers, consents, refunds and outcome."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from typing_extensions import override

from domain.compatriot.application import Application
from domain.compatriot.decision import Outcome
from domain.compatriot.form import Channel, Tier
from domain.compatriot.state import Missing, Standing, State, missing
from domain.compatriot.term import DueDate
from domain.consents import Consent, ConsentKind
from domain.language import Language
from domain.payments.case import Method, RefundReason
from domain.payments.money import Money
from domain.people import SubjectId
from domain.videobar.case import Ground
from ledger.reader import Recorded
from ledger.sealing import Sealed
from projections.answers import maybe, sealed_part, unpacked
from projections.model import Change, Patch, Row, instant, on
from projections.standing import STANDING_COLUMNS, Standings, due_of, standing_of

DOSSIER_COLUMNS = (
    STANDING_COLUMNS
    + """,
    code_version       integer NOT NULL,
    code_issue         integer NOT NULL,
    term_days          integer NOT NULL,
    fee_in_force_since date    NOT NULL,
    end_moves_for_holidays boolean NOT NULL,
    paid_by            uuid,               -- the payment that paid the fee
    paid_method        text,
    refusal_ground     text,
    refusal            bytea,              -- sealed: the reasons for refusing reception
    outcome            text,
    decision           bytea,              -- sealed: the reasons of the decision
    papers             jsonb   NOT NULL,   -- what else was said: [{event, version, at, sealed}, …], sealed as base64
    consents           jsonb   NOT NULL,   -- kind: {version, language}
    refunds            jsonb   NOT NULL    -- payment: {amount, currency, reason, due_at, refunded_at}
"""
)


class Dossiers(Standings):
    """What each event of an application does to the dossier's columns."""

    @on(Application.Registered)
    def registered(self, recorded: Recorded, event: Application.Registered) -> Iterable[Change]:
        yield from super().registered(recorded, event)
        yield self.set(
            recorded,
            code_version=event.code_version,
            code_issue=event.code_issue,
            term_days=event.term_days,
            fee_in_force_since=event.fee_in_force_since,
            end_moves_for_holidays=event.end_moves_for_holidays,
            papers=[],
            consents={},
            refunds={},
        )

    @on(Application.CodeReissued)
    def code_reissued(self, recorded: Recorded, event: Application.CodeReissued) -> Iterable[Change]:
        yield self.set(recorded, code_version=event.code_version, code_issue=event.code_issue)

    @on(Application.ConsentGiven)
    def consent_given(self, recorded: Recorded, event: Application.ConsentGiven) -> Iterable[Change]:
        text = {"version": event.version, "language": event.language.value}
        yield self.revise(recorded, lambda row: {"consents": {**row["consents"], event.kind.value: text}})

    @on(Application.ConsentWithdrawn)
    def consent_withdrawn(self, recorded: Recorded, event: Application.ConsentWithdrawn) -> Iterable[Change]:
        def without(row: Row) -> Row:
            return {"consents": {kind: text for kind, text in row["consents"].items() if kind != event.kind.value}}

        yield self.revise(recorded, without)

    @on(Application.Paid)
    def paid(self, recorded: Recorded, event: Application.Paid) -> Iterable[Change]:
        yield from super().paid(recorded, event)
        yield self.set(recorded, paid_by=event.payment, paid_method=event.method.value)

    @on(Application.RefundDue)
    def refund_due(self, recorded: Recorded, event: Application.RefundDue) -> Iterable[Change]:
        refund = {
            "amount": str(event.amount.amount),
            "currency": event.amount.currency,
            "reason": event.reason.value,
            "due_at": instant(recorded.at),
            "refunded_at": None,
        }
        yield self.revise(recorded, lambda row: {"refunds": {**row["refunds"], str(event.payment): refund}})

    @on(Application.Refunded)
    def refunded(self, recorded: Recorded, event: Application.Refunded) -> Iterable[Change]:
        payment = str(event.payment)

        def sent(row: Row) -> Row:
            refund = {**row["refunds"][payment], "refunded_at": instant(recorded.at)}
            return {"refunds": {**row["refunds"], payment: refund}}

        yield self.revise(recorded, sent)

    @on(Application.InformationRequested)
    def information_requested(self, recorded: Recorded, event: Application.InformationRequested) -> Iterable[Change]:
        yield from super().information_requested(recorded, event)
        yield self.paper(recorded)

    @on(Application.InformationProvided)
    def information_provided(self, recorded: Recorded, event: Application.InformationProvided) -> Iterable[Change]:
        yield from super().information_provided(recorded, event)
        yield self.paper(recorded)

    @on(Application.TermExtended)
    def term_extended(self, recorded: Recorded, event: Application.TermExtended) -> Iterable[Change]:
        yield from super().term_extended(recorded, event)
        yield self.paper(recorded)

    @on(Application.ReceptionRefused)
    def reception_refused(self, recorded: Recorded, event: Application.ReceptionRefused) -> Iterable[Change]:
        yield from super().reception_refused(recorded, event)
        yield self.set(recorded, refusal_ground=event.ground.value, refusal=sealed_part(recorded))

    @on(Application.Decided)
    def decided(self, recorded: Recorded, event: Application.Decided) -> Iterable[Change]:
        yield from super().decided(recorded, event)
        yield self.set(recorded, outcome=event.outcome.value, decision=sealed_part(recorded))

    @override
    def blank(self) -> Mapping[str, Any]:
        return {**super().blank(), "refusal": None, "decision": None, "papers": [], "consents": {}}

    def paper(self, recorded: Recorded) -> Patch:
        """The event's sealed part joins the papers."""
        packed = sealed_part(recorded)
        paper = {
            "event": type(recorded.event).__name__,
            "version": recorded.version,
            "at": instant(recorded.at),
            "sealed": base64.b64encode(packed).decode() if packed is not None else None,
        }
        return self.revise(recorded, lambda row: {"papers": [*row["papers"], paper]})

    def revise(self, recorded: Recorded, how: Callable[[Row], Row]) -> Patch:
        """Columns of the event's application change by a pure function of its row."""
        return Patch(self.applications, (recorded.stream,), how)


@dataclass(frozen=True)
class Paper:
    """Something said or enclosed after registration; ``event`` is the unqualified name of what it came with."""

    event: str
    version: int
    at: datetime
    sealed: Sealed | None


@dataclass(frozen=True)
class Refund:
    """Money of ``payment`` that is due back, or was sent back at ``refunded_at``."""

    payment: UUID
    amount: Money
    reason: RefundReason
    due_at: datetime
    refunded_at: datetime | None


@dataclass(frozen=True)
class Dossier:
    """One application as a read model has it. Sealed parts are opened by `projections.door` and nowhere else."""

    case: UUID
    subject: SubjectId
    registered_at: datetime
    tier: Tier
    language: Language
    channel: Channel
    fee: Money
    term_days: int
    fee_in_force_since: date
    end_moves_for_holidays: bool
    code_version: int
    code_issue: int
    state: State
    standing: Standing
    missing: tuple[Missing, ...]
    ended_at: datetime | None
    answer_until: date | None
    """The last Tbilisi day for what is missing."""
    warned: tuple[Missing, ...]
    due: DueDate | None
    due_on: date | None
    paid_by: UUID | None
    paid_method: Method | None
    refusal_ground: Ground | None
    outcome: Outcome | None
    consents: Mapping[ConsentKind, Consent]
    refunds: tuple[Refund, ...]
    registration: Sealed
    refusal: Sealed | None
    decision: Sealed | None
    papers: tuple[Paper, ...]


def dossier(row: Mapping[str, Any]) -> Dossier:
    """A dossier from its row."""
    standing = standing_of(row)
    return Dossier(
        case=row["stream"],
        subject=SubjectId(row["subject"]),
        registered_at=row["registered_at"],
        tier=Tier(row["tier"]),
        language=Language(row["language"]),
        channel=Channel(row["channel"]),
        fee=Money(row["fee"], row["currency"]),
        term_days=row["term_days"],
        fee_in_force_since=row["fee_in_force_since"],
        end_moves_for_holidays=row["end_moves_for_holidays"],
        code_version=row["code_version"],
        code_issue=row["code_issue"],
        state=State(row["state"]),
        standing=standing,
        missing=missing(standing),
        ended_at=row["ended_at"],
        answer_until=row["answer_until"],
        warned=tuple(Missing(what) for what in row["warned"]),
        due=due_of(row),
        due_on=row["due_on"],
        paid_by=row["paid_by"],
        paid_method=maybe(Method, row["paid_method"]),
        refusal_ground=maybe(Ground, row["refusal_ground"]),
        outcome=maybe(Outcome, row["outcome"]),
        consents={ConsentKind(kind): _consent(kind, text) for kind, text in row["consents"].items()},
        refunds=tuple(_refund(payment, said) for payment, said in row["refunds"].items()),
        registration=Sealed.unpack(row["registration"]),
        refusal=unpacked(row["refusal"]),
        decision=unpacked(row["decision"]),
        papers=tuple(_paper(said) for said in row["papers"]),
    )


def _consent(kind: str, text: Mapping[str, str]) -> Consent:
    return Consent(ConsentKind(kind), text["version"], Language(text["language"]))


def _refund(payment: str, said: Mapping[str, Any]) -> Refund:
    return Refund(
        payment=UUID(payment),
        amount=Money(Decimal(said["amount"]), said["currency"]),
        reason=RefundReason(said["reason"]),
        due_at=datetime.fromisoformat(said["due_at"]),
        refunded_at=maybe(datetime.fromisoformat, said["refunded_at"]),
    )


def _paper(said: Mapping[str, Any]) -> Paper:
    sealed = unpacked(maybe(base64.b64decode, said["sealed"]))
    return Paper(said["event"], said["version"], datetime.fromisoformat(said["at"]), sealed)
