"""The activation link: sent to the address that the public registry holds, and what its holder may do with it."""

from __future__ import annotations

from uuid import UUID

from domain.event import Act
from domain.faults import FormRefused
from domain.office import Receipt, UnknownCase
from domain.people import Role
from domain.roles import refuse_unless_role
from domain.taxpayer.at_the_bar import form_of, refuse_if_taxpayer_has_account, released
from domain.taxpayer.desk import Desk
from domain.taxpayer.password import NewPassword, password_faults
from domain.taxpayer.registration import Registration
from domain.taxpayer.state import RegistrationState
from domain.taxpayer.username import ReleaseReason


class Links(Desk):
    """The commands around the link."""

    def send_link(self, act: Act, *, case: UUID, to: str) -> Receipt:
        """Note that a link goes to the address that the public registry holds. Raises: NotForThisRole,
        RegistrationEnded."""

        def decide(registration: Registration) -> None:
            refuse_unless_role(act, Role.SYSTEM)
            registration.send_link(act, to=to, rules=self.rules)

        return self._change(act, case, decide)

    def open_link(self, act: Act, *, case: UUID, password: NewPassword) -> Receipt:
        """The link's holder chooses a new password: it activates, or resets what is active.

        Activating puts a new code in force and ends the consents that were given when filing.

        Raises: FormRefused, LinkNotSent, RegistrationEnded, TaxpayerHasAccount.
        """

        version = self.subjects.current_code_version()

        def decide() -> Receipt:
            refuse_unless_addressee(act, case)
            registration = self._loaded(case)
            form = form_of(registration)
            if faults := tuple(password_faults(password, form.username)):
                raise FormRefused(faults)
            was_active = registration.state is RegistrationState.ACTIVE
            if not was_active:
                refuse_if_taxpayer_has_account(self.office, form)
            registration.open_link(act, version)
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


def refuse_unless_addressee(act: Act, case: UUID) -> None:
    """The actor opened this registration's link. Raises: UnknownCase, as for one that never was."""
    if act.by.role is not Role.ADDRESSEE or act.by.id != str(case):
        raise UnknownCase
