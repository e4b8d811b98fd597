"""Everything that can happen to an application, and what each event leaves behind. Who may do what: `application`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from eventsourcing.domain import event

from domain.calendar import tbilisi_date
from domain.cases import NumberedCase
from domain.compatriot.decision import Hands, Outcome
from domain.compatriot.documents import Document
from domain.compatriot.form import Channel, Form, Tier
from domain.compatriot.state import Missing, Standing, State, missing, state_of
from domain.compatriot.term import DueDate, due_on
from domain.consents import Consent, ConsentKind
from domain.erasure import LegalGround
from domain.event import Created, Erased, Personal, Root
from domain.language import Language
from domain.payments.case import Method, RefundReason
from domain.payments.money import Money
from domain.people import Actor, SubjectId
from domain.publishing import Published, Term
from domain.videobar.case import Ground


class History(NumberedCase):
    """The course of one application. State is only what a rule asks for."""

    class Registered(Created):
        """The form was filed. Fee, term and last day of reception are those in force on this day."""

        TOPIC = "compatriot.Application.Registered"
        PUBLIC = Published(1, "tier", "language", "channel", "fee", "term_days", opens=("form.grounds",), begins=True)
        draft: UUID
        number: Personal[str]
        cash_reference: Personal[str]
        code_version: int
        code_issue: int
        form: Personal[Form]
        documents: Personal[tuple[Document, ...]]
        files: tuple[UUID, ...]
        """The sealed files that the case now holds on to, for whoever expires unused uploads."""
        tier: Tier
        language: Language
        channel: Channel
        fee: Money
        term_days: int
        fee_in_force_since: date
        end_moves_for_holidays: bool
        """Whether this case's term ends on a working day only."""
        reception_until: date
        """The last day on which fee and talk may come, if warned in time."""
        refunded_endings: tuple[State, ...]
        """Endings before the term begins that make a paid fee due back."""

    @event(Registered)
    def __init__(
        self,
        subject: SubjectId | None,
        timestamp: datetime,
        number: str | Erased,
        cash_reference: str | Erased,
        code_version: int,
        code_issue: int,
        form: Form | Erased,
        documents: tuple[Document, ...] | Erased,
        tier: Tier,
        language: Language,
        fee: Money,
        term_days: int,
        end_moves_for_holidays: bool,
        reception_until: date,
        refunded_endings: tuple[State, ...],
    ) -> None:
        self.subject = subject
        self.registered_at = timestamp
        self.number = number
        self.cash_reference = cash_reference
        self.code_version = code_version
        self.code_issue = code_issue
        self.form = form
        self.documents: tuple[Document, ...] = () if isinstance(documents, Erased) else documents
        self.tier = tier
        self.language = language
        self.fee = fee
        self.term_days = term_days
        self.end_moves_for_holidays = end_moves_for_holidays
        self.refunded_endings = refunded_endings
        self.standing = Standing()
        self.consents: dict[ConsentKind, Consent] = {}
        self.answer_until: date | None = reception_until
        self.warned_of: frozenset[Missing] = frozenset()
        self.due: DueDate | None = None
        self.hands = Hands()
        self.outcome: Outcome | None = None
        self.payment: UUID | None = None
        self.refunds: dict[UUID, Money] = {}
        self.erasing = False
        self.is_erased = False

    @property
    def state(self) -> State:
        """Where the application stands."""
        return state_of(self.standing)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What the office waits for from the applicant."""
        return missing(self.standing)

    class ConsentGiven(Root.Event):
        TOPIC = "compatriot.Application.ConsentGiven"
        PUBLIC = Published(1, "kind")
        kind: ConsentKind
        version: str
        language: Language
        """In which the text was shown: a translation is another text than what it translates."""

    @event(ConsentGiven)
    def _consent_given(self, kind: ConsentKind, version: str, language: Language) -> None:
        self.consents[kind] = Consent(kind, version, language)

    class ConsentWithdrawn(Root.Event):
        TOPIC = "compatriot.Application.ConsentWithdrawn"
        PUBLIC = Published(1, "kind")
        kind: ConsentKind

    @event(ConsentWithdrawn)
    def _consent_withdrawn(self, kind: ConsentKind) -> None:
        del self.consents[kind]

    class CodeReissued(Root.Event):
        """A new code is in force; the one before no longer opens the case."""

        TOPIC = "compatriot.Application.CodeReissued"
        code_version: int
        code_issue: int

    @event(CodeReissued)
    def _code_reissued(self, code_version: int, code_issue: int) -> None:
        self.code_version = code_version
        self.code_issue = code_issue

    class VideoVerified(Root.Event):
        """The operator saw the applicant, every check passed. What was checked stands in the call's own stream."""

        TOPIC = "compatriot.Application.VideoVerified"
        PUBLIC = Published(1, term=Term("due", due_on))
        call: UUID
        operator: str
        due: DueDate | None
        """The term, if it starts now: the fee was there before."""

    @event(VideoVerified)
    def _video_verified(self, timestamp: datetime, operator: str, due: DueDate | None) -> None:
        self.standing = replace(self.standing, verified_at=timestamp)
        self.hands = self.hands.with_operator(operator)
        self._started(due)

    class ReceptionRefused(Root.Event):
        """The electronic case ends; the person may still apply in person."""

        TOPIC = "compatriot.Application.ReceptionRefused"
        PUBLIC = Published(1, "ground")
        call: UUID
        ground: Ground
        reasons: Personal[str | None]

    @event(ReceptionRefused)
    def _reception_refused(self) -> None:
        self._ended(State.RECEPTION_REFUSED)

    class Paid(Root.Event):
        """The fee is there, whole."""

        TOPIC = "compatriot.Application.Paid"
        PUBLIC = Published(1, "method", "received", term=Term("due", due_on))
        payment: UUID
        received: Money
        method: Method
        due: DueDate | None
        """The term, if it starts now: the applicant was verified before."""

    @event(Paid)
    def _paid(self, timestamp: datetime, payment: UUID, due: DueDate | None) -> None:
        self.standing = replace(self.standing, paid_at=timestamp)
        self.payment = payment
        self._started(due)

    class RefundDue(Root.Event):
        """Money of this payment is to be sent back."""

        TOPIC = "compatriot.Application.RefundDue"
        PUBLIC = Published(1, "reason")
        payment: UUID
        amount: Money
        reason: RefundReason

    @event(RefundDue)
    def _refund_due(self, payment: UUID, amount: Money) -> None:
        self.refunds[payment] = amount

    class Refunded(Root.Event):
        TOPIC = "compatriot.Application.Refunded"
        PUBLIC = Published(1)
        payment: UUID
        amount: Money

    @event(Refunded)
    def _refunded(self, payment: UUID) -> None:
        del self.refunds[payment]

    class ReviewStarted(Root.Event):
        TOPIC = "compatriot.Application.ReviewStarted"
        PUBLIC = Published(1)
        officer: str

    @event(ReviewStarted)
    def _review_started(self, timestamp: datetime, officer: str) -> None:
        self.standing = replace(self.standing, review_started_at=timestamp)
        self.hands = self.hands.with_officer(officer)

    class Assigned(Root.Event):
        """The chief gave the case to an officer."""

        TOPIC = "compatriot.Application.Assigned"
        PUBLIC = Published(1)
        officer: str

    @event(Assigned)
    def _assigned(self, by: Actor, officer: str) -> None:
        self.hands = replace(self.hands.with_chief(by.id), assigned=officer)

    class InformationRequested(Root.Event):
        """The term is suspended until the applicant answers."""

        TOPIC = "compatriot.Application.InformationRequested"
        PUBLIC = Published(1)
        text: Personal[str]
        answer_until: date

    @event(InformationRequested)
    def _information_requested(self, timestamp: datetime, by: Actor, answer_until: date) -> None:
        self.hands = self.hands.with_officer(by.id)
        self.standing = replace(self.standing, requested_at=timestamp)
        self.answer_until = answer_until
        self.warned_of = frozenset()

    class InformationProvided(Root.Event):
        TOPIC = "compatriot.Application.InformationProvided"
        PUBLIC = Published(1, term=Term("due", due_on))
        text: Personal[str]
        documents: Personal[tuple[Document, ...]]
        files: tuple[UUID, ...]
        due: DueDate

    @event(InformationProvided)
    def _information_provided(self, documents: tuple[Document, ...] | Erased, due: DueDate) -> None:
        self.standing = replace(self.standing, requested_at=None)
        if not isinstance(documents, Erased):
            self.documents = (*self.documents, *documents)
        self.answer_until = None
        self.warned_of = frozenset()
        self.due = due

    class DocumentAttached(Root.Event):
        """The officer put a document into the case."""

        TOPIC = "compatriot.Application.DocumentAttached"
        document: Personal[Document]
        file: UUID

    @event(DocumentAttached)
    def _document_attached(self, by: Actor, document: Document | Erased) -> None:
        self.hands = self.hands.with_officer(by.id)
        if not isinstance(document, Erased):
            self.documents = (*self.documents, document)

    class TermExtended(Root.Event):
        TOPIC = "compatriot.Application.TermExtended"
        PUBLIC = Published(1, "days", term=Term("due", due_on))
        days: int
        reasons: Personal[str]
        due: DueDate

    @event(TermExtended)
    def _term_extended(self, by: Actor, due: DueDate) -> None:
        self.hands = self.hands.with_chief(by.id)
        self.due = due

    class ConclusionPrepared(Root.Event):
        TOPIC = "compatriot.Application.ConclusionPrepared"
        PUBLIC = Published(1)
        officer: str
        text: Personal[str]
        recommends: Outcome

    @event(ConclusionPrepared)
    def _conclusion_prepared(self, timestamp: datetime, officer: str) -> None:
        self.standing = replace(self.standing, concluded_at=timestamp)
        self.hands = self.hands.with_officer(officer)

    class Decided(Root.Event):
        TOPIC = "compatriot.Application.Decided"
        PUBLIC = Published(1, "outcome", term=Term())
        chief: str
        outcome: Outcome
        reasons: Personal[str]
        paper: str
        """The template, by version (``decision-v1``), that it was issued with and is printed with for ever."""

    @event(Decided)
    def _decided(self, timestamp: datetime, outcome: Outcome) -> None:
        self.standing = replace(self.standing, decided_at=timestamp)
        self.outcome = outcome

    class DecisionDelivered(Root.Event):
        """The holder received the decision for the first time."""

        TOPIC = "compatriot.Application.DecisionDelivered"
        PUBLIC = Published(1)

    @event(DecisionDelivered)
    def _decision_delivered(self, timestamp: datetime) -> None:
        self.standing = replace(self.standing, delivered_at=timestamp)

    class ExpiryWarned(Root.Event):
        """The applicant was told what is missing and the last day for it; a late warning moved that day."""

        TOPIC = "compatriot.Application.ExpiryWarned"
        PUBLIC = Published(1, "missing")
        missing: tuple[Missing, ...]
        lapses_after: date

    @event(ExpiryWarned)
    def _expiry_warned(self, missing: tuple[Missing, ...], lapses_after: date) -> None:
        self.warned_of = frozenset(missing)
        self.answer_until = lapses_after

    class Lapsed(Root.Event):
        TOPIC = "compatriot.Application.Lapsed"
        PUBLIC = Published(1, "missing")
        missing: tuple[Missing, ...]

    @event(Lapsed)
    def _lapsed(self) -> None:
        self._ended(State.LAPSED)

    class Withdrawn(Root.Event):
        TOPIC = "compatriot.Application.Withdrawn"
        PUBLIC = Published(1)

    @event(Withdrawn)
    def _withdrawn(self) -> None:
        self._ended(State.WITHDRAWN)

    class ErasureRequested(Root.Event):
        """Two persons decided that the personal data of this case be erased. Nothing else happens in it any more."""

        TOPIC = "compatriot.Application.ErasureRequested"
        ground: LegalGround
        asked_by: str
        """Who asked for it, a person claim. The event's actor, another person, confirmed it."""
        asked_at: datetime

    @event(ErasureRequested)
    def _erasure_requested(self) -> None:
        self.erasing = True

    class PersonalDataErased(Root.Event):
        """Keys, addresses, rows and files are gone. What is left are bare facts, that say nothing of anybody."""

        TOPIC = "compatriot.Application.PersonalDataErased"
        subjects: tuple[UUID, ...]
        """Whose keys were destroyed: the applicant's, and those of whoever paid in cash."""

    @event(PersonalDataErased)
    def _personal_data_erased(self) -> None:
        self.erasing = False
        self.is_erased = True

    def _started(self, due: DueDate | None) -> None:
        if due is not None:
            self.due = due
            self.answer_until = None

    def _ended(self, state: State) -> None:
        self.standing = replace(self.standing, ended=state)
        self.answer_until = None

    @property
    def suspended_since(self) -> date | None:
        """The Tbilisi day on which the term was suspended, if it is."""
        return tbilisi_date(self.standing.requested_at) if self.standing.requested_at is not None else None
