"""A payment as read models keep it: its columns, what each event does to them, and the row that queries answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from domain.payments.case import Method
from domain.payments.money import Money
from domain.payments.payment import Payment
from domain.payments.terms import Doubt, Failure, Matching, Phase
from domain.people import SubjectId
from ledger.reader import Recorded
from ledger.sealing import Sealed
from projections.answers import maybe, sealed_part, unhex, unpacked
from projections.model import Change, Patch, Put, ReadModel, Table, on

PAYMENT_COLUMNS = """
    stream             uuid        PRIMARY KEY,  -- the payment's; for a card order its id at the bank
    position           bigint      NOT NULL,     -- of its first event: the order of every list
    case_id            uuid,                     -- none while in suspense
    subject            uuid,                     -- whose key seals `payer`: the applicant's; for cash the payer's
    method             text        NOT NULL,
    phase              text        NOT NULL,
    number             integer     NOT NULL,     -- the how-manieth card order of its case; 0 for cash
    opened_at          timestamptz NOT NULL,
    expires            timestamptz,
    expired_at         timestamptz,
    amount             numeric     NOT NULL,     -- asked of a card order; what came in, once it has
    currency           text        NOT NULL,
    received_at        timestamptz,
    credited_on        date,
    transaction        text,
    payer              bytea,                    -- sealed: who paid; for cash the reference as given, too
    failure            text,
    doubt              text,
    matching           text,
    refund_ordered_at  timestamptz,
    refunded_at        timestamptz,
    refund_transaction text
"""


class PaymentRows(ReadModel):
    """What each event of a payment does to the table ``payments``."""

    payments: ClassVar[Table]

    @on(Payment.Opened)
    def payment_opened(self, recorded: Recorded, event: Payment.Opened) -> Iterable[Change]:
        yield self._first(
            recorded,
            case_id=event.case,
            subject=event.subject,
            method=Method.CARD.value,
            phase=Phase.OPEN.value,
            number=event.number,
            expires=event.expires,
            amount=event.fee.amount,
            currency=event.fee.currency,
        )

    @on(Payment.CashReceived)
    def cash_received(self, recorded: Recorded, event: Payment.CashReceived) -> Iterable[Change]:
        yield self._first(
            recorded,
            subject=event.subject,
            method=Method.CASH.value,
            phase=Phase.RECEIVED.value,
            number=0,
            amount=event.received.amount,
            currency=event.received.currency,
            received_at=recorded.at,
            credited_on=event.credited_on,
            transaction=event.transaction,
            payer=sealed_part(recorded),
        )

    @on(Payment.Succeeded)
    def payment_succeeded(self, recorded: Recorded, event: Payment.Succeeded) -> Iterable[Change]:
        yield self._next(
            recorded,
            Phase.SUCCEEDED,
            subject=event.subject,
            amount=event.received.amount,
            currency=event.received.currency,
            received_at=recorded.at,
            transaction=event.transaction,
            payer=sealed_part(recorded),
            failure=None,
        )

    @on(Payment.Failed)
    def payment_failed(self, recorded: Recorded, event: Payment.Failed) -> Iterable[Change]:
        yield self._next(recorded, Phase.FAILED, failure=event.reason.value)

    @on(Payment.Expired)
    def payment_expired(self, recorded: Recorded, event: Payment.Expired) -> Iterable[Change]:
        yield self._next(recorded, Phase.EXPIRED, expired_at=recorded.at)

    @on(Payment.PutInSuspense)
    def put_in_suspense(self, recorded: Recorded, event: Payment.PutInSuspense) -> Iterable[Change]:
        yield self._next(recorded, Phase.SUSPENSE, case_id=None, doubt=event.doubt.value)

    @on(Payment.Matched)
    def payment_matched(self, recorded: Recorded, event: Payment.Matched) -> Iterable[Change]:
        yield self._next(recorded, Phase.MATCHED, case_id=event.case, matching=event.matching.value)

    @on(Payment.RefundOrdered)
    def refund_ordered(self, recorded: Recorded, event: Payment.RefundOrdered) -> Iterable[Change]:
        yield self._next(recorded, Phase.REFUND_ORDERED, refund_ordered_at=recorded.at)

    @on(Payment.Refunded)
    def payment_refunded(self, recorded: Recorded, event: Payment.Refunded) -> Iterable[Change]:
        yield self._next(recorded, Phase.REFUNDED, refunded_at=recorded.at, refund_transaction=event.transaction)

    @on(Payment.ErasureRequested)
    def payment_erasure_requested(self, recorded: Recorded, event: Payment.ErasureRequested) -> Iterable[Change]:
        yield Patch(self.payments, (recorded.stream,), {"payer": None})

    def _first(self, recorded: Recorded, **values: Any) -> Put:
        said = {"position": recorded.position, "opened_at": recorded.at, **values}
        return Put(self.payments, (recorded.stream,), said)

    def _next(self, recorded: Recorded, phase: Phase, **values: Any) -> Patch:
        return Patch(self.payments, (recorded.stream,), {"phase": phase.value, **values})


@dataclass(frozen=True)
class PaymentRow:
    """One payment. ``payer`` is opened by `projections.door` and nowhere else."""

    payment: UUID
    position: int
    case: UUID | None
    subject: SubjectId | None
    method: Method
    phase: Phase
    number: int
    opened_at: datetime
    expires: datetime | None
    expired_at: datetime | None
    amount: Money
    """Asked of a card order; what came in, once it has."""
    received_at: datetime | None
    credited_on: date | None
    transaction: str | None
    payer: Sealed | None
    failure: Failure | None
    doubt: Doubt | None
    matching: Matching | None
    refund_ordered_at: datetime | None
    refunded_at: datetime | None
    refund_transaction: str | None


PAYMENT_KINDS: Mapping[str, Callable[[Any], Any]] = {
    "stream": UUID,
    "case_id": UUID,
    "subject": UUID,
    "opened_at": datetime.fromisoformat,
    "expires": datetime.fromisoformat,
    "expired_at": datetime.fromisoformat,
    "amount": Decimal,
    "received_at": datetime.fromisoformat,
    "credited_on": date.fromisoformat,
    "payer": unhex,
    "refund_ordered_at": datetime.fromisoformat,
    "refunded_at": datetime.fromisoformat,
}
"""How the columns of a row that came as JSON read."""

PAYMENTS_OF_CASE: LiteralString = """
    SELECT coalesce(jsonb_agg(to_jsonb(p) || jsonb_build_object('amount', p.amount::text) ORDER BY p.position), '[]')
    FROM {payment} p WHERE p.case_id = wanted.stream
"""


def payment_row(row: Mapping[str, Any]) -> PaymentRow:
    """A payment from its row."""
    return PaymentRow(
        payment=row["stream"],
        position=row["position"],
        case=row["case_id"],
        subject=row["subject"],
        method=Method(row["method"]),
        phase=Phase(row["phase"]),
        number=row["number"],
        opened_at=row["opened_at"],
        expires=row["expires"],
        expired_at=row["expired_at"],
        amount=Money(row["amount"], row["currency"]),
        received_at=row["received_at"],
        credited_on=row["credited_on"],
        transaction=row["transaction"],
        payer=unpacked(row["payer"]),
        failure=maybe(Failure, row["failure"]),
        doubt=maybe(Doubt, row["doubt"]),
        matching=maybe(Matching, row["matching"]),
        refund_ordered_at=row["refund_ordered_at"],
        refunded_at=row["refunded_at"],
        refund_transaction=row["refund_transaction"],
    )
