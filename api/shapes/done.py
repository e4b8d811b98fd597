"""What a command answers when it was done: which thing changed, and the token with which to see it."""

from __future__ import annotations

from uuid import UUID

import strawberry

from api.context import Context
from domain.office import Receipt

TOKEN = "Give it as `atLeast` to a query, which then shows no older state than this."  # noqa: S105 - no secret


@strawberry.interface(description="Done, once, whatever was repeated.")
class Done:
    token: str = strawberry.field(description=TOKEN)


@strawberry.type(description="The call changed.")
class CallChanged(Done):
    call: UUID


@strawberry.type(description="The case changed.")
class CaseChanged(Done):
    case: UUID


@strawberry.type(description="The payment changed.")
class PaymentChanged(Done):
    payment: UUID


def token(context: Context, receipt: Receipt) -> str:
    """The opaque token of where a command's effect stands in the ledger."""
    return context.ports.tokens.encode(receipt.position)


def call_changed(context: Context, receipt: Receipt) -> CallChanged:
    return CallChanged(token=token(context, receipt), call=receipt.stream)


def case_changed(context: Context, receipt: Receipt) -> CaseChanged:
    return CaseChanged(token=token(context, receipt), case=receipt.stream)


def payment_changed(context: Context, receipt: Receipt) -> PaymentChanged:
    return PaymentChanged(token=token(context, receipt), payment=receipt.stream)
