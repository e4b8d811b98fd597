"""What the office asks of its bank, and what the bank says: the port that ``gateways`` implements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.payments.money import Money
from domain.refusals import Refusal

LONGEST_TRANSACTION = 64


@dataclass(eq=False)
class BankUnavailable(Refusal):
    """The bank did not answer, or not sensibly. Nothing is known of the order: ask again."""

    code = "BANK_UNAVAILABLE"


class OrderStatus(StrEnum):
    """What the bank says of an order."""

    UNKNOWN = "UNKNOWN"
    """The bank has no such order: nobody opened its page yet."""
    PENDING = "PENDING"
    """Open at the bank: may still be paid."""
    PAID = "PAID"
    DECLINED = "DECLINED"
    """Closed unpaid: the card was refused."""
    CLOSED = "CLOSED"
    """Closed unpaid for another reason: cancelled, or its time at the bank ran out."""


@dataclass(frozen=True)
class Payer:
    """Who paid, as the bank names them: apart from the applicant, often a relative. Personal."""

    name: str
    account: str | None = None
    """An IBAN, or a card's masked number."""


@dataclass(frozen=True)
class BankOrder:
    """The bank's own answer about one order, fetched from it and never taken from a callback.

    ``received``, ``transaction`` and ``payer`` are said of a PAID order. Raises: ValueError if a PAID order lacks them.
    """

    order_id: UUID
    status: OrderStatus
    received: Money | None = None
    transaction: str | None = None
    payer: Payer | None = None

    def __post_init__(self) -> None:
        if self.status is OrderStatus.PAID and (self.received is None or self.transaction is None):
            raise ValueError("a paid order says how much and by which transaction")
        if self.transaction is not None:
            refuse_odd_transaction(self.transaction)


@dataclass(frozen=True)
class BankOrderPage:
    """Where the payer is sent to pay."""

    order_id: UUID
    url: str


@dataclass(frozen=True)
class CreditNotice:
    """Cash that somebody paid in at a bank in Georgia: one credit on the office's account. Raises: ValueError."""

    transaction: str
    received: Money
    reference: str
    """What the payer gave as reference, as typed."""
    payer: Payer
    credited_on: date

    def __post_init__(self) -> None:
        refuse_odd_transaction(self.transaction)


@dataclass(frozen=True)
class BankRefund:
    """Money sent back: the bank's transaction of the refund, once it is done."""

    transaction: str

    def __post_init__(self) -> None:
        refuse_odd_transaction(self.transaction)


def refuse_odd_transaction(transaction: str) -> None:
    """A transaction id is 1 to 64 printable ASCII characters without spaces. Raises: ValueError."""
    if not 0 < len(transaction) <= LONGEST_TRANSACTION or not all("!" <= c <= "~" for c in transaction):
        raise ValueError("a transaction id is 1 to 64 printable ASCII characters")


class Bank(Protocol):
    """The office's bank. A call may raise BankUnavailable and may be repeated: the bank knows its order by our id."""

    def create_order(self, order_id: UUID, amount: Money, return_url: str, language: str) -> BankOrderPage:
        """Open the order, or find it open: ``order_id`` is the payment's stream id."""
        ...

    def order(self, order_id: UUID) -> BankOrder:
        """What the bank says of the order now."""
        ...

    def refund(self, refund_id: UUID, transaction: str, amount: Money) -> BankRefund:
        """Send ``amount`` of ``transaction`` (a card payment or a cash credit) back to whoever paid it.

        ``refund_id`` is the payment's stream id: a payment is sent back whole and once.
        """
        ...
