"""Registrations that nobody activated, until their last day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from uuid import UUID

from consumers.taxpayer.letters import KINDS
from consumers.terms import PAGE, Awaited
from domain.event import Act
from domain.office import Receipt
from domain.taxpayer.commands import Commands
from domain.taxpayer.registration import Registration
from projections import registration as registrations
from projections.answers import Pool


class RegistrationTerms:
    """Registrations that expire: implements `Bounded`. ``pool`` is the read pool."""

    ending = "expire registration"
    warning = (Registration.ExpiryWarned, KINDS[Registration.ExpiryWarned])

    def __init__(self, commands: Commands, pool: Pool) -> None:
        self.commands = commands
        self.pool = pool

    @property
    def warning_days(self) -> int:
        """As the rules say."""
        return self.commands.rules.warning_days

    def awaited(self, until: date) -> Iterator[Awaited]:
        """Every registration that awaits activation and has until ``until`` or less."""
        last: registrations.AwaitedRegistration | None = None
        while page := registrations.awaiting(self.pool, until, last, PAGE):
            for row in page:
                yield Awaited(row.case, row.activation_until, row.warned)
            last = page[-1]

    def warn(self, act: Act, *, case: UUID, unheard: bool = False) -> Receipt:
        """Raises: as `Commands.warn`."""
        return self.commands.warn(act, case=case, unheard=unheard)

    def end(self, act: Act, *, case: UUID) -> Receipt:
        """Raises: as `Commands.expire`."""
        return self.commands.expire(act, case=case)
