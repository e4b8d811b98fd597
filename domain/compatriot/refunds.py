"""When money is due back to whoever paid it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from domain.compatriot.state import State
from domain.payments.case import RefundReason
from domain.payments.money import Money
from domain.payments.refusals import AlreadyPaid, NothingDueBack
from domain.refusals import Refusal

REASON_OF_ENDING: Final = {
    State.RECEPTION_REFUSED: RefundReason.RECEPTION_REFUSED,
    State.LAPSED: RefundReason.LAPSED,
    State.WITHDRAWN: RefundReason.WITHDRAWN,
}
"""Why a paid fee is due back when the case ended so before its term began, if the setting of the day of registration
says that it is. Once the term runs, the office has begun and the fee stays paid."""


@dataclass(eq=False)
class AlreadyDueBack(Refusal):
    """This payment is due back already."""

    code = "ALREADY_DUE_BACK"


def refuse_if_paid(paid: bool) -> None:
    """The first full payment pays, and no second one does. Raises: AlreadyPaid."""
    if paid:
        raise AlreadyPaid


def refuse_if_due_back(payment: UUID, due: Mapping[UUID, Money]) -> None:
    """Raises: AlreadyDueBack."""
    if payment in due:
        raise AlreadyDueBack


def refuse_unless_due_back(payment: UUID, amount: Money, due: Mapping[UUID, Money]) -> None:
    """Money is sent back whole, and only what is due. Raises: NothingDueBack."""
    if due.get(payment) != amount:
        raise NothingDueBack
