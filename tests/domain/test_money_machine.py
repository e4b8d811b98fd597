"""No tetri is ever lost: whatever comes in any order, it is a fee, in suspense, due back or sent back."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from memory_office import names
from permit import FEE, Permit
from till import Till

from domain.payments.bank import OrderStatus
from domain.payments.money import Money
from domain.people import system
from domain.refusals import Refusal

SUMS = st.sampled_from([FEE, FEE, FEE, Money(Decimal("49.99")), Money(Decimal("100")), Money(Decimal(50), "USD")])
UNPAID = st.sampled_from([OrderStatus.UNKNOWN, OrderStatus.PENDING, OrderStatus.DECLINED, OrderStatus.CLOSED])


class Notice(NamedTuple):
    reference: str
    transaction: str
    received: Money


class Tills(RuleBasedStateMachine):
    """The bank's book is the model: what it took and sent back. The office's events must add up to it."""

    permits = Bundle("permits")
    orders = Bundle("orders")
    payments = Bundle("payments")
    notices = Bundle("notices")

    def __init__(self) -> None:
        super().__init__()
        self.till = Till()
        self.took: dict[str, Money] = {}
        self.returned: dict[str, Money] = {}
        self.at_bank: dict[UUID, tuple[str, Money]] = {}
        self.credits = 0
        self.references: list[str] = []
        self.all_permits: list[Permit] = []

    @rule(target=permits)
    def file(self) -> Permit:
        reference = f"R-{len(self.all_permits)}"
        permit = self.till.permit(reference)
        self.references.append(reference)
        self.all_permits.append(permit)
        return permit

    @rule(target=orders, permit=permits)
    def open(self, permit: Permit) -> object:
        return self._unless_refused(lambda: self.till.order(permit))

    @rule(target=payments, order=orders, received=SUMS)
    def paid_at_the_bank_and_answered(self, order: UUID, received: Money) -> UUID:
        """The bank takes money for an order once; its answer may come again and again, in any state of ours."""
        transaction, taken = self.at_bank.setdefault(order, (f"card-{order}", received))
        self.till.pay(order, taken, transaction)
        self.took[transaction] = taken
        return order

    @rule(order=orders, status=UNPAID)
    def answered(self, order: UUID, status: OrderStatus) -> None:
        if order not in self.at_bank:
            self.till.answer(order, status)

    @rule(order=orders)
    def expire(self, order: UUID) -> None:
        self._unless_refused(lambda: self.till.commands.expire(self.till.office.by(system("deadlines")), payment=order))

    @rule(hours=st.sampled_from([1, 24, 25]))
    def time_passes(self, hours: int) -> None:
        self.till.office.later(timedelta(hours=hours))

    @rule(target=notices, which=st.integers(0, 4), received=SUMS)
    def cash_comes(self, which: int, received: Money) -> Notice:
        return self._paid_in(self.references[which] if which < len(self.references) else "nobody's", received)

    @rule(target=payments, notice=notices)
    def cash_is_noticed(self, notice: Notice) -> UUID:
        """Once, late, or again and again."""
        self.took[notice.transaction] = notice.received
        return self.till.cash(notice.reference, notice.received, notice.transaction)

    @rule(payment=payments, permit=permits)
    def match(self, payment: UUID, permit: Permit) -> None:
        self._unless_refused(lambda: self.till.match(payment, permit))

    @rule(payment=payments)
    def order_refund(self, payment: UUID) -> None:
        self._unless_refused(lambda: self.till.order_refund(payment))

    @rule(payment=payments)
    def send_back(self, payment: UUID) -> None:
        """The bank sends back what a cashier ordered, and only that."""
        ordered = [e for e in self.till.office.history(payment) if type(e).__name__ == "RefundOrdered"]
        if ordered:
            self.returned[f"refund-{payment}"] = ordered[0].amount
        self._unless_refused(lambda: self.till.refunded(payment))

    @rule(permit=permits)
    def withdraw(self, permit: Permit) -> None:
        if not self.till.again(permit).has_ended:
            self.till.withdraw(permit)

    @rule(permit=permits, order=orders, received=SUMS)
    def cash_slips_in_before_the_card(self, permit: Permit, order: UUID, received: Money) -> None:
        """Two requests at once, of one case or of two."""
        notice = self._paid_in(self.references[self.all_permits.index(permit)], received)
        self.till.office.ledger.before_next_append = lambda: self.cash_is_noticed(notice)
        self.paid_at_the_bank_and_answered(order, received)
        self.till.office.ledger.before_next_append = None

    def _paid_in(self, reference: str, received: Money) -> Notice:
        self.credits += 1
        return Notice(reference, f"cash-{self.credits}", received)

    def _unless_refused(self, act: object) -> object:
        try:
            return act()
        except Refusal:
            return multiple()

    @invariant()
    def every_tetri_is_somewhere_and_in_one_place(self) -> None:
        came_in, places = Counter[str](), Counter[str]()
        sent_back = Counter[str]()
        due = {p: m for permit in self.all_permits for p, m in self.till.again(permit).due.items()}
        fees = {self.till.again(permit).paid_by for permit in self.all_permits} - {None} - set(due)
        for stream in {n.originator_id for n in self.till.office.recorder.select_notifications(1, 100_000)}:
            events = self.till.office.history(stream)
            if type(events[0]).__name__ not in {"Opened", "CashReceived"}:
                continue
            told = names(events)
            for event in events:
                if type(event).__name__ in {"Succeeded", "CashReceived"}:
                    came_in[event.received.currency] += event.received.amount
                    received = event.received
            if "Succeeded" not in told and "CashReceived" not in told:
                continue
            here = [
                "Refunded" in told and stream not in due,
                "Refunded" not in told and stream in due,
                stream in fees and "Refunded" not in told,
                told[-1] == "PutInSuspense",
                told[-1] == "RefundOrdered" and stream not in due,
            ]
            assert here.count(True) == 1, (told, here)
            places[received.currency] += received.amount
            if here[0]:
                sent_back[received.currency] += received.amount
        assert came_in == places == _summed(self.took)
        assert sent_back == _summed(self.returned)

    @invariant()
    def a_case_is_paid_once_with_its_fee(self) -> None:
        for permit in self.all_permits:
            paid = [e for e in self.till.office.history(permit.id) if type(e).__name__ == "Paid"]
            assert len(paid) <= 1
            assert all(e.received == FEE for e in paid)

    @invariant()
    def a_transaction_counts_once(self) -> None:
        events = [
            e
            for stream in {n.originator_id for n in self.till.office.recorder.select_notifications(1, 100_000)}
            for e in self.till.office.history(stream)
        ]
        counted = [e.transaction for e in events if type(e).__name__ in {"Succeeded", "CashReceived"}]
        assert len(counted) == len(set(counted))


def _summed(book: dict[str, Money]) -> Counter[str]:
    total = Counter[str]()
    for money in book.values():
        total[money.currency] += money.amount
    return total


TestTills = Tills.TestCase
TestTills.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
