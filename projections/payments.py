"""Money: orders to ask the bank about, cash in suspense for the cashier, what is due back and what was ordered back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from domain.compatriot.application import Application
from domain.payments.case import RefundReason
from domain.payments.money import Money
from domain.people import SubjectId
from ledger.reader import Recorded
from projections.answers import Answer, Page, Pool, ask, fetch, fetch_one, page_of, paged
from projections.model import Change, Patch, Put, Table, on
from projections.payment_rows import PAYMENT_COLUMNS, PaymentRow, PaymentRows, payment_row
from projections.poison import Stale

VERSION = 2

PAYMENT = Table(
    "payment",
    VERSION,
    ("stream",),
    f"""
    CREATE TABLE IF NOT EXISTS {{table}} ({PAYMENT_COLUMNS});
    CREATE INDEX IF NOT EXISTS {{index}}_phase ON {{table}} (phase, position)
        WHERE phase IN ('OPEN', 'EXPIRED', 'SUSPENSE', 'REFUND_ORDERED');
    CREATE INDEX IF NOT EXISTS {{index}}_case ON {{table}} (case_id);
    """,
)
REFUND = Table(
    "payment_refund",
    VERSION,
    ("payment",),
    """
    CREATE TABLE IF NOT EXISTS {table} (
        payment     uuid        PRIMARY KEY,
        stream      uuid        NOT NULL,   -- the case whose event says that it is due back
        position    bigint      NOT NULL,
        subject     uuid,
        amount      numeric     NOT NULL,
        currency    text        NOT NULL,
        reason      text        NOT NULL,
        due_at      timestamptz NOT NULL,
        refunded_at timestamptz
    );
    CREATE INDEX IF NOT EXISTS {index}_due ON {table} (position) WHERE refunded_at IS NULL;
    CREATE INDEX IF NOT EXISTS {index}_stream ON {table} (stream);
    """,
)


class PaymentsModel(PaymentRows):
    """One row a payment, and one for each that its case says is due back."""

    name = "payments"
    version = VERSION
    tables = (PAYMENT, REFUND)
    payments = PAYMENT

    @on(Application.RefundDue)
    def refund_due(self, recorded: Recorded, event: Application.RefundDue) -> Iterable[Change]:
        yield Put(
            REFUND,
            (event.payment,),
            {
                "position": recorded.position,
                "subject": event.subject,
                "amount": event.amount.amount,
                "currency": event.amount.currency,
                "reason": event.reason.value,
                "due_at": recorded.at,
            },
        )

    @on(Application.Refunded)
    def refunded(self, recorded: Recorded, event: Application.Refunded) -> Iterable[Change]:
        yield Patch(REFUND, (event.payment,), {"refunded_at": recorded.at})


PAYMENTS = PaymentsModel()


@dataclass(frozen=True)
class RefundDue:
    """Money that a case says is due back and that no cashier has ordered back yet."""

    payment: UUID
    position: int
    case: UUID
    subject: SubjectId | None
    amount: Money
    reason: RefundReason
    due_at: datetime


_FIND = ask(
    """
    SELECT t.position AS model_position, p.*, (
        SELECT q.at FROM reading.quarantine q
        WHERE (q.model, q.version, q.beside, q.stream) = (t.model, t.version, t.beside, wanted.stream)
    ) AS stale_since
    FROM (SELECT %s::uuid AS stream) AS wanted
    JOIN reading.tracking t ON (t.model, t.version, t.beside) = (%s, %s, false)
    LEFT JOIN {payment} p ON p.stream = wanted.stream
    """,
    payment=PAYMENT,
)

_IN_PHASE = ask(
    """
    SELECT t.position AS model_position, p.*, q.at AS stale_since FROM reading.tracking t LEFT JOIN LATERAL (
        SELECT * FROM {payment} p WHERE p.phase = ANY(%(phases)s::text[]) AND p.position > %(after)s
        AND (%(by)s::timestamptz IS NULL OR p.expires <= %(by)s)
        ORDER BY p.position LIMIT %(limit)s
    ) p ON true
    LEFT JOIN reading.quarantine q
        ON (q.model, q.version, q.beside, q.stream) = (t.model, t.version, t.beside, p.stream)
    WHERE (t.model, t.version, t.beside) = (%(model)s, %(version)s, false) ORDER BY p.position
    """,
    payment=PAYMENT,
)

_DUE = ask(
    """
    SELECT t.position AS model_position, r.*, q.at AS stale_since FROM reading.tracking t LEFT JOIN LATERAL (
        SELECT r.* FROM {refund} r LEFT JOIN {payment} p ON p.stream = r.payment
        WHERE r.refunded_at IS NULL AND r.position > %(after)s
        AND (p.phase IS NULL OR p.phase NOT IN ('REFUND_ORDERED', 'REFUNDED'))
        ORDER BY r.position LIMIT %(limit)s
    ) r ON true
    LEFT JOIN reading.quarantine q
        ON (q.model, q.version, q.beside, q.stream) = (t.model, t.version, t.beside, r.stream)
    WHERE (t.model, t.version, t.beside) = (%(model)s, %(version)s, false) ORDER BY r.position
    """,
    payment=PAYMENT,
    refund=REFUND,
)


def find(pool: Pool, payment: UUID) -> Answer[PaymentRow]:
    """A payment by its stream id."""
    row = fetch_one(pool, _FIND, (payment, PAYMENTS.name, PAYMENTS.version))
    if row is None:
        return Answer(None, 0)
    if row["stale_since"] is not None:
        return Answer(Stale(row["stale_since"]), row["model_position"])
    return Answer(payment_row(row) if row["stream"] is not None else None, row["model_position"])


def suspense(pool: Pool, after: int = 0, first: int = 50) -> Page[PaymentRow]:
    """Cash that waits for a cashier, oldest first."""
    return _in_phase(pool, ["SUSPENSE"], after, first)


def unsettled(pool: Pool, after: int = 0, first: int = 100) -> Page[PaymentRow]:
    """Card orders on which the bank has not said its last word: open ones and those expired here."""
    return _in_phase(pool, ["OPEN", "EXPIRED"], after, first)


def overdue(pool: Pool, by: datetime, after: int = 0, first: int = 100) -> Page[PaymentRow]:
    """Open card orders whose time here is over ``by`` then."""
    return _in_phase(pool, ["OPEN"], after, first, by)


def refunds_ordered(pool: Pool, after: int = 0, first: int = 100) -> Page[PaymentRow]:
    """Payments ordered back that the bank has not sent yet."""
    return _in_phase(pool, ["REFUND_ORDERED"], after, first)


def refunds_due(pool: Pool, after: int = 0, first: int = 50) -> Page[RefundDue]:
    """What cases say is due back and nobody has ordered back yet, oldest first."""
    limit = paged(first)
    asked: dict[str, Any] = {"after": after, "limit": limit, "model": PAYMENTS.name, "version": PAYMENTS.version}
    return page_of(fetch(pool, _DUE, asked), limit, _refund_due, key="payment")


def _in_phase(pool: Pool, phases: list[str], after: int, first: int, by: datetime | None = None) -> Page[PaymentRow]:
    limit = paged(first)
    asked: dict[str, Any] = {
        "phases": phases,
        "after": after,
        "by": by,
        "limit": limit,
        "model": PAYMENTS.name,
        "version": PAYMENTS.version,
    }
    return page_of(fetch(pool, _IN_PHASE, asked), limit, _payment)


def _payment(row: dict[str, Any]) -> PaymentRow | Stale:
    return Stale(row["stale_since"]) if row["stale_since"] is not None else payment_row(row)


def _refund_due(row: dict[str, Any]) -> RefundDue | Stale:
    if row["stale_since"] is not None:
        return Stale(row["stale_since"])
    return RefundDue(
        payment=row["payment"],
        position=row["position"],
        case=row["stream"],
        subject=row["subject"],
        amount=Money(row["amount"], row["currency"]),
        reason=RefundReason(row["reason"]),
        due_at=row["due_at"],
    )
