"""Where payers leave for the bank and come back, and where the bank calls: its words are hints, its answers facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import UUID, uuid5

import structlog
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

import texts
from api import correlation
from api.declined import LinkRefused
from api.endpoint import read_body
from api.pages import page
from api.ports import Ports
from api.refusals import sentence
from api.strict_json import Malformed
from api.threads import Abroad, run_abroad
from api.tickets import For, Tickets
from domain.office import Receipt, UnknownCase
from domain.payments.bank import BankUnavailable
from domain.payments.payment import Payment
from domain.payments.refusals import AlreadyPaid, PaymentClosed
from domain.payments.terms import Phase
from domain.people import system
from domain.refusals import Refusal
from gateways.bank import BadSignature, BankDisagrees, notice_told, order_named

log = structlog.get_logger("api.bank")

SIGNATURE: Final = "x-bank-signature"
MAX_CALLBACK: Final = 16 * 1024
BANK: Final = system("bank")
"""Who acts when the bank's own answer changes something."""
_CASH: Final = UUID("6c1d0f0e-3c0a-4bb8-9d51-0a5a0d1d7c11")
"""The space of ids of commands that follow from credit notices."""

Take = Callable[[Ports, bytes], int]
"""Takes a callback's verified body; the HTTP status to answer."""


def bank_router(ports: Ports) -> APIRouter:
    """``/pay/{ticket}``, ``/bank/return``, ``/bank/callback``, ``/bank/credit-notices``."""
    router = APIRouter(include_in_schema=False)

    @router.get("/pay/{ticket}")
    async def pay(request: Request, ticket: str) -> Response:
        """Send the payer on to the bank's page of this payment; the order is made there if it is not yet."""
        return await run_abroad(
            Abroad.BANK, _pay, ports, texts.preferred(request.headers.get("accept-language")), ticket
        )

    @router.get("/bank/return")
    async def come_back(request: Request) -> Response:
        """Where the bank's page sends the payer afterwards; the bank is asked, whatever the address says."""
        language = texts.preferred(request.headers.get("accept-language"))
        return await run_abroad(Abroad.BANK, _return, ports, language, request.query_params.get("order", ""))

    @router.post("/bank/callback")
    async def callback(request: Request) -> Response:
        """The bank says that something happened to an order."""
        return await _called(ports, request, _order_called)

    @router.post("/bank/credit-notices")
    async def credit_notice(request: Request) -> Response:
        """The bank says that cash came in."""
        return await _called(ports, request, _cash_called)

    return router


def settle(ports: Ports, payment: UUID) -> Receipt:
    """Ask the bank about a card order and take its answer. Raises: UnknownCase, BankUnavailable, BankDisagrees, …"""
    ports.office.load(Payment, payment)
    answer = ports.bank.order(payment)
    command = uuid5(payment, f"{answer.status}:{answer.transaction or ''}")
    act = ports.office.act(BANK, "settle", command, correlation=correlation.current())
    return ports.payments.settle(act, payment=payment, bank_answer=answer)


def _pay(ports: Ports, language: str, ticket: str) -> Response:
    title = texts.say(language, "start", "pay_title")
    try:
        payment, _ = Tickets(ports.keys).read(For.PAY, ticket, ports.office.desk.now())
    except LinkRefused as refusal:
        return page(language, title, sentence(refusal, language), 404)
    try:
        order = ports.payments.payable(payment)
        if order.fee is None:
            raise TypeError("a card order names its fee")
        there = ports.bank.create_order(payment, order.fee, f"{ports.facts.url}/bank/return", language)
    except (AlreadyPaid, PaymentClosed) as refusal:
        return _closed(ports, language, payment, refusal)
    except BankDisagrees as disagrees:
        log.error("order_refused_by_bank", status=disagrees.status)
        return page(language, title, sentence(BankUnavailable(), language), 502)
    except Refusal as refusal:
        return page(language, title, sentence(refusal, language), 503 if isinstance(refusal, BankUnavailable) else 404)
    return RedirectResponse(there.url, 303, headers={"Cache-Control": "no-store"})


def _closed(ports: Ports, language: str, payment: UUID, refusal: Refusal) -> Response:
    """What whoever comes with an old link is told: that it is paid, or that this order is over."""
    title = texts.say(language, "start", "pay_title")
    taken = ports.office.load(Payment, payment).phase is Phase.SUCCEEDED
    if taken or isinstance(refusal, AlreadyPaid):
        return page(language, title, texts.say(language, "start", "pay_done"))
    return page(language, title, sentence(refusal, language), 410)


def _return(ports: Ports, language: str, named: str) -> Response:
    title = texts.say(language, "start", "pay_title")
    try:
        payment = UUID(named)
        settle(ports, payment)
    except (BankUnavailable, BankDisagrees):
        return page(language, title, texts.say(language, "start", "pay_open"))
    except ValueError:
        return page(language, title, sentence(UnknownCase(), language), 404)
    except Refusal as refusal:
        return page(language, title, sentence(refusal, language), 404)
    phase = ports.office.load(Payment, payment).phase
    told = {Phase.OPEN: "pay_open", Phase.EXPIRED: "pay_open", Phase.FAILED: "pay_failed"}.get(phase, "pay_done")
    return page(language, title, texts.say(language, "start", told))


async def _called(ports: Ports, request: Request, take: Take) -> Response:
    """Believe the bank's signature or nothing; answer so that it tries again only where that can help."""
    try:
        body = await read_body(request, MAX_CALLBACK)
    except Malformed as malformed:
        return Response(status_code=malformed.status)

    def work() -> int:
        try:
            ports.bank.verify_signature(body, request.headers.get(SIGNATURE), ports.office.desk.now())
        except BadSignature:
            log.warning("bad_signature", path=request.url.path)
            return 401
        return take(ports, body)

    return Response(status_code=await run_abroad(Abroad.BANK, work))


def _order_called(ports: Ports, body: bytes) -> int:
    try:
        settle(ports, order_named(body))
    except ValueError:
        return 400
    except BankUnavailable:
        return 503
    except BankDisagrees as disagrees:
        log.error("order_not_told_by_bank", status=disagrees.status)
        return 503
    except Refusal as refusal:
        log.warning("callback_declined", code=refusal.code)
    return 204


def _cash_called(ports: Ports, body: bytes) -> int:
    try:
        notice = notice_told(body)
    except ValueError:
        return 400
    try:
        told = f"{notice.received} {notice.reference}".encode()
        command = uuid5(_CASH, notice.transaction)
        act = ports.office.act(BANK, "receiveCash", command, told, correlation.current())
        ports.payments.receive_cash(act, notice=notice)
    except Refusal as refusal:
        log.error("credit_declined", code=refusal.code)
    return 204
