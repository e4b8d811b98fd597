"""What may be done about taxpayer registrations: one method per command, told apart by who acts."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from domain.consents import Consent, ConsentKind
from domain.event import Act
from domain.faults import FormRefused
from domain.office import Receipt, UnknownCase
from domain.people import Role
from domain.roles import refuse_unless_role
from domain.taxpayer.at_the_bar import form_of, released, superseded
from domain.taxpayer.consulting import Consultant, Consulting, Standing
from domain.taxpayer.desk import Confirmed, Passwords, ReadOut
from domain.taxpayer.filing import Filing
from domain.taxpayer.links import Links
from domain.taxpayer.password import NewPassword, password_faults
from domain.taxpayer.refusals import NotActive
from domain.taxpayer.registration import Registration
from domain.taxpayer.siblings import awaits
from domain.taxpayer.state import RegistrationState
from domain.taxpayer.username import ReleaseReason

__all__ = ["Commands", "Confirmed", "Consultant", "Passwords", "ReadOut", "Standing"]


class Commands(Filing, Consulting, Links):
    """The taxpayer service's commands. Each may be repeated with the same ``act``: it is done once.

    All raise UnknownCase for a stream that is no registration, ErasureUnderWay and PersonalDataGone where its person is
    erased, CommandReused, TooBusy, and the refusals that they name.
    """

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

    # The taxpayer, signed in.

    def change_password(self, act: Act, *, case: UUID, shown: UUID, password: NewPassword) -> Receipt:
        """Change it; whoever asks has shown the old one, which the command ``shown`` had set.

        Raises: FormRefused, NotActive, CurrentPasswordWrong if that one is no longer in force.
        """

        def decide() -> Receipt:
            if act.by.role is not Role.TAXPAYER or act.by.id != str(case):
                raise UnknownCase
            registration = self._loaded(case)
            if faults := tuple(password_faults(password, form_of(registration).username)):
                raise FormRefused(faults)
            registration.change_password(act, shown=shown)
            self.passwords.keep(case, act.command, password.text)
            return self.office.commit(registration, act=act)

        return self.office.perform(act, decide)

    # The office itself, at its deadlines.

    def supersede(self, act: Act, *, case: UUID, others: Sequence[UUID]) -> Receipt:
        """End ``others`` of the taxpayer whose registration ``case`` is active, as far as they still wait; their names
        are free.

        Raises: NotForThisRole, NotActive.
        """

        def decide() -> Receipt:
            refuse_unless_role(act, Role.SYSTEM)
            living = self._loaded(case)
            if living.state is not RegistrationState.ACTIVE:
                raise NotActive
            identification = form_of(living).identification
            waiting = [one for other in others if awaits(one := self.office.load(Registration, other), identification)]
            if not (ended := superseded(self.office, act, waiting, by=living)):
                return Receipt(stream=case, version=living.version, position=0)
            return self.office.commit(*ended, act=act)

        return self.office.perform(act, decide)

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
