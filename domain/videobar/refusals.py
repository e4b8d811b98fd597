"""What the video bar refuses, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from domain.refusals import Refusal
from domain.videobar.case import Ground
from domain.videobar.checks import CheckKind, Source
from domain.videobar.terms import Medium, Side


@dataclass(eq=False)
class BarClosed(Refusal):
    """Outside office hours; who entered before closing is still served."""

    code = "BAR_CLOSED"
    opens: datetime
    """When one may enter next, UTC."""


@dataclass(eq=False)
class MediaMissing(Refusal):
    """The video bar needs a camera and a microphone (seeds 000 and 004)."""

    code = "MEDIA_MISSING"
    missing: tuple[Medium, ...]


@dataclass(eq=False)
class BarShut(Refusal):
    """Outside office hours, and no opening within a year is known."""

    code = "BAR_SHUT"


@dataclass(eq=False)
class ConsentOutdated(Refusal):
    """The consent given is not the text in force: it must be read again."""

    code = "CONSENT_OUTDATED"
    current: str


@dataclass(eq=False)
class NobodyWaiting(Refusal):
    """No call waits."""

    code = "NOBODY_WAITING"


@dataclass(eq=False)
class NotAtThisBar(Refusal):
    """In this role one serves no bar."""

    code = "NOT_AT_THIS_BAR"


@dataclass(eq=False)
class NotYourCall(Refusal):
    """Another operator took this call, or nobody did, or it is another case's."""

    code = "NOT_YOUR_CALL"


@dataclass(eq=False)
class CallOver(Refusal):
    """The call has ended or was abandoned."""

    code = "CALL_OVER"


@dataclass(eq=False)
class StillHeld(Refusal):
    """The operator may still be talking; the office takes a call back no sooner than ``until``."""

    code = "STILL_HELD"
    until: datetime


@dataclass(eq=False)
class NotConnected(Refusal):
    """The two sides have not both been connected since the operator took the call."""

    code = "NOT_CONNECTED"
    missing: tuple[Side, ...]


@dataclass(eq=False)
class ApplicantPresent(Refusal):
    """The applicant did appear: the call can be broken off or ended, not given up as nobody's."""

    code = "APPLICANT_PRESENT"


@dataclass(eq=False)
class WrongSource(Refusal):
    """These checks name another source than this applicant's facts are to be compared with."""

    code = "WRONG_SOURCE"
    checks: tuple[CheckKind, ...]
    expected: Source


@dataclass(eq=False)
class ChecksIncomplete(Refusal):
    """These checks were not made."""

    code = "CHECKS_INCOMPLETE"
    missing: tuple[CheckKind, ...]


@dataclass(eq=False)
class ChecksNotPassed(Refusal):
    """These checks differ or were not available, which is never a pass."""

    code = "CHECKS_NOT_PASSED"
    failed: tuple[CheckKind, ...]


@dataclass(eq=False)
class NoVisualContact(Refusal):
    """The operator recorded no direct visual contact."""

    code = "NO_VISUAL_CONTACT"


@dataclass(eq=False)
class WillNotRecorded(Refusal):
    """The applicant's will is not recorded in words."""

    code = "WILL_NOT_RECORDED"


@dataclass(eq=False)
class GroundNotYours(Refusal):
    """Want of visual contact follows from broken-off calls; an operator does not choose it."""

    code = "GROUND_NOT_YOURS"


@dataclass(eq=False)
class GroundNotOfCase(Refusal):
    """A case like this is not refused on that ground."""

    code = "GROUND_NOT_OF_CASE"
    grounds: tuple[Ground, ...]
    """On which it may be."""


@dataclass(eq=False)
class NothingToRecord(Refusal):
    """No picture or sound passed on this call, so there can be no recording of it."""

    code = "NOTHING_TO_RECORD"
