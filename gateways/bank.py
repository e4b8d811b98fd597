"""The bank over HTTP: orders and refunds by our own ids, credit notices by cursor, and its callbacks' signature."""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, Field, ValidationError

from domain.payments.bank import (
    BankOrder,
    BankOrderPage,
    BankRefund,
    BankUnavailable,
    CreditNotice,
    OrderStatus,
    Payer,
    refuse_odd_transaction,
)
from domain.payments.money import Money
from gateways.neighbour import Answer, Neighbour, NeighbourDown, Patience

log = logging.getLogger(__name__)

TBILISI = ZoneInfo("Asia/Tbilisi")

WINDOW = 300
"""Seconds that a signature's time may differ from ours, either way."""

ORDER_LASTS = 1200
"""Seconds that the bank keeps an unpaid order open."""

PATIENCE = Patience(connect=1.0, answer=4.0, in_all=10.0)

STATUSES = {
    "open": OrderStatus.PENDING,
    "processing": OrderStatus.PENDING,
    "paid": OrderStatus.PAID,
    "declined": OrderStatus.DECLINED,
    "expired": OrderStatus.CLOSED,
}

Amount = Annotated[Decimal, Field(max_digits=12, decimal_places=2)]
M = TypeVar("M", bound=BaseModel)


class BadSignature(Exception):
    """What came to a callback address is not the bank's, or is older than it may be. Says nothing of why."""


class BankDisagrees(Exception):
    """The bank understood and said no, for good: another amount under the same id, more than was paid. Asking again
    does not help; somebody must look."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the bank answered {status}")
        self.status = status


class _Payer(BaseModel):
    name: str = Field(max_length=200)
    account: str | None = Field(max_length=64)


class _Order(BaseModel):
    order_id: UUID
    status: Literal["open", "processing", "paid", "declined", "expired"]
    currency: str
    page_url: str = Field(max_length=2000)
    paid_amount: Amount | None
    transaction_id: str | None
    payer: _Payer | None


class _Refund(BaseModel):
    refund_id: UUID
    status: Literal["done"]
    transaction_id: str


class _Notice(BaseModel):
    transaction_id: str
    reference: str = Field(max_length=200)
    amount: Amount
    currency: str
    payer: str = Field(max_length=200)
    booked_at: AwareDatetime

    def notice(self) -> CreditNotice:
        return CreditNotice(
            transaction=self.transaction_id,
            received=Money(self.amount, self.currency),
            reference=self.reference,
            payer=Payer(self.payer),
            credited_on=self._credited_on(),
        )

    def _credited_on(self) -> date:
        try:
            return self.booked_at.astimezone(TBILISI).date()
        except OverflowError as error:  # the last hours of the year 9999
            raise ValueError("a day after all days") from error


class _Named(BaseModel):
    transaction_id: str


class _Notices(BaseModel):
    notices: list[Any]
    cursor: str = Field(max_length=64)


class _Callback(BaseModel):
    order_id: UUID


@dataclass(frozen=True)
class Unreadable:
    """A credit notice that is not what was agreed on. It says nothing of what stands in it but the bank's own id."""

    transaction: str | None


@dataclass(frozen=True)
class NoticePage:
    """Credit notices in the order of booking, and the cursor after which the next ones stand.

    What cannot be read keeps its place among the others: the bank shows it there again, whenever it is asked for the
    same cursor.
    """

    notices: tuple[CreditNotice | Unreadable, ...]
    cursor: str


