"""A third service, for tests: a mushroom permit, paid for and seen at the video bar, of which neither knows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from eventsourcing.domain import event

from domain.event import Act, Created, Erased, Personal, Root
from domain.office import Address, Office
from domain.payments.case import Method, RefundReason
from domain.payments.money import Money
from domain.people import Actor, Role, SubjectId
from domain.refusals import Refusal
from domain.videobar.case import DOUBTS, Ground
from domain.videobar.checks import Checks, Source

FEE = Money(Decimal("50.00"))


@dataclass(eq=False)
class PermitAwaitsNoCall(Refusal):
    code = "PERMIT_AWAITS_NO_CALL"


class Permit(Root):
    TOPIC = "tests.Permit"

    class Filed(Created):
        TOPIC = "tests.Permit.Filed"
        fee: Money
        identity_source: Source

    class Paid(Root.Event):
        TOPIC = "tests.Permit.Paid"
        payment: UUID
        received: Money

    class RefundDue(Root.Event):
        TOPIC = "tests.Permit.RefundDue"
        payment: UUID
        amount: Money
        reason: RefundReason

    class Refunded(Root.Event):
        TOPIC = "tests.Permit.Refunded"
        payment: UUID
        amount: Money

    class Verified(Root.Event):
        TOPIC = "tests.Permit.Verified"
        operator: str
        will: Personal[str]

    class ReceptionRefused(Root.Event):
        TOPIC = "tests.Permit.ReceptionRefused"
        ground: Ground
        reasons: Personal[str | None]

    class Withdrawn(Root.Event):
        TOPIC = "tests.Permit.Withdrawn"

    @event(Filed)
    def __init__(self, subject: SubjectId, fee: Money, identity_source: Source) -> None:
        self.subject = subject
        self.fee = fee
        self.identity_source = identity_source
        self.service = "mushrooms"
        self.paid_by: UUID | None = None
        self.due: dict[UUID, Money] = {}
        self.verified_by: str | None = None
        self.has_ended = False
        self.is_forgotten = False

    @property
    def is_paid(self) -> bool:
        return self.paid_by is not None

    def is_due_back(self, payment: UUID) -> bool:
        return payment in self.due

    @property
    def grounds(self) -> tuple[Ground, ...]:
        return DOUBTS

    @property
    def changed(self) -> tuple[Root]:
        return (self,)

    @property
    def claims(self) -> tuple[Address, ...]:
        return ()

    def refuse_unless_awaits_call(self) -> None:
        if self.has_ended or self.verified_by is not None:
            raise PermitAwaitsNoCall

    def paid(self, act: Act, *, payment: UUID, received: Money, method: Method) -> None:
        assert not self.is_paid, "a permit is paid for once"
        assert not self.has_ended
        self.record(self.Paid, act, payment=payment, received=received)

    def refund_due(self, act: Act, *, payment: UUID, amount: Money, reason: RefundReason) -> None:
        assert payment not in self.due
        self.record(self.RefundDue, act, payment=payment, amount=amount, reason=reason)

    def refunded(self, act: Act, *, payment: UUID, amount: Money) -> None:
        assert self.due[payment] == amount
        self.record(self.Refunded, act, payment=payment, amount=amount)

    def verified(
        self, act: Act, *, call: UUID, sitting: int, operator: Actor, checks: Checks, will: str | Erased
    ) -> None:
        self.refuse_unless_awaits_call()
        self.record(self.Verified, act, operator=operator.id, will=will)

    def reception_refused(self, act: Act, *, call: UUID, ground: Ground, reasons: str | Erased | None) -> None:
        self.refuse_unless_awaits_call()
        self.record(self.ReceptionRefused, act, ground=ground, reasons=reasons)
        self._give_back(act, RefundReason.RECEPTION_REFUSED)

    def withdraw(self, act: Act) -> None:
        self.record(self.Withdrawn, act)
        self._give_back(act, RefundReason.WITHDRAWN)

    def _give_back(self, act: Act, reason: RefundReason) -> None:
        if self.paid_by is not None:
            self.refund_due(act, payment=self.paid_by, amount=self.fee, reason=reason)

    @event(Paid)
    def _paid(self, payment: UUID) -> None:
        self.paid_by = payment

    @event(RefundDue)
    def _refund_due(self, payment: UUID, amount: Money) -> None:
        self.due[payment] = amount

    @event(Refunded)
    def _refunded(self, payment: UUID) -> None:
        del self.due[payment]

    @event(Verified)
    def _verified(self, operator: str) -> None:
        self.verified_by = operator

    @event(ReceptionRefused)
    def _reception_refused(self) -> None:
        self.has_ended = True

    @event(Withdrawn)
    def _withdrawn(self) -> None:
        self.has_ended = True


class Permits:
    """Both packages' Cases."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def load(self, stream: UUID) -> Permit:
        return self.office.load(Permit, stream)


def file_permit(
    office: Office, subject: SubjectId, reference: str, *, source: Source = Source.CIVIL_REGISTRY, fee: Money = FEE
) -> Permit:
    """A permit that can be paid for in cash by ``reference``."""
    act = office.act(Actor("draft", Role.APPLICANT), "file")
    permit = Permit.begin(Permit.Filed, act, subject=subject, fee=fee, identity_source=source)
    office.commit(permit, act=act, addresses=[Address("cash-reference", reference, permit.id)])
    return permit
