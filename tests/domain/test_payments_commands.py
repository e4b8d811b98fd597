"""The payments' commands when two requests come at once: one pays, the other becomes due back; nothing is lost."""

from __future__ import annotations

from uuid import uuid4

import pytest
from memory_office import BANK, holder_of
from permit import FEE
from till import Till

from domain.office import UnknownCase
from domain.payments.bank import BankOrder, OrderStatus
from domain.payments.refusals import TransactionUsed


@pytest.fixture
def till() -> Till:
    return Till()


def test_of_two_payments_at_once_one_pays_and_the_other_is_due_back(till: Till) -> None:
    permit = till.permit()
    order = till.order(permit)
    till.office.ledger.before_next_append = lambda: till.cash("R-1")

    till.pay(order)

    again = till.again(permit)
    assert again.paid_by != order
    assert again.due == {order: FEE}
    assert till.office.story(permit.id) == ["Filed", "Paid", "RefundDue"]


def test_the_end_of_a_case_and_its_payment_at_once(till: Till) -> None:
    permit = till.permit()
    order = till.order(permit)
    till.office.ledger.before_next_append = lambda: till.withdraw(permit)
    till.pay(order)
    assert till.again(permit).due == {order: FEE}


def test_a_credit_that_is_decided_again_stays_under_one_key(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    permit = till.permit()
    minted: list[object] = []
    mint = till.commands.subjects.mint

    def noted(cause: str | None = None) -> object:
        minted.append(mint(cause))
        return minted[-1]

    monkeypatch.setattr(till.commands.subjects, "mint", noted)
    till.office.ledger.before_next_append = lambda: till.withdraw(permit)
    till.cash("R-1")
    assert till.again(permit).due
    assert len(minted) == 2
    assert len(set(minted)) == 1


def test_the_same_notice_twice_at_once_is_one_credit(till: Till) -> None:
    permit = till.permit()
    till.office.ledger.before_next_append = lambda: till.cash("R-1")
    payment = till.cash("R-1")
    assert till.again(permit).paid_by == payment
    assert till.office.told().count("CashReceived") == 1


def test_the_same_answer_twice_at_once_is_one_payment(till: Till) -> None:
    permit = till.permit()
    order = till.order(permit)
    till.office.ledger.before_next_append = lambda: till.pay(order)
    till.pay(order)
    assert till.office.told() == ["Filed", "Opened", "Succeeded", "Paid"]


def test_one_transaction_for_two_orders_at_once_counts_for_one(till: Till) -> None:
    first, second = till.permit("R-1"), till.permit("R-2")
    one, other = till.order(first), till.order(second)
    till.office.ledger.before_next_append = lambda: till.pay(other, transaction="t")
    with pytest.raises(TransactionUsed):
        till.pay(one, transaction="t")
    assert (till.again(first).is_paid, till.again(second).is_paid) == (False, True)


def test_opening_twice_at_once_opens_one_order(till: Till) -> None:
    permit = till.permit()
    till.office.ledger.before_next_append = lambda: till.order(permit)
    till.order(permit)
    assert till.office.told().count("Opened") == 1


def test_the_first_order_of_a_new_case_is_the_first_of_its_series(till: Till) -> None:
    permit = till.permit()
    act = till.office.by(holder_of(permit))
    payment, address = till.commands.first_order(act, permit)
    till.office.commit(payment, act=act, addresses=[address])
    assert till.order(permit) == payment.id


def test_what_is_unknown_is_unknown(till: Till) -> None:
    nothing, permit = uuid4(), till.permit()
    for attempt in (
        lambda: till.order_refund(nothing),
        lambda: till.order_refund(permit.id),
        lambda: till.commands.payable(nothing),
        lambda: till.commands.open_card(till.office.by(BANK), case=nothing),
        lambda: till.commands.settle(
            till.office.by(BANK), payment=nothing, bank_answer=BankOrder(nothing, OrderStatus.PENDING)
        ),
    ):
        with pytest.raises(UnknownCase):
            attempt()
