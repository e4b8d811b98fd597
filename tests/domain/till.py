"""The payments' stage for given/when/then: permits that cost 50 GEL, a bank whose answers a test writes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from uuid import UUID

from memory_office import BANK, CASHIER, MemoryOffice, MemorySubjects, holder_of
from permit import FEE, Permit, Permits, file_permit

from domain.office import Receipt
from domain.payments.bank import BankOrder, CreditNotice, OrderStatus, Payer
from domain.payments.commands import Commands, Rules
from domain.payments.money import Money
from domain.payments.payment import Payment

AUNT = Payer("ნათელა მაისურაძე", "GE29NB0000000101904917")


def gel(amount: str) -> Money:
    return Money(Decimal(amount))


@dataclass
class Till:
    office: MemoryOffice = field(default_factory=MemoryOffice)

    def __post_init__(self) -> None:
        self.cases = Permits(self.office)
        self.commands = Commands(self.office, self.cases, MemorySubjects(), Rules())

    def permit(self, reference: str = "R-1", fee: Money = FEE) -> Permit:
        return file_permit(self.office, MemorySubjects().mint(), reference, fee=fee)

    def again(self, permit: Permit) -> Permit:
        return self.cases.load(permit.id)

    def withdraw(self, permit: Permit) -> None:
        act = self.office.by(holder_of(permit))
        found = self.again(permit)
        found.withdraw(act)
        self.office.commit(found, act=act)

    def order(self, permit: Permit) -> UUID:
        return self.commands.open_card(self.office.by(holder_of(permit)), case=permit.id).stream

    def answer(
        self, order: UUID, status: OrderStatus, received: Money | None = None, transaction: str | None = None
    ) -> Receipt:
        answer = BankOrder(order, status, received, transaction, AUNT if received else None)
        return self.commands.settle(self.office.by(BANK), payment=order, bank_answer=answer)

    def pay(self, order: UUID, received: Money = FEE, transaction: str | None = None) -> Receipt:
        return self.answer(order, OrderStatus.PAID, received, transaction or f"card-{order}")

    def cash(self, reference: str, received: Money = FEE, transaction: str = "cash-1") -> UUID:
        notice = CreditNotice(transaction, received, reference, AUNT, date(2026, 11, 20))
        return self.commands.receive_cash(self.office.by(BANK), notice=notice).stream

    def match(self, payment: UUID, permit: Permit, reasons: str = "Her aunt telephoned.") -> None:
        self.commands.match(self.office.by(CASHIER), payment=payment, case=permit.id, reasons=reasons)

    def order_refund(self, payment: UUID) -> None:
        self.commands.order_refund(self.office.by(CASHIER), payment=payment)

    def refunded(self, payment: UUID, transaction: str | None = None) -> None:
        self.commands.refunded(
            self.office.by(BANK), payment=payment, bank_transaction=transaction or f"refund-{payment}"
        )

    def payment(self, stream: UUID) -> Payment:
        return self.office.load(Payment, stream)
