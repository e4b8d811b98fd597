"""One payment: an order by card, or one credit in cash. What it means for its case: `matching`."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from eventsourcing.domain import event

from domain.event import Act, Created, Personal, Root
from domain.payments.bank import BankOrder, CreditNotice, OrderStatus, Payer
from domain.payments.case import Case, Method
from domain.payments.matching import failure_of
from domain.payments.money import Money
from domain.payments.refusals import (
    NotACashier,
    NothingDueBack,
    NotInSuspense,
    NotYetExpired,
    OtherOrder,
    PaymentClosed,
    RefundNotOrdered,
    TransactionUsed,
)
from domain.payments.terms import Doubt, Failure, Matching, Phase
from domain.people import Role, SubjectId
from domain.publishing import Published
from domain.words import reasons as reasoned


class Payment(Root):
    """A payment. A card order's stream id is its order id at the bank; each attempt is a payment of its own.

    Cash is sealed under a subject of its own, its payer: whose money it is may be unknown when it comes. So is money by
    card that comes when the case's own subject is erased.
    """

    TOPIC = "payments.Payment"

    class Opened(Created):
        """A card order for a case's fee."""

        TOPIC = "payments.Payment.Opened"
        PUBLIC = Published(1, "number", case="case")
        case: UUID
        fee: Money
        number: int
        """The how-manieth card order of this case, from 1."""
        expires: datetime

    class Succeeded(Root.Event):
        """The bank took money for the order, even if it expired here or failed before. Not yet: whether it pays."""

        TOPIC = "payments.Payment.Succeeded"
        PUBLIC = Published(1)
        received: Money
        transaction: str
        payer: Personal[Payer | None]

    class Failed(Root.Event):
        """The bank's last word: no money."""

        TOPIC = "payments.Payment.Failed"
        PUBLIC = Published(1, "reason")
        reason: Failure

    class Expired(Root.Event):
        """Out of time here. The bank is asked until its answer is final."""

        TOPIC = "payments.Payment.Expired"
        PUBLIC = Published(1)

    class CashReceived(Created):
        """One credit on the office's account."""

        TOPIC = "payments.Payment.CashReceived"
        received: Money
        transaction: str
        credited_on: date
        reference: Personal[str]
        """As the payer gave it."""
        payer: Personal[Payer]

    class PutInSuspense(Root.Event):
        """No case's reference and amount, or the case is erased: waits for a cashier."""

        TOPIC = "payments.Payment.PutInSuspense"
        doubt: Doubt

    class Matched(Root.Event):
        """Found to be meant for a case. Not yet: whether it pays."""

        TOPIC = "payments.Payment.Matched"
        PUBLIC = Published(1, "matching", case="case")
        case: UUID
        matching: Matching
        reasons: Personal[str | None]
        """By what a cashier knew whose money it is; None where reference and amount said it."""

    class RefundOrdered(Root.Event):
        """A cashier ordered the money sent back, whole."""

        TOPIC = "payments.Payment.RefundOrdered"
        PUBLIC = Published(1)
        amount: Money
        transaction: str
        """The bank's transaction that is sent back."""

    class Refunded(Root.Event):
        """The bank sent it back."""

        TOPIC = "payments.Payment.Refunded"
        PUBLIC = Published(1)
        amount: Money
        transaction: str
        """The bank's transaction of the refund."""

    class ErasureRequested(Root.Event):
        """The personal data of the case that it was for are erased, and with them who paid. The books keep the money.

        Amount, day, transaction and what became of it are no personal fields: bookkeeping needs no more, and the bank's
        own statement names the payer.
        """

        TOPIC = "payments.Payment.ErasureRequested"

    def __init__(
        self,
        subject: SubjectId | None,
        case: UUID | None = None,
        fee: Money | None = None,
        number: int = 0,
        expires: datetime | None = None,
        received: Money | None = None,
        transaction: str | None = None,
    ) -> None:
        """Copies the facts of either first event: Opened says case, fee, number and expiry; CashReceived the rest."""
        self.subject = subject
        self.case = case
        self.fee = fee
        self.number = number
        self.expires = expires
        self.received = received
        self.transaction = transaction
        self.refund_transaction: str | None = None
        self.expired_at: datetime | None = None
        self.case_forgotten = False
        self.phase = Phase.OPEN if received is None else Phase.RECEIVED

    @classmethod
    def open_card(cls, act: Act, *, case: Case, number: int, expires: datetime) -> Payment:
        """Open a card order for the case's fee."""
        return cls.begin(
            cls.Opened, act, subject=case.subject, case=case.id, fee=case.fee, number=number, expires=expires
        )

    @classmethod
    def receive_cash(cls, act: Act, *, subject: SubjectId, notice: CreditNotice) -> Payment:
        """Note a credit; `match_exactly` or `suspend` follows in the same transaction."""
        return cls.begin(
            cls.CashReceived,
            act,
            subject=subject,
            received=notice.received,
            transaction=notice.transaction,
            credited_on=notice.credited_on,
            reference=notice.reference,
            payer=notice.payer,
        )

    @property
    def method(self) -> Method:
        return Method.CASH if self.expires is None else Method.CARD

    @property
    def is_open(self) -> bool:
        """Whether its page at the bank may be shown."""
        return self.phase is Phase.OPEN

    @property
    def is_settled(self) -> bool:
        """Whether the bank has said its last word on the order."""
        return self.phase not in {Phase.OPEN, Phase.EXPIRED}

    def request_erasure(self, act: Act) -> None:
        """The personal data of the case are erased, the payer's among them."""
        self.record(self.ErasureRequested, act)

    def comes_too_late(self, answer: BankOrder) -> bool:
        """Whether this answer brings money for a case whose personal data were erased meanwhile."""
        return self.case_forgotten and answer.status is OrderStatus.PAID and self.received is None

    def settle_in_suspense(self, act: Act, answer: BankOrder, payer: SubjectId) -> None:
        """Take money of which no case knows any more: it waits for a cashier, its payer sealed under a subject anew.

        Raises: OtherOrder.
        """
        if answer.order_id != self.id:
            raise OtherOrder
        self.record(
            self.Succeeded,
            act,
            subject=payer,
            received=answer.received,
            transaction=answer.transaction,
            payer=answer.payer,
        )
        self.suspend(act, Doubt.CASE_ERASED)

    def settle(self, act: Act, answer: BankOrder, grace_over: bool) -> bool:
        """Take the bank's own answer about the order. Returns: whether money came in by it, now and not before.

        ``grace_over``: it expired so long ago that an order unknown to the bank cannot be on its way there. The bank's
        word outweighs ours: an order that expired here or failed before and is paid after all has succeeded.
        Raises: OtherOrder, TransactionUsed.
        """
        if self.method is not Method.CARD or answer.order_id != self.id:
            raise OtherOrder
        if answer.status is OrderStatus.PAID and answer.received is not None and answer.transaction is not None:
            return self._succeed(act, answer.received, answer.transaction, answer.payer)
        if not self.is_settled and (failure := failure_of(answer.status, grace_over)):
            self.record(self.Failed, act, reason=failure)
        return False

    def _succeed(self, act: Act, received: Money, transaction: str, payer: Payer | None) -> bool:
        if self.received is not None:
            if (self.received, self.transaction) != (received, transaction):
                raise TransactionUsed
            return False
        self.record(self.Succeeded, act, received=received, transaction=transaction, payer=payer)
        return True

    def expire(self, act: Act) -> None:
        """Its time is over here; nothing if it is not open. Raises: NotYetExpired."""
        if self.expires is not None and self.is_open:
            if act.now < self.expires:
                raise NotYetExpired(self.expires)
            self.record(self.Expired, act)

    def suspend(self, act: Act, doubt: Doubt) -> None:
        """Put money in suspense, for a cashier."""
        self.record(self.PutInSuspense, act, doubt=doubt)

    def match_exactly(self, act: Act, *, case: UUID) -> None:
        """Cash that has just come in is meant for this case, by reference and amount. Raises: NotInSuspense."""
        if self.phase is not Phase.RECEIVED:
            raise NotInSuspense
        self.record(self.Matched, act, case=case, matching=Matching.EXACT, reasons=None)

    def match_by_hand(self, act: Act, *, case: UUID, reasons: str) -> None:
        """Cash in suspense is meant for this case, as a cashier found for these reasons.

        Raises: NotACashier, NotInSuspense, ReasonsMissing, WordsTooLong, WordsUnreadable.
        """
        refuse_unless_cashier(act)
        if self.phase is not Phase.SUSPENSE:
            raise NotInSuspense
        self.record(self.Matched, act, case=case, matching=Matching.CASHIER, reasons=reasoned(reasons))

    def order_refund(self, act: Act, *, due_back: bool) -> None:
        """Order it sent back, whole. ``due_back``: the case says so; cash in suspense needs no case to say it.

        Raises: NotACashier, NothingDueBack.
        """
        refuse_unless_cashier(act)
        held = self.phase is Phase.SUSPENSE or (due_back and self.phase in {Phase.SUCCEEDED, Phase.MATCHED})
        if not held or self.received is None:
            raise NothingDueBack
        self.record(self.RefundOrdered, act, amount=self.received, transaction=self.transaction)

    def refund(self, act: Act, *, transaction: str) -> bool:
        """The bank sent it back. Returns: whether that is news. Raises: RefundNotOrdered, TransactionUsed."""
        if self.phase is Phase.REFUNDED:
            if self.refund_transaction != transaction:
                raise TransactionUsed
            return False
        if self.phase is not Phase.REFUND_ORDERED:
            raise RefundNotOrdered
        self.record(self.Refunded, act, amount=self.received, transaction=transaction)
        return True

    def refuse_unless_of(self, notice: CreditNotice) -> None:
        """Raises: TransactionUsed unless this is the credit that ``notice`` tells of."""
        told = (Method.CASH, notice.transaction, notice.received)
        if (self.method, self.transaction, self.received) != told:
            raise TransactionUsed

    def refuse_unless_open(self) -> None:
        """Raises: PaymentClosed."""
        if not self.is_open:
            raise PaymentClosed

    @event(Succeeded)
    def _succeeded(self, subject: SubjectId | None, received: Money, transaction: str) -> None:
        self.subject = subject
        self.received = received
        self.transaction = transaction
        self.phase = Phase.SUCCEEDED

    @event(Failed)
    def _failed(self) -> None:
        self.phase = Phase.FAILED

    @event(Expired)
    def _expired(self, timestamp: datetime) -> None:
        self.expired_at = timestamp
        self.phase = Phase.EXPIRED

    @event(PutInSuspense)
    def _put_in_suspense(self) -> None:
        self.case = None
        self.phase = Phase.SUSPENSE

    @event(Matched)
    def _matched(self, case: UUID) -> None:
        self.case = case
        self.phase = Phase.MATCHED

    @event(ErasureRequested)
    def _erasure_requested(self) -> None:
        self.case_forgotten = True

    @event(RefundOrdered)
    def _refund_ordered(self) -> None:
        self.phase = Phase.REFUND_ORDERED

    @event(Refunded)
    def _refunded(self, transaction: str) -> None:
        self.refund_transaction = transaction
        self.phase = Phase.REFUNDED


def refuse_unless_cashier(act: Act) -> None:
    """Raises: NotACashier."""
    if act.by.role is not Role.CASHIER:
        raise NotACashier
