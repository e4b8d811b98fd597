"""What the bank's word and money that came in mean: for an order, and for the case that they were meant for."""

from __future__ import annotations

from domain.payments.bank import OrderStatus
from domain.payments.case import Case, RefundReason
from domain.payments.money import Money
from domain.payments.terms import Doubt, Failure


def failure_of(status: OrderStatus, grace_over: bool) -> Failure | None:
    """Why no money comes for an order, if that is the bank's last word."""
    if status is OrderStatus.DECLINED:
        return Failure.DECLINED
    if status is OrderStatus.CLOSED:
        return Failure.CLOSED_AT_BANK
    if status is OrderStatus.UNKNOWN and grace_over:
        return Failure.NEVER_ORDERED
    return None


def doubt(received: Money, case: Case) -> Doubt | None:
    """Why cash does not match the case that its reference names; None: it does, to the tetri."""
    if received.currency != case.fee.currency:
        return Doubt.WRONG_CURRENCY
    return None if received == case.fee else Doubt.WRONG_AMOUNT


def effect(received: Money, case: Case) -> RefundReason | None:
    """What money that came in for a case does: None, it pays the fee; otherwise it is due back whole, and why.

    The first full payment pays, any other becomes due back: also one in another currency, of another amount, or after
    the case ended.
    """
    if received.currency != case.fee.currency:
        return RefundReason.WRONG_CURRENCY
    if received != case.fee:
        return RefundReason.WRONG_AMOUNT
    if case.is_paid:
        return RefundReason.ALREADY_PAID
    return RefundReason.CASE_ENDED if case.has_ended else None
