"""Warns applicants of what is missing before it is too late, and lets lapse what never came."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import partial
from uuid import UUID

import psycopg
import structlog
from eventsourcing.persistence import PersistenceError

from consumers.acting import act_upon
from consumers.letters import KINDS
from domain.calendar import tbilisi_date
from domain.compatriot.application import Application
from domain.compatriot.commands import Commands
from domain.compatriot.lapse import warning_day
from domain.event import Act
from domain.office import Office, Receipt
from domain.refusals import Refusal
from housekeeping import notices
from projections import case
from projections.answers import Pool
from projections.case import Awaited

log = structlog.get_logger("deadlines")

PAGE = 100
WARNING = KINDS[Application.ExpiryWarned]


class Terms:
    """The office's duty towards its applicants' time. ``pool`` is the read pool.

    The read model only says whom to look at; the case itself decides. So nobody is warned twice of the same, and a
    case whose fee came a moment ago does not lapse.
    """

    def __init__(self, office: Office, cases: Commands, pool: Pool) -> None:
        self.office = office
        self.cases = cases
        self.pool = pool
        self._left_out: set[UUID] = set()

    def keep(self) -> int:
        """Warn whoever's last days have come, and let lapse what is past its last day and was warned of.

        After a long stop a warning comes late, which moves the last day: nothing lapses unwarned. How many were done.
        """
        today = tbilisi_date(self.office.desk.now())
        return sum(self._kept(awaited, today) for awaited in self._all(until_days=self.cases.rules.warning_days))

    def _kept(self, awaited: Awaited, today: date) -> bool:
        """Do what is due about one case; one that cannot be read or decided is said and keeps no other waiting."""
        try:
            if not set(awaited.missing) <= set(awaited.warned):
                return self._done("warn", awaited, self.cases.warn)
            if awaited.answer_until >= today:
                return False
            if self._was_told_in_time(awaited):
                return self._done("lapse", awaited, self.cases.lapse)
            return self._done("warn again", awaited, partial(self.cases.warn, unheard=True))
        except (psycopg.Error, PersistenceError):
            raise
        except Exception as error:
            first = awaited.case not in self._left_out
            self._left_out.add(awaited.case)
            log.error("case left out", case=str(awaited.case), error=type(error).__name__, exc_info=first)
            return False

    def _was_told_in_time(self, awaited: Awaited) -> bool:
        """Whether the last warning's mail left with its days still to come, or can never leave.

        Nobody is warned by an event: while the mail server is away, or the notices consumer, nothing lapses, and what
        was mailed late is mailed again with the day that this moves.
        """
        history = self.office.history(awaited.case)
        last = max(event.originator_version for event in history if isinstance(event, Application.ExpiryWarned))
        mails = notices.of_case(self.pool, awaited.case)
        told = next((mail for mail in mails if (mail.kind, mail.version) == (WARNING, last)), None)
        if told is None:
            return False
        if told.sent_at is None:
            return told.gave_up is not None
        return tbilisi_date(told.sent_at) <= warning_day(awaited.answer_until, self.cases.rules.warning_days)

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
