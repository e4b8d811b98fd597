"""A compatriot application: who may do what, and when. What each step leaves behind stands in `events`."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from domain import consents, roles
from domain.calendar import days_after, tbilisi_date
from domain.compatriot import decision, lapse, reception, refunds, retention, review, term
from domain.compatriot.decision import Outcome
from domain.compatriot.documents import Document
from domain.compatriot.events import History
from domain.compatriot.fees import Fee
from domain.compatriot.form import Form
from domain.compatriot.rules import SERVICE, Rules
from domain.compatriot.state import OPEN, Missing
from domain.consents import Consent, ConsentKind
from domain.erasure import LegalGround, refuse_unless_two_persons
from domain.event import Act, Erased
from domain.number import CaseNumber
from domain.payments.case import Method, RefundReason
from domain.payments.money import Money
from domain.people import Actor, Role, SubjectId
from domain.videobar.case import DOUBTS, Ground
from domain.videobar.checks import Checks, Source


class Application(History):
    """One person's application for the status. It is the `Case` that the video bar and payments know.

    Every method that records something raises a refusal and changes nothing if a rule stands against it. Methods return
    False where the step was done before and nothing needs to be said twice.
    """

    TOPIC = "compatriot.Application"

    @classmethod
    def register(
        cls,
        act: Act,
        *,
        draft: UUID,
        subject: SubjectId,
        number: CaseNumber,
        cash_reference: str,
        code_version: int,
        form: Form,
        documents: tuple[Document, ...],
        fee: Fee,
        rules: Rules,
    ) -> Application:
        """File a form that was found without fault, on the fee in force today."""
        return cls.begin(
            cls.Registered,
            act,
            subject=subject,
            draft=draft,
            number=number,
            cash_reference=cash_reference,
            code_version=code_version,
            code_issue=1,
            form=form,
            documents=documents,
            files=tuple(document.file for document in documents),
            tier=form.tier,
            language=form.language,
            channel=form.channel,
            fee=fee.amount,
            term_days=fee.term_days,
            fee_in_force_since=fee.effective_from,
            end_moves_for_holidays=rules.end_moves_for_holidays,
            reception_until=days_after(tbilisi_date(act.now), rules.reception_days),
            refunded_endings=tuple(sorted(rules.refunded_endings)),
        )

    def give_consent(self, act: Act, consent: Consent, rules: Rules) -> bool:
        """Note a consent. Raises: ConsentTextOutdated."""
        consents.refuse_unless_in_force(consent, rules.consents)
        if self.consents.get(consent.kind) == consent:
            return False
        self.record(self.ConsentGiven, act, kind=consent.kind, version=consent.version, language=consent.language)
        return True

    def withdraw_consent(self, act: Act, kind: ConsentKind, rules: Rules) -> None:
        """Take a consent back. Raises: ConsentNotGiven, ConsentNeeded."""
        running = self.state in OPEN
        consents.refuse_unless_retractable(kind, self.consents, rules.required_consents, running=running)
        self.record(self.ConsentWithdrawn, act, kind=kind)

    def reissue_code(self, act: Act, code_version: int) -> None:
        """Put a new code in force, at any time: a decision is received with it, too."""
        self.record(self.CodeReissued, act, code_version=code_version, code_issue=self.code_issue + 1)

    # The case as the video bar sees it.

    @property
    def service(self) -> str:
        """Whose bar it waits at."""
        return SERVICE

    @property
    def identity_source(self) -> Source:
        """The civil registry where there is a Georgian personal number, otherwise the uploaded document."""
        known = isinstance(self.form, Form) and self.form.personal_number is not None
        return Source.CIVIL_REGISTRY if known else Source.UPLOADED_DOCUMENT

    @property
    def grounds(self) -> tuple[Ground, ...]:
        """Source: the agency's answers, the last one: reasoned doubt, about identity or what else is essential."""
        return DOUBTS

    @property
    def changed(self) -> tuple[Application]:
        """The application is all that its rules change."""
        return (self,)

    @property
    def claims(self) -> tuple[()]:
        """No address goes with it."""
        return ()

    def refuse_unless_awaits_call(self) -> None:
        """Raises: ApplicationEnded, AlreadyDecided, AlreadyVerified, ErasureUnderWay, PersonalDataGone."""
        self.refuse_if_forgotten()
        reception.refuse_unless_awaits_call(self.standing)

    def verified(
        self, act: Act, *, call: UUID, sitting: int, operator: Actor, checks: Checks, will: str | Erased
    ) -> None:
        """The operator saw the applicant. The term starts if the fee is there.

        What was checked and willed is said by the call. Raises: as `refuse_unless_awaits_call`.
        """
        self.refuse_unless_awaits_call()
        due = self._term_starting(act, self.standing.paid_at)
        self.record(self.VideoVerified, act, call=call, operator=operator.id, due=due)

    def reception_refused(self, act: Act, *, call: UUID, ground: Ground, reasons: str | Erased | None) -> None:
        """End the electronic case; the person may apply in person. Raises: as `refuse_unless_awaits_call`."""
        self.refuse_unless_awaits_call()
        self.record(self.ReceptionRefused, act, call=call, ground=ground, reasons=reasons)
        self._give_back_fee(act)

    # The case as payments see it.

    @property
    def is_paid(self) -> bool:
        """Whether a payment has paid the fee, even if it became due back since."""
        return self.standing.paid_at is not None

    @property
    def has_ended(self) -> bool:
        """Whether money that comes now comes too late."""
        return self.state not in OPEN

    def is_due_back(self, payment: UUID) -> bool:
        """Whether this payment is due back and was not refunded yet."""
        return payment in self.refunds

    def paid(self, act: Act, *, payment: UUID, received: Money, method: Method) -> None:
        """This payment pays the fee. The term starts if the applicant was verified.

        Raises: ApplicationEnded, AlreadyDecided, AlreadyPaid, FeeMismatch.
        """
        reception.refuse_unless_open(self.standing)
        refunds.refuse_if_paid(self.is_paid)
        reception.refuse_unless_fee(self.fee, received)
        due = self._term_starting(act, self.standing.verified_at)
        self.record(self.Paid, act, payment=payment, received=received, method=method, due=due)

    def refund_due(self, act: Act, *, payment: UUID, amount: Money, reason: RefundReason) -> None:
        """This payment is due back whole. Raises: AlreadyDueBack."""
        refunds.refuse_if_due_back(payment, self.refunds)
        self.record(self.RefundDue, act, payment=payment, amount=amount, reason=reason)

    def refunded(self, act: Act, *, payment: UUID, amount: Money) -> None:
        """What was due back has been sent back. Raises: NothingDueBack."""
        refunds.refuse_unless_due_back(payment, amount, self.refunds)
        self.record(self.Refunded, act, payment=payment, amount=amount)

    # The holder.

    def provide_information(self, act: Act, text: str, documents: tuple[Document, ...]) -> None:
        """Answer what the officer asked; the term goes on. An answer that comes late and before the lapse counts.

        Raises: as `review.refuse_unless_information_awaited`.
        """
        review.refuse_unless_information_awaited(self.standing)
        due = self._with_suspension(act)
        files = tuple(document.file for document in documents)
        self.record(self.InformationProvided, act, text=text, documents=documents, files=files, due=due)

    def withdraw(self, act: Act) -> None:
        """The applicant no longer asks for the status. Raises: ApplicationEnded, AlreadyDecided."""
        reception.refuse_unless_open(self.standing)
        self.record(self.Withdrawn, act)
        self._give_back_fee(act)

    def deliver_decision(self, act: Act) -> bool:
        """The holder receives the decision; recorded the first time. Raises: ApplicationEnded, NotYetDecided."""
        review.refuse_unless_decided(self.standing)
        if self.standing.delivered_at is not None:
            return False
        self.record(self.DecisionDelivered, act)
        return True

    # The officer.

    def start_review(self, act: Act) -> None:
        """Begin; an unassigned case is the officer's from now on.

        Raises: NotForThisRole, SamePerson, NotYourCase, and as `review.refuse_unless_startable`.
        """
        self._refuse_unless_officer(act)
        review.refuse_unless_startable(self.standing)
        self.record(self.ReviewStarted, act, officer=act.by.id)

    def request_information(self, act: Act, text: str, rules: Rules) -> None:
        """Ask the applicant; the term is suspended until the answer.

        Raises: NotForThisRole, SamePerson, NotYourCase, and as `review.refuse_unless_under_review`.
        """
        self._refuse_unless_officer(act)
        review.refuse_unless_under_review(self.standing)
        answer_until = days_after(tbilisi_date(act.now), rules.information_days)
        self.record(self.InformationRequested, act, text=text, answer_until=answer_until)

    def attach_document(self, act: Act, document: Document) -> None:
        """Put a document into the case.

        Raises: NotForThisRole, SamePerson, NotYourCase, and as `review.refuse_unless_in_review`.
        """
        self._refuse_unless_officer(act)
        review.refuse_unless_in_review(self.standing)
        self.record(self.DocumentAttached, act, document=document, file=document.file)

    def prepare_conclusion(self, act: Act, text: str, recommends: Outcome) -> None:
        """Write the conclusion, for the chief.

        Raises: NotForThisRole, SamePerson, NotYourCase, and as `review.refuse_unless_under_review`.
        """
        self._refuse_unless_officer(act)
        review.refuse_unless_under_review(self.standing)
        self.record(self.ConclusionPrepared, act, officer=act.by.id, text=text, recommends=recommends)

    # The chief.

    def assign(self, act: Act, officer: str) -> bool:
        """Give the case to an officer, or to another one.

        Raises: NotForThisRole, SamePerson, and as `review.refuse_unless_assignable`.
        """
        self._refuse_unless_chief(act)
        review.refuse_unless_assignable(self.standing)
        decision.refuse_unless_may_be_officer(self.hands.with_chief(act.by.id), officer)
        if self.hands.assigned == officer:
            return False
        self.record(self.Assigned, act, officer=officer)
        return True

    def extend_term(self, act: Act, days: int, reasons: str, rules: Rules) -> None:
        """Extend the term, once.

        Raises: NotForThisRole, SamePerson, and as `reception.refuse_unless_received` and
        `term.refuse_unless_extendable`.
        """
        self._refuse_unless_chief(act)
        reception.refuse_unless_received(self.standing)
        due, today = self._due(), tbilisi_date(act.now)
        told = rules.explained(due, moves=self.end_moves_for_holidays)
        term.refuse_unless_extendable(
            told, on=self.suspended_since or today, days=days, longest=rules.longest_extension
        )
        self.record(self.TermExtended, act, days=days, reasons=reasons, due=term.extended(due, today, days))

    def decide(self, act: Act, outcome: Outcome, reasons: str, rules: Rules) -> None:
        """Decide, with the officer's conclusion or against it.

        Raises: NotForThisRole, SamePerson, and as `review.refuse_unless_concluded`.
        """
        self._refuse_unless_chief(act)
        review.refuse_unless_concluded(self.standing)
        self.record(self.Decided, act, chief=act.by.id, outcome=outcome, reasons=reasons, paper=rules.decision_paper)

    # The office itself, at its deadlines.

    def warn(self, act: Act, rules: Rules, *, unheard: bool) -> None:
        """Tell the applicant what is missing and until when; again, if the warning before was ``unheard``.

        Raises: as `lapse.refuse_unless_to_be_warned`.
        """
        until, today = self._answer_until(), tbilisi_date(act.now)
        heard_of = frozenset[Missing]() if unheard else self.warned_of
        lapse.refuse_unless_to_be_warned(self.missing, heard_of, until, today, rules.warning_days)
        lapses_after = lapse.last_day_after_warning(until, today, rules.warning_days)
        self.record(self.ExpiryWarned, act, missing=self.missing, lapses_after=lapses_after)

    def lapse(self, act: Act) -> None:
        """End the case for what never came. Raises: as `lapse.refuse_unless_lapsed`."""
        today = tbilisi_date(act.now)
        lapse.refuse_unless_lapsed(self.missing, self.warned_of, self._answer_until(), today)
        self.record(self.Lapsed, act, missing=self.missing)
        self._give_back_fee(act)

    # Erasure.

    def refuse_unless_erasable(self, act: Act) -> None:
        """Raises: NotForThisRole, ErasureUnderWay, PersonalDataGone, StillConsidered, MoneyDueBack."""
        roles.refuse_unless_role(act, Role.DATA_PROTECTION)
        self.refuse_if_forgotten()
        retention.refuse_unless_erasable(self.state, self.refunds)

    def request_erasure(self, act: Act, *, ground: LegalGround, asked_by: str, asked_at: datetime) -> None:
        """Confirm what another person asked for: from now on nothing else happens in this case.

        Raises: ErasureNeedsAnother, and as `refuse_unless_erasable`.
        """
        self.refuse_unless_erasable(act)
        refuse_unless_two_persons(asked_by, act.by.id)
        self.record(self.ErasureRequested, act, ground=ground, asked_by=asked_by, asked_at=asked_at)

    def _refuse_unless_officer(self, act: Act) -> None:
        roles.refuse_unless_role(act, Role.OFFICER)
        decision.refuse_unless_officer_of_case(self.hands, act.by.id)

    def _refuse_unless_chief(self, act: Act) -> None:
        roles.refuse_unless_role(act, Role.CHIEF)
        decision.refuse_unless_may_be_chief(self.hands, act.by.id)

    def _term_starting(self, act: Act, other: datetime | None) -> term.DueDate | None:
        """The term, if the ``other`` of fee and talk is there: from the later of both, whichever is recorded last."""
        if other is None:
            return None
        return term.term_from(tbilisi_date(max(act.now, other)), self.term_days)

    def _due(self) -> term.DueDate:
        if self.due is None:
            raise reception.NotYetReceived(self.missing)
        return self.due

    def _with_suspension(self, act: Act) -> term.DueDate:
        if self.suspended_since is None:
            raise review.NoInformationRequested
        provided = max(self.suspended_since, tbilisi_date(act.now))
        return term.suspended(self._due(), self.suspended_since, provided)

    def _answer_until(self) -> date:
        if self.answer_until is None:
            raise lapse.NothingMissing
        return self.answer_until

    def _give_back_fee(self, act: Act) -> None:
        """A case that ended before its term began gives the fee back, where the setting of its first day says so."""
        state, payment = self.state, self.payment
        if payment is not None and self.due is None and state in self.refunded_endings:
            self.refund_due(act, payment=payment, amount=self.fee, reason=refunds.REASON_OF_ENDING[state])
