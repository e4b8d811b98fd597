"""The rules of money: what pays, what is due back, what waits for a cashier, and what counts once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from permit import FEE
from till import AUNT, Till, gel

from domain.payments.bank import BankOrder, OrderStatus
from domain.payments.case import RefundReason
from domain.payments.money import Money
from domain.payments.refusals import (
    AlreadyPaid,
    CaseEnded,
    NotACashier,
    NothingDueBack,
    NotInSuspense,
    NotYetExpired,
    OtherOrder,
    PaymentClosed,
    RefundNotOrdered,
    TransactionUsed,
)
from domain.payments.terms import Doubt, Failure
from domain.people import Actor, Role, system
from domain.words import ReasonsMissing, WordsTooLong, WordsUnreadable

DEADLINES = system("deadlines")
USD = Money(Decimal(50), "USD")


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "50.505", "NaN", "Infinity", "1000000000"])
def test_what_is_no_amount_never_becomes_money(amount: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        gel(amount)


def test_money_is_its_amount_in_tetri_and_its_currency() -> None:
    assert gel("50") == gel("50.0") == FEE
    assert str(gel("5E+1")) == "50.00 GEL"
    assert FEE != USD
    with pytest.raises(ValueError, match="capital"):
        Money(Decimal(1), "gel")


def test_the_first_full_payment_pays_and_the_payer_is_kept_apart_from_the_applicant(till: Till) -> None:
    permit = till.permit()
    order = till.order(permit)

    till.pay(order)

    assert till.office.told()[-2:] == ["Succeeded", "Paid"]
    assert till.again(permit).paid_by == order
    assert till.office.history(order)[-1].payer == AUNT
    assert not hasattr(till.office.history(permit.id)[-1], "payer")


@pytest.mark.parametrize(
    ("received", "reason"),
    [
        (gel("49.99"), RefundReason.WRONG_AMOUNT),
        (gel("100"), RefundReason.WRONG_AMOUNT),
        (USD, RefundReason.WRONG_CURRENCY),
    ],
)
def test_another_sum_by_card_is_due_back_whole_and_the_fee_stays_open(
    till: Till, received: Money, reason: RefundReason
) -> None:
    permit = till.permit()
    order = till.order(permit)

    till.pay(order, received)

    due = till.office.history(permit.id)[-1]
    assert (due.payment, due.amount, due.reason) == (order, received, reason)
    assert not till.again(permit).is_paid
    till.pay(till.order(permit))
    assert till.again(permit).is_paid


def test_a_second_payment_of_a_case_is_due_back_however_it_came(till: Till) -> None:
    permit = till.permit()
    order = till.order(permit)
    cash = till.cash("R-1")

    till.pay(order)

    assert till.again(permit).paid_by == cash
    assert till.again(permit).due == {order: FEE}
    second = till.cash("R-1", transaction="cash-2")
    assert set(till.again(permit).due) == {order, second}
    assert till.office.history(permit.id)[-1].reason is RefundReason.ALREADY_PAID
    with pytest.raises(AlreadyPaid):
        till.order(permit)


def test_money_after_the_end_of_the_case_is_due_back(till: Till) -> None:
    permit = till.permit()
    order = till.order(permit)
    till.withdraw(permit)

    till.pay(order)
    cash = till.cash("R-1")

    assert set(till.again(permit).due) == {order, cash}
    assert till.office.history(permit.id)[-1].reason is RefundReason.CASE_ENDED
    with pytest.raises(CaseEnded):
        till.order(permit)


def test_an_order_that_expired_here_or_failed_and_is_paid_after_all_pays(till: Till) -> None:
    for status in (None, OrderStatus.DECLINED):
        permit = till.permit(f"R-{status}")
        order = till.order(permit)
        till.office.later(timedelta(hours=25))
        till.commands.expire(till.office.by(DEADLINES), payment=order)
        if status is not None:
            till.answer(order, status)

        till.pay(order)

        assert till.again(permit).paid_by == order
        assert till.office.story(order)[-1] == "Succeeded"


def test_the_bank_is_asked_until_its_word_is_final(till: Till) -> None:
    order = till.order(till.permit())
    for status in (OrderStatus.UNKNOWN, OrderStatus.PENDING):
        till.answer(order, status)
    assert till.office.story(order) == ["Opened"], "neither is a last word"

    with pytest.raises(NotYetExpired):
        till.commands.expire(till.office.by(DEADLINES), payment=order)
    till.office.later(timedelta(hours=24))
    for _ in range(2):
        till.commands.expire(till.office.by(DEADLINES), payment=order)
    till.answer(order, OrderStatus.UNKNOWN)
    assert till.office.story(order) == ["Opened", "Expired"], "somebody may be on the way to the bank's page"
    assert not till.payment(order).is_settled

    till.office.later(timedelta(hours=1))
    till.answer(order, OrderStatus.UNKNOWN)
    assert till.office.history(order)[-1].reason is Failure.NEVER_ORDERED
    assert till.payment(order).is_settled


def test_an_open_order_is_answered_again_and_another_opened_once_it_is_not(till: Till) -> None:
    permit = till.permit()
    first = till.order(permit)
    assert till.order(permit) == first
    assert till.commands.payable(first).fee == FEE

    till.answer(first, OrderStatus.DECLINED)
    with pytest.raises(PaymentClosed):
        till.commands.payable(first)
    second = till.order(permit)
    assert second != first

    till.office.later(timedelta(hours=24))
    assert till.order(permit) not in {first, second}, "its time is over, whether or not anybody said so"
    till.cash("R-1")
    with pytest.raises(AlreadyPaid):
        till.commands.payable(second)


def test_the_same_answer_again_changes_nothing(till: Till) -> None:
    permit = till.permit()
    order = till.order(permit)
    for _ in range(3):
        till.pay(order)
    assert till.office.told() == ["Filed", "Opened", "Succeeded", "Paid"]
    till.answer(order, OrderStatus.CLOSED)
    assert till.office.story(order) == ["Opened", "Succeeded"], "money is not unsaid"


def test_an_answer_about_another_order_or_sum_is_refused(till: Till) -> None:
    order, other = till.order(till.permit("R-1")), till.order(till.permit("R-2"))
    with pytest.raises(OtherOrder):
        till.commands.settle(
            till.office.by(DEADLINES),
            payment=order,
            bank_answer=BankOrder(other, OrderStatus.PAID, FEE, "t"),
        )
    till.pay(order, transaction="t")
    for received, transaction in ((FEE, "u"), (gel("1"), "t")):
        with pytest.raises(TransactionUsed):
            till.pay(order, received, transaction)
    cash = till.cash("R-2")
    with pytest.raises(OtherOrder):
        till.answer(cash, OrderStatus.DECLINED)


def test_one_transaction_of_the_bank_counts_once_over_cards_cash_and_refunds(till: Till) -> None:
    permit = till.permit()
    order, other = till.order(permit), till.order(till.permit("R-2"))
    till.pay(order, transaction="t")

    with pytest.raises(TransactionUsed):
        till.pay(other, transaction="t")
    assert till.office.story(other) == ["Opened"]
    with pytest.raises(TransactionUsed):
        till.cash("R-1", transaction="t")

    double = till.cash("R-1", transaction="u")
    till.order_refund(double)
    with pytest.raises(TransactionUsed):
        till.refunded(double, "t")
    with pytest.raises(TransactionUsed):
        till.refunded(double, "u")
    till.refunded(double, "v")


def test_a_paid_order_says_how_much_and_by_what() -> None:
    for received, transaction in ((None, "t"), (FEE, None), (FEE, ""), (FEE, "a b"), (FEE, "t" * 65), (FEE, "ტ")):
        with pytest.raises(ValueError, match="transaction"):
            BankOrder(uuid4(), OrderStatus.PAID, received, transaction)


def test_cash_with_the_cases_reference_and_fee_pays_once_however_often_it_is_noticed(till: Till) -> None:
    permit = till.permit()
    payment = till.cash(" R-1 ")
    assert till.cash(" R-1 ") == payment

    assert till.office.told() == ["Filed", "CashReceived", "Matched", "Paid"]
    assert till.again(permit).paid_by == payment
    assert till.office.history(payment)[0].subject != till.again(permit).subject, "the payer is another person"
    with pytest.raises(TransactionUsed):
        till.cash("R-1", gel("51"))


@pytest.mark.parametrize(
    ("reference", "received", "why"),
    [
        ("R-2", FEE, Doubt.UNKNOWN_REFERENCE),
        ("r-1", FEE, Doubt.UNKNOWN_REFERENCE),
        ("", FEE, Doubt.UNKNOWN_REFERENCE),
        ("R-1", gel("50.01"), Doubt.WRONG_AMOUNT),
        ("R-1", USD, Doubt.WRONG_CURRENCY),
    ],
)
def test_any_other_cash_waits_in_suspense_for_a_cashier(
    till: Till, reference: str, received: Money, why: Doubt
) -> None:
    permit = till.permit()

    payment = till.cash(reference, received)

    assert till.office.story(payment) == ["CashReceived", "PutInSuspense"]
    assert till.office.history(payment)[-1].doubt is why
    assert not till.again(permit).is_paid

    till.match(payment, permit)
    assert till.again(permit).is_paid == (received == FEE)
    assert (payment in till.again(permit).due) == (received != FEE)
    with pytest.raises(NotInSuspense):
        till.match(payment, permit)


def test_a_cashier_says_by_what_the_payer_was_found(till: Till) -> None:
    permit = till.permit("RF18000000000042")
    nobodys = till.cash("?")
    for reasons, refusal in (
        (" \r\n", ReasonsMissing),
        ("x" * 4001, WordsTooLong),
        ("x" * 10**6, WordsTooLong),
        ("a\u202eb", WordsUnreadable),
    ):
        with pytest.raises(refusal):
            till.match(nobodys, permit, reasons)
    assert till.office.story(nobodys) == ["CashReceived", "PutInSuspense"]
    till.match(nobodys, permit, " Her aunt telephoned. ")
    assert till.office.history(nobodys)[-1].reasons == "Her aunt telephoned."
    exact = till.cash("RF18000000000042", transaction="cash-2")
    assert till.office.history(exact)[-1].reasons is None, "reference and amount say it, and nobody judged"


def test_only_cash_in_suspense_is_matched_by_hand(till: Till) -> None:
    permit = till.permit()
    with pytest.raises(NotInSuspense):
        till.match(till.order(permit), permit)
    nobodys = till.cash("?")
    till.order_refund(nobodys)
    with pytest.raises(NotInSuspense):
        till.match(nobodys, permit)


@pytest.mark.parametrize("reference", ["RF18 0000 0000 0042", " RF18\u00a00000\t0000 0042 ", "RF18000000000042"])
def test_a_reference_may_be_given_in_the_groups_in_which_it_is_printed(till: Till, reference: str) -> None:
    permit = till.permit("RF18000000000042")
    till.cash(reference)
    assert till.again(permit).is_paid


def test_only_a_cashier_matches_by_hand_or_sends_money_back(till: Till) -> None:
    permit = till.permit()
    nobodys = till.cash("?")
    for role in set(Role) - {Role.CASHIER}:
        act = till.office.by(Actor("lali", role))
        with pytest.raises(NotACashier):
            till.commands.match(act, payment=nobodys, case=permit.id, reasons="?")
        with pytest.raises(NotACashier):
            till.commands.order_refund(act, payment=nobodys)
    assert till.office.story(nobodys) == ["CashReceived", "PutInSuspense"]


def test_what_is_due_back_is_sent_back_once_and_the_case_says_so(till: Till) -> None:
    permit = till.permit()
    paid, double = till.cash("R-1"), till.cash("R-1", transaction="cash-2")

    with pytest.raises(NothingDueBack):
        till.order_refund(paid)
    with pytest.raises(RefundNotOrdered):
        till.refunded(double)
    till.order_refund(double)
    with pytest.raises(NothingDueBack):
        till.order_refund(double)
    for _ in range(2):
        till.refunded(double, "back-1")
    with pytest.raises(TransactionUsed):
        till.refunded(double, "back-2")

    assert till.office.told()[-3:] == ["RefundOrdered", "Refunded", "Refunded"]
    assert till.office.history(double)[-2].transaction == "cash-2", "what the bank is asked to send back"
    assert till.again(permit).due == {}
    with pytest.raises(NothingDueBack):
        till.order_refund(double)


def test_a_paid_fee_that_its_case_gives_back_may_be_sent_back(till: Till) -> None:
    permit = till.permit()
    paid = till.cash("R-1")
    till.withdraw(permit)
    till.order_refund(paid)
    till.refunded(paid)
    assert till.again(permit).due == {}


def test_nobodys_cash_goes_back_without_any_case(till: Till) -> None:
    payment = till.cash("no idea", gel("7"))
    till.order_refund(payment)
    till.refunded(payment)
    assert till.office.told() == ["CashReceived", "PutInSuspense", "RefundOrdered", "Refunded"]


def test_nothing_is_due_back_of_an_order_that_nobody_paid(till: Till) -> None:
    with pytest.raises(NothingDueBack):
        till.order_refund(till.order(till.permit()))
