"""What payments refuse, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.refusals import Refusal


@dataclass(eq=False)
class AlreadyPaid(Refusal):
    """The fee is paid; another payment would only have to be sent back."""

    code = "ALREADY_PAID"


@dataclass(eq=False)
class CaseEnded(Refusal):
    """The case has ended and costs nothing more."""

    code = "CASE_ENDED"


@dataclass(eq=False)
class PaymentClosed(Refusal):
    """This order was paid, failed or ran out of time; another may be opened."""

    code = "PAYMENT_CLOSED"


@dataclass(eq=False)
class NotYetExpired(Refusal):
    """The order's time has not run out."""

    code = "NOT_YET_EXPIRED"
    expires: datetime


@dataclass(eq=False)
class OtherOrder(Refusal):
    """The bank's answer is about another order, or an order by card was expected."""

    code = "OTHER_ORDER"


@dataclass(eq=False)
class TransactionUsed(Refusal):
    """One transaction of the bank counts once; this one was counted for another payment, or as another sum."""

    code = "TRANSACTION_USED"


@dataclass(eq=False)
class NotACashier(Refusal):
    """Whose money it is and that it goes back is for a cashier to say, and for nobody else."""

    code = "NOT_A_CASHIER"


@dataclass(eq=False)
class NotInSuspense(Refusal):
    """Only cash in suspense is matched by hand."""

    code = "NOT_IN_SUSPENSE"


@dataclass(eq=False)
class NothingDueBack(Refusal):
    """This payment is not due back: nothing came in by it, it paid the fee, or it was sent back already."""

    code = "NOTHING_DUE_BACK"


@dataclass(eq=False)
class RefundNotOrdered(Refusal):
    """A cashier orders a refund before it is done."""

    code = "REFUND_NOT_ORDERED"
