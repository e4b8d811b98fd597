"""What may be done about taxpayer registrations: one method per command."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol
from uuid import UUID

from domain.cases import DRAFT, NUMBER, CaseCommands
from domain.consents import Consent, ConsentKind
from domain.event import Act, Root
from domain.faults import Fault, FaultCode, FormRefused
from domain.number import new_number
from domain.office import Address, Office, Receipt, Subjects, UnknownCase
from domain.people import Role, SubjectId
from domain.roles import refuse_unless_role
from domain.taxpayer.at_the_bar import (
    ACCOUNT,
    form_of,
    refuse_if_taxpayer_has_account,
    released,
)
from domain.taxpayer.form import Form, TaxpayerKind, filing_faults, tidied
from domain.taxpayer.password import NewPassword, password_faults
from domain.taxpayer.refusals import (
    AlreadyFiled,
    CallerNotBound,
    CentreUnknown,
    NotARepresentative,
    NotOfThisTaxpayer,
    OwnRegistration,
    PaperNotSeen,
)
from domain.taxpayer.registration import Registration
from domain.taxpayer.rules import SERVICE, Rules
from domain.taxpayer.siblings import Siblings
from domain.taxpayer.state import RegistrationState
from domain.taxpayer.username import ReleaseReason, Username, username_address
from domain.videobar.call import Call


class Confirmed(Protocol):
    """Knows which mobile and e-mail address a draft has confirmed with a code. Implemented by ``housekeeping``."""

    def mobile(self, draft: UUID, mobile: str) -> bool:
        """Whether this draft confirmed this mobile (E.164)."""
        ...

    def email(self, draft: UUID, email: str) -> bool:
        """Whether this draft confirmed this address, as `contacts.tidy_email` writes it."""
        ...


class Passwords(Protocol):
    """Keeps password hashes outside the ledger. Implemented by ``housekeeping``."""

    def keep(self, registration: UUID, command: UUID, password: str) -> None:
        """Keep the hash of the password that ``command`` sets, beside those kept before; committed before this returns.

        It counts once the command's event is in the ledger (`Registration.password_of`); until then, and for ever if
        the event never comes, the one before does. What no event followed is swept.
        """
        ...


class ReadOut(Protocol):
    """Knows the one-time code that was sent to the confirmed mobile for a call. Implemented by ``housekeeping``."""

    def matches(self, call: UUID, typed: str) -> bool:
        """Whether this is the code; uses it up, counts wrong tries."""
        ...


@dataclass(frozen=True)
class Consultant:
    """What the provider claims of a consultant beyond the person: their personal number, and their service centre."""

    personal_number: str
    centre: str | None = None


@dataclass(frozen=True)
class Standing:
    """Whom a consultant has before them, as the registries showed it.

    ``representatives`` are the personal numbers that the public registry names for a legal person; None if it did not
    answer. Empty and unused for a person.
    """

    personal_number: str
    representatives: Collection[str] | None = ()


class Commands(CaseCommands[Registration]):
    """The taxpayer service's commands. Each may be repeated with the same ``act``: it is done once.

    All raise UnknownCase for a stream that is no registration, CommandReused, TooBusy, and the refusals they name.
    """

    def __init__(
        self,
        office: Office,
        subjects: Subjects,
        confirmed: Confirmed,
        passwords: Passwords,
        read_out: ReadOut,
        rules: Rules,
    ) -> None:
        super().__init__(office, subjects, Registration, SERVICE)
        self.confirmed = confirmed
        self.passwords = passwords
        self.siblings = Siblings(office)
        self.read_out = read_out
        self.rules = rules

    def register(
        self,
        act: Act,
        *,
        draft: UUID,
        subject: SubjectId,
        form: Form,
        password: NewPassword,
        consents: tuple[Consent, ...],
    ) -> Receipt:
        """File the form: number and code are minted, the username reserved, the hash of the password kept before.

        The actor is the draft itself. Raises: FormRefused with every fault at once, AlreadyFiled, UsernameTaken.
        """

        def decide() -> Receipt:
            if act.by.role is not Role.APPLICANT or act.by.id != str(draft):
                raise UnknownCase
            if self.office.find(DRAFT, str(draft)) is not None:
                raise AlreadyFiled
            kept = tidied(form)
            if faults := self._filing_faults(draft, kept, password, consents):
                raise FormRefused(faults)
            id, number = Registration.create_id(), new_number()
            username = self._reserve(act, kept.username, registration=id, subject=subject)
            registration = Registration.register(
                act,
                id=id,
                draft=draft,
                subject=subject,
                number=number,
                code_version=self.subjects.current_code_version(),
                form=kept,
                rules=self.rules,
            )
            for consent in consents:
                registration.give_consent(act, consent, self.rules)
            self.passwords.keep(id, act.command, password.text)
            addresses = (
                Address(NUMBER, number, id),
                Address(DRAFT, str(draft), id),
                Address(*username_address(kept.username), username.id),
                self.siblings.address(kept.identification, id),
            )
            return self.office.commit(registration, username, act=act, addresses=addresses)

        return self.office.perform(act, decide)

    # The holder: whoever showed the case's number and code. It gives no power over e-services.

    def give_consent(self, act: Act, *, case: UUID, consent: Consent) -> Receipt:
        """Consent to a text in force; consenting again changes nothing. Raises: ConsentTextOutdated."""
        return self._by_holder(act, case, lambda registration: registration.give_consent(act, consent, self.rules))

    def withdraw_consent(self, act: Act, *, case: UUID, kind: ConsentKind) -> Receipt:
        """Take a consent back. Raises: ConsentNotGiven."""
        return self._by_holder(act, case, lambda registration: registration.withdraw_consent(act, kind))

    def reissue_code(self, act: Act, *, case: UUID) -> Receipt:
        """Put a new code in force; the one before no longer opens the case."""
        version = self.subjects.current_code_version()
        return self._by_holder(act, case, lambda registration: registration.reissue_code(act, version))

    # The consultant, in a call.

    def clarify(
        self, act: Act, *, call: UUID, kept: UUID, code: str, consultant: Consultant, caller: Standing
    ) -> Receipt:
        """Bind the caller to the case, check who may act for the taxpayer, and note which registration is to live.

        ``code`` is what the caller read out. Raises: NotForThisRole, CallOver, NotYourCall, NotOfThisTaxpayer,
        OwnRegistration, NotARepresentative, CallerNotBound, TaxpayerHasAccount, and as
        `Registration.refuse_unless_bar_is_open`.
        """
        read_out = cache(lambda: self.read_out.matches(call, code))  # used up by asking, and ``decide`` may run again

        def decide() -> Receipt:
            refuse_unless_role(act, Role.CONSULTANT)
            found = self.office.load(Call, call)
            found.refuse_unless_held_by(act.by)
            registration = self.office.load(Registration, found.case)
            registration.refuse_unless_bar_is_open()
            form = form_of(registration)
            pending = self.siblings.pending(form.identification)
            if kept != registration.id and kept not in pending:
                raise NotOfThisTaxpayer
            _refuse_unless_may_act(form, consultant, caller)
            refuse_if_taxpayer_has_account(self.office, form)
            if not read_out():
                raise CallerNotBound
            others = tuple(sorted({*pending, registration.id} - {kept}))
            registration.clarify(act, call=call, kept=kept, others=others)
            return self.office.commit(registration, act=act)

        return self.office.perform(act, decide)

    # The consultant, at a service centre.

    def activate_at_centre(
        self,
        act: Act,
        *,
        case: UUID,
        consultant: Consultant,
        visitor: Standing,
        form_signed: bool,
        document_seen: bool,
    ) -> Receipt:
        """Activate by paper and document; the taxpayer's other registrations end, their names are free.

        Raises: NotForThisRole, CentreUnknown, PaperNotSeen, OwnRegistration, NotARepresentative, TaxpayerHasAccount,
        AlreadyActive, RegistrationEnded.
        """

        def decide() -> Receipt:
            refuse_unless_role(act, Role.CONSULTANT)
            if consultant.centre is None:
                raise CentreUnknown
            registration = self._loaded(case)
            registration.refuse_unless_pending()
            form = form_of(registration)
            _refuse_unless_may_act(form, consultant, visitor)
            if not (form_signed and document_seen):
                raise PaperNotSeen
            refuse_if_taxpayer_has_account(self.office, form)
            registration.activate_at_centre(act, centre=consultant.centre, consultant=act.by.id)
            return self._commit_activated(act, registration, form)

        return self.office.perform(act, decide)

    # The activation link.

    def send_link(self, act: Act, *, case: UUID, to: str) -> Receipt:
        """Note that a link goes to the address that the public registry holds. Raises: NotForThisRole,
        RegistrationEnded."""

        def decide(registration: Registration) -> None:
            refuse_unless_role(act, Role.SYSTEM)
            registration.send_link(act, to=to, rules=self.rules)

        return self._change(act, case, decide)

    def open_link(self, act: Act, *, case: UUID, password: NewPassword) -> Receipt:
        """The link's holder chooses a new password: it activates, or resets what is active.

        Raises: FormRefused, LinkNotSent, RegistrationEnded, TaxpayerHasAccount.
        """

        def decide() -> Receipt:
            refuse_unless_addressee(act, case)
            registration = self._loaded(case)
            form = form_of(registration)
            if faults := tuple(password_faults(password, form.username)):
                raise FormRefused(faults)
            was_active = registration.state is RegistrationState.ACTIVE
            if not was_active:
                refuse_if_taxpayer_has_account(self.office, form)
            registration.open_link(act)
            self.passwords.keep(case, act.command, password.text)
            if was_active:
                return self.office.commit(registration, act=act)
            return self._commit_activated(act, registration, form)

        return self.office.perform(act, decide)

    def disown(self, act: Act, *, case: UUID) -> Receipt:
        """The link's holder says that this was not them: the registration ends, its username is free.

        Raises: LinkNotSent, AlreadyActive, RegistrationEnded.
        """

        def decide() -> Receipt:
            refuse_unless_addressee(act, case)
            registration = self._loaded(case)
            registration.disown(act)
            freed = released(self.office, act, registration, ReleaseReason.ACTIVATION_REFUSED)
            return self.office.commit(registration, *freed, act=act)

        return self.office.perform(act, decide)

    # The taxpayer, signed in.

    def change_password(self, act: Act, *, case: UUID, password: NewPassword) -> Receipt:
        """Change it; whoever asks has shown the old one. Raises: FormRefused, NotActive."""

        def decide() -> Receipt:
            if act.by.role is not Role.TAXPAYER or act.by.id != str(case):
                raise UnknownCase
            registration = self._loaded(case)
            if faults := tuple(password_faults(password, form_of(registration).username)):
                raise FormRefused(faults)
            registration.change_password(act)
            self.passwords.keep(case, act.command, password.text)
            return self.office.commit(registration, act=act)

        return self.office.perform(act, decide)

    # The office itself, at its deadlines.

    def warn(self, act: Act, *, case: UUID, unheard: bool = False) -> Receipt:
        """Warn of the expiry; once more if the warning before was ``unheard``: not sent, or not in time.

        Raises: NotForThisRole, ExpiryAlreadyWarned, ExpiryNotDue, AlreadyActive, RegistrationEnded.
        """

        def decide(registration: Registration) -> None:
            refuse_unless_role(act, Role.SYSTEM)
            registration.warn(act, self.rules, unheard=unheard)

        return self._change(act, case, decide)

    def expire(self, act: Act, *, case: UUID) -> Receipt:
        """End what nobody activated; the username is free.

        Raises: NotForThisRole, ExpiryNotWarned, ExpiryNotDue, AlreadyActive, RegistrationEnded.
        """

        def decide() -> Receipt:
            refuse_unless_role(act, Role.SYSTEM)
            registration = self._loaded(case)
            registration.expire(act)
            freed = released(self.office, act, registration, ReleaseReason.EXPIRED)
            return self.office.commit(registration, *freed, act=act)

        return self.office.perform(act, decide)

    def _filing_faults(
        self, draft: UUID, kept: Form, password: NewPassword, consents: Sequence[Consent]
    ) -> tuple[Fault, ...]:
        faults = filing_faults(kept, password, consents, self.rules.consents)
        wrong = {fault.field for fault in faults}
        unconfirmed: list[Fault] = []
        if "mobile" not in wrong and not self.confirmed.mobile(draft, kept.mobile):
            unconfirmed.append(Fault("mobile", FaultCode.MOBILE_NOT_CONFIRMED))
        if "email" not in wrong and not self.confirmed.email(draft, kept.email):
            unconfirmed.append(Fault("email", FaultCode.EMAIL_NOT_CONFIRMED))
        return (*faults, *unconfirmed)

    def _reserve(self, act: Act, name: str, *, registration: UUID, subject: SubjectId) -> Username:
        """Raises: UsernameTaken."""
        if (found := self.office.find(*username_address(name))) is None:
            return Username.reserve(act, name, registration=registration, subject=subject)
        username = self.office.load(Username, found)
        username.reserve_again(act, name, registration=registration, subject=subject)
        return username

    def _commit_activated(self, act: Act, registration: Registration, form: Form) -> Receipt:
        others: list[Root] = []
        for other in self.siblings.awaiting(form.identification):
            if other.id == registration.id:
                continue
            other.supersede(act, by=registration.id)
            others += [other, *released(self.office, act, other, ReleaseReason.SUPERSEDED)]
        account = Address(ACCOUNT, form.identification, registration.id)
        return self.office.commit(registration, *others, act=act, addresses=(account,))


def refuse_unless_addressee(act: Act, case: UUID) -> None:
    """The actor opened this registration's link. Raises: UnknownCase, as for one that never was."""
    if act.by.role is not Role.ADDRESSEE or act.by.id != str(case):
        raise UnknownCase


def _refuse_unless_may_act(form: Form, consultant: Consultant, before: Standing) -> None:
    """The person is the taxpayer or represents it, and the consultant is neither.

    Raises: OwnRegistration, NotARepresentative.
    """
    if form.kind is TaxpayerKind.PERSON:
        entitled: Collection[str] | None = (form.identification,)
    else:
        entitled = before.representatives
    if entitled is not None and consultant.personal_number in entitled:
        raise OwnRegistration
    if entitled is None or before.personal_number not in entitled:
        raise NotARepresentative
