"""The bank's order API for the merchant. Paths below ``/bank``, by API key; amounts are text with two decimals."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from sandbox.bank.cash import Cash, notice_facts
from sandbox.bank.clerk import Clerk
from sandbox.bank.orders import Asked, Conflict, Orders, Status, moment, refund_facts
from sandbox.behaviour import Behaviour, Mode, Wish
from sandbox.doors import bearer_key
from sandbox.settings import Settings

Amount = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,6})\.[0-9]{2}$")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]


class NewOrder(BaseModel):
    """``lasts``: seconds until an unpaid order expires."""

    model_config = ConfigDict(extra="forbid")

    order_id: Id
    amount: Amount
    currency: Currency
    return_url: Annotated[str, Field(max_length=2000)]
    language: Literal["ka", "en"] = "ka"
    lasts: Annotated[float, Field(gt=0, le=31_536_000)] = 1_200


class NewRefund(BaseModel):
    model_config = ConfigDict(extra="forbid")

    refund_id: Id
    amount: Amount
    currency: Currency


def merchant_api(settings: Settings, orders: Orders, cash: Cash, clerk: Clerk) -> APIRouter:
    """Orders, refunds, credit notices; ``/behaviour`` and ``/hasten`` to try what else a bank does."""
    behaviour = Behaviour("bank")

    async def in_order() -> None:
        if await behaviour.next_answer() is Mode.WRONG:
            raise HTTPException(200, "nonsense, as asked")

    keyed = APIRouter(dependencies=[Depends(bearer_key(settings.credentials.bank_api_key)), Depends(in_order)])

    @keyed.post("/orders")
    async def open_order(new: NewOrder, response: Response) -> dict[str, Any]:
        if not settings.leads_to_service(new.return_url):
            raise HTTPException(422, "the return URL is not the merchant's")
        amount = positive(new.amount)
        known = orders.find(new.order_id) is not None
        try:
            order = orders.open(
                Asked(new.order_id, amount, new.currency, new.return_url, new.language, new.lasts)
            )  # fmt: skip
        except Conflict as conflict:
            raise HTTPException(409, str(conflict)) from None
        response.status_code = 200 if known else 201
        return order_facts(order)

    @keyed.get("/orders/{order_id}")
    async def order(order_id: str) -> dict[str, Any]:
        found = orders.find(order_id)
        if found is None:
            raise HTTPException(404, "no such order")
        return order_facts(found)

    @keyed.post("/transactions/{transaction_id}/refunds")
    async def refund(transaction_id: str, new: NewRefund) -> dict[str, Any]:
        currency, paid = received(transaction_id)
        if new.currency != currency:
            raise HTTPException(409, "it was paid in another currency")
        try:
            return refund_facts(orders.refund(transaction_id, currency, paid, new.refund_id, positive(new.amount)))
        except Conflict as conflict:
            raise HTTPException(409, str(conflict)) from None

    @keyed.get("/credit-notices")
    async def credit_notices(after: Annotated[int, Query(ge=0, lt=2**63)] = 0) -> dict[str, Any]:
        notices = [notice_facts(notice) for notice in cash.after(after)]
        return {"notices": notices, "cursor": notices[-1]["cursor"] if notices else str(after)}

    def order_facts(order: sqlite3.Row) -> dict[str, Any]:
        paid = order["status"] == Status.PAID
        return {
            "order_id": order["order_id"],
            "status": order["status"],
            "reason": order["reason"] if order["status"] == Status.DECLINED else None,
            "amount": order["amount"],
            "currency": order["currency"],
            "page_url": f"{settings.public_url}/bank/pay/{order['page']}",
            "created_at": moment(order["created_at"]),
            "expires_at": moment(order["expires_at"]),
            "paid_amount": order["paid_amount"] if paid else None,
            "transaction_id": order["transaction_id"],
            "payer": {"name": order["payer"], "account": order["card"]} if paid else None,
            "refunds": [refund_facts(row) for row in orders.refunds(order["transaction_id"] or "")],
        }

    def received(transaction_id: str) -> tuple[str, Decimal]:
        if (order := orders.of_transaction(transaction_id)) is not None:
            return order["currency"], Decimal(order["paid_amount"])
        if (notice := cash.find(transaction_id)) is not None:
            return notice["currency"], Decimal(notice["amount"])
        raise HTTPException(404, "no such transaction")

    router = APIRouter(prefix="/bank", tags=["bank"])
    router.include_router(keyed)

    @router.post("/behaviour")
    async def behave(wish: Wish) -> Wish:
        return behaviour.become(wish)

    @router.post("/hasten")
    async def hasten(_: dict[str, Any]) -> dict[str, int]:
        settled, delivered = await clerk.hasten()
        return {"settled": settled, "taken": delivered.taken, "refused": delivered.refused}

    return router


def positive(amount: str) -> Decimal:
    """Raises: HTTPException 422 for nothing."""
    if (value := Decimal(amount)) <= 0:
        raise HTTPException(422, "an amount is above zero")
    return value
