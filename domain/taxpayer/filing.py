"""Filing the registration form: what the draft asks for, once mobile and e-mail are confirmed inside it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domain.cases import DRAFT, NUMBER
from domain.consents import Consent
from domain.event import Act
from domain.faults import Fault, FaultCode, FormRefused
from domain.number import new_number
from domain.office import Address, Receipt, UnknownCase
from domain.people import Role, SubjectId
from domain.taxpayer.desk import Desk
from domain.taxpayer.form import Form, filing_faults, tidied
from domain.taxpayer.password import NewPassword
from domain.taxpayer.refusals import AlreadyFiled
from domain.taxpayer.registration import Registration
from domain.taxpayer.username import Username, username_address


class Filing(Desk):
    """The commands of who fills in the form."""

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
