"""Number and code: whoever shows both holds the case. A wrong number and a wrong code answer and work alike."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from api.declined import WrongNumberOrCode
from api.ports import Ports
from domain.cases import NUMBER, NumberedCase
from domain.compatriot.application import Application
from domain.compatriot.commands import Commands as CompatriotCommands
from domain.compatriot.rules import SERVICE as COMPATRIOT
from domain.number import read_number, same_code
from domain.people import Actor, Role, SubjectId
from domain.taxpayer.commands import Commands as TaxpayerCommands
from domain.taxpayer.registration import Registration
from domain.taxpayer.rules import SERVICE as TAXPAYER
from projections import look_up
from projections.answers import Answer
from projections.look_up import Found, Lock
from projections.model import ReadModel
from projections.registration import REGISTRATION, RegistrationRow
from projections.status import STATUS, Status

KINDS: tuple[tuple[str, type[NumberedCase]], ...] = ((COMPATRIOT, Application), (TAXPAYER, Registration))
"""Every service, and its cases."""


@dataclass(frozen=True)
class Holder:
    """Who showed number and code, and what was known of the case then."""

    case: UUID
    service: str
    """Whose case it is: ``compatriot``, ``taxpayer``."""
    subject: SubjectId
    number: str
    shown: Found
    at: datetime
    """PostgreSQL's clock, UTC, when the try was counted."""

    @property
    def actor(self) -> Actor:
        """The case itself is who acts."""
        return Actor(str(self.case), Role.HOLDER)

    @property
    def found(self) -> Answer[Status]:
        """The application's status as it stood then; nothing of a registration."""
        return self.shown.status

    @property
    def registration(self) -> Answer[RegistrationRow]:
        """The registration as it stood then; nothing of an application."""
        return self.shown.registration


def holder(ports: Ports, address: str, typed_number: str, typed_code: str) -> Holder:
    """The holder of the case that this number and code open, asked from ``address``.

    The try is counted before anything is verified and given back when the code was right; if it cannot be counted,
    nothing is verified. Number unknown, mistyped or its code wrong, of whatever service: the same statements, the same
    answer.

    Raises: TooManyTries, WrongNumberOrCode.
    """
    number = read_number(typed_number) or ""
    taken = ports.lookups.take(number, address)
    case = ports.office.find(NUMBER, number)
    found = look_up.find(ports.pool, case)
    lock = _lock(ports, case, found)
    expected = _code(ports, number, lock or _decoy(ports))
    if not same_code(expected, typed_code) or case is None or lock is None:
        raise WrongNumberOrCode
    ports.lookups.forgive(taken)
    return Holder(case, lock.service, lock.subject, number, found, taken.at.astimezone(UTC))


def commands_of(ports: Ports, who: Holder) -> CompatriotCommands | TaxpayerCommands:
    """The commands of the service that the holder's case is of."""
    return ports.taxpayer if who.service == TAXPAYER else ports.compatriot


def shown_by(who: Holder) -> ReadModel:
    """The read model by which number and code of the holder's case are verified."""
    return REGISTRATION if who.service == TAXPAYER else STATUS


def _lock(ports: Ports, case: UUID | None, found: Found) -> Lock | None:
    if found.lock is not None:
        return found.lock
    if case is None:
        return None
    filed = ports.office.load(NumberedCase, case)  # registered a moment ago, or its row is under repair
    if filed.subject is None or filed.is_forgotten:
        return None
    service = next(service for service, kind in KINDS if isinstance(filed, kind))
    return Lock(service, filed.subject, filed.code_version, filed.code_issue)


def _decoy(ports: Ports) -> Lock:
    return Lock(COMPATRIOT, SubjectId(uuid4()), ports.keys.current_code_version(), 1)


def _code(ports: Ports, number: str, lock: Lock) -> str:
    """The code that would be right, the key store asked anew; one that nobody can type if there is no key."""
    try:
        return ports.keys.code(lock.subject, lock.service, number, lock.version, lock.issue, fresh=True)
    except LookupError:
        return secrets.token_hex(16)
