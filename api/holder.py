"""Number and code: whoever shows both holds the case. A wrong number and a wrong code answer and work alike."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

from api.declined import WrongNumberOrCode
from api.ports import Ports
from domain.compatriot.application import Application
from domain.compatriot.commands import NUMBER
from domain.compatriot.commands import Commands as CompatriotCommands
from domain.compatriot.rules import SERVICE as COMPATRIOT
from domain.number import read_number, same_code
from domain.office import UnknownCase
from domain.people import Actor, Role, SubjectId
from domain.taxpayer.commands import Commands as TaxpayerCommands
from domain.taxpayer.registration import Registration
from domain.taxpayer.rules import SERVICE as TAXPAYER
from projections import status
from projections.answers import Answer
from projections.model import ReadModel


@dataclass(frozen=True)
class Holder:
    """Who showed number and code. ``found`` is the case's status as it stood then."""

    case: UUID
    service: str
    subject: SubjectId
    number: str
    found: Answer[status.Status]
    at: datetime
    """PostgreSQL's clock, UTC, when the try was counted."""

    @property
    def actor(self) -> Actor:
        """The case itself is who acts."""
        return Actor(str(self.case), Role.HOLDER)


@dataclass(frozen=True)
class _Lock:
    """What the code is computed from."""

    service: str
    subject: SubjectId
    version: int
    issue: int


def holder(ports: Ports, address: str, typed_number: str, typed_code: str) -> Holder:
    """The holder of the case that this number and code open, asked from ``address``.

    The try is counted before anything is verified and given back when the code was right; if it cannot be counted,
    nothing is verified. Number unknown, mistyped or its code wrong: the same statements, the same answer.

    Raises: TooManyTries, WrongNumberOrCode.
    """
    number = read_number(typed_number) or ""
    taken = ports.lookups.take(number, address)
    case = ports.office.find(NUMBER, number)
    found = status.find(ports.pool, case)
    lock = _lock(ports, case, found)
    expected = _code(ports, number, lock or _decoy(ports))
    if not same_code(expected, typed_code) or case is None or lock is None:
        raise WrongNumberOrCode
    ports.lookups.forgive(taken)
    return Holder(case, lock.service, lock.subject, number, found, taken.at.astimezone(UTC))


def commands_of(ports: Ports, who: Holder) -> CompatriotCommands | TaxpayerCommands:
    """The commands of the service that the holder's case is of."""
    return ports.taxpayer if who.service == TAXPAYER else ports.compatriot


def shown_by(_: Holder) -> ReadModel:
    """The read model by which number and code of the holder's case are verified."""
    return status.STATUS


def _lock(ports: Ports, case: UUID | None, found: Answer[status.Status]) -> _Lock | None:
    known = found.known()
    if known is not None:
        return _Lock(COMPATRIOT, known.subject, known.code_version, known.code_issue)
    if case is None:
        return None
    # Registered a moment ago, or its row is under repair.
    try:
        service, found_case = COMPATRIOT, ports.office.load(Application, case)
    except UnknownCase:
        service, found_case = TAXPAYER, ports.office.load(Registration, case)
    if found_case.subject is None:
        return None
    return _Lock(service, found_case.subject, found_case.code_version, found_case.code_issue)


def _decoy(ports: Ports) -> _Lock:
    return _Lock(COMPATRIOT, SubjectId(uuid4()), ports.keys.current_code_version(), 1)


def _code(ports: Ports, number: str, lock: _Lock) -> str:
    """The code that would be right, the key store asked anew; one that nobody can type if there is no key."""
    try:
        return ports.keys.code(lock.subject, lock.service, number, lock.version, lock.issue, fresh=True)
    except LookupError:
        return secrets.token_hex(16)
