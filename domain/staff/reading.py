"""One reading of personal data by staff: committed before the data are shown."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from eventsourcing.domain import event

from domain.event import Act, Created, Root
from domain.people import SubjectId


class Purpose(StrEnum):
    """Why personal data are read."""

    VIDEO_CALL = "VIDEO_CALL"
    """To see and compare the applicant during the call."""
    REVIEW = "REVIEW"
    """To prepare the conclusion."""
    DECISION = "DECISION"
    PAYMENT = "PAYMENT"
    """To match or refund money."""
    AUDIT = "AUDIT"
    SERVICE_CENTRE = "SERVICE_CENTRE"
    """To activate a registration whose taxpayer, or who represents it, stands before the consultant with the form."""
    SUPPORT = "SUPPORT"
    """At the person's own request."""


class Reading(Root):
    """Who read whose data and why; the event's actor and time say who and when. A stream of its own each."""

    TOPIC = "staff.Reading"

    class PersonalDataRead(Created):
        """One request's reading."""

        TOPIC = "staff.Reading.PersonalDataRead"
        subjects: tuple[UUID, ...]
        purpose: Purpose
        what: str
        """Which view, by its name in the program: ``case``, ``officerCases``. Never a value of anybody's."""

    @event(PersonalDataRead)
    def __init__(self, subject: SubjectId | None) -> None:
        self.subject = subject

    @classmethod
    def read(cls, act: Act, *, subjects: tuple[UUID, ...], purpose: Purpose, what: str) -> Reading:
        """Note a reading of every subject in ``subjects``."""
        return cls.begin(cls.PersonalDataRead, act, subject=None, subjects=subjects, purpose=purpose, what=what)
