"""What may be done about compatriot applications: one method per command."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import date
from itertools import count
from typing import Protocol
from uuid import UUID

from domain.calendar import tbilisi_date
from domain.cases import DRAFT, NUMBER, CaseCommands
from domain.compatriot.application import Application
from domain.compatriot.decision import Outcome
from domain.compatriot.documents import Document, answer_faults, attachment_faults
from domain.compatriot.filing import Contacts, filing_faults, tidied
from domain.compatriot.form import Form
from domain.compatriot.lapse import CallInProgress, PaymentUnderWay, waits_in_time
from domain.compatriot.reception import AlreadyRegistered
from domain.compatriot.rules import SERVICE, Rules
from domain.compatriot.state import Missing
from domain.consents import Consent, ConsentKind
from domain.event import Act
from domain.faults import Fault, FaultCode, FormRefused
from domain.number import new_cash_reference, new_number
from domain.office import Address, Office, Receipt, Subjects, UnknownCase
from domain.payments.commands import CASH_REFERENCE
from domain.payments.commands import Commands as Payments
from domain.people import Role, SubjectId
from domain.roles import refuse_unless_holder, refuse_unless_role
from domain.videobar.commands import live_call
from domain.videobar.terms import Leaving, Phase
from domain.writing import person_faults, text_faults, tidy_text


class ConfirmedEmails(Protocol):
    """Knows which e-mail address a draft has confirmed with a mailed code. Implemented by ``housekeeping``."""

    def confirmed(self, draft: UUID, email: str) -> bool:
        """Whether this draft confirmed this address, written as `contacts.tidy_email` writes it."""
        ...


class Applications:
    """Finds compatriot applications for the video bar and payments: their Protocol ``Cases``."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def load(self, stream: UUID) -> Application:
        """Raises: UnknownCase."""
        return self.office.load(Application, stream)


