"""The payments' commands, one method each. Callbacks never come here: only what the bank itself was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from domain.event import Act, Root
from domain.office import Address, Office, Receipt, Subjects
from domain.payments.bank import BankOrder, CreditNotice
from domain.payments.case import Case, Cases
from domain.payments.matching import doubt, effect
from domain.payments.payment import Payment
from domain.payments.refusals import AlreadyPaid, CaseEnded, TransactionUsed
from domain.payments.terms import Doubt
from domain.people import SubjectId
from domain.series import Series

BANK_TRANSACTION = "bank-transaction"
"""The kind of address that makes a transaction of the bank count once."""
CASH_REFERENCE = "cash-reference"
"""The kind of address by which cash finds its case; minted with the case, and not its number."""


@dataclass(frozen=True)
class Rules:
    """Every setting of payments."""

    order_lifetime: timedelta = timedelta(hours=24)
    """How long a card order may be paid from our side."""
    unknown_order_grace: timedelta = timedelta(hours=1)
    """How long after its expiry an order that the bank does not know may still turn up there."""


class Commands:
    """Payments."""

    def __init__(self, office: Office, cases: Cases, subjects: Subjects, rules: Rules) -> None:
        self.office = office
        self.cases = cases
        self.subjects = subjects
        self.rules = rules

    def first_order(self, act: Act, case: Case) -> tuple[Payment, Address]:
        """A new case's first card order, for the service to commit with the case and this address."""
        payment = Payment.open_card(act, case=case, number=1, expires=act.now + self.rules.order_lifetime)
        return payment, orders_of_case(self.office, case.id).address(1, payment.id)

    def open_card(self, act: Act, *, case: UUID) -> Receipt:
        """Open a card order for the case's fee; one that is still open is answered again.

        Raises: AlreadyPaid, CaseEnded, UnknownCase.
        """

        def decide() -> Receipt:
            owner = self._payable_case(case)
            series = orders_of_case(self.office, case)
            number, newest = series.newest()
            if newest is not None:
                earlier = self.office.load(Payment, newest)
                if earlier.expires is not None and earlier.is_open and act.now < earlier.expires:
                    return _unchanged(earlier)
            expires = act.now + self.rules.order_lifetime
            payment = Payment.open_card(act, case=owner, number=number + 1, expires=expires)
            return self.office.commit(payment, act=act, addresses=[series.address(number + 1, payment.id)])

        return self.office.perform(act, decide)

    def payable(self, payment: UUID) -> Payment:
        """The order whose page at the bank may be shown now.

        Raises: UnknownCase, PaymentClosed, AlreadyPaid, CaseEnded.
        """
        found = self.office.load(Payment, payment)
        found.refuse_unless_open()
        if found.case is not None:
            self._payable_case(found.case)
        return found

    def under_way(self, act: Act, *, case: UUID) -> datetime | None:
        """When the case's newest card order was opened, if the bank may still say that it is paid; else None."""
        _, newest = orders_of_case(self.office, case).newest()
        found = None if newest is None else self.office.load(Payment, newest)
        if found is None or found.expires is None or found.is_settled:
            return None
        return found.created_on if act.now < found.expires + self.rules.unknown_order_grace else None

    def settle(self, act: Act, *, payment: UUID, bank_answer: BankOrder) -> Receipt:
        """Take the bank's own answer about a card order, fetched from it. The same answer twice changes nothing.

        Money for a case whose personal data were erased goes into suspense.
        Raises: UnknownCase, OtherOrder, TransactionUsed.
        """

        def decide() -> Receipt:
            found = self.office.load(Payment, payment)
            if found.comes_too_late(bank_answer) and bank_answer.transaction is not None:
                found.settle_in_suspense(act, bank_answer, self._payer(bank_answer.transaction))
                return self._counted(act, found, bank_answer.transaction)
            over = found.expired_at is not None and act.now >= found.expired_at + self.rules.unknown_order_grace
            if not found.settle(act, bank_answer, grace_over=over):
                return self._saved(act, found)
            if found.case is None or found.transaction is None:
                raise TypeError("a card order has a case, and money that came in a transaction")
            self._refuse_used(found.transaction)
            once = Address(BANK_TRANSACTION, found.transaction, found.id)
            return self._credit(act, found, self.cases.load(found.case), addresses=[once])

        return self.office.perform(act, decide)

    def expire(self, act: Act, *, payment: UUID) -> Receipt:
        """The order's time is over here; the bank is still asked. Raises: UnknownCase, NotYetExpired."""

        def decide() -> Receipt:
            found = self.office.load(Payment, payment)
            found.expire(act)
            return self._saved(act, found)

        return self.office.perform(act, decide)

    def receive_cash(self, act: Act, *, notice: CreditNotice) -> Receipt:
        """Take a credit in cash: exactly a case's reference and fee, or into suspense. The same notice twice is once.

        Raises: TransactionUsed.
        """

        def decide() -> Receipt:
            if (known := self._known(notice)) is not None:
                return known
            payer = self._payer(notice.transaction)
            if (known := self._known(notice)) is not None:  # asked again, as the payer may be one anew: see `_payer`
                return known
            payment = Payment.receive_cash(act, subject=payer, notice=notice)
            meant = self.office.find(CASH_REFERENCE, plain_reference(notice.reference))
            case = None if meant is None else self.cases.load(meant)
            if case is not None and case.is_forgotten:  # its reference is on its way out, and soon unknown
                case = None
            once = Address(BANK_TRANSACTION, notice.transaction, payment.id)
            why = Doubt.UNKNOWN_REFERENCE if case is None else doubt(notice.received, case)
            if case is None or why is not None:
                payment.suspend(act, why or Doubt.UNKNOWN_REFERENCE)
                return self.office.commit(payment, act=act, addresses=[once])
            payment.match_exactly(act, case=case.id)
            return self._credit(act, payment, case, addresses=[once])

        return self.office.perform(act, decide)

    def match(self, act: Act, *, payment: UUID, case: UUID, reasons: str) -> Receipt:
        """A cashier finds, for ``reasons``, whose the cash in suspense is. It pays or is due back as any money for it.

        Raises: UnknownCase, NotACashier, NotInSuspense, ReasonsMissing, WordsTooLong, WordsUnreadable.
        """

        def decide() -> Receipt:
            found = self.office.load(Payment, payment)
            owner = self.cases.load(case)
            found.match_by_hand(act, case=owner.id, reasons=reasons)
            return self._credit(act, found, owner)

        return self.office.perform(act, decide)

    def order_refund(self, act: Act, *, payment: UUID) -> Receipt:
        """A cashier orders the whole payment sent back: its case says that it is due, or it is nobody's, in suspense.

        Raises: UnknownCase, NotACashier, NothingDueBack.
        """

        def decide() -> Receipt:
            found = self.office.load(Payment, payment)
            due = found.case is not None and self.cases.load(found.case).is_due_back(found.id)
            found.order_refund(act, due_back=due)
            return self.office.commit(found, act=act)

        return self.office.perform(act, decide)

    def refunded(self, act: Act, *, payment: UUID, bank_transaction: str) -> Receipt:
        """The bank sent it back, by this transaction of its own. Said twice, it is recorded once.

        Raises: UnknownCase, RefundNotOrdered, TransactionUsed.
        """

        def decide() -> Receipt:
            found = self.office.load(Payment, payment)
            if not found.refund(act, transaction=bank_transaction):
                return _unchanged(found)
            self._refuse_used(bank_transaction)
            once = Address(BANK_TRANSACTION, bank_transaction, found.id)
            if found.case is None or found.received is None:
                return self.office.commit(found, act=act, addresses=[once])
            case = self.cases.load(found.case)
            case.refunded(act, payment=found.id, amount=found.received)
            return self.office.commit(found, _root(case), act=act, addresses=[once])

        return self.office.perform(act, decide)

    def _known(self, notice: CreditNotice) -> Receipt | None:
        """The credit, if it was taken before. Raises: TransactionUsed."""
        holder = self.office.find(BANK_TRANSACTION, notice.transaction)
        if holder is None:
            return None
        known = self.office.load(Payment, holder)
        known.refuse_unless_of(notice)
        return _unchanged(known)

    def _payer(self, transaction: str) -> SubjectId:
        """Under whom the payer of this money is sealed: the same for whoever takes it, at once or after a kill.

        It is one anew where the payer was erased before. Whether the transaction is taken must be asked after this:
        then nothing of the erased is sealed again.
        """
        return self.subjects.mint(f"{BANK_TRANSACTION} {transaction}")

    def _credit(self, act: Act, payment: Payment, case: Case, addresses: Sequence[Address] = ()) -> Receipt:
        """Money came in for the case: it pays, or is due back; payment and case say so in one transaction."""
        received = payment.received
        if received is None:
            raise TypeError("no money came in by this payment")
        if case.is_due_back(payment.id):
            raise IntegrityError("the payment has moved on since it was loaded, with its case")  # decide again
        if (reason := effect(received, case)) is None:
            case.paid(act, payment=payment.id, received=received, method=payment.method)
        else:
            case.refund_due(act, payment=payment.id, amount=received, reason=reason)
        return self.office.commit(payment, _root(case), act=act, addresses=addresses)

    def _payable_case(self, case: UUID) -> Case:
        owner = self.cases.load(case)
        if owner.has_ended:
            raise CaseEnded
        if owner.is_paid:
            raise AlreadyPaid
        return owner

    def _counted(self, act: Act, payment: Payment, transaction: str) -> Receipt:
        """Commit money that has just come by this transaction, into suspense. Raises: TransactionUsed."""
        self._refuse_used(transaction)
        return self.office.commit(payment, act=act, addresses=[Address(BANK_TRANSACTION, transaction, payment.id)])

    def _refuse_used(self, transaction: str) -> None:
        """Raises: TransactionUsed if the transaction was counted before, for whatever payment."""
        if self.office.find(BANK_TRANSACTION, transaction) is not None:
            raise TransactionUsed

    def _saved(self, act: Act, payment: Payment) -> Receipt:
        return self.office.commit(payment, act=act) if payment.pending_events else _unchanged(payment)


def plain_reference(told: str) -> str:
    """A cash reference as it is kept, without the spaces in which it is printed in groups and read aloud.

    Source: ISO 11649, whose printed form is groups of four characters. Nothing else is forgiven: what then is not
    exactly a case's reference goes to suspense.
    """
    return "".join(told.split())


def orders_of_case(office: Office, case: UUID) -> Series:
    """A case's card orders by number: only the newest can be open."""
    return Series(office, "card-order-of-case", str(case))


def _unchanged(payment: Payment) -> Receipt:
    return Receipt(stream=payment.id, version=payment.version, position=0)


def _root(case: Case) -> Root:
    if not isinstance(case, Root):
        raise TypeError("a case is an aggregate")
    return case
