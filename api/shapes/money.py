"""Money, and what came of each payment."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Self
from uuid import UUID

import strawberry

from domain.payments import money
from domain.payments.case import Method, RefundReason
from domain.payments.terms import Failure
from domain.payments.terms import Phase as PaymentPhase
from projections.dossier import Refund
from projections.payment_rows import PaymentRow


@strawberry.type(description="An amount in one currency, two decimals.")
class Money:
    amount: Decimal
    currency: str

    @classmethod
    def of(cls, sum: money.Money) -> Self:
        return cls(amount=sum.amount, currency=sum.currency)


@strawberry.type(description="One payment: a card order, or cash that came in.")
class Payment:
    id: UUID
    method: Method
    phase: PaymentPhase
    amount: Money
    opened_at: datetime
    expires: datetime | None
    received_at: datetime | None
    refunded_at: datetime | None
    failure: Failure | None
    page: str | None = strawberry.field(description="Where to pay by card, while it may be paid.")

    @classmethod
    def of(cls, row: PaymentRow, page: str | None) -> Self:
        return cls(
            id=row.payment,
            method=row.method,
            phase=row.phase,
            amount=Money.of(row.amount),
            opened_at=row.opened_at,
            expires=row.expires,
            received_at=row.received_at,
            refunded_at=row.refunded_at,
            failure=row.failure,
            page=page,
        )


@strawberry.type(description="Money that is due back, or was sent back.")
class RefundView:
    payment: UUID
    amount: Money
    reason: RefundReason
    due_at: datetime
    refunded_at: datetime | None

    @classmethod
    def of(cls, refund: Refund) -> Self:
        return cls(
            payment=refund.payment,
            amount=Money.of(refund.amount),
            reason=refund.reason,
            due_at=refund.due_at,
            refunded_at=refund.refunded_at,
        )
