"""What a cashier asks: cash in suspense, and what is due back."""

from __future__ import annotations

from typing import Any

import strawberry

from api.answers import question
from api.context import Info
from api.declined import LinkRefused, NotYet, TokenRefused
from api.reading import at_least as wait_at_least
from api.relay import cursor_at, page_info, sliced
from api.shapes.money import Money
from api.shapes.staff import (
    RefundDueConnection,
    RefundDueEdge,
    RefundDueView,
    SuspenseConnection,
    SuspenseEdge,
    SuspensePayment,
)
from api.threads import run
from domain.payments.bank import Payer
from domain.staff.reading import Purpose
from projections import payments
from projections.payment_rows import PaymentRow
from projections.payments import PAYMENTS, RefundDue


@strawberry.type
class CashierQuestions:
    @question(SuspenseConnection, LinkRefused, NotYet, TokenRefused)
    async def suspense(
        self, info: Info, first: int | None = None, after: str | None = None, at_least: str | None = None
    ) -> SuspenseConnection:
        """Cash that waits to be matched, the oldest first."""
        by = await info.context.acting("Query.suspense")

        def page() -> SuspenseConnection:
            ports = info.context.ports
            wait_at_least(ports, PAYMENTS, at_least)
            wanted = sliced(first, after)
            found = payments.suspense(ports.pool, wanted.after, wanted.first)
            known = [row for row in found.rows if isinstance(row, PaymentRow)]
            sealed = [row.payer for row in known if row.payer is not None]
            opened = iter(ports.door.unseal(sealed, by, Purpose.PAYMENT, "suspense"))
            nodes = {row.payment: _suspended(row, next(opened) if row.payer is not None else {}) for row in known}
            cursors = [cursor_at(position) for position in found.cursors]
            return SuspenseConnection(
                edges=[
                    SuspenseEdge(node=nodes[row.payment] if isinstance(row, PaymentRow) else None, cursor=cursor)
                    for row, cursor in zip(found.rows, cursors, strict=True)
                ],
                page_info=page_info(cursors, after=after, has_next=found.has_next),
                token=ports.tokens.encode(found.position),
            )

        return await run(page)

    @question(RefundDueConnection, LinkRefused, NotYet, TokenRefused)
    async def refunds_due(
        self, info: Info, first: int | None = None, after: str | None = None, at_least: str | None = None
    ) -> RefundDueConnection:
        """Money that is due back and not ordered back yet, the oldest first."""
        await info.context.acting("Query.refundsDue")

        def page() -> RefundDueConnection:
            ports = info.context.ports
            wait_at_least(ports, PAYMENTS, at_least)
            wanted = sliced(first, after)
            found = payments.refunds_due(ports.pool, wanted.after, wanted.first)
            cursors = [cursor_at(position) for position in found.cursors]
            return RefundDueConnection(
                edges=[
                    RefundDueEdge(node=_due(row) if isinstance(row, RefundDue) else None, cursor=cursor)
                    for row, cursor in zip(found.rows, cursors, strict=True)
                ],
                page_info=page_info(cursors, after=after, has_next=found.has_next),
                token=ports.tokens.encode(found.position),
            )

        return await run(page)


def _suspended(row: PaymentRow, facts: dict[str, Any]) -> SuspensePayment:
    payer, reference = facts.get("payer"), facts.get("reference")
    return SuspensePayment(
        id=strawberry.ID(str(row.payment)),
        amount=Money.of(row.amount),
        credited_on=row.credited_on,
        transaction=row.transaction,
        doubt=row.doubt,
        payer=payer.name if isinstance(payer, Payer) else None,
        reference=reference if isinstance(reference, str) else None,
    )


def _due(row: RefundDue) -> RefundDueView:
    return RefundDueView(
        id=strawberry.ID(str(row.payment)),
        case=row.case,
        amount=Money.of(row.amount),
        reason=row.reason,
        due_at=row.due_at,
    )
