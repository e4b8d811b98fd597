"""What a payment asks of the case that it pays for: the Protocol that every service implements."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol
from uuid import UUID

from domain.event import Act
from domain.payments.money import Money
from domain.people import SubjectId


class Method(StrEnum):
    """How it was paid."""

    CARD = "CARD"
    CASH = "CASH"


class RefundReason(StrEnum):
    """Why money that came in is due back."""

    ALREADY_PAID = "ALREADY_PAID"
    WRONG_AMOUNT = "WRONG_AMOUNT"
    WRONG_CURRENCY = "WRONG_CURRENCY"
    CASE_ENDED = "CASE_ENDED"
    """It came after the case had ended."""
    RECEPTION_REFUSED = "RECEPTION_REFUSED"
    """The fee of a case whose electronic form was then refused reception."""
    LAPSED = "LAPSED"
    """The fee of a case that lapsed before its term began."""
    WITHDRAWN = "WITHDRAWN"
    """The fee of a case that was withdrawn before its term began."""


class Case(Protocol):
    """A case as payments see it. Its aggregate is a `Root`; the methods record events on it."""

    @property
    def id(self) -> UUID: ...

    @property
    def subject(self) -> SubjectId | None: ...

    @property
    def fee(self) -> Money:
        """What this case costs, fixed when it was registered."""
        ...

    @property
    def is_paid(self) -> bool:
        """Whether a payment has paid the fee, even if it became due back since."""
        ...

    @property
    def has_ended(self) -> bool:
        """Whether money that comes now comes too late: lapsed, withdrawn, refused, decided."""
        ...

    @property
    def is_forgotten(self) -> bool:
        """Whether its personal data are erased, or are to be: money that comes now is not noted in it."""
        ...

    def is_due_back(self, payment: UUID) -> bool:
        """Whether this payment is due back and was not refunded yet."""
        ...

    def paid(self, act: Act, *, payment: UUID, received: Money, method: Method) -> None:
        """This payment pays the fee."""
        ...

    def refund_due(self, act: Act, *, payment: UUID, amount: Money, reason: RefundReason) -> None:
        """This payment does not pay the fee and is due back whole."""
        ...

    def refunded(self, act: Act, *, payment: UUID, amount: Money) -> None:
        """What was due back has been sent back."""
        ...


class Cases(Protocol):
    """Finds the case at a stream, of whatever service."""

    def load(self, stream: UUID) -> Case:
        """Raises: UnknownCase. What it returns is a `Root`."""
        ...
