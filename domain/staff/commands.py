"""The staff's one command of their own: to read personal data, on record."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from domain.event import Act
from domain.office import Office, Receipt
from domain.refusals import Refusal
from domain.staff.reading import Purpose, Reading

LARGEST_READING = 500
"""Subjects of one reading: a page of a list, not a harvest."""


@dataclass(eq=False)
class NotStaff(Refusal):
    """Only staff read other people's data."""

    code = "NOT_STAFF"


@dataclass(eq=False)
class ReadingTooLarge(Refusal):
    """More people's data at once than one page shows."""

    code = "READING_TOO_LARGE"
    most: int


class Commands:
    """What staff do that is no step of a case."""

    def __init__(self, office: Office) -> None:
        self.office = office

    def read(self, act: Act, *, subjects: Iterable[UUID], purpose: Purpose, what: str) -> Receipt:
        """Commit that these subjects' data are about to be shown. One event a request, in a stream of its own.

        ``what`` is a view's name in the program. Raises: NotStaff, ReadingTooLarge; ValueError for another ``what``.
        """
        if not act.by.is_staff:
            raise NotStaff
        whose = tuple(sorted(set(subjects)))
        if len(whose) > LARGEST_READING:
            raise ReadingTooLarge(LARGEST_READING)
        if not re.fullmatch(r"[A-Za-z][A-Za-z._]{0,63}", what):
            raise ValueError("what is read is a view's name in the program")

        def decide() -> Receipt:
            reading = Reading.read(act, subjects=whose, purpose=purpose, what=what)
            return self.office.commit(reading, act=act)

        return self.office.perform(act, decide)
