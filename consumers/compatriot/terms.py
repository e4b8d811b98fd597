"""What is missing of a compatriot case: fee, call or requested information, until their last day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from uuid import UUID

from consumers.compatriot.letters import KINDS
from consumers.terms import PAGE, Awaited
from domain.compatriot.application import Application
from domain.compatriot.commands import Commands
from domain.event import Act
from domain.office import Receipt
from projections import case as cases
from projections.answers import Pool


class ApplicationTerms:
    """Cases that lapse: implements `Bounded`. ``pool`` is the read pool."""

    ending = "lapse"
    warning = (Application.ExpiryWarned, KINDS[Application.ExpiryWarned])

    def __init__(self, commands: Commands, pool: Pool) -> None:
        self.commands = commands
        self.pool = pool

    @property
    def warning_days(self) -> int:
        """As the rules say."""
        return self.commands.rules.warning_days

    def awaited(self, until: date) -> Iterator[Awaited]:
        """Every case that misses something and has until ``until`` or less."""
        last: cases.Awaited | None = None
        while page := cases.awaited(self.pool, until, last, PAGE):
            for row in page:
                warned = set(row.missing) <= set(row.warned)
                yield Awaited(row.case, row.answer_until, warned, tuple(sorted(row.missing)))
            last = page[-1]

    def warn(self, act: Act, *, case: UUID, unheard: bool = False) -> Receipt:
        """Raises: as `Commands.warn`."""
        return self.commands.warn(act, case=case, unheard=unheard)

    def end(self, act: Act, *, case: UUID) -> Receipt:
        """Raises: as `Commands.lapse`."""
        return self.commands.lapse(act, case=case)
