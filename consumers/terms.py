"""Warns applicants of what is missing before it is too late, and lets lapse what never came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import structlog

from consumers.acting import act_upon
from domain.calendar import tbilisi_date
from domain.compatriot.commands import Commands
from domain.event import Act
from domain.office import Office, Receipt
from domain.refusals import Refusal
from projections import case
from projections.answers import Pool
from projections.case import Awaited

log = structlog.get_logger("deadlines")

PAGE = 100


class Terms:
    """The office's duty towards its applicants' time. ``pool`` is the read pool.

    The read model only says whom to look at; the case itself decides. So nobody is warned twice of the same, and a
    case whose fee came a moment ago does not lapse.
    """

    def __init__(self, office: Office, cases: Commands, pool: Pool) -> None:
        self.office = office
        self.cases = cases
        self.pool = pool

    def keep(self) -> int:
        """Warn whoever's last days have come, and let lapse what is past its last day and was warned of.

        After a long stop a warning comes late, which moves the last day: nothing lapses unwarned. How many were done.
        """
        today = tbilisi_date(self.office.desk.now())
        done = 0
        for awaited in self._all(until_days=self.cases.rules.warning_days):
            if not set(awaited.missing) <= set(awaited.warned):
                done += self._done("warn", awaited, self.cases.warn)
            elif awaited.answer_until < today:
                done += self._done("lapse", awaited, self.cases.lapse)
        return done

    def _all(self, until_days: int) -> Iterator[Awaited]:
        """Every case whose last day is no more than so many days away, soonest first, a page at a time."""
        until = tbilisi_date(self.office.desk.now()) + timedelta(days=until_days)
        last: Awaited | None = None
        while page := case.awaited(self.pool, until, last, PAGE):
            yield from page
            last = page[-1]

    def _done(self, operation: str, awaited: Awaited, command: Callable[..., Receipt]) -> bool:
        act: Act = act_upon(self.office, operation, awaited.case, awaited.answer_until, *sorted(awaited.missing))
        try:
            command(act, case=awaited.case)
        except Refusal as refusal:
            log.info("not now", operation=operation, case=str(awaited.case), why=refusal.code)
            return False
        return True
