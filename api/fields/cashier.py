"""What a cashier does: matches cash in suspense with its case, and orders money sent back."""

from __future__ import annotations

from functools import partial
from uuid import UUID

import strawberry

from api.answers import command
from api.context import Info
from api.declined import NumberUnknown
from api.fields.staffed import as_staff
from api.inputs import CommandInput
from api.shapes.done import PaymentChanged, payment_changed
from api.threads import run
from domain.number import read_number
from domain.office import UnknownCase
from domain.payments.refusals import NotACashier, NothingDueBack, NotInSuspense
from domain.words import ReasonsMissing, WordsTooLong, WordsUnreadable


@strawberry.input
class MatchPaymentInput(CommandInput):
    payment: UUID
    case_number: str = strawberry.field(description="The number of the case that it pays for, as the payer gives it.")
    reasons: str = strawberry.field(description="By what it was found whose the money is.")


@strawberry.input
class OrderRefundInput(CommandInput):
    payment: UUID


@strawberry.type
class CashierCommands:
    @command(
        PaymentChanged,
        NotInSuspense,
        NumberUnknown,
        NotACashier,
        UnknownCase,
        ReasonsMissing,
        WordsTooLong,
        WordsUnreadable,
    )
    async def match_payment(self, info: Info, input: MatchPaymentInput) -> PaymentChanged:
        """Say whose the cash in suspense is. It pays, or is due back, as any money for that case."""
        ports = info.context.ports

        def case() -> UUID:
            number = read_number(input.case_number)
            found = ports.office.find("number", number) if number else None
            if found is None:
                raise NumberUnknown
            return found

        match = partial(ports.payments.match, payment=input.payment, case=await run(case), reasons=input.reasons)
        return await as_staff(info, input, payment_changed, match)

    @command(PaymentChanged, NothingDueBack, NotACashier, UnknownCase)
    async def order_refund(self, info: Info, input: OrderRefundInput) -> PaymentChanged:
        """Order the whole payment sent back."""
        order = partial(info.context.ports.payments.order_refund, payment=input.payment)
        return await as_staff(info, input, payment_changed, order)