class BankOverHttp:
    """Implements `domain.payments.bank.Bank`. ``signing_secrets``: an old one is good while listed."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        signing_secrets: Sequence[str],
        patience: Patience = PATIENCE,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if not all(signing_secrets):
            raise ValueError("an empty signing secret would let everybody sign")
        self._neighbour = Neighbour("bank", base_url, patience, {"Authorization": f"Bearer {api_key}"}, tls)
        self._secrets = tuple(secret.encode() for secret in signing_secrets)

    def create_order(self, order_id: UUID, amount: Money, return_url: str, language: str) -> BankOrderPage:
        """Open the order, or find it open. Raises: BankUnavailable, BankDisagrees."""
        wanted = {
            "order_id": str(order_id),
            "amount": str(amount.amount),
            "currency": amount.currency,
            "return_url": return_url,
            "language": language.lower(),
            "lasts": ORDER_LASTS,
        }
        order = self._read(_Order, self._ask("POST", "/orders", json=wanted))
        if order.order_id != order_id or urlsplit(order.page_url)[:2] != urlsplit(self._neighbour.base_url)[:2]:
            raise BankUnavailable
        return BankOrderPage(order_id=order_id, url=order.page_url)

    def order(self, order_id: UUID) -> BankOrder:
        """What the bank says of the order now. Raises: BankUnavailable, BankDisagrees."""
        answer = self._ask("GET", f"/orders/{order_id}", unknown=True)
        if answer.status == 404:
            return BankOrder(order_id, OrderStatus.UNKNOWN)
        order = self._read(_Order, answer)
        if order.order_id != order_id:
            raise BankUnavailable
        if (status := STATUSES[order.status]) is not OrderStatus.PAID:
            return BankOrder(order_id, status)
        try:
            received = Money(order.paid_amount or Decimal(0), order.currency)
            payer = Payer(order.payer.name, order.payer.account) if order.payer else None
            return BankOrder(order_id, status, received, order.transaction_id, payer)
        except ValueError as error:
            raise BankUnavailable from error

    def refund(self, refund_id: UUID, transaction: str, amount: Money) -> BankRefund:
        """Send ``amount`` of ``transaction`` back, once per ``refund_id``. Raises: BankUnavailable, BankDisagrees."""
        wanted = {"refund_id": str(refund_id), "amount": str(amount.amount), "currency": amount.currency}
        path = f"/transactions/{quote(transaction, safe='')}/refunds"
        refund = self._read(_Refund, self._ask("POST", path, json=wanted))
        if refund.refund_id != refund_id:
            raise BankUnavailable
        try:
            return BankRefund(refund.transaction_id)
        except ValueError as error:
            raise BankUnavailable from error

    def credit_notices(self, after: str = "0") -> NoticePage:
        """The cash that came in after the cursor ``after``; the same cursor again when there is none.

        Each notice is read by itself: one that makes no sense holds up none of the others. Raises: BankUnavailable,
        BankDisagrees.
        """
        told = self._read(_Notices, self._ask("GET", "/credit-notices", params={"after": after}))
        return NoticePage(tuple(_notice(raw) for raw in told.notices), told.cursor)

    def verify_signature(self, raw_body: bytes, header: str | None, now: datetime) -> None:
        """Check ``X-Bank-Signature``: ``t=<unix>,v1=<hex HMAC-SHA-256 over "<t>." and the raw body>``.

        Good for `WINDOW` seconds around ``now``. Raises: BadSignature.
        """
        parsed = re.fullmatch(r"t=([0-9]{1,12}),v1=([0-9a-f]{64})", header or "")
        if parsed is None:
            raise BadSignature
        signed = parsed[1].encode() + b"." + raw_body
        matches = [
            hmac.compare_digest(hmac.new(secret, signed, hashlib.sha256).hexdigest(), parsed[2])
            for secret in self._secrets
        ]
        if not any(matches) or abs(now.timestamp() - int(parsed[1])) > WINDOW:
            raise BadSignature

    def close(self) -> None:
        self._neighbour.close()

    def _ask(self, method: str, path: str, *, unknown: bool = False, **request: Any) -> Answer:
        try:
            answer = self._neighbour.ask(method, path, **request)
        except NeighbourDown as error:
            raise BankUnavailable from error
        if answer.status in (200, 201) or (unknown and answer.status == 404):
            return answer
        if 400 <= answer.status < 500 and answer.status not in (401, 403):
            raise BankDisagrees(answer.status)
        raise BankUnavailable

    def _read(self, kind: type[M], answer: Answer) -> M:
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as error:
            log.error("bank: the answer makes no sense as %s", kind.__name__.strip("_").lower())
            raise BankUnavailable from error


def _notice(raw: Any) -> CreditNotice | Unreadable:
    try:
        return _Notice.model_validate(raw).notice()
    except ValueError:
        return Unreadable(_transaction_in(raw))


def _transaction_in(raw: Any) -> str | None:
    """The transaction id of a notice that cannot be read, if that much can."""
    try:
        known = _Named.model_validate(raw).transaction_id
        refuse_odd_transaction(known)
    except ValueError:
        return None
    return known


def order_named(raw_body: bytes) -> UUID:
    """The order that a verified callback is about: a hint to ask the bank. Raises: ValueError."""
    return _Callback.model_validate_json(raw_body).order_id


def notice_told(raw_body: bytes) -> CreditNotice:
    """The credit notice in a verified callback. Raises: ValueError."""
    return _Notice.model_validate_json(raw_body).notice()
