"""The bank's pages for people: the card form of an order, in Georgian and English, and the counter for cash."""

from __future__ import annotations

import re
import sqlite3
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated
from urllib.parse import urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Form, HTTPException
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from sandbox.bank.cards import CARDS, Delivery, passes_luhn
from sandbox.bank.cash import Cash, PaidIn, notice_facts
from sandbox.bank.orders import Conflict, Orders, Status
from sandbox.templates import page

Text = Annotated[str, Form(max_length=200)]


def customer_pages(orders: Orders, cash: Cash) -> APIRouter:
    """``/pay/{page}`` and ``/cash``; both also take the same form from a program."""
    router = APIRouter(prefix="/bank", tags=["bank"])

    def order_page(order: sqlite3.Row, language: str, fault: str | None = None, card: str = "") -> HTMLResponse:
        facts = {"order": order, "language": language, "fault": fault, "card": card}
        shown = page("pay.html", cards=CARDS.values(), back=back_to(order), **facts)
        return HTMLResponse(shown, status_code=422 if fault else 200)

    def found(page_id: str) -> sqlite3.Row:
        order = orders.at_page(page_id)
        if order is None:
            raise HTTPException(404, "no such order")
        return order

    @router.get("/pay/{page_id}")
    async def form(page_id: str, language: str = "", card: str = "") -> HTMLResponse:
        order = found(page_id)
        return order_page(order, language if language in ("ka", "en") else order["language"], card=card)

    @router.post("/pay/{page_id}")
    async def pay(
        page_id: str, number: Text, holder: Text, expires: Text, cvc: Text, language: Text = "ka"
    ) -> Response:  # fmt: skip
        order = found(page_id)
        digits = re.sub(r"[ -]", "", number)
        if (fault := form_fault(digits, holder, expires, cvc)) is not None:
            return order_page(order, language if language in ("ka", "en") else order["language"], fault)
        if order["status"] == Status.OPEN:
            with suppress(Conflict):  # a second click: whoever comes back sees what the first came to
                orders.pay(order["order_id"], CARDS[digits], holder.strip())
        return RedirectResponse(back_to(order), status_code=303)

    @router.get("")
    async def entrance() -> Response:
        return RedirectResponse("/bank/cash", status_code=303)

    @router.get("/cash")
    async def counter(reference: str = "", amount: str = "", booked: str = "") -> HTMLResponse:
        return HTMLResponse(page("cash.html", reference=reference, amount=amount, notice=cash.find(booked), fault=None))

    @router.post("/cash")
    async def pay_in(
        reference: Annotated[str, Form(max_length=140)],
        amount: Annotated[str, Form(max_length=12)],
        payer: Text,
        currency: Annotated[str, Form(pattern="^[A-Z]{3}$")] = "GEL",
        delivery: Annotated[Delivery, Form()] = Delivery.PROMPT,
    ) -> Response:
        if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,2})?", amount) or Decimal(amount) <= 0 or not payer.strip():
            shown = page(
                "cash.html", reference=reference, amount=amount, notice=None, fault="An amount above zero, and a payer."
            )
            return HTMLResponse(shown, status_code=422)
        paid = PaidIn(reference, Decimal(amount).quantize(Decimal("0.01")), currency, payer.strip())
        notice = cash.take(paid, delivery)
        told = notice_facts(notice)
        return HTMLResponse(
            page("cash.html", reference="", amount="", notice=notice, fault=None),
            headers={"X-Transaction-Id": told["transaction_id"], "X-Cursor": told["cursor"]},
        )

    return router


def form_fault(number: str, holder: str, expires: str, cvc: str) -> str | None:
    """What is wrong with a filled-in card form, as a key of the page's words."""
    if not re.fullmatch(r"[0-9]{16}", number) or not passes_luhn(number):
        return "number"
    if number not in CARDS:
        return "test_cards_only"
    if not holder.strip():
        return "holder"
    if not re.fullmatch(r"(0[1-9]|1[0-2]) ?/ ?[0-9]{2}", expires) or card_month(expires) < datetime.now(UTC).strftime(
        "%Y%m"
    ):
        return "expires"
    return None if re.fullmatch(r"[0-9]{3}", cvc) else "cvc"


def card_month(expires: str) -> str:
    """``MM/YY`` as ``20YYMM``."""
    month, year = expires.replace(" ", "").split("/")
    return f"20{year}{month}"


def back_to(order: sqlite3.Row) -> str:
    """The merchant's return URL, with the order named; says nothing of what became of it."""
    parts = urlsplit(str(order["return_url"]))
    query = "&".join(filter(None, (parts.query, urlencode({"order": order["order_id"]}))))
    return urlunsplit(parts._replace(query=query))
