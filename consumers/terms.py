"""Warns people of what is missing before it is too late, and ends what never came: the same for every service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Protocol
from uuid import UUID

import psycopg
import structlog
from eventsourcing.persistence import PersistenceError

from consumers.acting import act_upon
from domain.calendar import tbilisi_date
from domain.event import Act, Root
from domain.office import Office, Receipt
from domain.refusals import Refusal
from housekeeping import notices
from projections.answers import Pool

log = structlog.get_logger("deadlines")

PAGE = 100


@dataclass(frozen=True)
class Awaited:
    """A case that waits for something until its last day.

    ``warned`` is whether its people were warned of all that is missing; ``about`` names what is missing, so that a
    warning of something else is another command.
    """

    case: UUID
    last_day: date
    warned: bool
    about: tuple[str, ...] = ()


class Bounded(Protocol):
    """One service's cases that end on a day unless something comes. Each command decides by the case itself."""

    @property
    def ending(self) -> str:
        """The ending's operation: ``lapse``."""
        ...

    @property
    def warning(self) -> tuple[type[Root.Event], str]:
        """The event by which somebody is warned, and the mail that tells of it."""
        ...

    @property
    def warning_days(self) -> int:
        """How many days lie between the warning and the last day, at least."""
        ...

    def awaited(self, until: date) -> Iterator[Awaited]:
        """Every case whose last day is ``until`` or earlier, soonest first. It may be stale."""
        ...

    def warn(self, act: Act, *, case: UUID, unheard: bool = False) -> Receipt:
        """Warn; once more if the warning before was ``unheard``. Raises: refusals."""
        ...

    def end(self, act: Act, *, case: UUID) -> Receipt:
        """End what never came. Raises: refusals."""
        ...


class Terms:
    """The office's duty towards its people's time. ``pool`` is the read pool.

    The read model only says whom to look at; the case itself decides. So nobody is warned twice of the same, and a
    case whose fee came a moment ago does not lapse.
    """

    def __init__(self, office: Office, bounded: Bounded, pool: Pool) -> None:
        self.office = office
        self.bounded = bounded
        self.pool = pool
        self._left_out: set[UUID] = set()

    def keep(self) -> int:
        """Warn whoever's last days have come, and end what is past its last day and was warned of.

        After a long stop a warning comes late, which moves the last day: nothing ends unwarned. How many were done.
        """
        today = tbilisi_date(self.office.desk.now())
        until = today + timedelta(days=self.bounded.warning_days)
        return sum(self._kept(awaited, today) for awaited in self.bounded.awaited(until))

    def _kept(self, awaited: Awaited, today: date) -> bool:
        """Do what is due about one case; one that cannot be read or decided is said and keeps no other waiting."""
        bounded = self.bounded
        try:
            if not awaited.warned:
                return self._done("warn", awaited, bounded.warn)
            if awaited.last_day >= today:
                return False
            if self._was_told_in_time(awaited):
                return self._done(bounded.ending, awaited, bounded.end)
            return self._done("warn again", awaited, partial(bounded.warn, unheard=True))
        except (psycopg.Error, PersistenceError):
            raise
        except Exception as error:
            first = awaited.case not in self._left_out
            self._left_out.add(awaited.case)
            log.error("case left out", case=str(awaited.case), error=type(error).__name__, exc_info=first)
            return False

    def _was_told_in_time(self, awaited: Awaited) -> bool:
        """Whether the last warning's mail left with its days still to come, or can never leave.

        Nobody is warned by an event: while the mail server is away, or the notices consumer, nothing ends, and what
        was mailed late is mailed again with the day that this moves.
        """
        warned, kind = self.bounded.warning
        history = self.office.history(awaited.case)
        last = max(event.originator_version for event in history if isinstance(event, warned))
        mails = notices.of_case(self.pool, awaited.case)
        told = next((mail for mail in mails if (mail.kind, mail.version) == (kind, last)), None)
        if told is None:
            return False
        if told.sent_at is None:
            return told.gave_up is not None
        return tbilisi_date(told.sent_at) <= awaited.last_day - timedelta(days=self.bounded.warning_days)

    def _done(self, operation: str, awaited: Awaited, command: Callable[..., Receipt]) -> bool:
        act = act_upon(self.office, operation, awaited.case, awaited.last_day, *awaited.about)
        try:
            command(act, case=awaited.case)
        except Refusal as refusal:
            log.info("not now", operation=operation, case=str(awaited.case), why=refusal.code)
            return False
        return True
