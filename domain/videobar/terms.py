"""The words in which a call is described."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """The two who must both be there."""

    APPLICANT = "APPLICANT"
    OPERATOR = "OPERATOR"


class Channel(StrEnum):
    """What connected a side, recorded as what it is."""

    SIGNALLING_ONLY = "SIGNALLING_ONLY"
    """Both sides' programs met; no picture or sound passed through the office."""
    VIDEO = "VIDEO"


class BreakOff(StrEnum):
    """Why a call was broken off."""

    NO_PICTURE = "NO_PICTURE"
    NO_SOUND = "NO_SOUND"
    LINE_LOST = "LINE_LOST"
    OFFICE_FAULT = "OFFICE_FAULT"
    """The office's own camera, line or neighbour failed: not held against the applicant."""

    @property
    def counts(self) -> bool:
        """Whether it counts towards refusing reception for want of visual contact."""
        return self is not BreakOff.OFFICE_FAULT


class Outcome(StrEnum):
    """How a call ended."""

    VERIFIED = "VERIFIED"
    RECEPTION_REFUSED = "RECEPTION_REFUSED"


class Leaving(StrEnum):
    """Why a call was abandoned."""

    LEFT = "LEFT"
    """The applicant left the queue or hung up for good."""
    NEVER_APPEARED = "NEVER_APPEARED"
    """Called in, the applicant did not come."""
    CASE_CLOSED = "CASE_CLOSED"
    """The case no longer awaits a call: lapsed, withdrawn."""


class Phase(StrEnum):
    """Where a call stands."""

    WAITING = "WAITING"
    CLAIMED = "CLAIMED"
    OVER = "OVER"


class Medium(StrEnum):
    """What the applicant must have to be seen and heard."""

    CAMERA = "CAMERA"
    MICROPHONE = "MICROPHONE"


@dataclass(frozen=True)
class Media:
    """What the applicant's browser says it may use."""

    camera: bool
    microphone: bool

    def missing(self) -> tuple[Medium, ...]:
        """What is not there."""
        there = {Medium.CAMERA: self.camera, Medium.MICROPHONE: self.microphone}
        return tuple(medium for medium in Medium if not there[medium])


@dataclass(frozen=True)
class Declared:
    """What the person tells of themselves before the call, for the consultant to compare. Every value is personal.

    Source: the procedure, "სახელი, გვარი, პირადი ნომერი, მობილურის ნომერი, იურიდიული პირის სახელით დაკავშირების
    შემთხვევაში იურიდიული პირის საიდენტიფიკაციო ნომერი".
    """

    first_name: str
    surname: str
    personal_number: str
    mobile: str
    """E.164."""
    legal_code: str | None = None
    """Of the legal person on whose behalf the person calls; None on their own."""
