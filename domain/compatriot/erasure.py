"""What may be done about erasing an application's personal data, and all that belongs to it: its calls and payments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from domain.cases import NUMBER
from domain.compatriot.application import Application
from domain.erasure import LegalGround
from domain.event import Act, Root
from domain.office import Office, Receipt
from domain.payments.commands import CASH_REFERENCE, orders_of_case
from domain.payments.payment import Payment
from domain.people import SubjectId
from domain.videobar.call import Call
from domain.videobar.commands import calls_of_case


@dataclass(frozen=True)
class Belongings:
    """An application and every stream that says something of its person or of who paid."""

    case: Application
    calls: tuple[Call, ...]
    payments: tuple[Payment, ...]
    draft: UUID
    """What the application was filed from."""
    files: tuple[UUID, ...]
    """Every sealed file that any of them holds: documents, those of answers, recordings."""

    @property
    def call_ids(self) -> tuple[UUID, ...]:
        """Its calls at the video bar."""
        return tuple(call.id for call in self.calls)

    @property
    def streams(self) -> tuple[UUID, ...]:
        """Every stream that is fenced, the application's own first."""
        return (self.case.id, *self.call_ids, *(payment.id for payment in self.payments))

    @property
    def addressed(self) -> tuple[UUID, ...]:
        """Addresses of its calls and payments are numberings, made of ids, and bank transactions: money counts once."""
        return (self.case.id,)

    @property
    def subjects(self) -> tuple[SubjectId, ...]:
        """Everybody whose data belong to the case: the applicant, and whoever paid.

        A payer is another person, often a relative, and is known to the office for this case alone. Bookkeeping law
        asks for the entry (amount, day, transaction, what became of it), which is no personal field and stays; who paid
        is on the bank's statement, which is the primary document and not the office's to erase. So nothing holds the
        payer here once the case's person is erased, if nothing is due back (`retention.refuse_unless_erasable`).
        """
        found = (self.case.subject, *(payment.subject for payment in self.payments))
        return tuple(sorted({subject for subject in found if subject is not None}))


class Erasures:
    """The commands. Each may be repeated with the same ``act``: it is done once. All raise UnknownCase."""

    fences = (Application.ErasureRequested, Call.ErasureRequested, Payment.ErasureRequested)
    never_again = (NUMBER, CASH_REFERENCE)

    def __init__(self, office: Office) -> None:
        self.office = office

    def check(self, act: Act, *, case: UUID, ground: LegalGround) -> None:
        """Whether the first of two persons may ask for it now, on whatever ground of the law.

        Raises: as `Application.refuse_unless_erasable`.
        """
        self.office.load(Application, case).refuse_unless_erasable(act)

    def request(self, act: Act, *, case: UUID, ground: LegalGround, asked_by: str, asked_at: datetime) -> Receipt:
        """The second person confirms: the case, its calls and its payments are fenced, in one transaction.

        Raises: as `Application.request_erasure`.
        """

        def decide() -> Receipt:
            found = self.belongings(case)
            found.case.request_erasure(act, ground=ground, asked_by=asked_by, asked_at=asked_at)
            others: list[Root] = [*found.calls, *found.payments]
            for other in (*found.calls, *found.payments):
                other.request_erasure(act)
            return self.office.commit(found.case, *others, act=act)

        return self.office.perform(act, decide)

    def finish(self, act: Act, *, case: UUID, subjects: tuple[SubjectId, ...]) -> Receipt:
        """Say that all is erased, once it is. Raises: NotForThisRole."""

        def decide() -> Receipt:
            application = self.office.load(Application, case)
            if not application.erased(act, subjects):
                return Receipt(stream=application.id, version=application.version, position=0)
            return self.office.commit(application, act=act)

        return self.office.perform(act, decide)

    def belongings(self, case: UUID) -> Belongings:
        """All that belongs to the case, as the ledger has it now."""
        application = self.office.load(Application, case)
        calls = tuple(self.office.load(Call, call) for call in calls_of_case(self.office, case).every())
        events = self.office.history(case)
        orders = {*orders_of_case(self.office, case).every(), *_money(events)}
        payments = tuple(self.office.load(Payment, payment) for payment in sorted(orders))
        files = (*_papers(events), *(file for call in calls for file in call.files))
        draft = next(event.draft for event in events if isinstance(event, Application.Registered))
        return Belongings(application, calls, tuple(one for one in payments if one.case == case), draft, files)


def _money(events: list[Root.Event]) -> Iterator[UUID]:
    """The payments that the case's own events name: whatever money was ever found to be meant for it."""
    for event in events:
        if isinstance(event, (Application.Paid, Application.RefundDue)):
            yield event.payment


def _papers(events: list[Root.Event]) -> Iterator[UUID]:
    for event in events:
        match event:
            case Application.Registered() | Application.InformationProvided():
                yield from event.files
            case Application.DocumentAttached():
                yield event.file
            case _:
                pass
