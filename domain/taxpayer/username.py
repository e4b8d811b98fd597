"""A username: how it may be written, and whose it is. One at a time may hold it; released, another may."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from eventsourcing.domain import event

from domain.event import ERASED, Act, Created, Erased, Personal, Root
from domain.faults import Fault, FaultCode
from domain.people import SubjectId
from domain.refusals import Refusal
from domain.taxpayer.folding import FOLDING, folded

SHORTEST: Final = 7
"""Source: the registration form, "მომხმარებელი (6 სიმბოლოზე მეტი)": more than six."""
LONGEST: Final = 64
FORBIDDEN: Final = frozenset(":/.;*?,<>|")
"""Source: the registration form, "არ უნდა შეიცავდეს : / . : ; * ? , < > , |"."""

_MARKS: Final = re.escape("-_@+=~!#$%&()")
_LATIN: Final = re.compile(f"[A-Za-z0-9{_MARKS}]+")
_GEORGIAN: Final = re.compile(f"[\u10d0-\u10f00-9{_MARKS}]+")
"""The thirty-three living letters. Source: Unicode, block Georgian."""
_EITHER: Final = re.compile(f"[A-Za-z\u10d0-\u10f00-9{_MARKS}]+")


@dataclass(eq=False)
class UsernameTaken(Refusal):
    """Somebody holds this username, or one that reads alike."""

    code = "USERNAME_TAKEN"


class ReleaseReason(StrEnum):
    """Why a username became free again."""

    SUPERSEDED = "SUPERSEDED"
    """The person chose another of their registrations."""
    ACTIVATION_REFUSED = "ACTIVATION_REFUSED"
    EXPIRED = "EXPIRED"
    ERASED = "ERASED"
    """Whoever had it is forgotten."""


def tidy_username(typed: str) -> str:
    """The username as it is kept: NFC, no blanks at its ends, Mtavruli capitals as Mkhedruli."""
    name = unicodedata.normalize("NFC", typed).strip(" ")
    return "".join(letter.lower() if "\u1c90" <= letter <= "\u1cbf" else letter for letter in name)


def username_faults(username: str) -> Iterator[Fault]:
    """Everything wrong with a tidied username, at once."""
    if not username:
        yield Fault("username", FaultCode.MISSING)
        return
    if len(username) < SHORTEST:
        yield Fault("username", FaultCode.TOO_SHORT)
    if len(username) > LONGEST:
        yield Fault("username", FaultCode.TOO_LONG)
    elif not _EITHER.fullmatch(username):
        yield Fault("username", FaultCode.FORBIDDEN_CHARACTERS)
    elif not (_LATIN.fullmatch(username) or _GEORGIAN.fullmatch(username)):
        yield Fault("username", FaultCode.SCRIPTS_MIXED)


class Username(Root):
    """A name by what it reads as: reserved for one registration, released, reserved again."""

    TOPIC = "taxpayer.Username"

    class Reserved(Created):
        """Nobody had it before."""

        TOPIC = "taxpayer.Username.Reserved"
        registration: UUID
        username: Personal[str]
        folding: int
        """The version of the table of look-alikes."""

    class ReservedAgain(Root.Event):
        """It had been released. The subject is the new holder's."""

        TOPIC = "taxpayer.Username.ReservedAgain"
        registration: UUID
        username: Personal[str]

    class Released(Root.Event):
        """Free for anybody."""

        TOPIC = "taxpayer.Username.Released"
        registration: UUID
        reason: ReleaseReason

    class ErasureRequested(Root.Event):
        """Who had it last is forgotten, and this stream with them: the name begins another, for whoever comes."""

        TOPIC = "taxpayer.Username.ErasureRequested"

    @event(Reserved)
    def __init__(self, subject: SubjectId | None, registration: UUID, username: str | Erased) -> None:
        self.subject = subject
        self.username = username
        self.held_by: UUID | None = registration
        self.last_held_by = registration
        self.is_forgotten = False

    @classmethod
    def reserve(cls, act: Act, username: str, *, registration: UUID, subject: SubjectId) -> Username:
        """Reserve a name that nobody ever had."""
        return cls.begin(
            cls.Reserved, act, subject=subject, registration=registration, username=username, folding=FOLDING
        )

    def reserve_again(self, act: Act, username: str, *, registration: UUID, subject: SubjectId) -> None:
        """Reserve a name that was released. Raises: UsernameTaken, also while who had it last is being erased."""
        if self.held_by is not None or self.is_forgotten:
            raise UsernameTaken
        self.record(self.ReservedAgain, act, subject=subject, registration=registration, username=username)

    def release(self, act: Act, *, registration: UUID, reason: ReleaseReason) -> None:
        """Give the name up; nothing if ``registration`` does not hold it."""
        if self.held_by == registration:
            self.record(self.Released, act, registration=registration, reason=reason)

    def request_erasure(self, act: Act, *, registration: UUID) -> bool:
        """Who had it last is erased: nobody has it again in this stream. False if another has had it since."""
        if self.last_held_by != registration or self.is_forgotten:
            return False
        self.release(act, registration=registration, reason=ReleaseReason.ERASED)
        self.record(self.ErasureRequested, act)
        return True

    @event(ReservedAgain)
    def _reserved_again(self, subject: SubjectId | None, registration: UUID, username: str | Erased) -> None:
        self.subject = subject
        self.username = username
        self.held_by = registration
        self.last_held_by = registration

    @event(Released)
    def _released(self) -> None:
        self.held_by = None

    @event(ErasureRequested)
    def _erasure_requested(self) -> None:
        self.username = ERASED
        self.is_forgotten = True


def username_address(username: str) -> tuple[str, str]:
    """Kind and value of the address that finds the stream of a username and of all that read like it."""
    return f"username-{FOLDING}", folded(username)
