"""Who may sign in: the active registration behind a username, and by which command its password was set.

It is read from the newest plain events and not by loading aggregates, because a sign-in that fails must take the same
steps whether or not the username is known: nothing is unsealed, and every question is asked whatever the one before
answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol
from uuid import UUID

from domain.event import Root
from domain.office import Office
from domain.taxpayer.registration import Registration
from domain.taxpayer.state import Route
from domain.taxpayer.username import LONGEST, Username, tidy_username, username_address

HOLDS: Final = (Username.Reserved, Username.ReservedAgain, Username.Released)
"""The events that say whose a username is; the newest does."""
TELLS: Final = (
    Registration.Registered,
    Registration.Activated,
    Registration.PasswordChanged,
    Registration.ActivationRefused,
    Registration.Superseded,
    Registration.Expired,
    Registration.ErasureRequested,
)
"""The events that say whether a registration has an account, and by which command its password was set."""


class History(Protocol):
    """Answers the newest events of a stream. Implemented by ``ledger``."""

    def newest(self, stream: UUID, kinds: Sequence[type[Root.Event]]) -> Sequence[Root.Event]:
        """The newest event of each of these kinds, by version, personal facts still sealed; one question."""
        ...


class Counts(StrEnum):
    """What history makes of the hash that a command kept."""

    NOT = "NOT"
    """No event followed it, another password followed it, or the registration has ended."""
    FOR_NOW = "FOR_NOW"
    """It is the password of a registration that awaits activation, and may end."""
    FOR_GOOD = "FOR_GOOD"
    """It is an active registration's, until another replaces it."""


@dataclass(frozen=True)
class Account:
    """An active registration. ``password_of`` is the command that set its password last."""

    registration: UUID
    password_of: UUID


def reads_as(username: str) -> str:
    """What a username reads as, however it was typed: the same for all its look-alikes. Bounded, whatever was typed."""
    return username_address(_tidied(username))[1]


class Accounts:
    """Finds accounts."""

    def __init__(self, office: Office, history: History) -> None:
        self.office = office
        self.history = history

    def named(self, username: str) -> Account | None:
        """The account behind a username as it was typed. Three questions to the ledger, whatever they answer."""
        stream = self.office.find(*username_address(_tidied(username)))
        said = self.history.newest(stream or Username.create_id(), HOLDS)
        newest = said[-1] if said else None
        held_by = newest.registration if isinstance(newest, Username.Reserved | Username.ReservedAgain) else None
        return self.of(held_by or Registration.create_id())

    def of(self, registration: UUID) -> Account | None:
        """The account that this registration has, if it is active. One question to the ledger."""
        said = self.history.newest(registration, TELLS)
        command = password_of(said)
        if command is None or not _is_active(said):
            return None
        return Account(registration, command)

    def counts(self, registration: UUID, command: UUID) -> Counts:
        """Whether the password that ``command`` set is this registration's."""
        said = self.history.newest(registration, TELLS)
        if password_of(said) != command:
            return Counts.NOT
        if _is_active(said):
            return Counts.FOR_GOOD
        return Counts.NOT if any(_ends(event) for event in said) else Counts.FOR_NOW


def _is_active(said: Sequence[Root.Event]) -> bool:
    """Activated, and nobody has decided since that it is to be forgotten."""
    activated = any(isinstance(event, Registration.Activated) for event in said)
    return activated and not any(isinstance(event, Registration.ErasureRequested) for event in said)


def password_of(said: Sequence[Root.Event]) -> UUID | None:
    """The command of the last of these events that set a password; None in no history."""
    return next((event.command for event in reversed(said) if _sets_password(event)), None)


def _tidied(username: str) -> str:
    return tidy_username(username[: 4 * LONGEST])


def _sets_password(event: Root.Event) -> bool:
    if isinstance(event, Registration.Activated):
        return event.route is Route.LINK
    return isinstance(event, Registration.Registered | Registration.PasswordChanged)


def _ends(event: Root.Event) -> bool:
    if isinstance(event, Registration.ActivationRefused):
        return event.ends
    return isinstance(event, Registration.Superseded | Registration.Expired | Registration.ErasureRequested)