class Commands(CaseCommands[Application]):
    """The compatriot service's commands. Each may be repeated with the same ``act``: it is done once.

    All raise UnknownCase for a stream that is no application, ErasureUnderWay and PersonalDataGone where its person is
    erased, CommandReused, TooBusy, and the refusals that they name; texts that cannot be accepted are refused as a form
    is, with FormRefused.
    """

    def __init__(
        self, office: Office, subjects: Subjects, emails: ConfirmedEmails, payments: Payments, rules: Rules
    ) -> None:
        super().__init__(office, subjects, Application, SERVICE)
        self.emails = emails
        self.payments = payments
        self.rules = rules

    def register(
        self,
        act: Act,
        *,
        draft: UUID,
        subject: SubjectId,
        form: Form,
        documents: tuple[Document, ...],
        consents: tuple[Consent, ...],
        emails: ConfirmedEmails | None = None,
    ) -> Receipt:
        """File the form: number, code and cash reference are minted, the first card order is opened.

        The actor is the draft itself. ``emails``: who has read already what the draft confirmed.
        Raises: FormRefused with every fault at once, AlreadyRegistered.
        """
        emails, again = emails or self.emails, count()

        def decide() -> Receipt:
            if act.by.role is not Role.APPLICANT or act.by.id != str(draft):
                raise UnknownCase
            contacts = Contacts.of(form)
            kept = tidied(form, contacts)
            faults = self._filing_faults(act, kept, contacts, documents, consents)
            if not any(fault.field == "email" for fault in faults) and not emails.confirmed(draft, kept.email):
                faults = (*faults, Fault("email", FaultCode.EMAIL_NOT_CONFIRMED))
            # A draft that became an application is found out by its address, when both would be committed.
            if (faults or next(again)) and self.office.find(DRAFT, str(draft)) is not None:
                raise AlreadyRegistered
            _refuse(faults)
            number, cash_reference = new_number(), new_cash_reference()
            application = Application.register(
                act,
                draft=draft,
                subject=subject,
                number=number,
                cash_reference=cash_reference,
                code_version=self.subjects.current_code_version(),
                form=kept,
                documents=documents,
                fee=self.rules.fees.in_force(kept.tier, tbilisi_date(act.now)),
                rules=self.rules,
            )
            for consent in consents:
                application.give_consent(act, consent, self.rules)
            payment, order = self.payments.first_order(act, application)
            addresses = [
                Address(NUMBER, number, application.id),
                Address(CASH_REFERENCE, cash_reference, application.id),
                Address(DRAFT, str(draft), application.id),
                order,
            ]
            return self.office.commit(application, payment, act=act, addresses=addresses)

        return self.office.perform(act, decide, only_once=True)

    # The holder: whoever showed the case's number and code. The actor is the case itself.

    def give_consent(self, act: Act, *, case: UUID, consent: Consent) -> Receipt:
        """Consent to a text in force; consenting again changes nothing. Raises: ConsentTextOutdated."""
        return self._by_holder(act, case, lambda application: application.give_consent(act, consent, self.rules))

    def withdraw_consent(self, act: Act, *, case: UUID, kind: ConsentKind) -> Receipt:
        """Take a consent back. Raises: ConsentNotGiven, ConsentNeeded."""
        return self._by_holder(act, case, lambda application: application.withdraw_consent(act, kind, self.rules))

    def reissue_code(self, act: Act, *, case: UUID) -> Receipt:
        """Put a new code in force; the one before no longer opens the case. It is mailed to the confirmed address."""
        version = self.subjects.current_code_version()
        return self._by_holder(act, case, lambda application: application.reissue_code(act, version))

    def provide_information(self, act: Act, *, case: UUID, text: str, documents: tuple[Document, ...] = ()) -> Receipt:
        """Answer what the officer asked, in words, documents or both.

        Raises: FormRefused, and as `Application.provide_information`.
        """
        kept = tidy_text(text)

        def decide(application: Application) -> None:
            _refuse((*text_faults("text", kept, required=not documents), *answer_faults(documents)))
            application.provide_information(act, kept, documents)

        return self._by_holder(act, case, decide)

    def withdraw(self, act: Act, *, case: UUID) -> Receipt:
        """Withdraw the application; a call that waits or runs is over. Raises: ApplicationEnded, AlreadyDecided."""

        def decide() -> Receipt:
            refuse_unless_holder(act, case)
            application = self._loaded(case)
            application.withdraw(act)
            return self._commit_with_call(act, application)

        return self.office.perform(act, decide)

    def deliver_decision(self, act: Act, *, case: UUID) -> Receipt:
        """Hand over the decision; recorded the first time. Raises: ApplicationEnded, NotYetDecided."""
        return self._by_holder(act, case, lambda application: application.deliver_decision(act))

    # The officer.

    def start_review(self, act: Act, *, case: UUID) -> Receipt:
        """Begin the review. Raises: as `Application.start_review`."""
        return self._change(act, case, lambda application: application.start_review(act))

    def request_information(self, act: Act, *, case: UUID, text: str) -> Receipt:
        """Ask the applicant; suspends the term. Raises: FormRefused, and as `Application.request_information`."""
        kept = _written("text", text)
        return self._change(act, case, lambda application: application.request_information(act, kept(), self.rules))

    def attach_document(self, act: Act, *, case: UUID, document: Document) -> Receipt:
        """Put a document into the case. Raises: FormRefused, and as `Application.attach_document`."""

        def decide(application: Application) -> None:
            _refuse(tuple(attachment_faults(document, application.documents)))
            application.attach_document(act, document)

        return self._change(act, case, decide)

    def prepare_conclusion(self, act: Act, *, case: UUID, text: str, recommends: Outcome) -> Receipt:
        """Write the conclusion. Raises: FormRefused, and as `Application.prepare_conclusion`."""
        kept = _written("text", text)
        return self._change(act, case, lambda application: application.prepare_conclusion(act, kept(), recommends))

    # The chief.

    def assign(self, act: Act, *, case: UUID, officer: str) -> Receipt:
        """Give the case to the officer with this person claim. Raises: FormRefused, and as `Application.assign`."""

        def decide(application: Application) -> bool:
            _refuse(tuple(person_faults("officer", officer)))
            return application.assign(act, officer)

        return self._change(act, case, decide)

    def extend_term(self, act: Act, *, case: UUID, days: int, reasons: str) -> Receipt:
        """Extend the term once, with reasons. Raises: FormRefused, and as `Application.extend_term`."""
        kept = _written("reasons", reasons)
        return self._change(act, case, lambda application: application.extend_term(act, days, kept(), self.rules))

    def decide(self, act: Act, *, case: UUID, outcome: Outcome, reasons: str) -> Receipt:
        """Decide, with reasons. Raises: FormRefused, and as `Application.decide`."""
        kept = _written("reasons", reasons)
        return self._change(act, case, lambda application: application.decide(act, outcome, kept(), self.rules))

    # The office itself, at its deadlines.

    def warn(self, act: Act, *, case: UUID, unheard: bool = False) -> Receipt:
        """Warn of what is missing; once more if the warning before was ``unheard``: not sent, or not in time.

        Raises: NotForThisRole, NothingMissing, AlreadyWarned, TooEarlyToWarn.
        """

        def decide(application: Application) -> None:
            refuse_unless_role(act, Role.SYSTEM)
            application.warn(act, self.rules, unheard=unheard)

        return self._change(act, case, decide)

    def lapse(self, act: Act, *, case: UUID) -> Receipt:
        """End the case for what never came; a call that was entered too late is over.

        Raises: NotForThisRole, NothingMissing, NotWarned, NotYetLapsed, CallInProgress, PaymentUnderWay.
        """

        def decide() -> Receipt:
            refuse_unless_role(act, Role.SYSTEM)
            application = self._loaded(case)
            missing, until = application.missing, application.answer_until
            application.lapse(act)
            if until is not None:
                self._refuse_if_on_the_way(act, case, missing, until)
            return self._commit_with_call(act, application)

        return self.office.perform(act, decide)

    def _refuse_if_on_the_way(self, act: Act, case: UUID, missing: Collection[Missing], until: date) -> None:
        """What is missing may be on its way, begun in time. Raises: CallInProgress, PaymentUnderWay."""
        if (call := live_call(self.office, case)) is not None:
            entered = tbilisi_date(call.created_on)
            if call.phase is Phase.CLAIMED or waits_in_time(entered, missing, until):
                raise CallInProgress
        if Missing.FEE in missing:
            opened = self.payments.under_way(act, case=case)
            if opened is not None and tbilisi_date(opened) <= until:
                raise PaymentUnderWay

    def _filing_faults(
        self, act: Act, kept: Form, contacts: Contacts, documents: Sequence[Document], consents: Sequence[Consent]
    ) -> tuple[Fault, ...]:
        return filing_faults(
            kept,
            documents,
            consents,
            today=tbilisi_date(act.now),
            required=self.rules.required_consents,
            texts=self.rules.consents,
            contacts=contacts,
        )

    def _commit_with_call(self, act: Act, application: Application) -> Receipt:
        if (call := live_call(self.office, application.id)) is None:
            return self.office.commit(application, act=act)
        call.abandon(act, reason=Leaving.CASE_CLOSED)
        return self.office.commit(application, call, act=act)


def _written(field: str, text: str) -> Callable[[], str]:
    """The text as it is kept, checked when it is asked for: within the command, after what it may be a repeat of."""

    def kept() -> str:
        tidy = tidy_text(text)
        _refuse(tuple(text_faults(field, tidy, required=True)))
        return tidy

    return kept


def _refuse(faults: Sequence[Fault]) -> None:
    if faults:
        raise FormRefused(tuple(faults))
