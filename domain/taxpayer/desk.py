"""What all commands of the taxpayer service work with, and how an activation is committed by whatever way."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from domain.cases import CaseCommands
from domain.event import Act
from domain.office import Address, Office, Receipt, Subjects
from domain.taxpayer.at_the_bar import ACCOUNT, superseded
from domain.taxpayer.form import Form
from domain.taxpayer.registration import Registration
from domain.taxpayer.rules import SERVICE, Rules
from domain.taxpayer.siblings import LeftOver, Siblings


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
    """Knows the one-time code that was sent to a confirmed mobile for a call. Implemented by ``housekeeping``."""

    def matches(self, call: UUID, sitting: int, mobile: str, typed: str) -> bool:
        """Whether this is the code, sent to this mobile (E.164) in this sitting; uses it up, counts wrong tries."""
        ...


class Desk(CaseCommands[Registration]):
    """The base of the commands, which are told apart by who acts."""

    def __init__(
        self,
        office: Office,
        subjects: Subjects,
        confirmed: Confirmed,
        passwords: Passwords,
        read_out: ReadOut,
        left_over: LeftOver,
        rules: Rules,
    ) -> None:
        super().__init__(office, subjects, Registration, SERVICE)
        self.confirmed = confirmed
        self.passwords = passwords
        self.siblings = Siblings(office)
        self.read_out = read_out
        self.left_over = left_over
        self.rules = rules

    def _commit_activated(self, act: Act, registration: Registration, form: Form) -> Receipt:
        """The newest of the taxpayer's other forms end with it, those left over soon after."""
        others = [other for other in self.siblings.awaiting(form.identification).newest if other.id != registration.id]
        ended = superseded(self.office, act, others, by=registration)
        account = Address(ACCOUNT, form.identification, registration.id)
        self.left_over.note(registration.id)
        return self.office.commit(registration, *ended, act=act, addresses=(account,))
